"""The normal equations of a board adjustment: where parameters stand, what pulls at the lenses, how a step is found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration import board_kernel as kernel
from scan3d.calibration.board_motion import JITTER_WEIGHT
from scan3d.calibration.board_poses import compose, small_poses
from scan3d.calibration.board_problem import Corners, State, kernel_arguments

# What is known of any lens before a picture is looked at, as standard deviations: weak enough to vanish beside a few
# boards, strong enough to hold what these leave open.
_CENTRE_SD = 0.05  # of the longer side
_ASPECT_SD = 0.002
_DISTORTION_SD = 1.0
_TIME_SD = 0.5  # frames: what is left when whole frames are taken off


@dataclass(frozen=True, kw_only=True, eq=False)
class Freedom:
    """What may move. lenses: (C, 12) bool; cameras: (C,) bool; boards: (F,) bool; times: (C,) bool, where the state has
    a motion. Bodies always do."""

    lenses: np.ndarray
    cameras: np.ndarray
    boards: np.ndarray
    times: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LensPrior:
    """Pulls of the lenses towards what is likely. mean, weight: (C, 12); aspect: (C,) weight of (fx - fy)^2."""

    mean: np.ndarray
    weight: np.ndarray
    aspect: np.ndarray

    @staticmethod
    def of(start: State, sizes: np.ndarray) -> LensPrior:
        """Principal point in the middle, square pixels, little distortion."""
        count = len(start.lenses)
        mean, weight = np.zeros((count, kernel.LENS_PARAMS)), np.zeros((count, kernel.LENS_PARAMS))
        mean[:, 2:4] = 0.5 * sizes
        weight[:, 2:4] = (_CENTRE_SD * sizes.max(axis=1, keepdims=True)) ** -2.0
        weight[:, 4:] = _DISTORTION_SD**-2.0
        return LensPrior(mean=mean, weight=weight, aspect=(_ASPECT_SD * start.lenses[:, 0]) ** -2.0)

    def cost(self, lenses: np.ndarray) -> float:
        """Half the sum of weighted squares."""
        off = self.weight * (lenses - self.mean) ** 2
        return 0.5 * float(off.sum() + (self.aspect * (lenses[:, 0] - lenses[:, 1]) ** 2).sum())

    def add(self, lenses: np.ndarray, columns: Columns, outer: np.ndarray, right: np.ndarray) -> None:
        """Adds the pulls to the outer normal equations."""
        place = columns.of_lens
        rows = place[place >= 0]
        outer[rows, rows] += self.weight[place >= 0]
        right[rows] -= (self.weight * (lenses - self.mean))[place >= 0]
        both = (place[:, 0] >= 0) & (place[:, 1] >= 0)
        fx, fy, pull = place[both, 0], place[both, 1], self.aspect[both]
        off = pull * (lenses[both, 0] - lenses[both, 1])
        outer[fx, fx] += pull
        outer[fy, fy] += pull
        outer[fx, fy] -= pull
        outer[fy, fx] -= pull
        right[fx] -= off
        right[fy] += off


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """Where parameters stand in the outer system (everything but body poses), -1 where held.

    of_camera: (C, 6), of_lens: (C, 12), of_board: (F, 6), of_time: (C,), of_view: (V, 25). count: size of the system.
    width: local parameters the kernel needs. body_of_view: (V,); body_starts, body_views: the views of each body.
    """

    of_camera: np.ndarray
    of_lens: np.ndarray
    of_board: np.ndarray
    of_time: np.ndarray
    of_view: np.ndarray
    count: int
    width: int
    body_of_view: np.ndarray
    body_starts: np.ndarray
    body_views: np.ndarray


def outer_columns(corners: Corners, freedom: Freedom) -> Columns:
    """Numbers the free parameters: camera by camera (pose, lens), then boards, then times."""
    free = np.concatenate([np.repeat(freedom.cameras[:, None], 6, axis=1), freedom.lenses], axis=1)
    place = np.where(free, np.cumsum(free).reshape(free.shape) - 1, -1)
    boards = np.repeat(freedom.boards[:, None], 6, axis=1)
    of_board = np.where(boards, np.cumsum(boards).reshape(boards.shape) - 1 + free.sum(), -1)
    times = np.zeros(len(freedom.cameras), dtype=bool) if freedom.times is None else freedom.times
    of_time = np.where(times, np.cumsum(times) - 1 + free.sum() + boards.sum(), -1)
    camera, body, board = corners.indices.T
    order = np.argsort(body, kind="stable")
    count = int(body.max()) + 1 if len(body) else 0
    return Columns(
        of_camera=place[:, :6],
        of_lens=place[:, 6:],
        of_board=of_board,
        of_time=of_time,
        of_view=np.concatenate([place[camera], of_board[board], of_time[camera, None]], axis=1),
        count=int(free.sum() + boards.sum() + times.sum()),
        width=kernel.TIME if boards.any() else kernel.BOARD,
        body_of_view=body,
        body_starts=np.searchsorted(body[order], np.arange(count + 1)),
        body_views=order,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class NormalEquations:
    """J^T W J and J^T W r by view (V, 31, 31) and (V, 31). jitter: what was taken out of them for the views' own times,
    (row (V, 31), right side (V,), both over the diagonal), None without a motion."""

    matrices: np.ndarray
    vectors: np.ndarray
    jitter: tuple[np.ndarray, np.ndarray] | None = None

    @staticmethod
    def of(corners: Corners, state: State, columns: Columns, weights: np.ndarray) -> NormalEquations:
        """weights: (N,) of the squared residuals."""
        matrices = np.empty((corners.views, kernel.LOCAL, kernel.LOCAL))
        vectors = np.empty((corners.views, kernel.LOCAL))
        kernel.accumulate(*kernel_arguments(corners, state), weights, columns.width, matrices, vectors)
        if state.motion is not None:
            _add_times(matrices, vectors, state.motion.velocities(corners.indices))
            jitter = _without_jitter(matrices, vectors, state.motion.jitter)
            return NormalEquations(matrices=matrices, vectors=vectors, jitter=jitter)
        return NormalEquations(matrices=matrices, vectors=vectors)

    def reduced(
        self, columns: Columns, prior: LensPrior, lenses: np.ndarray, damping: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Outer matrix (n, n) and right side (n,) without the bodies, and the inverses (B, 6, 6) of their blocks."""
        outer, right = np.zeros((columns.count, columns.count)), np.zeros(columns.count)
        kernel.assemble(self.matrices, self.vectors, columns.of_view, outer, right)
        if (columns.of_time >= 0).any():
            rows = columns.of_time[columns.of_time >= 0]
            outer[rows, rows] += _TIME_SD**-2.0
        prior.add(lenses, columns, outer, right)
        diagonal = np.einsum("ii->i", outer)
        diagonal += damping * diagonal + 1e-12
        inverses = np.empty((len(columns.body_starts) - 1, 6, 6))
        kernel.eliminate(
            self.matrices,
            self.vectors,
            columns.of_view,
            columns.body_starts,
            columns.body_views,
            damping,
            outer,
            right,
            inverses,
        )
        return outer, right, inverses

    def step(
        self, columns: Columns, prior: LensPrior, lenses: np.ndarray, damping: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Steps of the outer parameters (n,), of the bodies (B, 6) and of the views' times (V,); None where the system
        cannot be solved."""
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        outer, right, inverses = self.reduced(columns, prior, lenses, damping)
        try:
            by_outer = cho_solve(cho_factor(outer), right) if columns.count else right
        except (LinAlgError, ValueError):
            return None
        by_body = np.empty((len(inverses), 6))
        views = (columns.of_view, columns.body_starts, columns.body_views)
        kernel.substitute_back(self.matrices, self.vectors, *views, inverses, by_outer, by_body)
        return by_outer, by_body, self._by_view(columns, by_outer, by_body)

    def _by_view(self, columns: Columns, by_outer: np.ndarray, by_body: np.ndarray) -> np.ndarray:
        """Steps of the views' own times (V,), given those of all else."""
        if self.jitter is None:
            return np.zeros(0)
        row, right = self.jitter
        local = np.concatenate([by_body[columns.body_of_view], np.append(by_outer, 0.0)[columns.of_view]], axis=1)
        return np.asarray(right - np.einsum("vi,vi->v", row, local))


def moved(state: State, columns: Columns, by_outer: np.ndarray, by_body: np.ndarray, by_view: np.ndarray) -> State:
    """The state after a step."""
    padded = np.append(by_outer, 0.0)  # held parameters are at -1
    cameras, lenses, boards = (padded[c] for c in (columns.of_camera, columns.of_lens, columns.of_board))
    motion = state.motion
    if motion is not None:
        motion = replace(motion, times=motion.times + padded[columns.of_time], jitter=motion.jitter + by_view)
    return replace(
        state,
        lenses=state.lenses + lenses,
        cam_from_world=compose(small_poses(cameras), state.cam_from_world),
        world_from_body=compose(state.world_from_body, small_poses(by_body)),
        body_from_board=compose(state.body_from_board, small_poses(boards)),
        motion=motion,
    )


def _without_jitter(matrices: np.ndarray, vectors: np.ndarray, jitter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes each view's own time out of its normal equations, in place, and returns what the way back needs."""
    row = matrices[:, :, kernel.TIME].copy()
    diagonal = row[:, kernel.TIME] + JITTER_WEIGHT
    right = vectors[:, kernel.TIME] - JITTER_WEIGHT * jitter
    row_over, right_over = row / diagonal[:, None], right / diagonal
    vectors -= row * right_over[:, None]
    matrices -= row[:, :, None] * row_over[:, None, :]
    return row_over, right_over


def _add_times(matrices: np.ndarray, vectors: np.ndarray, velocities: np.ndarray) -> None:
    """The rows of the cameras' times in the views' normal equations: a body's step along its velocity (V, 6)."""
    upper = matrices[:, : kernel.BODY + 6, : kernel.TIME]
    whole = upper.copy()
    whole[:, :6, :6] = np.triu(upper[:, :, :6]) + np.swapaxes(np.triu(upper[:, :, :6], 1), 1, 2)
    row = np.einsum("vi,vij->vj", velocities, whole)
    matrices[:, : kernel.TIME, kernel.TIME] = row
    matrices[:, kernel.TIME, kernel.TIME] = np.einsum("vi,vi->v", row[:, :6], velocities)
    vectors[:, kernel.TIME] = np.einsum("vi,vi->v", vectors[:, :6], velocities)
