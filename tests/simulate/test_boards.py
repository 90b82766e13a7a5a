"""Boards and the colour chart in the virtual studio: found where they were put, with the colours they should have."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mitsuba", reason="the simulated studio needs mitsuba")

from scan3d.calibration.board_artwork import board_artwork
from scan3d.calibration.detection import find_boards
from scan3d.calibration.targets import Target, read_target
from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.geometry import Camera, Rigid3
from scan3d.geometry.lights import LightSetup
from scan3d.simulate.boards import (
    CHART_SRGB,
    board_parts,
    chart_linear,
    chart_patches_m,
    chart_size_m,
    colour_chart_parts,
)
from scan3d.simulate.lights import even
from scan3d.simulate.preview import Preview

sys.path.append(str(Path(__file__).parents[1] / "calibration"))
from board_pictures import board_before
from board_rigs import default_lens

_EVEN = LightSetup(name="even", surroundings=even())
_PIXELS = 3  # of the quick renderer along a pixel: it has one ray for each


def _photograph(parts: tuple, width: int, height: int, focal_px: float) -> tuple[np.ndarray, Camera]:
    lens = default_lens("pinhole", width=_PIXELS * width, height=_PIXELS * height, focal_px=_PIXELS * focal_px)
    camera = Camera(camera_id="c", intrinsics=lens, cam_from_world=Rigid3.identity())
    fine = Preview(parts, _EVEN).render(camera)
    return fine.reshape(height, _PIXELS, width, _PIXELS, 3).mean(axis=(1, 3)), camera.scaled(1 / _PIXELS)


def test_a_board_is_found_where_it_was_put() -> None:
    target: Target = read_target("charuco_a3")
    board = target.boards[0]
    lens = default_lens("pinhole", width=900, height=700, focal_px=850)
    pose = board_before(lens, board, distance_m=0.6, turn_deg=(25, -15), roll_deg=8)
    light, camera = _photograph(board_parts(board_artwork(board), pose), 900, 700, 850)
    (view,) = find_boards(quantised(linear_to_srgb(light), np.uint8), "c", "0", target)
    assert not view.mirrored and len(view.point_ids) > 100
    off = view.px - camera.project(pose.apply(board.points_m))[0][view.point_ids]
    assert np.sqrt((off**2).sum(axis=1).mean()) < 0.03


def test_a_board_has_a_front_a_back_and_closed_sides() -> None:
    board = read_target("charuco_a4_pair").boards[0]
    world_from_board = Rigid3.exp([0.1, -0.3, 1.2, 0.4, -0.2, 0.9])
    parts = board_parts(board_artwork(board), world_from_board, margin_m=0.02, thickness_m=0.01)
    assert [part.name for part in parts] == ["board_front", "board_back", "board_sides"]
    front, back, sides = (part.mesh for part in parts)
    towards = -world_from_board.rotation[:, 2]
    np.testing.assert_allclose(front.face_normals() @ towards, 1.0, atol=1e-9)
    np.testing.assert_allclose(back.face_normals() @ towards, -1.0, atol=1e-9)
    width, height = board.size_m[0] + 0.04, board.size_m[1] + 0.04
    assert front.face_areas().sum() == pytest.approx(width * height)
    corners = [mesh.corners().astype(float) for mesh in (front, back, sides)]
    middle = world_from_board.apply([board.size_m[0] / 2, board.size_m[1] / 2, 0.005])
    volume = sum(np.einsum("fd,fd->f", np.cross(c[:, 0] - middle, c[:, 1] - middle), c[:, 2] - middle).sum() / 6
                 for c in corners)  # fmt: skip
    assert volume == pytest.approx(width * height * 0.01)  # all faces look outwards, and close it


def test_the_chart_has_the_published_colours() -> None:
    width, height = chart_size_m()
    pose = Rigid3(rotation=np.eye(3), translation=np.array([-width / 2, -height / 2, 0.6]))
    light, camera = _photograph(colour_chart_parts(pose), 400, 300, 560)
    px, _ = camera.project(pose.apply(np.column_stack([chart_patches_m(), np.zeros(24)])))
    seen = light[px[:, 1].astype(int), px[:, 0].astype(int)]
    np.testing.assert_allclose(seen, chart_linear(), atol=1e-4)
    np.testing.assert_array_equal(np.rint(255 * linear_to_srgb(seen)).astype(int), CHART_SRGB)
    assert light[150, 400 // 2] == pytest.approx(0.03, abs=1e-3)  # the frame between the middle patches
