"""How sharp a board is in a picture: how many pixels the edges between its squares take from black to white."""

from __future__ import annotations

import numpy as np

from scan3d.calibration.board_artwork import square_is_black
from scan3d.calibration.board_picture import BoardPicture
from scan3d.calibration.targets import Board

_STEP_PX = 0.2
_PROFILES = 7  # along the middle of every edge
_MOST_EDGES = 160
_LEAST_SIDE_PX = 8.0
# How far from an edge into the dark nothing else lies, as a share of the edge: half a square, one cell of a tag.
_CLEAR = {"charuco": 0.4, "chessboard": 0.4, "apriltag": 0.1}


def edge_rise_px(picture: BoardPicture, board: Board, point_ids: np.ndarray, px_cv: np.ndarray) -> float:
    """10 to 90 % rise of light across edges, pixels, median over the edges of a view; nan where none can be measured.

    Measured on the dark side only, from 50 % down to 10 %, and doubled: the markers of a ChArUco board leave the bright
    side too narrow. An ideal picture of a sharp edge has 0.8; a good lens and sensor 1.5 to 3.

    Args:
        picture: as searched, black on white.
        point_ids, px_cv: points found (N,) and their OpenCV pixels (N, 2).
    """
    start, end, into_dark = _edges(board, point_ids, px_cv)
    length = np.linalg.norm(end - start, axis=1)
    long = length >= _LEAST_SIDE_PX
    start, end, into_dark, length = (values[long] for values in (start, end, into_dark, length))
    if len(start) == 0:
        return float("nan")
    if len(start) > _MOST_EDGES:
        chosen = np.linspace(0, len(start) - 1, _MOST_EDGES).astype(int)
        start, end, into_dark, length = (values[chosen] for values in (start, end, into_dark, length))
    rises = [
        _rise(picture, a, b, inwards, _CLEAR[board.kind] * side)
        for a, b, inwards, side in zip(start, end, into_dark, length, strict=True)
    ]
    known = [rise for rise in rises if np.isfinite(rise)]
    return float(np.median(known)) if known else float("nan")


def _rise(picture: BoardPicture, a: np.ndarray, b: np.ndarray, inwards: np.ndarray, reach_px: float) -> float:
    """Of one edge from a to b, with the unit vector into its dark side."""
    shares = np.linspace(0.3, 0.7, _PROFILES)
    along = a + shares[:, None] * (b - a)
    depth = np.arange(-0.3 * reach_px, reach_px + 1e-9, _STEP_PX)
    light = picture.light(along[:, None] + depth[:, None] * inwards).mean(axis=0)
    dark = float(np.median(light[-max(3, len(light) // 5) :]))
    # Between corners an edge may be bent by the lens: its middle is where the light falls fastest, near 0.
    near = np.abs(depth) <= max(1.0, 0.25 * reach_px)
    fall = -np.gradient(light)
    if not np.isfinite(light).all() or fall[near].max() <= 0:
        return float("nan")
    weights = np.where(near & (fall > 0.5 * fall[near].max()), fall, 0.0)
    middle = float((depth * weights).sum() / weights.sum())
    half = float(np.interp(middle, depth, light)) - dark
    if half <= 0.01:
        return float("nan")
    # Black is dark, white dark + 2 * half: 10 % lies at a fifth of half.
    below = np.flatnonzero((depth > middle) & (light - dark <= 0.2 * half))
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    k = int(below[0])
    share = (light[k - 1] - dark - 0.2 * half) / max(light[k - 1] - light[k], 1e-12)
    return 2.0 * (float(depth[k - 1] + np.clip(share, 0, 1) * _STEP_PX) - middle)


def _edges(board: Board, point_ids: np.ndarray, px_cv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts and ends (E, 2) of edges between black and white in the picture, and unit vectors (E, 2) to the black."""
    place = {int(number): px for number, px in zip(point_ids, px_cv, strict=True)}
    if board.kind in ("charuco", "chessboard"):
        found = _between_crossings(board, place)
    elif board.kind == "apriltag":
        found = _around_tags(place)
    else:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2))
    if not found:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2))
    start, end, dark = (np.array(values) for values in zip(*found, strict=True))
    unit = (end - start) / np.maximum(np.linalg.norm(end - start, axis=1), 1e-9)[:, None]
    across = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    side = np.sign(((dark - 0.5 * (start + end)) * across).sum(axis=1))
    return start, end, across * side[:, None]


def _between_crossings(
    board: Board, place: dict[int, np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:  # fmt: skip
    """Edges between neighbouring crossings, with a point on the dark side. Only the sense of it counts."""
    columns, rows = board.grid
    found = []
    for number, px in place.items():
        row, column = divmod(number, columns)
        for right in (True, False):
            other = number + (1 if right else columns)
            if (right and column == columns - 1) or (not right and row == rows - 1) or other not in place:
                continue
            # The square below the edge to the right, or to the right of the edge down, is (column + 1, row + 1).
            below_is_black = square_is_black(board, column + 1, row + 1) != board.inverted
            across = _sideways(place, number, columns, right)
            if across is None:
                continue
            middle = 0.5 * (px + place[other])
            found.append((px, place[other], middle + (across if below_is_black else -across)))
    return found


def _sideways(place: dict[int, np.ndarray], number: int, columns: int, right: bool) -> np.ndarray | None:
    """A step in the picture down the board (of an edge to the right) or to the right (of an edge down)."""
    step = columns if right else 1
    if number + step in place:
        return place[number + step] - place[number]
    if number - step in place:
        return place[number] - place[number - step]
    return None


def _around_tags(place: dict[int, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    found = []
    for tag in sorted({number // 4 for number in place}):
        corners = [place.get(4 * tag + k) for k in range(4)]
        if any(corner is None for corner in corners):
            continue
        known = np.array(corners)
        found += [(known[k], known[(k + 1) % 4], known.mean(axis=0)) for k in range(4)]
    return found
