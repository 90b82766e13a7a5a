"""Bundle adjustment over board corners: lenses, cameras, boards, and where the boards were.

Levenberg-Marquardt on normal equations with the body poses eliminated (Schur complement; Triggs et al., Bundle
Adjustment, a Modern Synthesis, 2000), so that its cost grows with the corners and not with the square of the shots.
Outliers: Cauchy's loss first, by iterated weights, with a scale of each board before each camera; then plain
least squares over what lies within some standard deviations.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.board_equations import Columns, Freedom, LensPrior, NormalEquations, moved, outer_columns
from scan3d.calibration.board_problem import Corners, State, residuals

_CAUCHY = 2.3849  # sigmas: 95 % efficient on normal noise (Holland and Welsch 1977)
_MAD_TO_SIGMA = 1.4826
_LEAST_SIGMA_PX = 0.01  # no detector is better, and exact data would divide by zero
_TOLERANCE = 1e-9  # relative change of the cost at which a solution stands


@dataclass(frozen=True, kw_only=True, eq=False)
class Adjusted:
    """state, residuals (N, 2) px, sigma_px (C,) of one coordinate of a camera's inliers, corner_sigma_px (N,) that each
    corner was weighed with, inlier (N,) bool, and iterations that it took."""

    state: State
    residuals: np.ndarray
    sigma_px: np.ndarray
    corner_sigma_px: np.ndarray
    inlier: np.ndarray
    iterations: int


def adjust(
    corners: Corners,
    start: State,
    freedom: Freedom,
    sizes: np.ndarray,
    *,
    outlier_sigmas: float = 4.5,
    start_sigma_px: float | None = None,
    rounds: int = 6,
) -> Adjusted:
    """Robust adjustment. sizes: (C, 2) pixels. start_sigma_px: how far off the start may be, where it is far."""
    prior = LensPrior.of(start, sizes)
    columns = outer_columns(corners, freedom)
    state, iterations = start, 0
    group = corners.group_of_corner()
    sigma = sigma_of(group, residuals(corners, state))
    if start_sigma_px is not None:
        sigma = np.maximum(sigma, start_sigma_px)
    for _ in range(rounds):
        state = _in_motion(state)
        state, took = _minimise(corners, state, columns, prior, (_CAUCHY * sigma[group], sigma[group]), 12, 1e-5)
        iterations += took
        before, sigma = sigma, sigma_of(group, residuals(corners, state))
        if np.all(np.abs(sigma - before) < 0.02 * before):
            break
    found = residuals(corners, state)
    inlier = np.linalg.norm(found, axis=1) < outlier_sigmas * sigma[group]
    for _ in range(3):
        state = _in_motion(state)
        state, took = _minimise(corners, state, columns, prior, (inlier, sigma[group]), 25, _TOLERANCE)
        iterations += took
        found = residuals(corners, state)
        sigma = sigma_of(group, found)
        again = np.linalg.norm(found, axis=1) < outlier_sigmas * sigma[group]
        settled = np.count_nonzero(again != inlier) <= 1e-4 * len(inlier)
        inlier = again
        if settled:
            break
    # Surer than medians, which weigh corners well enough but would make the covariance scatter.
    parameters = columns.count + 6 * (len(columns.body_starts) - 1)
    camera, cameras = corners.camera_of_corner(), len(start.lenses)
    return Adjusted(
        state=state,
        residuals=found,
        sigma_px=_spread(camera, found, inlier, np.full(cameras, np.nan), parameters),
        corner_sigma_px=_spread(group, found, inlier, sigma, parameters)[group],
        inlier=inlier,
        iterations=iterations,
    )


def _in_motion(state: State) -> State:
    """The state with the motion that its poses say."""
    if state.motion is None:
        return state
    return replace(state, motion=state.motion.refreshed(state.world_from_body))


def adjust_squares(
    corners: Corners, start: State, freedom: Freedom, sizes: np.ndarray, sigma_px: np.ndarray, *, most: int = 12
) -> State:
    """Plain least squares over corners that hold no outliers. sigma_px: (N,) against which the priors weigh."""
    every = np.ones(len(corners.px), dtype=bool)
    columns = outer_columns(corners, freedom)
    return _minimise(corners, start, columns, LensPrior.of(start, sizes), (every, sigma_px), most, 1e-7)[0]


def sigma_of(group: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(G,) robust standard deviation of one coordinate of residuals (N, 2) in groups (N,), from their median size."""
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(group.max(initial=-1) + 2))
    size = np.abs(found[order])
    every = [np.median(size[a:b]) if b > a else np.nan for a, b in itertools.pairwise(bounds)]
    sigma = _MAD_TO_SIGMA * np.array(every)
    # A group of few corners could look perfect by chance and pull the rest to itself.
    floor = max(_LEAST_SIGMA_PX, 0.3 * float(np.nanmedian(sigma)))
    return np.maximum(np.where(np.isfinite(sigma), sigma, floor), floor)


def _spread(
    group: np.ndarray, found: np.ndarray, inlier: np.ndarray, otherwise: np.ndarray, parameters: int
) -> np.ndarray:
    """(G,) standard deviation of one coordinate of each group's inliers, for the parameters that were fitted to them
    all; what to take `otherwise` (G,) for groups that have none."""
    count = np.bincount(group[inlier], minlength=len(otherwise))
    squares = np.bincount(group[inlier], (found[inlier] ** 2).sum(axis=1), len(otherwise))
    freedom = max(1.0 - parameters / max(2.0 * inlier.sum(), 1.0), 0.1)
    spread = np.sqrt(squares / np.maximum(2 * count, 1) / freedom)
    return np.where(count > 0, np.maximum(spread, _LEAST_SIGMA_PX), otherwise)


def _minimise(
    corners: Corners,
    state: State,
    columns: Columns,
    prior: LensPrior,
    loss: tuple[np.ndarray, np.ndarray],
    most: int,
    tolerance: float,
) -> tuple[State, int]:
    """Levenberg-Marquardt. loss: scales (N,) of Cauchy's loss, or inliers (N,) bool of plain squares; sigma (N,)."""
    kind, sigma = loss
    robust, sharpness = kind.dtype != bool, sigma**-2.0

    def evaluate(s: State) -> tuple[float, np.ndarray]:
        squared = (residuals(corners, s) ** 2).sum(axis=1)
        pulls = prior.cost(s.lenses) + (s.motion.cost() if s.motion is not None else 0.0)
        if robust:
            share = squared / kind**2
            cost = 0.5 * float((kind**2 * sharpness * np.log1p(share)).sum())
            return cost + pulls, sharpness / (1.0 + share)
        return 0.5 * float((squared * sharpness)[kind].sum()) + pulls, sharpness * kind

    cost, weights = evaluate(state)
    damping = 1e-4
    for iteration in range(most):
        equations = NormalEquations.of(corners, state, columns, weights)
        while True:
            step = equations.step(columns, prior, state.lenses, damping)
            trial = moved(state, columns, *step) if step is not None else state
            after, new_weights = evaluate(trial) if step is not None else (np.inf, weights)
            if after < cost or damping > 1e8:
                break
            if abs(after - cost) <= 1e-12 * cost:
                return state, iteration + 1
            damping *= 8.0
        if not after < cost:
            return state, iteration + 1
        gain = (cost - after) / cost
        state, cost, weights = trial, after, new_weights
        damping = max(damping / 6.0, 1e-12)
        if gain < tolerance:
            return state, iteration + 1
    return state, most
