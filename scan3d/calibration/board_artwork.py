"""What a board looks like: squares, markers and dots as a drawing, in the frame of `Board.points_m`.

Held to OpenCV's own pictures of its boards by tests. The colour of a chessboard's upper left square is black, as on
OpenCV's patterns; of a ChArUco board's too, unless it is of the old kind (before OpenCV 4.6) and has an even number
of rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scan3d.calibration.targets import Board, dictionary_of
from scan3d.geometry.artwork import Artwork, Shape, cells, disc
from scan3d.geometry.transforms import Array


def board_artwork(board: Board) -> Artwork:
    """The board's pattern without a margin: black on white, or the other way round when it is inverted."""
    width, height = board.size_m
    if board.kind == "charuco":
        shapes = (*_chequers(board, _charuco_offset(board)), *_tags(board))
    elif board.kind == "apriltag":
        shapes = tuple(_tags(board))
    elif board.kind == "chessboard":
        shapes = tuple(_chequers(board, 0))
    else:
        shapes = tuple(disc(x, y, board.marker_m) for x, y, _ in board.points_m)
    artwork = Artwork(width_m=width, height_m=height, shapes=tuple(shapes))
    return artwork.inverted() if board.inverted else artwork


def marker_corners_m(board: Board) -> Array:
    """(M, 4, 2) corners of its markers in the order of their numbers: upper left, upper right, lower right, lower left.

    Empty for boards without markers.
    """
    if board.kind == "apriltag":
        return board.points_m[:, :2].reshape(-1, 4, 2)
    if board.kind != "charuco":
        return np.zeros((0, 4, 2))
    offset = _charuco_offset(board)
    squares = [(c, r) for r in range(board.rows) for c in range(board.columns) if (c + r + offset) % 2]
    rim = 0.5 * (board.square_m - board.marker_m)
    first = np.array(squares) * board.square_m + rim
    return first[:, None] + np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * board.marker_m


def quiet_zone_m(board: Board) -> float:
    """How wide a margin of its ground the pattern needs for detectors, metres: one cell of a tag, or a quarter of a
    square; none around a ChArUco board, whose markers have their own."""
    if board.kind == "apriltag":
        return board.square_m / (int(dictionary_of(board).markerSize) + 2)
    return 0.25 * board.square_m if board.kind != "charuco" or board.inverted else 0.0


def square_is_black(board: Board, column: int, row: int) -> bool:
    """The colour of a square of a ChArUco board or chessboard, counted from the upper left of the pattern."""
    offset = _charuco_offset(board) if board.kind == "charuco" else 0
    return ((column + row + offset) % 2 == 0) != board.inverted


def _charuco_offset(board: Board) -> int:
    return 1 if board.legacy and board.rows % 2 == 0 else 0


def _chequers(board: Board, offset: int) -> Iterator[Shape]:
    side = board.square_m
    columns, rows = round(board.size_m[0] / side), round(board.size_m[1] / side)
    for row in range(rows):
        for column in range((row + offset) % 2, columns, 2):
            x, y = column * side, row * side
            yield Shape(x0=x, y0=y, x1=x + side, y1=y + side, black=True)


def _tags(board: Board) -> Iterator[Shape]:
    dictionary = dictionary_of(board)
    count = int(dictionary.markerSize) + 2
    for number, quad in zip(board.marker_ids, marker_corners_m(board), strict=True):
        picture = np.asarray(dictionary.generateImageMarker(number, count))
        (x0, y0), (x1, _) = quad[:2].tolist()
        yield from cells(picture > 127, x0, y0, x1 - x0)
