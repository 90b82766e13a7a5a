"""Boards with markers (ChArUco, AprilTag) in a picture: seen in part is enough, every corner knows its number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scan3d.calibration.board_artwork import marker_corners_m
from scan3d.calibration.board_map import fit_board_map
from scan3d.calibration.board_picture import BoardPicture
from scan3d.calibration.corner_refinement import crossings_by_lines, refine_crossings, refine_tags
from scan3d.calibration.targets import Board, dictionary_of

_LEAST_MARKERS = 2  # a single one may be anything
_LEAST_CORNERS = 4
# A marker this far from where its neighbours put it, as a share of the way to them, carries a wrong number.
_OFF_SHARE = 0.3
_BESIDE_MARKER, _BESIDE_CROSSING = 0.75, 1.5  # squares: corners of a marker's own square; neighbours, diagonal too
_RINGS = 2  # of crossings beyond those at markers that are looked for
_GUESS_REACH_PX = 2.5  # how far off they may be, and what must be clear beside their edges
_NOTHING = (np.zeros(0, int), np.zeros((0, 2)))

Found = dict[str, tuple[np.ndarray, np.ndarray]]  # board name -> point ids (N,), OpenCV's pixels (N, 2)


def find_marker_boards(picture: BoardPicture, boards: Sequence[Board]) -> Found:
    """Boards with markers, none of them inverted against the picture; those with too few corners are left out."""
    found: Found = {}
    for name in sorted({board.dictionary for board in boards}):
        of_dictionary = [board for board in boards if board.dictionary == name]
        corners, ids = _markers(picture, of_dictionary[0])
        for board in of_dictionary:
            own = [k for k, number in enumerate(ids) if number in board.marker_ids]
            quads, plane = corners[own], marker_corners_m(board)[ids[own] - board.first_id]
            placed = _in_place(quads, plane)
            if placed.sum() < min(_LEAST_MARKERS, len(board.marker_ids)):
                continue
            read = _crossings if board.kind == "charuco" else _tags
            point_ids, px = read(picture, board, quads[placed], plane[placed])
            if len(point_ids) >= _LEAST_CORNERS and _spans_a_plane(board.points_m[point_ids]):
                found[board.name] = (point_ids, px)
    return found


def _markers(picture: BoardPicture, board: Board) -> tuple[np.ndarray, np.ndarray]:
    """Corners (M, 4, 2) in OpenCV's pixels of the full picture and numbers (M,) of all markers of a dictionary."""
    import cv2

    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    # Markers down to a side of 9 px in pictures of 1800; the default of 3 % of the perimeter would ask for 14.
    parameters.minMarkerPerimeterRate = 0.02
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary_of(board), parameters).detectMarkers(picture.small)
    if ids is None:
        return np.zeros((0, 4, 2)), np.zeros(0, int)
    return picture.to_full(np.array(corners).reshape(-1, 4, 2)), np.asarray(ids).ravel().astype(int)


def _crossings(
    picture: BoardPicture, board: Board, quads: np.ndarray, plane: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Crossings of squares: those at corners of squares with markers first, then what lies next to them."""
    board_map = fit_board_map(plane.reshape(-1, 2), quads.reshape(-1, 2))
    if board_map is None:
        return _NOTHING
    points = board.points_m[:, :2]
    away = np.linalg.norm(points[:, None] - plane.mean(axis=1), axis=2).min(axis=1)
    near = np.flatnonzero(away < _BESIDE_MARKER * board.square_m)
    ids, px = _kept(near, refine_crossings(picture, board, near, board_map(points[near])))
    for _ in range(_RINGS):
        known = fit_board_map(points[ids], px)
        if known is None:
            return _NOTHING
        away = np.linalg.norm(points[:, None] - points[ids], axis=2).min(axis=1)
        beside = np.flatnonzero((away > 0) & (away < _BESIDE_CROSSING * board.square_m))
        if len(beside) == 0:
            break
        guess = known(points[beside])
        refined = crossings_by_lines(picture, board, known, beside, guess, least_reach_px=_GUESS_REACH_PX)
        refined[np.linalg.norm(refined - guess, axis=1) > _GUESS_REACH_PX] = np.nan
        ids, px = _kept(np.concatenate([ids, beside]), np.concatenate([px, refined]))
    return ids, px


def _tags(
    picture: BoardPicture, board: Board, quads: np.ndarray, plane: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    corners = board.points_m[:, :2].reshape(-1, 4, 2)
    tags = np.linalg.norm(corners[:, 0] - plane[:, None, 0], axis=2).argmin(axis=1)
    refined = refine_tags(picture, board, tags, quads)
    return _kept((4 * tags[:, None] + np.arange(4)).ravel(), refined.reshape(-1, 2))


def _in_place(quads: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """(T,) bool: each marker once, and where the nearest others of the board put it (an affine map of them)."""
    middles = plane.mean(axis=1)
    apart = np.linalg.norm(middles[:, None] - middles, axis=2)
    once = (apart < 1e-9).sum(axis=1) == 1
    good = once.copy()
    for k in np.flatnonzero(once):
        others = np.flatnonzero(once & (np.arange(len(plane)) != k))
        if len(others) < 2:
            continue
        near = others[np.argsort(apart[k, others], kind="stable")[:4]]
        source = np.column_stack([plane[near].reshape(-1, 2), np.ones(4 * len(near))])
        affine, *_ = np.linalg.lstsq(source, quads[near].reshape(-1, 2), rcond=None)
        predicted = np.column_stack([plane[k], np.ones(4)]) @ affine
        # The further the others lie, the more perspective and lens may bend the way to them.
        allowed = _OFF_SHARE * np.sqrt(abs(np.linalg.det(affine[:2]))) * (apart[k, near[0]] + apart[k, near].max()) / 2
        good[k] = np.linalg.norm(predicted - quads[k], axis=1).mean() < allowed
    return good


def _kept(point_ids: np.ndarray, px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(point_ids, kind="stable")
    good = order[np.isfinite(px[order]).all(axis=1)]
    return point_ids[good], px[good]


def _spans_a_plane(points_m: np.ndarray) -> bool:
    """Corners in one line fix no pose."""
    spread = np.linalg.svd(points_m[:, :2] - points_m[:, :2].mean(axis=0), compute_uv=False)
    return bool(spread[1] > 0.1 * spread[0])
