"""A board calibration as arrays: which corner of which board was seen where, and the parameters that predict it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration import board_kernel as kernel
from scan3d.calibration.board_motion import Motion
from scan3d.calibration.board_views import BoardView
from scan3d.calibration.targets import Board, Target
from scan3d.geometry import Intrinsics

# Places of a model's parameters among the 12 of the kernel, whose order is that of full_opencv.
_COUNT = {"pinhole": 4, "opencv": 8, "opencv5": 9, "full_opencv": 12, "fisheye": 8}


@dataclass(frozen=True, kw_only=True, eq=False)
class Corners:
    """Corners of V views, one after the other.

    starts: (V + 1,) int64. points_m: (N, 3) in the board frame. px: (N, 2). indices: (V, 3) camera, body, board.
    """

    starts: np.ndarray
    points_m: np.ndarray
    px: np.ndarray
    indices: np.ndarray

    @property
    def views(self) -> int:
        """How many views there are."""
        return len(self.indices)

    def view_of_corner(self) -> np.ndarray:
        """(N,) the view that each corner belongs to."""
        return np.repeat(np.arange(self.views), np.diff(self.starts))

    def camera_of_corner(self) -> np.ndarray:
        """(N,) the camera that each corner was seen by."""
        return np.repeat(self.indices[:, 0], np.diff(self.starts))

    def group_of_corner(self) -> np.ndarray:
        """(N,) numbers from 0 of the groups whose corners are alike good: those of one board before one camera."""
        key = self.indices[:, 0] * (self.indices[:, 2].max(initial=0) + 1) + self.indices[:, 2]
        return np.repeat(np.unique(key, return_inverse=True)[1], np.diff(self.starts))

    def take(self, views: Sequence[int] | np.ndarray) -> Corners:
        """Some views only, in the order given; indices stay as they are."""
        views = np.asarray(views, dtype=np.int64)
        rows = rows_of(self.starts, views)
        starts = np.concatenate([[0], np.cumsum(np.diff(self.starts)[views])]).astype(np.int64)
        return Corners(starts=starts, points_m=self.points_m[rows], px=self.px[rows], indices=self.indices[views])

    def with_indices(self, indices: np.ndarray) -> Corners:
        """The same corners between other cameras, bodies and boards."""
        return replace(self, indices=np.ascontiguousarray(indices, dtype=np.int64))


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """Parameters of C cameras, B bodies and F boards. lenses: (C, 12), formulas: (C,) as the kernel has them.
    cam_from_world: (C, 3, 4), world_from_body: (B, 3, 4), body_from_board: (F, 3, 4). motion: of bodies that move while
    cameras are not quite in step."""

    lenses: np.ndarray
    formulas: np.ndarray
    cam_from_world: np.ndarray
    world_from_body: np.ndarray
    body_from_board: np.ndarray
    motion: Motion | None = None


def rows_of(starts: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Rows of the corners of these views, in order."""
    parts = [np.arange(starts[v], starts[v + 1]) for v in views]
    return np.concatenate([*parts, np.zeros(0, np.int64)]).astype(np.int64)


def corners_of(
    views: Sequence[BoardView],
    target: Target,
    *,
    cameras: Mapping[str, int],
    bodies: Mapping[tuple[str, str], int],
) -> Corners:
    """The corners of views between numbered cameras and bodies; boards are numbered as the target lists them."""
    boards = {board.name: (number, board) for number, board in enumerate(target.boards)}
    points, px, indices, counts = [], [], [], [0]
    for view in views:
        number, board = boards[view.board]
        points.append(np.asarray(board.points_m, dtype=np.float64)[view.point_ids])
        px.append(np.asarray(view.px, dtype=np.float64))
        counts.append(len(view.px))
        indices.append((cameras[view.camera_id], bodies[body_name(board), view.shot], number))
    return Corners(
        starts=np.cumsum(counts).astype(np.int64),
        points_m=np.concatenate([*points, np.zeros((0, 3))]),
        px=np.concatenate([*px, np.zeros((0, 2))]),
        indices=np.array(indices, dtype=np.int64).reshape(-1, 3),
    )


def body_name(board: Board) -> str:
    """The body a board is a face of: itself, where it names none."""
    return board.body or board.name


def free_columns(candidate: str) -> np.ndarray:
    """(12,) bool: parameters of the kernel that a lens candidate adjusts."""
    free = np.zeros(kernel.LENS_PARAMS, dtype=bool)
    free[: _COUNT[candidate]] = True
    return free


def pack_lens(intrinsics: Intrinsics) -> tuple[np.ndarray, int]:
    """(12,) parameters and the formula of a lens for the kernel."""
    params = np.zeros(kernel.LENS_PARAMS)
    params[: 4 + len(intrinsics.distortion)] = intrinsics.params()
    return params, kernel.FISHEYE if intrinsics.model == "fisheye" else 0


def unpack_lens(params: np.ndarray, candidate: str, size: tuple[int, int]) -> Intrinsics:
    """The Intrinsics of kernel parameters (12,) that were adjusted as `candidate`."""
    model = "full_opencv" if candidate == "opencv5" else candidate
    used = {"pinhole": 0, "opencv": 4, "fisheye": 4, "full_opencv": 8}[model]
    fx, fy, cx, cy = (float(p) for p in params[:4])
    distortion = tuple(float(p) for p in params[4 : 4 + used])
    return Intrinsics(model=model, width=size[0], height=size[1], fx=fx, fy=fy, cx=cx, cy=cy, distortion=distortion)


def residuals(corners: Corners, state: State) -> np.ndarray:
    """Observed minus predicted pixels, (N, 2); kernel.LOST_PX where a corner has no pixel."""
    out = np.empty_like(corners.px)
    kernel.residuals_of(*kernel_arguments(corners, state), out)
    return out


def kernel_arguments(corners: Corners, state: State) -> tuple[np.ndarray, ...]:
    """What every kernel function takes first."""
    indices, bodies = corners.indices, state.world_from_body
    if state.motion is not None:
        bodies = state.motion.bodies_of_views(indices, bodies)
        indices = np.stack([indices[:, 0], np.arange(len(indices)), indices[:, 2]], axis=1)
    return (
        corners.starts,
        corners.points_m,
        corners.px,
        indices,
        state.lenses,
        state.formulas,
        state.cam_from_world,
        bodies,
        state.body_from_board,
    )
