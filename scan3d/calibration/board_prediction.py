"""Where a calibration says that the corners of a view should be: for its own camera, another one, a turned board."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scan3d.calibration.board_calibration import BoardCalibration
from scan3d.calibration.board_views import BoardView
from scan3d.calibration.targets import Board, Target
from scan3d.geometry import Camera, Rigid3
from scan3d.geometry.transforms import Array

# A corner's twin on a turned board lies where it does, to this share of a square.
_SAME_PLACE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardPrediction:
    """A calibration and its target, asked about single views."""

    calibration: BoardCalibration
    target: Target

    @cached_property
    def boards(self) -> dict[str, Board]:
        """The target's boards by name."""
        return {board.name: board for board in self.target.boards}

    @cached_property
    def cameras(self) -> dict[str, Camera]:
        """The rig's cameras by name."""
        return {camera.camera_id: camera for camera in self.calibration.rig}

    @cached_property
    def half_turns(self) -> dict[str, np.ndarray | None]:
        """By board, `half_turn` of it."""
        return {name: half_turn(board) for name, board in self.boards.items()}

    def world_from_board(self, view: BoardView) -> Rigid3 | None:
        """Where the board of a view was; None where the calibration does not say."""
        board = self.boards[view.board]
        world_from_body = self.calibration.world_from_body.get((board.body or board.name, self.shot_of(view)))
        body_from_board = self.calibration.body_from_board.get(view.board)
        return None if world_from_body is None or body_from_board is None else world_from_body @ body_from_board

    def shot_of(self, view: BoardView) -> str:
        """The shot in the calibration's numbering: frames of a camera that lags are counted from another start."""
        lag = self.calibration.frame_offsets.get(view.camera_id)
        numbered = view.shot.lstrip("-").isdigit()
        return str(int(view.shot) - lag) if lag is not None and numbered else view.shot

    def points_world(self, view: BoardView, *, turned: bool = False) -> Array | None:
        """(N, 3) the corners of a view in the world; `turned`: as if the board were numbered from its other end."""
        world_from_board = self.world_from_board(view)
        ids = view.point_ids
        if turned:
            other = self.half_turns[view.board]
            if other is None:
                return None
            ids = other[ids]
        return None if world_from_board is None else world_from_board.apply(self.boards[view.board].points_m[ids])

    def residuals_px(self, view: BoardView, camera: Camera | None = None, *, turned: bool = False) -> Array | None:
        """(N, 2) observed minus predicted pixels, by the view's own camera or another; NaN where there is no pixel.

        None where the calibration knows no place of the board, the rig no such camera, or the board no other end.
        """
        camera = camera or self.cameras.get(view.camera_id)
        points = self.points_world(view, turned=turned)
        return None if camera is None or points is None else view.px - camera.project(points)[0]

    def median_px(self, view: BoardView, camera: Camera | None = None, *, turned: bool = False) -> float:
        """Median length of the residuals; infinite where most corners have no pixel, NaN where nothing is known."""
        residuals = self.residuals_px(view, camera, turned=turned)
        return float("nan") if residuals is None else median_length(residuals)


def median_length(residuals: Array) -> float:
    """Median length of residuals (N, 2); those without a pixel count as infinite."""
    lengths = np.linalg.norm(residuals, axis=-1)
    return float(np.median(np.where(np.isnan(lengths), np.inf, lengths))) if len(lengths) else float("nan")


def half_turn(board: Board) -> np.ndarray | None:
    """(N,) for every point of a board the one that takes its place when the board is turned by 180 degrees.

    In its plane; None for a board that does not look the same then.
    """
    xy = board.points_m[:, :2]
    wanted = xy.min(axis=0) + xy.max(axis=0) - xy
    distance = np.linalg.norm(wanted[:, None] - xy[None], axis=2)
    twin = distance.argmin(axis=1)
    same = distance[np.arange(len(xy)), twin] < _SAME_PLACE * board.square_m
    return twin if same.all() else None


def is_mirrored(view: BoardView, board: Board) -> bool:
    """Whether a view shows the board as in a mirror: said by the detection, or seen by the sense of its corners.

    x, y and the direction of view are right-handed from the front, and all corners are before the camera: the affine
    map from board to picture keeps the sense of turning.
    """
    if view.mirrored:
        return True
    xy = board.points_m[view.point_ids, :2]
    centred, px = xy - xy.mean(axis=0), view.px - view.px.mean(axis=0)
    if len(xy) < 4 or np.linalg.matrix_rank(centred, tol=0.2 * board.square_m) < 2:
        return False
    affine, *_ = np.linalg.lstsq(centred, px, rcond=None)
    return bool(np.linalg.det(affine) < 0)
