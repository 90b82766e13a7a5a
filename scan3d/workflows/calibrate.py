"""`scan3d calibrate`: from photographs of boards to a calibrated rig, its verdict and its report.

photographs -> views of boards -> calibration -> views that contradict set aside -> verdict -> report, calibration.toml
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, replace
from pathlib import Path

from scan3d import __version__
from scan3d.calibration.board_calibration import LENS_CANDIDATES, BoardCalibration, SolverOptions
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.judged_calibration import JudgedCalibration, calibrate_and_judge
from scan3d.calibration.measured_points import MeasuredPoints, read_measured_points
from scan3d.calibration.targets import Target, read_target, target_with_square
from scan3d.calibration.toml_file import read_calibration, write_calibration
from scan3d.calibration.verdict_limits import limits_for
from scan3d.capture.rig_file import read_rig_definition
from scan3d.checks import Check, Grade, worst
from scan3d.errors import InputError, StorageError
from scan3d.geometry import Rig
from scan3d.geometry.rig_definition import RigDefinition
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.progress import Progress
from scan3d.report.rig_report import RigReport, write_rig_report
from scan3d.workflows.board_folder import read_board_views

_SOURCE = "scan3d calibrate"


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions:
    """How boards are read and what may be assumed.

    square_m: side of a square as measured on the print, instead of the target's. floor: shot in which a board lay on
    the floor, or "board:shot". synchronised: False where cameras were not triggered together. lenses: models to choose
    from, all by default. known: a calibration.toml whose lenses are kept as they are. max_frames: of a video that are
    used at most. keep: write a calibration that failed, too. points: a file of points of the scene that were measured
    and marked, see `measured_points`; they are the world's frame.
    """

    square_m: float | None = None
    floor: str | None = None
    synchronised: bool = True
    lenses: tuple[str, ...] = ()
    known: Path | None = None
    max_frames: int = 60
    keep: bool = False
    points: Path | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class CalibrateSummary:
    """What `calibrate_rig` leaves. calibration_path: None where it was not written, because of a FAIL."""

    judged: JudgedCalibration
    calibration_path: Path | None
    report_path: Path
    html_path: Path

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdict's checks."""
        return self.judged.checks

    @property
    def grade(self) -> Grade:
        """The worst of them."""
        return worst(self.judged.checks)


def calibrate_rig(
    folder: Path,
    target_name: str,
    rig: str | Path | None = None,
    out: Path | None = None,
    *,
    options: CalibrateOptions | None = None,
    progress: Progress,
    workers: int | None = None,
) -> CalibrateSummary:
    """Calibrate a rig from a folder of photographs or videos of boards: `<camera_id>/*.jpg`, `<camera_id>.mp4`.

    Writes report.html and report.json beside `out`, and `out` itself (FOLDER/calibration.toml by default) where no
    check failed.

    Args:
        target_name: a target that ships with scan3d, or the path of a TOML.
        rig: name or path of the rig's definition; what it expects is then checked too, and the world is its.
    Raises:
        InputError, CaptureError, CalibrationError: the folder, a file, the target or the plan cannot be used, or no
            camera saw enough of a board. Nothing is written then.
    """
    options = options or CalibrateOptions()
    meter = Meter()
    folder = Path(folder)
    out = Path(out) if out is not None else folder / "calibration.toml"
    target = read_target(target_name)
    if options.square_m is not None:
        target = target_with_square(target, options.square_m)
    definition = None if rig is None else read_rig_definition(rig)
    _check_out(out)
    solver = _solver_options(options, target, definition)
    measured = None if options.points is None else read_measured_points(options.points)
    views = read_board_views(
        folder, target, synchronised=options.synchronised, max_frames=options.max_frames, progress=progress,
        workers=workers,
    )  # fmt: skip
    if measured is not None:
        target, views = _with_points(target, views, *measured)
        solver = replace(solver, floor=(measured[0].name, measured[1][0].shot))
    judged = calibrate_and_judge(views, target, options=solver, progress=progress)
    failed = worst(judged.checks) is Grade.FAIL
    # A single camera has no rig to be placed in, but its lens is a calibration all the same.
    written = out if len(judged.calibration.rig) and (options.keep or not failed) else None
    out.parent.mkdir(parents=True, exist_ok=True)
    created, cost = datetime.datetime.now(datetime.UTC).replace(microsecond=0), meter.cost()
    settings = {
        "boards": str(folder), "rig": definition.name if definition else None, "square_mm": _square_mm(target),
        "synchronised": options.synchronised, "floor": options.floor, "lenses": list(solver.lenses),
        "max_frames": options.max_frames, "seconds": round(cost.seconds, 1),
        "cpu_seconds": round(cost.cpu_seconds, 1), "scan3d": __version__,
    }  # fmt: skip
    report = RigReport(
        title=folder.resolve().name,
        created=created.isoformat().replace("+00:00", "Z"),
        target=target,
        views=views,
        calibration=judged.calibration,
        checks=judged.checks,
        conflicts=judged.conflicts,
        limits=limits_for(definition),
        written=str(written) if written else "",
        settings=settings,
    )
    report_path, html_path = write_rig_report(out.parent, report)
    if written is not None:
        _write(judged.calibration, views, written, created)
    return CalibrateSummary(judged=judged, calibration_path=written, report_path=report_path, html_path=html_path)


