"""The measures against surfaces and pictures whose numbers follow from geometry."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from report_shapes import camera_at, card, sphere

from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.report import SurfaceView, Texture, look_at, view_colours, write_glb, write_obj
from tests.benchmarks.measures import load_model, relative_power, rephotograph, score_mesh


def plate(height_m: float, width_m: float = 1.0) -> Mesh:
    """A level plate, 1 m deep."""
    corners = np.array([[0, 0, height_m], [width_m, 0, height_m], [width_m, 1, height_m], [0, 1, height_m]])
    return Mesh(vertices=corners, faces=np.array([[0, 1, 2], [0, 2, 3]]))


def test_a_plate_beside_another_is_as_far_as_it_is() -> None:
    score = score_mesh(plate(0), plate(1e-3), samples=4000)
    assert score.accuracy.median_m == pytest.approx(1e-3, rel=1e-6)
    assert score.accuracy.max_m == pytest.approx(1e-3, rel=1e-6)
    assert score.completeness.mean_m == pytest.approx(1e-3, rel=1e-6)
    by_tolerance = {at.tolerance_m: at.f for at in score.at}
    assert (by_tolerance[0.5e-3], by_tolerance[2e-3]) == (0, 1)


def test_what_is_missing_lowers_recall_only() -> None:
    score = score_mesh(plate(0), plate(0, width_m=0.75), samples=40_000)
    half_mm = score.at[1]
    assert half_mm.precision == 1
    # The distance at the plate's end is to the nearest sample, half a sampling step early.
    assert half_mm.recall == pytest.approx(0.75, abs=0.01)
    assert half_mm.f == pytest.approx(2 * 0.75 / 1.75, abs=0.01)
    assert score.completeness.max_m == pytest.approx(0.25, abs=0.01)


def test_noise_comes_out_as_it_went_in() -> None:
    ball = sphere(0.1, steps=200)
    assert ball.normals is not None
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=2e-4, size=(len(ball.vertices), 1))
    # Moved as a whole by 0.5 mm outwards: accuracy and completeness agree.
    grown = Mesh(vertices=ball.vertices + ball.normals * 5e-4, faces=ball.faces)
    score = score_mesh(ball, grown, samples=20_000)
    assert score.accuracy.median_m == pytest.approx(5e-4, rel=0.02)
    assert score.completeness.median_m == pytest.approx(5e-4, rel=0.02)
    rough = score_mesh(ball, Mesh(vertices=ball.vertices + ball.normals * noise, faces=ball.faces), samples=20_000)
    assert 0.5e-4 < rough.accuracy.median_m < 1.35e-4


def test_only_what_two_cameras_see_must_be_there() -> None:
    ball = sphere(0.1, steps=64)
    half = Mesh(vertices=ball.vertices, faces=ball.faces[ball.vertices[ball.faces].mean(axis=1)[:, 1] < 0.005])
    in_front = [camera_at((x, -3, 0), camera_id=f"{x}", focal_px=500.0) for x in (-0.2, 0.2)]
    behind = [*in_front, camera_at((0, 3, 0), camera_id="back", focal_px=500.0)]
    for cameras in (in_front, behind):
        # One camera behind is not two.
        score = score_mesh(ball, half, samples=20_000, cameras=cameras)
        assert score.at[2].recall > 0.995
        assert score.truth_points < 10_000
    assert score_mesh(ball, half, samples=20_000).at[2].recall < 0.6


def test_stands_and_floors_do_not_count() -> None:
    ball = sphere(0.1, steps=64)
    floor = plate(-0.5)
    both = Mesh(
        vertices=np.concatenate([ball.vertices, floor.vertices]),
        faces=np.concatenate([ball.faces, floor.faces + len(ball.vertices)]),
    )
    assert score_mesh(ball, both, samples=20_000).at[0].precision == 1
    upper = score_mesh(ball, both, samples=20_000, above_z_m=0.0)
    assert upper.truth_points == pytest.approx(10_000, rel=0.05)


def test_nothing_to_measure_is_told() -> None:
    empty = Mesh(vertices=np.zeros((3, 3)), faces=np.zeros((0, 3), np.int32))
    with pytest.raises(InputError, match="no faces"):
        score_mesh(plate(0), empty)
    with pytest.raises(InputError, match="frame"):
        score_mesh(plate(0), plate(9), samples=1000)


@pytest.fixture(scope="module")
def speckled_card() -> tuple[Mesh, Texture]:
    mesh, texture = card(0.4)
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(size=(512, 512, 3)).astype(np.float32), (0, 0), 1.5)
    picture = np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8)
    return mesh, Texture(uv=texture.uv, tiles=[picture])


@pytest.mark.parametrize("suffix", [".obj", ".glb"])
def test_a_model_that_is_right_photographs_itself(
    suffix: str, speckled_card: tuple[Mesh, Texture], tmp_path: Path
) -> None:
    mesh, texture = speckled_card
    surface = SurfaceView(mesh, texture)
    camera = camera_at((0.1, -1, 0.1), size=(240, 200), focal_px=500, distortion=(-0.1, 0.05, 0, 0))
    photograph = view_colours(look_at(surface, camera, smooth=False)).over((0, 0, 0))
    path = tmp_path / f"model{suffix}"
    if suffix == ".obj":
        write_obj(mesh, path, texture=texture)
    else:
        write_glb(mesh, path, texture=texture, jpeg_quality=None)
    score = rephotograph(SurfaceView(*load_model(path)), surface, camera, photograph)
    # What remains is the rounding of the photograph to 8 bits.
    assert score.psnr_db > 50
    assert score.ssim > 0.999
    assert score.ciede2000 < 0.3
    assert score.coverage == 1
    assert score.sharpness == pytest.approx(1, abs=1e-3)


def test_an_error_of_known_size_has_its_psnr(speckled_card: tuple[Mesh, Texture]) -> None:
    mesh, texture = speckled_card
    grey = SurfaceView(mesh, Texture(uv=texture.uv, tiles=[np.full((4, 4, 3), 100, np.uint8)]))
    camera = camera_at((0, -1, 0), size=(160, 160), focal_px=300)
    photograph = np.full((160, 160, 3), 110, np.uint8)
    score = rephotograph(grey, grey, camera, photograph)
    assert score.psnr_db == pytest.approx(-20 * np.log10(10 / 255), abs=1e-3)


def test_what_the_model_lacks_shows_in_coverage(speckled_card: tuple[Mesh, Texture]) -> None:
    mesh, texture = speckled_card
    half = SurfaceView(
        Mesh(vertices=mesh.vertices, faces=mesh.faces[:1]), Texture(uv=texture.uv[:1], tiles=texture.tiles)
    )
    camera = camera_at((0, -1, 0), size=(200, 200), focal_px=300)
    whole = SurfaceView(mesh, texture)
    photograph = view_colours(look_at(whole, camera, smooth=False)).over((0, 0, 0))
    assert rephotograph(half, whole, camera, photograph).coverage == pytest.approx(0.5, abs=0.01)


def test_blur_takes_power() -> None:
    rng = np.random.default_rng(2)
    sharp = rng.random((200, 200, 3))
    inside = np.ones((200, 200), bool)
    assert relative_power(sharp, sharp, inside) == pytest.approx(1)
    assert relative_power(0.5 * sharp, sharp, inside) == pytest.approx(0.25)
    assert relative_power(cv2.GaussianBlur(sharp, (0, 0), 1.0), sharp, inside) < 0.25
    # Waves longer than 8 pixels do not count.
    wave = np.broadcast_to(0.5 + 0.4 * np.sin(np.arange(200) * 2 * np.pi / 40)[:, None, None], (200, 200, 3))
    assert relative_power(sharp + wave, sharp, inside) == pytest.approx(1, abs=0.05)
    assert np.isnan(relative_power(sharp, sharp, np.zeros((200, 200), bool)))
