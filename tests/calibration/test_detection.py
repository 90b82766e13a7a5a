"""Boards in exact pictures: corners to hundredths of a pixel through every lens, in part, inverted and in a mirror."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from board_pictures import board_before, exact_px, picture_of
from board_rigs import default_lens

from scan3d.calibration.board_prediction import is_mirrored
from scan3d.calibration.board_views import BoardView
from scan3d.calibration.detection import find_boards
from scan3d.calibration.targets import Board, Target
from scan3d.geometry import Intrinsics, Rigid3

_BOARDS = {
    "charuco": Board(
        name="charuco", kind="charuco", columns=9, rows=6, square_m=0.04, marker_m=0.03, dictionary="DICT_4X4_250"
    ),
    "apriltag": Board(
        name="apriltag", kind="apriltag", columns=5, rows=4, square_m=0.06, gap_m=0.018,
        dictionary="DICT_APRILTAG_36h11",
    ),
    "chessboard": Board(name="chessboard", kind="chessboard", columns=8, rows=5, square_m=0.04),
    "circles": Board(name="circles", kind="circles", columns=8, rows=5, square_m=0.045, marker_m=0.025),
    "asymmetric_circles": Board(
        name="asymmetric_circles", kind="asymmetric_circles", columns=4, rows=7, square_m=0.04, marker_m=0.028
    ),
}  # fmt: skip
_TEXEL_M = {"charuco": 0.001, "apriltag": 0.00075, "chessboard": 0.001, "circles": 0.0004, "asymmetric_circles": 0.0004}
_MODELS = ("pinhole", "opencv", "full_opencv", "fisheye")
_SMALL = {"width": 640, "height": 480, "focal_px": 580.0}


def _target(*boards: Board) -> Target:
    return Target(name="t", boards=boards)


def _photograph(board: Board, lens: Intrinsics, pose: Rigid3, **picture: float) -> np.ndarray:
    return picture_of([(board, pose)], lens, texel_m=_TEXEL_M[board.kind], **picture)


def _the_view(pixels: np.ndarray, board: Board) -> BoardView:
    (view,) = find_boards(pixels, "cam", "001", _target(board), "cam/001.png")
    assert (view.camera_id, view.shot, view.board, view.source) == ("cam", "001", board.name, "cam/001.png")
    assert (np.diff(view.point_ids) > 0).all() and view.px.shape == (len(view.point_ids), 2)
    return view


def _off_px(view: BoardView, lens: Intrinsics, board: Board, pose: Rigid3) -> np.ndarray:
    return np.linalg.norm(view.px - exact_px(lens, board, pose)[view.point_ids], axis=1)


@pytest.mark.parametrize("model", _MODELS)
@pytest.mark.parametrize("kind", list(_BOARDS))
def test_corners_are_exact_through_every_lens(kind: str, model: str) -> None:
    board, lens = _BOARDS[kind], default_lens(model, **_SMALL)
    pose = board_before(lens, board, distance_m=0.6, turn_deg=(20, -25), roll_deg=12)
    view = _the_view(_photograph(board, lens, pose, blur_px=0.6), board)
    assert len(view.point_ids) == len(board.points_m) and not view.mirrored
    off = _off_px(view, lens, board, pose)
    assert np.sqrt((off**2).mean()) < 0.05 and off.max() < 0.15
    bias = (view.px - exact_px(lens, board, pose)[view.point_ids]).mean(axis=0)
    assert np.abs(bias).max() < 0.02


@pytest.mark.parametrize("kind", ["charuco", "apriltag", "chessboard", "circles", "asymmetric_circles"])
def test_inverted_boards_are_found_and_only_as_such(kind: str) -> None:
    board, lens = replace(_BOARDS[kind], inverted=True), default_lens("opencv", **_SMALL)
    pose = board_before(lens, board, distance_m=0.6, turn_deg=(-20, 15), roll_deg=5)
    pixels = _photograph(board, lens, pose, blur_px=0.6)
    view = _the_view(pixels, board)
    assert np.sqrt((_off_px(view, lens, board, pose) ** 2).mean()) < 0.06
    if kind in ("charuco", "apriltag"):
        assert find_boards(pixels, "cam", "001", _target(_BOARDS[kind])) == []


@pytest.mark.parametrize("kind", ["charuco", "apriltag"])
def test_a_part_of_a_board_with_markers_is_enough(kind: str) -> None:
    board, lens = _BOARDS[kind], default_lens("opencv", **_SMALL)
    pose = board_before(lens, board, distance_m=0.45, turn_deg=(15, 10), shift=(0.8, 0.7))
    view = _the_view(_photograph(board, lens, pose, blur_px=0.6), board)
    inside = lens.contains(exact_px(lens, board, pose))
    assert 4 <= len(view.point_ids) <= inside.sum() < 0.7 * len(inside)
    assert set(view.point_ids) <= set(np.flatnonzero(inside)) and _off_px(view, lens, board, pose).max() < 0.2


@pytest.mark.parametrize("kind", ["chessboard", "circles", "asymmetric_circles"])
def test_a_part_of_a_board_without_markers_is_nothing(kind: str) -> None:
    board, lens = _BOARDS[kind], default_lens("opencv", **_SMALL)
    pose = board_before(lens, board, distance_m=0.45, shift=(0.8, 0.7))
    assert find_boards(_photograph(board, lens, pose, blur_px=0.6), "cam", "1", _target(board)) == []


@pytest.mark.parametrize("kind", ["charuco", "apriltag"])
def test_a_mirrored_picture_is_noticed(kind: str) -> None:
    board, lens = _BOARDS[kind], default_lens("pinhole", **_SMALL)
    pose = board_before(lens, board, distance_m=0.6, turn_deg=(20, 10), roll_deg=-8, shift=(0.1, 0.0))
    pixels = np.ascontiguousarray(_photograph(board, lens, pose, blur_px=0.6)[:, ::-1])
    view = _the_view(pixels, board)
    assert view.mirrored and is_mirrored(replace(view, mirrored=False), board)
    exact = exact_px(lens, board, pose)[view.point_ids]
    exact[:, 0] = lens.width - exact[:, 0]
    assert np.linalg.norm(view.px - exact, axis=1).max() < 0.15


@pytest.mark.parametrize("roll_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("kind", ["chessboard", "asymmetric_circles"])
def test_which_end_is_first_is_told_by_the_board(kind: str, roll_deg: float) -> None:
    board, lens = _BOARDS[kind], default_lens("opencv", width=600, height=600, focal_px=600.0)
    pose = board_before(lens, board, distance_m=0.6, turn_deg=(20, 10), roll_deg=roll_deg + 7)
    view = _the_view(_photograph(board, lens, pose, blur_px=0.6), board)
    assert _off_px(view, lens, board, pose).max() < 0.2


@pytest.mark.parametrize("kind", ["chessboard", "circles"])
def test_where_nothing_tells_the_end_x_runs_to_the_right(kind: str) -> None:
    board = replace(_BOARDS[kind], columns=8, rows=6)
    assert board.looks_the_same_turned
    lens = default_lens("opencv", **_SMALL)
    for roll_deg in (10, 190):
        pose = board_before(lens, board, distance_m=0.7, turn_deg=(20, 10), roll_deg=roll_deg)
        view = _the_view(_photograph(board, lens, pose, blur_px=0.6), board)
        exact = exact_px(lens, board, pose)
        exact = exact if roll_deg == 10 else exact[::-1]
        assert np.linalg.norm(view.px - exact, axis=1).max() < 0.2


def test_several_boards_in_one_picture() -> None:
    front = replace(_BOARDS["charuco"], name="front", columns=5, rows=4, body="cube")
    right = replace(front, name="right", first_id=10)
    black = replace(front, name="black", first_id=20, inverted=True, dictionary="DICT_5X5_50")
    chess = replace(_BOARDS["chessboard"], columns=5, rows=4)
    lens = default_lens("opencv", **_SMALL)
    scene = [
        (board, board_before(lens, board, distance_m=0.9, turn_deg=(turn, 5), shift=shift))
        for board, turn, shift in (
            (front, 10, (-0.5, -0.5)), (right, -30, (0.5, -0.5)), (black, 20, (-0.5, 0.5)), (chess, 0, (0.5, 0.5))
        )
    ]  # fmt: skip
    pixels = picture_of(scene, lens, texel_m=0.001, blur_px=0.6)
    target = _target(right, chess, front, black)
    views = find_boards(pixels, "cam", "1", target)
    assert [view.board for view in views] == ["right", "chessboard", "front", "black"]
    poses = {board.name: (board, pose) for board, pose in scene}
    for view in views:
        board, pose = poses[view.board]
        # Squares of 20 px: corners away from markers that were read may be missing, none may be wrong.
        assert len(view.point_ids) >= 8 and _off_px(view, lens, board, pose).max() < 0.2


@pytest.mark.parametrize("kind", ["charuco", "chessboard", "apriltag"])
def test_sharpness_is_the_rise_of_edges(kind: str) -> None:
    board, lens = _BOARDS[kind], default_lens("pinhole", **_SMALL)
    pose = board_before(lens, board, distance_m=0.55, turn_deg=(5, 5), roll_deg=3)
    for blur_px in (0.8, 1.3):
        view = _the_view(_photograph(board, lens, pose, blur_px=blur_px), board)
        # 10 to 90 % of a Gaussian edge, with the pixel's own box and the sampling between pixels.
        expected = 2.563 * np.sqrt(blur_px**2 + 1 / 12 + 1 / 6)
        assert view.sharpness == pytest.approx(expected, rel=0.15)
    dots = _BOARDS["circles"]
    pose = board_before(lens, dots, distance_m=0.55)
    assert np.isnan(_the_view(_photograph(dots, lens, pose), dots).sharpness)


def test_noise_costs_little() -> None:
    board, lens = _BOARDS["charuco"], default_lens("opencv", **_SMALL)
    pose = board_before(lens, board, distance_m=0.6, turn_deg=(20, -25), roll_deg=12)
    clean = _photograph(board, lens, pose, blur_px=0.8)
    rng = np.random.default_rng(3)
    noisy = np.clip(clean + rng.normal(0, 5.0, clean.shape), 0, 255).astype(np.uint8)
    off = _off_px(_the_view(noisy, board), lens, board, pose)
    assert np.sqrt((off**2).mean()) < 0.08


def test_large_pictures_are_searched_small_and_measured_large() -> None:
    board, lens = _BOARDS["charuco"], default_lens("opencv", width=2800, height=2100, focal_px=2500.0)
    pose = board_before(lens, board, distance_m=0.8, turn_deg=(20, -25), roll_deg=12)
    pixels = picture_of([(board, pose)], lens, texel_m=0.001, oversample=2, blur_px=0.8)
    view = _the_view(pixels, board)
    assert len(view.point_ids) == len(board.points_m)
    assert np.sqrt((_off_px(view, lens, board, pose) ** 2).mean()) < 0.05


def test_markers_of_a_few_pixels_are_looked_for_enlarged() -> None:
    board, lens = _BOARDS["charuco"], default_lens("opencv", **_SMALL)
    pose = board_before(lens, board, distance_m=1.4, turn_deg=(20, -15), roll_deg=12)
    pixels = _photograph(board, lens, pose, blur_px=0.9)  # squares of 17 px
    assert find_boards(pixels, "cam", "1", _target(board), thorough=False) == []
    view = _the_view(pixels, board)
    assert len(view.point_ids) > 10 and _off_px(view, lens, board, pose).max() < 0.2


def test_sixteen_bits_colours_and_grey_are_the_same() -> None:
    board, lens = _BOARDS["charuco"], default_lens("pinhole", **_SMALL)
    pixels = _photograph(board, lens, board_before(lens, board, distance_m=0.6, roll_deg=5), blur_px=0.6)
    grey = _the_view(pixels, board)
    deep = _the_view(pixels.astype(np.uint16) * 257, board)
    colours = _the_view(np.repeat(pixels[..., None], 3, axis=2), board)
    np.testing.assert_allclose(deep.px, grey.px, atol=1e-3)
    np.testing.assert_allclose(colours.px, grey.px, atol=1e-6)
    with pytest.raises(ValueError, match="uint8"):
        find_boards(pixels / 255.0, "cam", "1", _target(board))


@pytest.mark.parametrize("kind", list(_BOARDS))
def test_nothing_is_found_where_no_board_is(kind: str) -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 255, (300, 400), dtype=np.uint8)
    blobs = cv2.GaussianBlur(rng.integers(0, 255, (300, 400), dtype=np.uint8), None, 6)
    for pixels in (np.zeros((300, 400), np.uint8), noise, blobs, np.zeros((40, 30), np.uint8)):
        assert find_boards(pixels, "cam", "1", _target(_BOARDS[kind])) == []


def test_tags_with_numbers_from_elsewhere_are_left_out() -> None:
    board, lens = _BOARDS["apriltag"], default_lens("pinhole", **_SMALL)
    pose = board_before(lens, board, distance_m=0.6)
    pixels = _photograph(board, lens, pose, blur_px=0.5)
    # One tag of the board is papered over with another of the same board: both places claim its number.
    stranger = replace(board, columns=1, rows=1, first_id=7, name="x")
    there = pose.apply(board.points_m[4 * 13])
    papered = picture_of(
        [(board, pose), (stranger, Rigid3(rotation=pose.rotation, translation=there))], lens, texel_m=0.00075,
        blur_px=0.5, margin=0.1,
    )  # fmt: skip
    assert len(_the_view(pixels, board).point_ids) == 80
    view = _the_view(papered, board)
    assert not set(view.point_ids // 4) & {7, 13} and len(view.point_ids) == 72
    assert _off_px(view, lens, board, pose).max() < 0.2
