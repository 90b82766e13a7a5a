"""`scan3d calibrate BOARDS --target NAME`"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scan3d.cli.options import Debug, Json, Threads
from scan3d.cli.session import Outcome, Session, run
from scan3d.errors import CalibrationError

if TYPE_CHECKING:
    from scan3d.workflows.calibrate import CalibrateSummary


class Lens(StrEnum):
    """Lens models."""

    pinhole = "pinhole"
    opencv = "opencv"
    opencv5 = "opencv5"
    full_opencv = "full_opencv"
    fisheye = "fisheye"


def calibrate(
    boards: Annotated[
        Path,
        typer.Argument(
            metavar="BOARDS",
            help="Photographs or videos of the board: CAMERA/*.jpg, CAMERA.mp4. Files of one name (frames of one "
            "number) were taken together.",
            show_default=False,
        ),
    ],
    target: Annotated[str, typer.Option(metavar="NAME", help="The target: a name, or its TOML.", show_default=False)],
    rig: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The rig's plan: cameras are checked against it.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The calibration; BOARDS/calibration.toml by default.", show_default=False),
    ] = None,
    square_mm: Annotated[
        float | None,
        typer.Option(min=0.1, help="Side of a square as measured on the print.", show_default=False),
    ] = None,
    floor: Annotated[
        str | None,
        typer.Option(metavar="SHOT", help="A shot (BOARD:SHOT) with a board flat on the floor.", show_default=False),
    ] = None,
    synchronised: Annotated[
        bool, typer.Option("--synchronised/--unsynchronised", help="Were the cameras triggered together?")
    ] = True,
    lens: Annotated[
        list[Lens] | None,
        typer.Option(help="Lens models to choose from; all by default.", show_default=False),
    ] = None,
    known: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A calibration whose lenses stay as they are.", show_default=False),
    ] = None,
    points: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Points of the scene, measured and marked: the world's frame.", show_default=False
        ),
    ] = None,
    max_frames: Annotated[int, typer.Option(min=3, help="Frames of a video to use at most.")] = 60,
    keep: Annotated[bool, typer.Option("--keep", help="Write a calibration that failed, too.")] = False,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Calibrate a rig from photographs of a board, and say which camera is not good.

    Writes calibration.toml, and report.html and report.json beside it. Ends with code 0 only when nothing failed.
    """
    failed: list[bool] = []

    def work(session: Session) -> Outcome:
        from scan3d.checks import Grade
        from scan3d.workflows.calibrate import CalibrateOptions, calibrate_rig

        options = CalibrateOptions(
            square_m=None if square_mm is None else 1e-3 * square_mm,
            floor=floor,
            synchronised=synchronised,
            lenses=tuple(model.value for model in lens or ()),
            known=known,
            max_frames=max_frames,
            keep=keep,
            points=points,
        )
        done = calibrate_rig(boards, target, rig, out, options=options, progress=session.progress, workers=threads)
        failed.append(done.grade is Grade.FAIL)
        return Outcome(data=_data(done), lines=_lines(done))

    run(work, as_json=json, debug=debug)
    if any(failed):
        raise typer.Exit(CalibrationError.exit_code)


def _data(done: CalibrateSummary) -> dict[str, Any]:
    import dataclasses

    return {
        "verdict": done.grade.value,
        "calibration": str(done.calibration_path) if done.calibration_path else None,
        "report": str(done.report_path),
        "html": str(done.html_path),
        "checks": [dataclasses.asdict(check) for check in done.checks],
    }


def _lines(done: CalibrateSummary) -> list[str]:
    from scan3d.checks import Grade, worst_first

    calibration = done.judged.calibration
    lines = [f"{done.grade.value}: {len(calibration.rig)} cameras calibrated."]
    if done.judged.conflicts:
        lines.append(f"{len(done.judged.conflicts)} views contradicted the rest and were set aside.")
    flagged = [check for check in worst_first(done.checks) if check.grade is not Grade.PASS]
    lines += [f"{check.grade.value} {check.sentence()}" for check in flagged]
    if done.calibration_path:
        lines.append(f"Cameras: {done.calibration_path}")
    else:
        lines.append("Cameras: not written, because a check failed; --keep writes them all the same.")
    return [*lines, f"Report:  {done.html_path}"]
