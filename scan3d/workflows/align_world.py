"""Where an alignment lies in the world: its scale, its up, its floor, and the part of the rig that was known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.alignment_checks import check_known, check_scale, check_upright
from scan3d.calibration.board_scale import LocatedBoard, floor_board, locate_boards
from scan3d.calibration.colmap_model import SparsePoints
from scan3d.calibration.features import Features
from scan3d.calibration.known_rig import extend_rig
from scan3d.calibration.marks import locate, read_marks
from scan3d.calibration.sfm import SfmModel
from scan3d.calibration.targets import Target, read_target
from scan3d.calibration.upright import Similarity, subject_centre, up_direction, world_from_cameras
from scan3d.capture.exif import is_told_upright
from scan3d.capture.take import Take
from scan3d.checks import Check
from scan3d.errors import CalibrationError, InputError
from scan3d.geometry import Rig
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress

# Cameras that say they were upright, and mean it: fewer may be tripods' defaults.
_LEAST_TOLD = 3


@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    """What is known of the world beside the photographs; the options of `align_take` by the same names."""

    distance: tuple[str, str, float] | None = None
    target: str | None = None
    floor: str | None = None
    front: str | None = None
    known: Rig | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """An alignment in the world. words: JSON values about how it got there."""

    rig: Rig
    points: SparsePoints
    words: Mapping[str, Any]
    checks: tuple[Check, ...] = field(default=())


def place(
    model: SfmModel, take: Take, features: Mapping[str, Path], options: WorldOptions, *, source: str,
    progress: Progress, workers: int,
) -> Placed:  # fmt: skip
    """Bring an alignment into the world, by what `options` tell.

    Raises InputError for a camera, mark or target that is not there, CalibrationError where what is known cannot be
    found in the photographs.
    """
    source = f"{source}, pycolmap {model.report['pycolmap']}, {model.report['mean_px']:.3f} px"
    if options.known is not None:
        return _beside_known(model, options.known, features, source, progress, workers)
    rig, front = model.rig, options.front
    if front is not None and front not in rig:
        raise InputError(f"The front camera {front} could not be aligned.", str(take.root), "Name another one.")
    front = front or rig.camera_ids[0]
    boards = _boards(rig, take, options, progress, workers)
    scale, how_scale = _scale(rig, take, options, boards)
    floor = None if options.floor is None else floor_board(boards, options.floor, str(take.root))
    told = [c for c in rig.camera_ids if is_told_upright(take.images()[c])]
    told = told if len(told) >= _LEAST_TOLD else []
    up, tilt_rad = up_direction(rig, upright=told)
    how_up = "floor" if floor is not None else "exif" if told else "level"
    if floor is not None:
        up, tilt_rad = floor.up, _tilt_rad(rig, floor.up)
    world = world_from_cameras(
        rig, model.points.xyz, front=front, scale=scale, up=up, floor=None if floor is None else floor.origin
    )
    placed = Rig(cameras=world.apply_to_rig(rig).cameras, scale_is_metric=how_scale != "arbitrary", source=source)
    distance = options.distance
    words = {
        "scale": "arbitrary" if how_scale == "arbitrary" else "metric",
        "scale_from": how_scale,
        "distance": None if distance is None else {"from": distance[0], "to": distance[1], "metres": distance[2]},
        "boards": [_words(board, scale) for board in boards],
        "front_camera": front,
        "up_from": how_up,
        "camera_tilt_about_up_deg": float(np.rad2deg(tilt_rad)),
    }
    used = boards if how_scale == "board" else []
    checks = [*check_scale(placed.scale_is_metric, used), check_upright(how_up, float(np.rad2deg(tilt_rad)))]
    return Placed(rig=placed, points=_moved(model.points, world), words=words, checks=tuple(checks))


def _beside_known(
    model: SfmModel, known: Rig, features: Mapping[str, Path], source: str, progress: Progress, workers: int
) -> Placed:
    """The known cameras as they were, the others beside them."""
    loaded = {camera_id: Features.load(features[camera_id]) for camera_id in model.rig.camera_ids}
    with progress.task("beside the known cameras", len(loaded)) as task:
        extended = extend_rig(known, model.rig, loaded, workers=workers, task=task)
    rig = Rig(
        cameras=extended.rig.cameras, scale_is_metric=known.scale_is_metric,
        source=f"{source}; {len(known)} cameras as they were known ({known.source})",
    )  # fmt: skip
    tilt_deg = float(np.rad2deg(_tilt_rad(rig, np.array([0.0, 0.0, 1.0]))))
    words = {
        "scale": "metric" if known.scale_is_metric else "arbitrary",
        "scale_from": "known cameras",
        "known": list(known.camera_ids),
        "up_from": "known",
        "camera_tilt_about_up_deg": tilt_deg,
    }
    checks = [
        *check_scale(known.scale_is_metric, []), check_upright("known", tilt_deg),
        *check_known(extended.drift, known.camera_ids, extended.loose),
    ]  # fmt: skip
    return Placed(rig=rig, points=_moved(model.points, extended.world_from_model), words=words, checks=tuple(checks))


def _boards(rig: Rig, take: Take, options: WorldOptions, progress: Progress, workers: int) -> list[LocatedBoard]:
    """The target's boards in the rig's frame."""
    if options.target is None:
        return []
    from scan3d.calibration.detection import find_boards
    from scan3d.capture.images import load_rgb

    target: Target = read_target(options.target)
    images = take.images()

    def find(camera_id: str) -> list[Any]:
        rgb = load_rgb(images[camera_id], camera_id=camera_id, linear=take.settings.linear)
        return list(find_boards(rgb, camera_id, take.root.name, target, str(images[camera_id])))

    with progress.task("looking for the target", len(rig)) as task:
        views = run_units(find, list(rig.camera_ids), workers=workers, progress_task=task)
    located = locate_boards([view for found in views for view in found], target, rig)
    if not located:
        count = sum(bool(found) for found in views)
        what = f"The target {target.name} was found in {count} aligned photographs, and could not be placed by them."
        next_step = "Two or more cameras must see at least four of its corners; check --target and its square size."
        raise CalibrationError(what, str(take.root), next_step)
    return located


def _scale(rig: Rig, take: Take, options: WorldOptions, boards: list[LocatedBoard]) -> tuple[float, str]:
    """Metres per unit of the rig's frame, and what tells it."""
    if options.distance is not None:
        return _metric_scale(rig, take, options.distance), "distance"
    if boards:
        return boards[0].metres_per_unit, "board"
    return 1.0 / float(np.median(np.linalg.norm(rig.centres() - subject_centre(rig), axis=1))), "arbitrary"


