"""Views as the reconstruction reads them: scales, local contrast within the mask, growing depth, what is kept."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import trimesh

from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.pipeline.executor import run_units
from scan3d.reconstruction.views import Level, View, extend_depth, high_passed, noise_variance
from tests.reconstruction.ellipsoid_scene import RADII_M, Shot


def view_of(grey: np.ndarray, mask: np.ndarray | None = None) -> View:
    height, width = grey.shape
    intrinsics = Intrinsics(model="pinhole", width=width, height=height, fx=90.0, fy=95.0, cx=31.0, cy=27.0)
    inside = np.ones(grey.shape, bool) if mask is None else mask
    camera = Camera(camera_id="cam", intrinsics=intrinsics, cam_from_world=Rigid3.exp([0.1, 0.2, 0, 0, 0, 1]))
    return View(camera=camera, load_grey=lambda: grey, load_mask=lambda: inside)


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.3, 0.017])
def test_a_resized_view_projects_to_the_same_place_of_the_picture(scale: float) -> None:
    view = view_of(np.zeros((57, 61), np.float32))
    point = np.array([0.05, -0.08, 0.3])
    px, z = view.camera.project(point)
    q = view.matrix(scale) @ [*point, 1]
    height, width = view.shape(scale)
    assert height == max(1, round(57 * scale))
    assert width == max(1, round(61 * scale))
    np.testing.assert_allclose(q[:2] / q[2] / [width, height], px / [61, 57])
    assert q[2] == pytest.approx(z)


def test_shading_goes_texture_stays_and_what_is_off_the_subject_is_nothing() -> None:
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:80, 0:90]
    mask = (x - 45) ** 2 + (y - 40) ** 2 < 30**2
    texture = 0.05 * np.sin(2 * np.pi * x / 5).astype(np.float32)
    plain, shaded = 0.4 + texture, 0.6 + texture + 0.002 * y
    values = []
    for grey in (plain, shaded):
        grey = np.where(mask, grey, random.random(mask.shape)).astype(np.float32)  # whatever the backdrop is
        values.append(high_passed(grey, mask, mask.shape, 3))
    assert values[0].dtype == np.float32
    for value in values:
        assert (np.isfinite(value) == mask).all()
    np.testing.assert_allclose(values[0][mask], texture[mask], atol=0.01)  # at the border the surroundings are fewer
    inner = cv2.erode(mask.astype(np.uint8), np.ones((31, 31))) > 0
    assert inner.sum() > 100
    np.testing.assert_allclose(values[0][inner], texture[inner], atol=2e-3)
    np.testing.assert_allclose(values[1][inner], values[0][inner], atol=2e-3)


@pytest.mark.parametrize(("border", "known"), [(31, 8), (29, 7), (28, 7)])
def test_a_smaller_picture_averages_the_subject_only(border: int, known: int) -> None:
    mask = np.zeros((40, 60), bool)
    mask[:, :border] = True  # it may run through a pixel of the small picture, of which most must be subject
    grey = np.where(mask, 0.5, 99.0).astype(np.float32)
    value = high_passed(grey, mask, (10, 15), 3)
    assert value.shape == (10, 15)
    assert np.isfinite(value[:, :known]).all()
    assert np.isnan(value[:, known:]).all()
    np.testing.assert_allclose(value[:, :known], 0, atol=1e-3)


def test_depth_grows_to_the_silhouette_from_its_nearest_pixel() -> None:
    depth = np.full((30, 40), np.nan, np.float32)
    depth[10:20, 10:20] = np.arange(100).reshape(10, 10)
    wanted = np.zeros((30, 40), bool)
    wanted[5:25, 8:30] = True
    grown = extend_depth(depth, wanted, 4)
    known = np.isfinite(depth)
    np.testing.assert_array_equal(grown[known], depth[known])
    assert (grown[12:18, 20:24] == depth[12:18, 19:20]).all()
    assert (grown[6:10, 12] == depth[10, 12]).all()
    assert np.isnan(grown[12, 24:]).all()  # further than 4 pixels
    assert np.isnan(grown[12, :8]).all()  # not wanted
    assert grown.dtype == np.float32
    nothing = np.full((5, 5), np.nan, np.float32)
    assert np.isnan(extend_depth(nothing, np.ones((5, 5), bool), 3)).all()
    assert extend_depth(depth, known, 4) is depth


@pytest.mark.parametrize("sigma", [0.004, 0.02])
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("thin", [False, True])
def test_noise_is_measured_on_the_subject_whatever_its_shading(sigma: float, scale: float, thin: bool) -> None:
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:200, 0:220] / 200
    mask = np.abs(x - 0.5) < 11 / 200 / scale if thin else (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.2
    grey = 0.3 + 0.2 * np.sin(3 * x) * np.cos(2 * y) + sigma * random.normal(size=x.shape)
    grey = np.where(mask, grey, random.random(x.shape))
    expected = (sigma * scale) ** 2  # four pixels in one halve the noise
    measured = noise_variance(view_of(grey.astype(np.float32), mask), scale)
    assert 0.7 * expected < measured < 1.05 * expected  # the lower quartile lies a little below
    nothing = view_of(grey.astype(np.float32), np.zeros_like(mask))
    assert noise_variance(nothing, scale) > 0


def ball_level(scene: list[Shot], loads: list[str], **changed: object) -> Level:
    def counted(shot: Shot) -> View:
        def load() -> np.ndarray:
            loads.append(shot.camera.camera_id)
            return shot.grey

        return replace(shot.view(), load_grey=load)

    ball = trimesh.creation.icosphere(subdivisions=4)
    settings = {"scale": 0.5, "radius_px": 3, "vertices": ball.vertices * RADII_M, "faces": ball.faces} | changed
    return Level(views=[counted(shot) for shot in scene], **settings)


def test_a_level_gives_picture_and_depth_at_its_scale(scene: list[Shot]) -> None:
    level = ball_level(scene, [], reach_px=0)
    image, depth = level.get(4)
    assert image.shape == depth.shape == (120, 120)
    truth = scene[4].depth.reshape(120, 2, 120, 2).mean((1, 3))
    both = np.isfinite(depth) & np.isfinite(truth)
    assert both.sum() > 0.95 * np.isfinite(image).sum()
    assert np.median(np.abs(depth - truth)[both]) < 2e-4
    small = trimesh.creation.icosphere(subdivisions=4).vertices * RADII_M * 0.97
    bare, grown = (ball_level(scene, [], reach_px=reach, vertices=small).get(4)[1] for reach in (0, 3))
    assert not np.isfinite(bare[np.isfinite(image)]).all()
    assert np.isfinite(grown[np.isfinite(image)]).all()


def test_a_level_keeps_what_fits_and_drops_what_was_used_longest_ago(scene: list[Shot]) -> None:
    loads: list[str] = []
    level = ball_level(scene, loads, budget_bytes=3 * 2 * 120 * 120 * 4)  # three views
    for index in (0, 1, 2, 0, 3, 0, 2):
        level.get(index)
    assert loads == ["cam00", "cam01", "cam02", "cam03"]  # room for cam03 was made of cam01, the longest unused
    level.get(1)
    assert loads[-1] == "cam01"
    tiny = ball_level(scene, loads, budget_bytes=1)
    assert tiny.get(5)[0].shape == (120, 120)


def test_a_level_is_safe_for_threads(scene: list[Shot]) -> None:
    alone = ball_level(scene, [])
    shared = ball_level(scene, [], budget_bytes=2 * 2 * 120 * 120 * 4)
    order = [k % 5 for k in range(40)]
    for index, (image, depth) in zip(order, run_units(shared.get, order, workers=4), strict=True):
        np.testing.assert_array_equal(image, alone.get(index)[0])
        np.testing.assert_array_equal(depth, alone.get(index)[1])
