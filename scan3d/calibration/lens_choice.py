"""Which lens model a camera has, by how well each predicts views of boards that it was not fitted to.

A richer model always fits the views it was adjusted to better, and predicts worse where the board never was. So the
views are dealt into folds; each candidate is fitted to all but one, and the root mean square residual on that one (its
board's pose fitted, the lens held) is its score. The simplest candidate that is not worse than the best by more than
the standard error of the difference wins (the one-standard-error rule: Breiman et al., CART, 1984, 3.4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scan3d.calibration import board_kernel as kernel
from scan3d.calibration.board_adjustment import adjust_squares
from scan3d.calibration.board_calibration import LENS_CANDIDATES
from scan3d.calibration.board_problem import Corners, State, free_columns, residuals
from scan3d.calibration.intrinsics_start import (
    Alone,
    alone_corners,
    diverse_views,
    first_lens,
    fit_candidate,
    only_lens,
)

_WORTH = 0.002  # a richer model must predict this share better, however sure that is
_LEAST_CORNERS = 4  # of a view, more than one line of them
# A richer lens starts from what a simpler one found.
_STARTS_FROM = {"opencv": "pinhole", "opencv5": "opencv", "full_opencv": "opencv5"}


@dataclass(frozen=True, kw_only=True, eq=False)
class LensChoice:
    """The lens of one camera. alone: fitted as the candidate to all its views. scores: by candidate, px."""

    candidate: str
    alone: Alone
    scores: Mapping[str, float] = field(default_factory=dict)


def usable_views(corners: Corners) -> np.ndarray:
    """Rows of the views whose corners can give a pose: enough of them, not in one line."""
    good = []
    for v in range(corners.views):
        points = corners.points_m[corners.starts[v] : corners.starts[v + 1]]
        if len(points) < _LEAST_CORNERS:
            continue
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[1] > 0.05 * spread[0]:
            good.append(v)
    return np.array(good, dtype=np.int64)


def choose_lens(
    corners: Corners, size: tuple[int, int], candidates: Sequence[str] = LENS_CANDIDATES, *, folds: int, most_views: int
) -> LensChoice | None:
    """The lens of one camera from the corners of its views; None where no candidate fits any.

    corners: of usable views only, as of alone_corners. most_views: the choice is made with at most so many views.
    """
    few = alone_corners(corners.take(diverse_views(corners, most_views)))
    fitted = _fit_all(few, size, candidates)
    if not fitted:
        return None
    scores: dict[str, float] = {}
    best = min(fitted, key=lambda name: fitted[name].adjusted.sigma_px[0])
    if len(fitted) > 1 and few.views >= 3:
        by_view = _held_out_errors(few, size, fitted, best, folds)
        scores = {name: float(np.sqrt(np.mean(squares))) for name, squares in by_view.items()}
        best = _simplest_within_noise(by_view)
    alone = fitted[best]
    if corners.views > few.views:
        alone = _on_all_views(corners, alone, size)
    return LensChoice(candidate=best, alone=alone, scores=scores)


def _fit_all(corners: Corners, size: tuple[int, int], candidates: Sequence[str]) -> dict[str, Alone]:
    """Each candidate fitted to the views, from plain to rich."""
    fitted: dict[str, Alone] = {}
    for formula in (0, kernel.FISHEYE):
        names = [name for name in LENS_CANDIDATES if name in candidates and (name == "fisheye") == bool(formula)]
        start = first_lens(corners, size, formula) if names else None
        for name in names if start is not None else ():
            simpler = fitted.get(_STARTS_FROM.get(name, ""))
            assert start is not None
            # A pinhole's solution is a poor start where lines bend: the first lens has a radial term.
            first = simpler.adjusted.state if simpler is not None and simpler.candidate != "pinhole" else start
            alone = fit_candidate(corners, first, name, size)
            if np.isfinite(alone.adjusted.sigma_px).all() and _reaches_corners(alone):
                fitted[name] = alone
    return fitted


def _reaches_corners(alone: Alone) -> bool:
    """Whether the lens maps its own inliers, without folding before their edge, and any inliers there are."""
    inlier = alone.adjusted.inlier
    return bool(inlier.mean() > 0.5 and (alone.adjusted.residuals[inlier] < kernel.LOST_PX).all())


def _held_out_errors(
    corners: Corners, size: tuple[int, int], fitted: Mapping[str, Alone], best: str, folds: int
) -> dict[str, np.ndarray]:
    """By candidate, mean squares (V,) of the residuals of each view, the lens fitted to the views of other folds."""
    clean = _without(corners, fitted[best].adjusted.inlier)
    fold = np.random.default_rng(clean.views).permutation(clean.views) % min(folds, clean.views)
    errors = {}
    for name, alone in fitted.items():
        squares = np.zeros(clean.views)
        for number in range(fold.max() + 1):
            lens = _fitted_lens(clean, np.flatnonzero(fold != number), alone, name, size)
            held_out = np.flatnonzero(fold == number)
            squares[held_out] = _squares(clean, held_out, alone, lens, size)
        errors[name] = squares[np.diff(clean.starts) > 0]
    return errors


def _fitted_lens(
    corners: Corners, views: np.ndarray, alone: Alone, candidate: str, size: tuple[int, int]
) -> np.ndarray:
    """(1, 12) the candidate's lens from some views."""
    state = alone.adjusted.state
    part = alone_corners(corners.take(views))
    start = replace(state, world_from_body=np.ascontiguousarray(state.world_from_body[views]))
    return _squares_fit(part, start, free_columns(candidate)[None], size, alone.adjusted.sigma_px).lenses


