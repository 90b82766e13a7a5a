"""Drawings of boards: OpenCV's own pictures, pixel for pixel, and their geometry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scan3d.calibration.board_artwork import board_artwork, quiet_zone_m, square_is_black
from scan3d.calibration.targets import Board, dictionary_of
from scan3d.geometry.artwork import Artwork, Shape, cells, disc


def _charuco(columns: int, rows: int, legacy: bool) -> Board:
    return Board(
        name="b", kind="charuco", columns=columns, rows=rows, square_m=0.04, marker_m=0.03, dictionary="DICT_4X4_250",
        first_id=3, legacy=legacy,
    )  # fmt: skip


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("columns", "rows"), [(5, 4), (6, 5), (4, 4), (5, 5)])
def test_charuco_boards_are_opencvs(columns: int, rows: int, legacy: bool) -> None:
    board = _charuco(columns, rows, legacy)
    theirs = cv2.aruco.CharucoBoard(
        (columns, rows), 0.04, 0.03, dictionary_of(board), np.array(board.marker_ids, np.int32)
    )
    theirs.setLegacyPattern(legacy)
    picture = theirs.generateImage((columns * 80, rows * 80))
    np.testing.assert_array_equal(np.rint(255 * board_artwork(board).raster(0.0005, oversample=1)), picture)
    np.testing.assert_allclose(board.points_m, theirs.getChessboardCorners(), atol=1e-6)
    for row in range(rows):
        for column in range(columns):
            assert square_is_black(board, column, row) == (picture[80 * row + 1, 80 * column + 1] == 0)


def test_tags_lie_at_their_points_and_carry_their_numbers() -> None:
    board = Board(
        name="t", kind="apriltag", columns=3, rows=2, square_m=0.08, gap_m=0.02, dictionary="DICT_APRILTAG_36h11",
        first_id=5,
    )  # fmt: skip
    picture = np.rint(255 * board_artwork(board).raster(0.0005, oversample=1)).astype(np.uint8)
    padded = cv2.copyMakeBorder(picture, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary_of(board)).detectMarkers(padded)
    assert sorted(ids.ravel()) == list(range(5, 11))
    points = board.points_m[:, :2].reshape(-1, 4, 2)
    for quad, number in zip(corners, ids.ravel(), strict=True):
        np.testing.assert_allclose((quad[0] + 0.5 - 40) * 0.0005, points[number - 5], atol=0.001)


def test_inverted_boards_are_negatives() -> None:
    board = _charuco(5, 4, False)
    negative = Board(**{**board.__dict__, "inverted": True})
    np.testing.assert_allclose(
        board_artwork(board).raster(0.001), 1 - board_artwork(negative).raster(0.001), atol=1e-12
    )
    assert square_is_black(board, 0, 0) and not square_is_black(negative, 0, 0)
    assert board_artwork(negative).black_ground and quiet_zone_m(negative) > 0


def test_dots_are_round_and_in_place() -> None:
    board = Board(name="d", kind="asymmetric_circles", columns=3, rows=5, square_m=0.04, marker_m=0.03)
    artwork = board_artwork(board)
    picture = artwork.raster(0.0005)
    area = (1 - picture).sum() * 0.0005**2
    assert area == pytest.approx(15 * np.pi * 0.015**2, rel=2e-3)
    for x, y, _ in board.points_m:
        assert artwork.is_black(np.array([x + 0.0149, y])) and not artwork.is_black(np.array([x, y - 0.0151]))


def test_later_shapes_cover_earlier_ones_and_frames_move_them() -> None:
    shapes = (*cells([[True, False], [True, True]], 0.0, 0.0, 2.0), disc(1.5, 0.5, 0.5))
    artwork = Artwork(width_m=2.0, height_m=2.0, shapes=shapes)
    np.testing.assert_array_equal(artwork.raster(1.0, oversample=1), [[1, 0], [1, 1]])
    framed = artwork.framed(1.0)
    np.testing.assert_array_equal(framed.raster(1.0, oversample=1)[1:3, 1:3], [[1, 0], [1, 1]])
    assert framed.raster(1.0).shape == (4, 4)
    assert artwork.raster(0.5).mean() == pytest.approx(0.75)
    half = Artwork(width_m=1.0, height_m=1.0, shapes=(Shape(x0=0, y0=0, x1=0.5, y1=1, black=True),))
    assert half.raster(1.0)[0, 0] == 0.5
    with pytest.raises(ValueError, match="diameter"):
        disc(0, 0, 0.0)
