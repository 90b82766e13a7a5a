"""Pictures of a model beside photographs whose numbers follow from how they were made."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from report_shapes import camera_at, card

from scan3d.geometry import Mesh
from scan3d.report import SurfaceView, Texture, look_at, view_colours, write_glb, write_obj
from scan3d.report.score import load_model, relative_power, rephotograph


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
