"""Boards with markers (ChArUco, AprilTag) in a picture: seen in part is enough, every corner knows its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scan3d.calibration.board_picture import BoardPicture
from scan3d.calibration.corner_refinement import refine_crossings, refine_tags
from scan3d.calibration.targets import Board, dictionary_of

_LEAST_MARKERS = 2  # a single one may be anything
_LEAST_CROSSINGS = 4
_OFF_PITCH = 0.35  # a tag this far from where its neighbours put it, in steps of the grid, carries a wrong number

Found = dict[str, tuple[np.ndarray, np.ndarray]]  # board name -> point ids (N,), OpenCV's pixels (N, 2)


def find_marker_boards(picture: BoardPicture, boards: Sequence[Board]) -> Found:
    """Boards with markers, none of them inverted against the picture; those with too few corners are left out."""
    found: Found = {}
    for name in sorted({board.dictionary for board in boards}):
        of_dictionary = [board for board in boards if board.dictionary == name]
        corners, ids = _markers(picture, of_dictionary[0])
        for board in of_dictionary:
            own = [k for k, number in enumerate(ids) if number in board.marker_ids]
            if len(own) < min(_LEAST_MARKERS, len(board.marker_ids)):
                continue
            read = _crossings if board.kind == "charuco" else _tags
            point_ids, px = read(picture, board, [corners[k] for k in own], ids[own])
            if len(point_ids) >= _LEAST_CROSSINGS and _spans_a_plane(board.points_m[point_ids]):
                found[board.name] = (point_ids, px)
    return found


def _markers(picture: BoardPicture, board: Board) -> tuple[list[np.ndarray], np.ndarray]:
    """Corners (1, 4, 2) and numbers (M,) of all markers of a dictionary in the small picture."""
    import cv2

    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    # From markers of 15 px side up, in pictures of 1800; the default of 3 % would ask for 54 px.
    parameters.minMarkerPerimeterRate = 0.02
    detector: Any = cv2.aruco.ArucoDetector(dictionary_of(board), parameters)
    corners, ids, _ = detector.detectMarkers(picture.small)
    if ids is None:
        return [], np.zeros(0, int)
    return list(corners), np.asarray(ids).ravel()


def _crossings(
    picture: BoardPicture, board: Board, corners: list[np.ndarray], ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    numbers = np.arange(board.marker_ids.start, board.marker_ids.stop, dtype=np.int32)
    layout = cv2.aruco.CharucoBoard(
        (board.columns, board.rows),
        board.square_m,
        board.marker_m,
        dictionary_of(board),
        numbers,
    )
    layout.setLegacyPattern(board.legacy)
    detector: Any = cv2.aruco.CharucoDetector(layout)
    px, point_ids, _, _ = detector.detectBoard(
        picture.small, markerCorners=corners, markerIds=ids.astype(np.int32)[:, None]
    )
    if point_ids is None or len(point_ids) == 0:
        return np.zeros(0, int), np.zeros((0, 2))
    point_ids = np.asarray(point_ids).ravel().astype(int)
    px_cv = picture.to_full(np.asarray(px).reshape(-1, 2))
    if len(point_ids) < _LEAST_CROSSINGS:
        return np.zeros(0, int), np.zeros((0, 2))
    return _kept(point_ids, refine_crossings(picture, board, point_ids, px_cv))


def _tags(
    picture: BoardPicture, board: Board, corners: list[np.ndarray], ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    quads = picture.to_full(np.array(corners).reshape(-1, 4, 2))
    numbers = ids - board.first_id
    placed = _in_place(quads, numbers, board)
    refined = refine_tags(picture, board, numbers[placed], quads[placed])
    point_ids = (4 * numbers[placed][:, None] + np.arange(4)).ravel()
    return _kept(point_ids, refined.reshape(-1, 2))


def _in_place(quads: np.ndarray, numbers: np.ndarray, board: Board) -> np.ndarray:
    """(T,) bool: each number once, and where the nearest other tags of the grid put it (an affine map of them)."""
    once = np.array([np.count_nonzero(numbers == number) == 1 for number in numbers], dtype=bool)
    plane = board.points_m[:, :2].reshape(-1, 4, 2)
    pitch = board.square_m + board.gap_m
    good = once.copy()
    for k in np.flatnonzero(once):
        others = np.flatnonzero(once & (np.arange(len(numbers)) != k))
        if len(others) < 2:
            continue
        away = np.linalg.norm(plane[numbers[others]].mean(axis=1) - plane[numbers[k]].mean(axis=0), axis=1)
        near = others[np.argsort(away, kind="stable")[:4]]
        source = plane[numbers[near]].reshape(-1, 2)
        affine, *_ = np.linalg.lstsq(np.column_stack([source, np.ones(len(source))]), quads[near].reshape(-1, 2))
        predicted = np.column_stack([plane[numbers[k]], np.ones(4)]) @ affine
        step = np.sqrt(abs(np.linalg.det(affine[:2]))) * pitch
        good[k] = np.linalg.norm(predicted - quads[k], axis=1).mean() < _OFF_PITCH * step * (1 + away.min() / pitch)
    return good


def _kept(point_ids: np.ndarray, px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(point_ids, kind="stable")
    good = order[np.isfinite(px[order]).all(axis=1)]
    return point_ids[good], px[good]


def _spans_a_plane(points_m: np.ndarray) -> bool:
    """Corners in one line fix no pose."""
    spread = np.linalg.svd(points_m[:, :2] - points_m[:, :2].mean(axis=0), compute_uv=False)
    return bool(spread[1] > 0.1 * spread[0])
