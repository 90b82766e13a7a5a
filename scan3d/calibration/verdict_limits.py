"""At which numbers a calibration is doubted or refused, and where each number comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scan3d.geometry.rig_definition import RigDefinition


@dataclass(frozen=True, kw_only=True)
class Limits:
    """warn_*: usable, but look. fail_*: do not scan with it.

    views: boards seen by one camera. Zhang (2000) needs three views; his errors fall fast up to about ten.
    coverage: share of the 8 x 6 cells of a picture in which a corner lay. Beyond the corners a distortion polynomial
        is extrapolated; ten boards, each a third of a picture wide and held over it evenly, cover half of the cells.
    residual_px: median distance between corner and model, in pictures up to `residual_diagonal_px` across; it grows
        with larger ones. Sub-pixel corners of sharp boards are good to 0.1 to 0.3 px, those of video to 0.5.
    residual_ratio: the same against the median of the rig's other cameras.
    rise_px, rise_ratio: 10 to 90 % rise of edges. A lens in focus gives 1.5 to 3 px; a ratio tells a camera out of
        focus from a rig whose pictures are all soft.
    lens_px: of the residuals of a camera calibrated by itself, what is not the noise of single corners. lens_ratio:
        residuals over noise, against the same of the other cameras.
    centre_mm, rotation_deg: standard deviation of a camera's pose, millimetres per metre of distance to the boards
        and degrees. 0.05 degrees is the drift that `scan3d check` shall notice later.
    plan_scale: how much larger or smaller than planned the rig comes out; brackets are hung to 1 %.
    board_scale: how much boards disagree about the length of a metre. Paper changes by 0.1 % with humidity.
    plan_share, plan_deg: how far a camera may hang from its place in the plan, as a share of its distance to the
        rig's middle, and how much it may be turned.
    """

    warn_views: int = 8
    fail_views: int = 4
    warn_coverage: float = 0.3
    fail_coverage: float = 0.05
    warn_residual_px: float = 0.75
    fail_residual_px: float = 2.0
    residual_diagonal_px: float = 4000.0
    warn_residual_ratio: float = 2.5
    warn_rise_px: float = 4.0
    fail_rise_px: float = 8.0
    warn_rise_ratio: float = 1.8
    fail_rise_ratio: float = 3.0
    warn_lens_px: float = 0.15
    fail_lens_px: float = 0.6
    lens_ratio: float = 1.15
    warn_centre_mm: float = 2.0
    fail_centre_mm: float = 8.0
    warn_rotation_deg: float = 0.2
    fail_rotation_deg: float = 1.0
    warn_plan_scale: float = 0.015
    fail_plan_scale: float = 0.03
    warn_board_scale: float = 0.002
    fail_board_scale: float = 0.01
    plan_share: float = 0.2
    plan_deg: float = 20.0


def limits_for(definition: RigDefinition | None) -> Limits:
    """The limits, with those that the rig's definition sets for itself in its [limits]."""
    limits = Limits()
    if definition is None:
        return limits
    own = definition.limits
    if own.reprojection_px is not None:
        worse = max(limits.fail_residual_px, 2.0 * own.reprojection_px)
        limits = replace(limits, warn_residual_px=own.reprojection_px, fail_residual_px=worse)
    if own.board_views is not None:
        limits = replace(limits, warn_views=own.board_views, fail_views=min(limits.fail_views, own.board_views))
    if own.board_coverage is not None:
        least = min(limits.fail_coverage, 0.5 * own.board_coverage)
        limits = replace(limits, warn_coverage=own.board_coverage, fail_coverage=least)
    return limits
