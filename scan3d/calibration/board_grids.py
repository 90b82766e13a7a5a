"""Chessboards and grids of circles in a picture: seen whole or not at all, and brought to one order of their points.

Points are numbered so that x and y run as on the board's front, never mirrored. Which end is the first is told by the
colour of the squares, or the offset rows of circles; where nothing tells it, it is the end whose x runs to the right
in the picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scan3d.calibration.board_artwork import square_is_black
from scan3d.calibration.board_picture import BoardPicture
from scan3d.calibration.corner_refinement import refine_crossings, refine_dots
from scan3d.calibration.targets import Board

_FIT_SHARE = 0.35  # how far a dot may lie from a plane's perspective, in steps of the grid: lenses bend


def find_grid_board(picture: BoardPicture, board: Board) -> tuple[np.ndarray, np.ndarray] | None:
    """Point ids (N,) and OpenCV's pixels (N, 2) of a board that is black on white in the picture; None: not seen."""
    px_small = _chessboard(picture.small, board) if board.kind == "chessboard" else _circles(picture.small, board)
    if px_small is None:
        return None
    px_cv = _in_order(picture, board, picture.to_full(px_small))
    if px_cv is None:
        return None
    if board.kind == "chessboard":
        refined = refine_crossings(picture, board, np.arange(len(px_cv)), px_cv)
    else:
        refined = refine_dots(picture, board, px_cv)
    good = np.isfinite(refined).all(axis=1)
    # A board is whole or it is something else.
    return (np.flatnonzero(good), refined[good]) if good.mean() > 0.8 else None


def _chessboard(small: np.ndarray, board: Board) -> np.ndarray | None:
    import cv2

    size = (board.columns, board.rows)
    for flags in (0, cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE):
        found, px = cv2.findChessboardCornersSB(small, size, flags=flags)
        if found:
            return np.asarray(px, dtype=np.float64).reshape(-1, 2)
        if not flags:
            adaptive = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
            found, px = cv2.findChessboardCorners(small, size, flags=adaptive | cv2.CALIB_CB_FAST_CHECK)
            if found:
                return np.asarray(px, dtype=np.float64).reshape(-1, 2)
    return None


def _circles(small: np.ndarray, board: Board) -> np.ndarray | None:
    import cv2

    parameters = cv2.SimpleBlobDetector.Params()
    parameters.minArea = 12.0
    parameters.maxArea = 0.05 * small.size
    parameters.minDistBetweenBlobs = 4.0
    parameters.minThreshold, parameters.maxThreshold, parameters.thresholdStep = 20.0, 235.0, 12.0
    detector: Any = cv2.SimpleBlobDetector.create(parameters)
    size = (board.columns, board.rows)
    grid = cv2.CALIB_CB_SYMMETRIC_GRID if board.kind == "circles" else cv2.CALIB_CB_ASYMMETRIC_GRID
    for flags in (grid, grid | cv2.CALIB_CB_CLUSTERING):
        found, px = cv2.findCirclesGrid(small, size, flags=flags, blobDetector=detector)
        if found:
            return np.asarray(px, dtype=np.float64).reshape(-1, 2)
    return None


def _in_order(picture: BoardPicture, board: Board, px_cv: np.ndarray) -> np.ndarray | None:
    """The points in the board's own order; None where no order fits."""
    columns, rows = board.grid
    grid = px_cv.reshape(rows, columns, 2)
    candidates = [grid, grid[::-1, ::-1], grid[:, ::-1], grid[::-1]]
    flat = [np.ascontiguousarray(candidate).reshape(-1, 2) for candidate in candidates]
    straight = [px for px in flat if not _is_mirrored(board, px) and _fits(board, px)]
    if board.kind == "chessboard":
        right = [px for px in straight if _colours_agree(picture, board, px)]
        # Colours that disagree both ways: a board with its black and white exchanged, or something else.
        straight = right if (board.columns + board.rows) % 2 else straight
    if not straight:
        return None
    return max(straight, key=lambda px: _rightwards(board, px)) if board.looks_the_same_turned else straight[0]


def _is_mirrored(board: Board, px: np.ndarray) -> bool:
    xy = board.points_m[:, :2]
    affine, *_ = np.linalg.lstsq(xy - xy.mean(axis=0), px - px.mean(axis=0))
    return bool(np.linalg.det(affine) < 0)


def _fits(board: Board, px: np.ndarray) -> bool:
    """Whether a perspective takes the board there; rows of an asymmetric grid in the wrong order do not."""
    import cv2

    homography, _ = cv2.findHomography(board.points_m[:, :2], px)
    if homography is None:
        return False
    back = np.column_stack([px, np.ones(len(px))]) @ np.linalg.inv(homography).T
    off = np.linalg.norm(back[:, :2] / back[:, 2:] - board.points_m[:, :2], axis=1)
    return bool(np.median(off) < _FIT_SHARE * board.square_m)


def _rightwards(board: Board, px: np.ndarray) -> float:
    x = board.points_m[:, 0]
    return float(((x - x.mean()) * (px[:, 0] - px[:, 0].mean())).sum())


def _colours_agree(picture: BoardPicture, board: Board, px: np.ndarray) -> bool:
    """Whether squares between corners are as dark as they should be."""
    columns, rows = board.grid
    grid = px.reshape(rows, columns, 2)
    middles = 0.25 * (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:])
    light = picture.light(middles)
    row, column = np.mgrid[1:rows, 1:columns]
    black = np.vectorize(lambda c, r: square_is_black(board, c, r) != board.inverted)(column, row)
    return bool(np.nanmedian(light[black]) < np.nanmedian(light[~black]))
