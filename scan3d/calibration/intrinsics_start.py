"""A first lens and the boards' poses of one camera, from its views of boards alone.

Focal lengths are tried over the range that lenses have, both with straight and with equidistant ("fisheye") projection:
for each, the boards' poses follow in closed form (Collins and Bartoli, Infinitesimal Plane-Based Pose Estimation, 2014)
and the one under which they predict their corners best is adjusted. Zhang's closed form (2000) is not used: it fails
where boards stand frontal or the lens bends lines, and the trial costs little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration import board_kernel as kernel
from scan3d.calibration.board_adjustment import Adjusted, adjust
from scan3d.calibration.board_equations import Freedom
from scan3d.calibration.board_poses import identity_poses
from scan3d.calibration.board_problem import Corners, State, free_columns, residuals
from scan3d.geometry import Intrinsics

_FOCALS = np.geomspace(0.3, 6.0, 10)  # of the longer side: 118 to 10 degrees across it
_TRIALS = 2  # of the focal lengths that look best are adjusted, for each projection
_TRIAL_VIEWS = 8
_LEAST_POINTS = 4
_FAR_PX = 1e3


@dataclass(frozen=True, kw_only=True, eq=False)
class Alone:
    """One camera by itself: every view has a body of its own. corners: its views; adjusted: lens and poses."""

    corners: Corners
    adjusted: Adjusted
    candidate: str


def alone_corners(corners: Corners) -> Corners:
    """The corners of one camera where every view is of a body of its own."""
    number = np.arange(corners.views)
    return corners.with_indices(np.stack([0 * number, number, corners.indices[:, 2]], axis=1))


def alone_state(corners: Corners, lens: np.ndarray, formula: int) -> State:
    """One camera at the world's origin with a lens (12,), and its views' boards where the closed form puts them."""
    return State(
        lenses=lens[None],
        formulas=np.array([formula]),
        cam_from_world=identity_poses(1),
        world_from_body=view_poses(corners, lens, formula),
        body_from_board=identity_poses(int(corners.indices[:, 2].max(initial=0)) + 1),
    )


def first_lens(corners: Corners, size: tuple[int, int], formula: int) -> State | None:
    """Lens with focal length and one or two radial terms, and poses of the views; None where no view gives a pose.

    corners: as of alone_corners. formula: of the kernel.
    """
    few = corners.take(diverse_views(corners, _TRIAL_VIEWS))
    few = alone_corners(few)
    ranked = sorted(
        ((_closed_form_error(few, trial_lens(size, focal, formula), formula), focal) for focal in _FOCALS),
        key=lambda pair: pair[0],
    )
    best: tuple[float, np.ndarray] | None = None
    for error, focal in ranked[:_TRIALS]:
        if not np.isfinite(error):
            continue
        state = alone_state(few, trial_lens(size, focal, formula), formula)
        free = np.zeros((1, kernel.LENS_PARAMS), dtype=bool)
        free[0, [0, 1, 4]] = True
        fitted = fit_alone(few, state, free, size, start_sigma_px=max(2.0, error), rounds=3)
        score = float(np.median(np.linalg.norm(fitted.residuals, axis=1)))
        if best is None or score < best[0]:
            best = (score, fitted.state.lenses[0])
    if best is None:
        return None
    return alone_state(corners, best[1], formula)


def fit_candidate(corners: Corners, start: State, candidate: str, size: tuple[int, int]) -> Alone:
    """One camera's lens as `candidate`, and the poses of its views, from a first lens of the same formula."""
    lens = np.where(free_columns(candidate), start.lenses[0], 0.0)
    adjusted = fit_alone(corners, replace(start, lenses=lens[None]), free_columns(candidate)[None], size)
    return Alone(corners=corners, adjusted=adjusted, candidate=candidate)


def fit_alone(
    corners: Corners,
    state: State,
    free: np.ndarray,
    size: tuple[int, int],
    *,
    start_sigma_px: float | None = None,
    rounds: int = 6,
) -> Adjusted:
    """adjust() of one camera that stands at the world's origin. free: (1, 12) bool."""
    sizes = np.array([size], dtype=np.float64)
    return adjust(corners, state, only_lens(state, free), sizes, start_sigma_px=start_sigma_px, rounds=rounds)