def _metric_scale(rig: Rig, take: Take, distance: tuple[str, str, float]) -> float:
    marks_file = take.root / "marks.toml"
    marks = read_marks(marks_file) if marks_file.is_file() else {}
    a, b = (locate(name, rig, marks, marks_file) for name in distance[:2])
    between = float(np.linalg.norm(a - b))
    if between <= 1e-9:
        what = f"{distance[0]} and {distance[1]} are at the same place."
        raise CalibrationError(what, str(take.root), "Choose two places further apart.")
    return distance[2] / between


def _tilt_rad(rig: Rig, up: np.ndarray) -> float:
    """How far from level the cameras' image axes nearest to the ground are, in the middle."""
    axes = np.array([camera.cam_from_world.rotation for camera in rig])
    level = np.abs(axes[:, :2] @ up).min(axis=1)
    return float(np.median(np.arcsin(np.clip(level, 0.0, 1.0))))


def _words(board: LocatedBoard, scale: float) -> dict[str, Any]:
    return {
        "board": board.board, "corners": board.corners, "cameras": list(board.cameras),
        "off_mm": 1e3 * board.off_m, "scale_against_used": board.metres_per_unit / scale,
    }  # fmt: skip


def _moved(points: SparsePoints, world: Similarity) -> SparsePoints:
    return SparsePoints(xyz=world.apply(points.xyz), rgb=points.rgb, error_px=points.error_px, views=points.views)
