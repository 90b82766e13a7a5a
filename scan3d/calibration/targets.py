"""Calibration targets: boards of known corners, as TOML that people edit after measuring their print.

calibration/targets/NAME.toml, one board:

    name = "charuco_a3"
    kind = "charuco"                # charuco, apriltag, chessboard, circles or asymmetric_circles
    dictionary = "DICT_5X5_250"     # charuco and apriltag: OpenCV's name
    columns = 14                    # squares (apriltag: tags; chessboard: inner corners; circles: dots) along one side
    rows = 10
    square_m = 0.028                # side of a square; circles: from dot to dot; apriltag: side of a tag
    marker_m = 0.021                # charuco: side of a marker; circles: diameter of a dot
    gap_m = 0.01                    # apriltag: between tags
    first_id = 0                    # charuco and apriltag: number of the first marker
    inverted = false                # white where it is black elsewhere
    legacy = false                  # charuco boards made before OpenCV 4.6

or several, as [[board]] tables with a name each; keys beside `name` at the top hold for all of them. Boards with the
same `body` are faces of one solid thing; how they lie to each other is found by the calibration.

A board looks the same turned by 180 degrees when it is a grid of circles in straight rows, an asymmetric grid with an
even number of rows, or a chessboard whose inner corners along both sides are both even or both odd in number. One
camera does not mind; of several, some may then number its corners from the other end: see `looks_the_same_turned`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scan3d.calibration.target_file import read_tables
from scan3d.errors import InputError
from scan3d.geometry.transforms import Array

KINDS = ("charuco", "apriltag", "chessboard", "circles", "asymmetric_circles")
_LEAST = {"charuco": 3, "apriltag": 1, "chessboard": 3, "circles": 3, "asymmetric_circles": 3}
_LARGEST_M = 20.0


@dataclass(frozen=True, kw_only=True)
class Board:
    """One flat board; keys as in the TOML above. body: its own name unless it is a face of something."""

    name: str
    kind: str
    columns: int
    rows: int
    square_m: float
    marker_m: float = 0.0
    gap_m: float = 0.0
    dictionary: str = ""
    first_id: int = 0
    inverted: bool = False
    legacy: bool = False
    body: str = ""

    @functools.cached_property
    def points_m(self) -> Array:
        """(N, 3) its points, read-only, board frame in metres: x along columns, y along rows, z = 0 and away from who
        looks at the front; the origin is the upper left corner of the pattern.

        charuco, chessboard: inner corners, row by row. circles: middles of dots, row by row. apriltag: of each tag, row
        by row, its upper left, upper right, lower right and lower left corner.
        """
        columns, rows = self.grid
        row, column = (index.ravel().astype(np.float64) for index in np.mgrid[0:rows, 0:columns])
        if self.kind in ("charuco", "chessboard"):
            xy = np.stack([column + 1, row + 1], axis=1) * self.square_m
        elif self.kind == "apriltag":
            corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * self.square_m
            first = np.stack([column, row], axis=1) * (self.square_m + self.gap_m)
            xy = (first[:, None] + corners).reshape(-1, 2)
        elif self.kind == "circles":
            xy = np.stack([column + 0.5, row + 0.5], axis=1) * self.square_m
        else:
            xy = np.stack([2 * column + row % 2 + 0.5, row + 0.5], axis=1) * self.square_m
        points = np.column_stack([xy, np.zeros(len(xy))])
        points.setflags(write=False)
        return points

    @property
    def grid(self) -> tuple[int, int]:
        """Columns and rows of what `points_m` lists: inner corners, tags or dots."""
        inner = 1 if self.kind == "charuco" else 0
        return self.columns - inner, self.rows - inner

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of its pattern, without a margin, metres."""
        if self.kind == "apriltag":
            pitch = self.square_m + self.gap_m
            return self.columns * pitch - self.gap_m, self.rows * pitch - self.gap_m
        if self.kind == "asymmetric_circles":
            return 2 * self.columns * self.square_m, self.rows * self.square_m
        rim = 1 if self.kind == "chessboard" else 0
        return (self.columns + rim) * self.square_m, (self.rows + rim) * self.square_m

    @property
    def marker_ids(self) -> range:
        """Numbers of its markers; empty for boards without."""
        count = {"charuco": self.columns * self.rows // 2, "apriltag": self.columns * self.rows}.get(self.kind, 0)
        return range(self.first_id, self.first_id + count)

    @property
    def looks_the_same_turned(self) -> bool:
        """Whether nothing tells the board from itself turned by 180 degrees."""
        if self.kind == "chessboard":
            return (self.columns + self.rows) % 2 == 0
        return self.kind == "circles" or (self.kind == "asymmetric_circles" and self.rows % 2 == 0)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is held before the cameras: one board, or several of different names and different markers."""

    name: str
    boards: tuple[Board, ...]


def read_target(name_or_path: str) -> Target:
    """A target: of a file, or of one that ships with scan3d by its name ("charuco_a3").

    Raises InputError, naming file, board and key, where it is missing, is no TOML or describes what cannot be.
    """
    name, tables, where = read_tables(name_or_path)
    target = Target(name=name, boards=tuple(Board(**table) for table in tables))
    for board in target.boards:
        _check_board(board, where if len(tables) == 1 else f"board {board.name}, {where}")
    _check_together(target, where)
    return replace(target, boards=tuple(replace(b, body=b.body or b.name) for b in target.boards))


def target_with_square(target: Target, square_m: float) -> Target:
    """The target as printed: the first board's `square_m` is the length measured, all others follow in proportion.

    Raises InputError for a length that is none.
    """
    if not (math.isfinite(square_m) and 0 < square_m < _LARGEST_M):
        raise InputError(f"A square cannot be {square_m * 1e3:g} mm wide.", target.name, "Give the length measured.")
    scale = square_m / target.boards[0].square_m
    boards = (
        replace(b, square_m=b.square_m * scale, marker_m=b.marker_m * scale, gap_m=b.gap_m * scale)
        for b in target.boards
    )
    return replace(target, boards=tuple(boards))


def dictionary_of(board: Board) -> Any:
    """OpenCV's dictionary of the board's markers. Raises InputError where OpenCV has none of that name."""
    import cv2

    number = getattr(cv2.aruco, board.dictionary, None) if board.dictionary.startswith("DICT_") else None
    if number is None:
        what = f"There is no marker dictionary {board.dictionary!r}."
        raise InputError(what, f"board {board.name}", "Use OpenCV's names, such as DICT_5X5_250, DICT_APRILTAG_36h11.")
    return cv2.aruco.getPredefinedDictionary(number)


def _check_board(board: Board, where: str) -> None:
    def refuse(what: str, next_step: str) -> None:
        raise InputError(what, where, next_step)

    if board.kind not in KINDS:
        refuse(f"There is no kind of board {board.kind!r}.", f"Use one of {', '.join(KINDS)}.")
    least = _LEAST[board.kind]
    if min(board.columns, board.rows) < least or board.columns * board.rows > 10_000:
        refuse(f"A {board.kind} of {board.columns} x {board.rows} cannot be.", f"Use {least} or more along each side.")
    if not (board.square_m > 0 and max(board.size_m) < _LARGEST_M):
        width, height = board.size_m
        refuse(f"The board would be {width:g} x {height:g} m large.", "Lengths are in metres: 28 mm are 0.028.")
    if board.kind == "charuco" and not 0 < board.marker_m < board.square_m:
        what = f"A marker of {1e3 * board.marker_m:g} mm does not fit into a square of {1e3 * board.square_m:g} mm."
        refuse(what, "Make marker_m about 0.75 of square_m.")
    if board.kind == "apriltag" and board.gap_m <= 0:
        refuse("There is no gap between the tags: they cannot be told apart.", "Set gap_m to 0.2 of square_m or more.")
    if board.kind.endswith("circles"):
        apart = board.square_m * (math.sqrt(2) if board.kind == "asymmetric_circles" else 1)
        if not 0 < board.marker_m < apart:
            what = f"Dots of {1e3 * board.marker_m:g} mm would touch: their middles are {1e3 * apart:.3g} mm apart."
            refuse(what, "Make marker_m, the diameter of a dot, about half of that.")
    if board.kind == "chessboard" and board.columns == board.rows:
        what = f"A chessboard of {board.columns} x {board.rows} corners looks the same from all four sides."
        refuse(what, "Use an even and an odd number of inner corners, such as 9 x 6.")
    if board.kind == "circles" and board.columns == board.rows:
        what = f"A grid of {board.columns} x {board.rows} dots looks the same from all four sides."
        refuse(what, "Use different numbers along the two sides.")
    _check_markers(board, where)


def _check_markers(board: Board, where: str) -> None:
    if not board.marker_ids:
        return
    try:
        count = dictionary_of(board).bytesList.shape[0]
    except InputError as error:
        raise InputError(error.what, where, error.next_step) from None
    if board.first_id < 0 or board.marker_ids[-1] >= count:
        ids = board.marker_ids
        what = f"The board needs the markers {ids[0]} to {ids[-1]}, {board.dictionary} has 0 to {count - 1}."
        raise InputError(what, where, "Use a larger dictionary, a smaller board or another first_id.")


def _check_together(target: Target, where: str) -> None:
    names = [board.name for board in target.boards]
    if len(set(names)) < len(names):
        raise InputError("Two boards have the same name.", where, "Give every [[board]] a name of its own.")
    for number, board in enumerate(target.boards):
        for other in target.boards[:number]:
            if board.dictionary == other.dictionary and set(board.marker_ids) & set(other.marker_ids):
                what = f"The boards {other.name} and {board.name} share markers: they cannot be told apart."
                raise InputError(what, where, f"Set first_id of {board.name} to {other.marker_ids[-1] + 1}.")
            alike = (board.kind, *board.grid, board.inverted) == (other.kind, *other.grid, other.inverted)
            if alike and not board.marker_ids:
                what = f"The boards {other.name} and {board.name} look the same: they cannot be told apart."
                raise InputError(what, where, "Use boards with markers, or of different numbers of corners.")
