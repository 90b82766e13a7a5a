"""What a calibration from boards found out: the rig, where the boards were, and how far each number can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from scan3d.geometry import Intrinsics, Rig, Rigid3
from scan3d.geometry.rig_definition import RigDefinition

# From plain to rich. "opencv5" is OpenCV's default of five (k1 k2 p1 p2 k3): a full_opencv whose k4..k6 are zero.
LENS_CANDIDATES = ("pinhole", "opencv", "fisheye", "opencv5", "full_opencv")

# Why a camera is not in the rig.
NO_VIEWS = "no_views"  # it saw no board at all
TOO_FEW_VIEWS = "too_few_views"  # fewer than its lens can be found from
MIRRORED = "mirrored"  # its pictures are mirror images
NO_LENS = "no_lens"  # no lens model fits what it saw
DISCONNECTED = "disconnected"  # it shares no shot, or no consistent one, with the largest group


@dataclass(frozen=True, kw_only=True)
class SolverOptions:
    """What the solver may assume.

    lenses: candidates of LENS_CANDIDATES to choose from, by camera or for all of them.
    known_lenses: intrinsics that are held as they are, by camera.
    synchronised: views of one shot were taken at the same moment. When False and shots are frame numbers, a constant
    offset in frames is estimated for every camera; shots with other names are of boards that did not move.
    floor: (board, shot) of a board that lay on the floor, facing up: it becomes z = 0, its middle the origin, its
    columns run along X.
    rig_definition: the plan; without a floor board the world is the plan's, else it is levelled by the cameras.
    min_views: of a camera whose lens is to be found. folds: of the cross-validation. max_lens_views: the most views of
    a camera its lens model is chosen from (the adjustment takes all).
    outlier_sigmas: residuals beyond this many standard deviations (of their camera) are left out.
    """

    lenses: tuple[str, ...] = LENS_CANDIDATES
    known_lenses: Mapping[str, Intrinsics] = field(default_factory=dict)
    synchronised: bool = True
    floor: tuple[str, str] | None = None
    rig_definition: RigDefinition | None = None
    min_views: int = 3
    folds: int = 5
    max_lens_views: int = 24
    outlier_sigmas: float = 4.5


@dataclass(frozen=True, kw_only=True, eq=False)
class ViewResiduals:
    """Observed minus predicted pixels (N, 2) of one BoardView, and which corners (N,) bool the solution rests on.

    px is NaN, and inlier False, for views of cameras that are not in the rig. used is False where no corner is an
    inlier, or the board's pose could not be found.
    """

    px: np.ndarray
    inlier: np.ndarray

    @property
    def used(self) -> bool:
        """Whether any corner of the view counts."""
        return bool(self.inlier.any())


@dataclass(frozen=True, kw_only=True)
class Reprojection:
    """Residuals of one camera, as lengths in pixels.

    median_px: over all its corners. rms_px: over the inliers. sigma_px: standard deviation of one coordinate, robust
    over all. corners: how many there were, outliers: how many of them were left out.
    """

    median_px: float
    rms_px: float
    sigma_px: float
    corners: int
    outliers: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """Where in its picture a camera saw corners. counts: (6, 8) corners per cell of a grid of 8 columns and 6 rows;
    share: of the cells with at least one."""

    share: float
    counts: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardCalibration:
    """A rig calibrated from boards.

    rig: the cameras that could be tied together, world frame in metres. world_frame: what the world was taken from:
    "floor", "measured" (points), "plan", "upright" (levelled by the cameras).
    world_from_body: where each body was in each shot, by (body, shot); shots are named as in `shots`.
    body_from_board: how each board lies in its body; identity for the first board of a body.
    residuals: in the order of the BoardViews' views.
    reprojection_px: by camera of the rig. alone_px: rms of every camera with a lens, calibrated by itself: far below
    reprojection_px.rms_px where the camera's place is at fault rather than its lens.
    covariance: by camera of the rig, (6, 6) of its centre (world axes, metres), then of its rotation (camera axes,
    rad), where the rig as a whole stays (inner constraints on all cameras).
    intrinsics: of every camera whose lens was found, in the rig or not. intrinsics_sd: by camera of the rig, standard
    deviations in the order of Intrinsics.params(), zero where held. lens: the candidate chosen by camera; lens_scores:
    of each candidate the root mean square error in pixels on views that it was not fitted to.
    coverage: by camera. groups: cameras that share consistent shots, the largest group first; it is the rig.
    left_out: why cameras are not in the rig, one of the reasons above.
    shots: of every view in the BoardViews' order, in the first camera's numbers where offsets were found.
    frame_offsets: by camera, its frame numbers less those of the first camera at the same moment; empty for
    synchronised shots. frame_delays: parts of a frame (of the commonest step between shots) that each camera took its
    pictures later by; residuals allow for them, and for a scatter of single views.
    scale_to_plan: length of the plan over length of the rig (NaN without a plan): 1 when the square size is right.
    """

    rig: Rig
    world_frame: str
    world_from_body: Mapping[tuple[str, str], Rigid3]
    body_from_board: Mapping[str, Rigid3]
    residuals: tuple[ViewResiduals, ...]
    reprojection_px: Mapping[str, Reprojection]
    alone_px: Mapping[str, float]
    covariance: Mapping[str, np.ndarray]
    intrinsics: Mapping[str, Intrinsics]
    intrinsics_sd: Mapping[str, np.ndarray]
    lens: Mapping[str, str]
    lens_scores: Mapping[str, Mapping[str, float]]
    coverage: Mapping[str, Coverage]
    groups: tuple[tuple[str, ...], ...]
    left_out: Mapping[str, str]
    shots: tuple[str, ...] = ()
    frame_offsets: Mapping[str, int] = field(default_factory=dict)
    frame_delays: Mapping[str, float] = field(default_factory=dict)
    scale_to_plan: float = float("nan")