def only_lens(state: State, free: np.ndarray) -> Freedom:
    """What moves of one camera alone: its lens as far as free (1, 12), and the bodies."""
    held = np.zeros(len(state.body_from_board), dtype=bool)
    return Freedom(lenses=free, cameras=np.zeros(1, dtype=bool), boards=held)


def trial_lens(size: tuple[int, int], focal_share: float, formula: int) -> np.ndarray:
    """(12,) a lens without distortion. focal_share: of the longer side."""
    lens = np.zeros(kernel.LENS_PARAMS)
    lens[:2], lens[2], lens[3] = focal_share * max(size), 0.5 * size[0], 0.5 * size[1]
    return lens


def view_poses(corners: Corners, lens: np.ndarray, formula: int) -> np.ndarray:
    """(V, 3, 4) camera-from-board of each view in closed form, the better of the two that a plane allows.

    Views that give none stand a metre away, where the adjustment finds them or marks their corners as outliers.
    """
    import cv2

    rays = unprojected(corners.px, lens, formula)
    poses = np.tile(np.column_stack([np.eye(3), [0.0, 0.0, 1.0]]), (corners.views, 1, 1))
    for v in range(corners.views):
        part = slice(corners.starts[v], corners.starts[v + 1])
        points, seen = corners.points_m[part], rays[part]
        good = np.isfinite(seen).all(axis=1)
        if np.count_nonzero(good) < _LEAST_POINTS:
            continue
        flat = np.ptp(points[:, 2]) < 1e-9
        method = cv2.SOLVEPNP_IPPE if flat else cv2.SOLVEPNP_SQPNP
        try:
            found = cv2.solvePnPGeneric(points[good], seen[good, None], np.eye(3), None, flags=method)
        except cv2.error:  # corners in one line
            continue
        best = np.inf
        for vector, translation in zip(found[1], found[2], strict=True):
            pose = np.column_stack([cv2.Rodrigues(vector)[0], translation])
            at = points[good] @ pose[:, :3].T + pose[:, 3]
            if np.isfinite(pose).all() and (at[:, 2] > 0).all():
                off = float(np.median(np.abs(at[:, :2] / at[:, 2:] - seen[good])))
                if off < best:
                    best, poses[v] = off, pose
    return poses


def unprojected(px: np.ndarray, lens: np.ndarray, formula: int) -> np.ndarray:
    """(N, 2) x/z, y/z of pixels through a lens (12,); NaN where it has none."""
    model = "fisheye" if formula == kernel.FISHEYE else "full_opencv"
    distortion = tuple(lens[4 : 8 if formula == kernel.FISHEYE else 12])
    fx, fy, cx, cy = lens[:4]
    whole = Intrinsics(model=model, width=1, height=1, fx=fx, fy=fy, cx=cx, cy=cy, distortion=distortion)
    if not lens[4:].any() and formula != kernel.FISHEYE:
        whole = whole.without_distortion()
    return whole.unproject(px)[:, :2]


def diverse_views(corners: Corners, most: int) -> np.ndarray:
    """Rows of at most `most` views that differ: in where the board was, its size and its slant; in their order.

    Farthest points first (Gonzalez 1985), from the view with most corners.
    """
    if corners.views <= most:
        return np.arange(corners.views)
    features = np.array([_feature(corners, v) for v in range(corners.views)])
    chosen = [int(np.argmax(np.diff(corners.starts)))]
    distance = np.full(corners.views, np.inf)
    while len(chosen) < most:
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    return np.sort(np.unique(chosen))


def _feature(corners: Corners, view: int) -> np.ndarray:
    """(6,) where a board is in the picture and how its own axes run there, pixels: an affine fit."""
    part = slice(corners.starts[view], corners.starts[view + 1])
    points = corners.points_m[part, :2] - corners.points_m[part, :2].mean(axis=0)
    px = corners.px[part]
    size = max(float(np.ptp(corners.points_m[part, :2], axis=0).max()), 1e-9)
    axes = np.linalg.lstsq(points / size, px - px.mean(axis=0), rcond=1e-6)[0]
    return np.concatenate([px.mean(axis=0), axes.ravel()])


def _closed_form_error(corners: Corners, lens: np.ndarray, formula: int) -> float:
    """Median residual in pixels of the closed-form poses under a lens."""
    off = np.linalg.norm(residuals(corners, alone_state(corners, lens, formula)), axis=1)
    return float(np.median(np.minimum(off, _FAR_PX)))
