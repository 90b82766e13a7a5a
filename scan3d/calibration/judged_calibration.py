"""From views of boards to a calibration with its verdict: views that contradict are found, set aside and told of."""

from __future__ import annotations

from dataclasses import dataclass

from scan3d.calibration.board_calibration import BoardCalibration, SolverOptions
from scan3d.calibration.board_solver import calibrate_boards
from scan3d.calibration.board_verdicts import judge_calibration
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.exchanged_views import exchanged_views
from scan3d.calibration.targets import Target
from scan3d.calibration.view_conflicts import (
    Conflict,
    contradicting_views,
    mirrored_views,
    suspects,
    without,
)
from scan3d.checks import Check
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
    conflicts = mirrored_views(views, target)
    calibration = calibrate_boards(without(views, conflicts), target, options=options, progress=progress)
    for _ in range(_ROUNDS):
        if not suspects(calibration, views, target, conflicts) and not calibration.left_out:
            break
        # Exchanged pictures first: they bend the rig, and a bent rig contradicts the wrong views.
        further = exchanged_views(views, target, calibration.intrinsics, conflicts)
        further = further or contradicting_views(calibration, views, target, conflicts)
        if not further:
            break
        conflicts = (*conflicts, *further)
        calibration = calibrate_boards(without(views, conflicts), target, options=options, progress=progress)
    checks = judge_calibration(calibration, views, target, options.rig_definition, conflicts=conflicts)
    return JudgedCalibration(calibration=calibration, checks=checks, conflicts=conflicts)