def _write(calibration: BoardCalibration, views: BoardViews, path: Path, created: datetime.datetime) -> None:
    median = {name: fit.median_px for name, fit in calibration.reprojection_px.items()}
    rig = Rig(cameras=calibration.rig.cameras, source=f"{_SOURCE} {__version__}, world: {calibration.world_frame}")
    left_out = [name for name in views.sizes if name not in rig]
    write_calibration(rig, path, left_out=left_out, reprojection_px=median, date=created)


def _with_points(
    target: Target, views: BoardViews, points: MeasuredPoints, marked: tuple[BoardView, ...]
) -> tuple[Target, BoardViews]:
    for view in marked:
        if view.camera_id not in views.sizes:
            what = "Points are marked for a camera that has no photographs of a board."
            raise InputError(what, f"camera {view.camera_id}, {view.source}", f"Known: {', '.join(views.sizes)}.")
    return replace(target, boards=(*target.boards, points)), replace(views, views=(*views.views, *marked))


def _check_out(out: Path) -> None:
    """Looks before hours of work whether the result can be put where it was asked for."""
    if out.is_dir():
        raise InputError("The output is a folder.", str(out), "Name a file: --out calibration.toml.")
    folder = out.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise StorageError("The folder of the output cannot be written.", str(folder), "Choose another with --out.")


def _solver_options(options: CalibrateOptions, target: Target, definition: RigDefinition | None) -> SolverOptions:
    unknown = [name for name in options.lenses if name not in LENS_CANDIDATES]
    if unknown:
        raise InputError(f"There is no lens model {unknown[0]!r}.", "", f"Use one of {', '.join(LENS_CANDIDATES)}.")
    solver = SolverOptions(
        lenses=options.lenses or LENS_CANDIDATES,
        synchronised=options.synchronised,
        rig_definition=definition,
        floor=None if options.floor is None else _floor(options.floor, target),
    )
    if options.known is not None:
        cameras = read_calibration(options.known).cameras
        known = {camera.camera_id: camera.intrinsics for camera in cameras}
        solver = replace(solver, known_lenses=known)
    return solver


def _floor(words: str, target: Target) -> tuple[str, str]:
    """Board and shot of "board:shot", or of a shot where the target has one board."""
    names = [board.name for board in target.boards]
    board, colon, shot = words.rpartition(":")
    if colon and board in names:
        return board, shot
    if colon or len(names) > 1:
        what = f"--floor {words!r} does not say which board lay on the floor."
        raise InputError(what, f"target {target.name}", f"Write BOARD:SHOT, with one of {', '.join(names)}.")
    return names[0], words


def _square_mm(target: Target) -> list[float]:
    return [round(1e3 * board.square_m, 4) for board in target.boards if not isinstance(board, MeasuredPoints)]