def _squares(corners: Corners, views: np.ndarray, alone: Alone, lens: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Mean squared residual of views with the lens held and their poses fitted."""
    state = alone.adjusted.state
    part = alone_corners(corners.take(views))
    start = replace(state, lenses=lens, world_from_body=np.ascontiguousarray(state.world_from_body[views]))
    held = np.zeros((1, kernel.LENS_PARAMS), dtype=bool)
    after = _squares_fit(part, start, held, size, alone.adjusted.sigma_px)
    squared = (residuals(part, after) ** 2).sum(axis=1)
    counts = np.diff(part.starts)
    return np.bincount(part.view_of_corner(), squared, part.views) / np.maximum(counts, 1)


def _squares_fit(part: Corners, start: State, free: np.ndarray, size: tuple[int, int], sigma: np.ndarray) -> State:
    sizes, sigmas = np.array([size], dtype=np.float64), np.full(len(part.px), sigma[0])
    return adjust_squares(part, start, only_lens(start, free), sizes, sigmas)


def _without(corners: Corners, keep: np.ndarray) -> Corners:
    """The same views with only some of their corners. keep: (N,) bool."""
    counts = np.bincount(corners.view_of_corner()[keep], minlength=corners.views)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return replace(corners, starts=starts, points_m=corners.points_m[keep], px=corners.px[keep])


def _simplest_within_noise(by_view: Mapping[str, np.ndarray]) -> str:
    """The first candidate, from plain to rich, that the best one does not clearly beat."""
    best = min(by_view, key=lambda name: float(by_view[name].mean()))
    for name in LENS_CANDIDATES:
        if name not in by_view or name == best:
            continue
        off = by_view[name] - by_view[best]
        noise = float(off.std(ddof=1)) / np.sqrt(len(off)) if len(off) > 1 else 0.0
        worth = ((1.0 + _WORTH) ** 2 - 1.0) * float(by_view[best].mean())
        if LENS_CANDIDATES.index(name) < LENS_CANDIDATES.index(best) and off.mean() <= max(noise, worth):
            return name
    return best


def _on_all_views(corners: Corners, alone: Alone, size: tuple[int, int]) -> Alone:
    """The lens fitted again to every view, from where some of them led."""
    from scan3d.calibration.intrinsics_start import view_poses

    state = alone.adjusted.state
    formula = int(state.formulas[0])
    start = replace(state, world_from_body=view_poses(corners, state.lenses[0], formula))
    return fit_candidate(alone_corners(corners), start, alone.candidate, size)
