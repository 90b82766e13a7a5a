"""From views of boards to a calibration with its verdict: views that contradict are found, set aside and told of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scan3d.calibration.board_calibration import BoardCalibration, SolverOptions
from scan3d.calibration.board_solver import calibrate_boards
from scan3d.calibration.board_verdicts import judge_calibration
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.exchanged_views import exchanged_views
from scan3d.calibration.measured_points import MeasuredPoints
from scan3d.calibration.targets import Target
from scan3d.calibration.turned_views import turned_views
from scan3d.calibration.view_conflicts import (
    Conflict,
    contradicting_views,
    mirrored_views,
    suspects,
    without,
)
from scan3d.calibration.view_poses import poses_by_shot
from scan3d.checks import Check
from scan3d.errors import CalibrationError
from scan3d.geometry import Intrinsics
from scan3d.pipeline.progress import Progress

# Setting views aside may bring others to light; a rig that needs more rounds than this has no majority to trust.
_ROUNDS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedCalibration:
    """calibration: from the views that agree. checks: the verdict. conflicts: views that were set aside."""

    calibration: BoardCalibration
    checks: tuple[Check, ...]
    conflicts: tuple[Conflict, ...]


def calibrate_and_judge(
    views: BoardViews, target: Target, *, options: SolverOptions | None = None, progress: Progress | None = None
) -> JudgedCalibration:
    """Calibrates a rig from views of boards and judges it.

    Mirrored views are set aside first; what contradicts the calibration and is explained by a turned board or another
    camera's place is set aside after it, and the rest is calibrated again.
    Raises CalibrationError where no camera can be calibrated at all.
    """
    options = options or SolverOptions()
    conflicts = _of_patterns(mirrored_views(views, target), views, target)
    calibration = calibrate_boards(without(views, conflicts), target, options=options, progress=progress)
    for _ in range(_ROUNDS):
        doubted = suspects(calibration, views, target, conflicts)
        if not doubted and not calibration.left_out:
            break
        # From pairs of cameras first: what is wrong bends the rig, and a bent rig contradicts the wrong views.
        aside = [conflict.index for conflict in conflicts]
        lenses = {**calibration.intrinsics, **_lenses_alone(doubted, calibration, views, target, options)}
        poses = poses_by_shot(views, target, lenses, aside)
        further = turned_views(views, target, poses) or exchanged_views(views, poses)
        further = further or contradicting_views(calibration, views, target, conflicts)
        further = _of_patterns(further, views, target)
        if not further:
            break
        conflicts = (*conflicts, *further)
        calibration = calibrate_boards(without(views, conflicts), target, options=options, progress=progress)
    checks = judge_calibration(calibration, views, target, options.rig_definition, conflicts=conflicts)
    return JudgedCalibration(calibration=calibration, checks=checks, conflicts=conflicts)


def _of_patterns(conflicts: tuple[Conflict, ...], views: BoardViews, target: Target) -> tuple[Conflict, ...]:
    """Those of printed boards: marks of measured points are good to a pixel or two, and are no contradiction by it."""
    measured = {board.name for board in target.boards if isinstance(board, MeasuredPoints)}
    return tuple(conflict for conflict in conflicts if views.views[conflict.index].board not in measured)


def _lenses_alone(
    camera_ids: tuple[str, ...],
    calibration: BoardCalibration,
    views: BoardViews,
    target: Target,
    options: SolverOptions,
) -> dict[str, Intrinsics]:
    """Intrinsics of cameras by themselves: in a rig that contradicts a camera its lens is bent too."""
    found: dict[str, Intrinsics] = {}
    for camera_id in camera_ids:
        own = BoardViews(views=views.of_camera(camera_id), sizes={camera_id: views.sizes[camera_id]})
        lens = calibration.lens.get(camera_id)
        alone = replace(options, lenses=(lens,) if lens else options.lenses, rig_definition=None, floor=None)
        try:
            found |= calibrate_boards(own, target, options=alone).intrinsics
        except CalibrationError:  # Too few views of its own: what the rig says must do.
            continue
    return found
