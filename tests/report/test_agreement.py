"""A camera that is wrong shows in its numbers, by as much as it is wrong."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from report_shapes import camera_at, sphere

from scan3d.errors import CaptureError
from scan3d.geometry import Camera, Mesh, Rigid3
from scan3d.report.agreement import ReportView, measure_agreement
from scan3d.report.coverage import measure_coverage, sample_evenly
from scan3d.report.look import look_at
from scan3d.report.picture_motion import displacement_px, find_motion, moved
from scan3d.report.shading import view_colours
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import Texture


def speckled(seed: int = 3) -> np.ndarray:
    """(512, 1024, 3) a skin-like picture: broad shades and fine speckles."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(512, 1024)).astype(np.float32)
    broad, fine = cv2.GaussianBlur(noise, (0, 0), 40), cv2.GaussianBlur(noise, (0, 0), 2.2)
    grey = 130 + 25 * broad / broad.std() + 14 * fine / fine.std()
    return np.clip(grey[..., None] * [1.15, 0.9, 0.8], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def surface() -> SurfaceView:
    mesh = sphere(0.1, steps=48)
    x, y, z = np.moveaxis(mesh.vertices[mesh.faces], -1, 0)
    u = np.arctan2(x, -y) / (2 * np.pi) + 0.5
    # Corners of a face across the seam at the back take the same turn as the others.
    u = np.where((np.ptp(u, axis=1) > 0.5)[:, None] & (u < 0.5), u + 1, u)
    uv = np.stack([np.clip(u, 0, 1), np.arccos(np.clip(-z / 0.1, -1, 1)) / np.pi], axis=-1)
    return SurfaceView(mesh, Texture(uv=uv, tiles=[speckled()]))


@pytest.fixture(scope="module")
def camera() -> Camera:
    return camera_at((0.05, -0.8, 0.1), size=(480, 360), focal_px=1200, distortion=(-0.1, 0.05, 1e-4, 1e-4))


@pytest.fixture(scope="module")
def photograph(surface: SurfaceView, camera: Camera) -> np.ndarray:
    return view_colours(look_at(surface, camera)).over((0, 0, 0))


def measured(surface: SurfaceView, camera: Camera, photograph: np.ndarray, mask: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    view = ReportView(camera=camera, load=lambda: photograph, mask=None if mask is None else lambda: mask)
    return measure_agreement(surface, view)


def test_a_camera_that_is_right_agrees(surface: SurfaceView, camera: Camera, photograph: np.ndarray) -> None:
    found = measured(surface, camera, photograph)
    assert found.shift_px < 0.05
    assert abs(found.exposure_ev) < 0.01
    assert found.photometric_levels < 2
    assert found.sharpness == pytest.approx(1, abs=0.25)
    assert found.mask_overlap is None


@pytest.mark.parametrize("turn_rad", [(1e-3, 0, 0), (0, -4e-3, 0), (3e-3, 2e-3, 0)])
def test_a_turned_camera_shows_by_how_much(
    surface: SurfaceView, camera: Camera, photograph: np.ndarray, turn_rad: tuple[float, float, float]
) -> None:
    turn = Rigid3(rotation=cv2.Rodrigues(np.array(turn_rad))[0], translation=np.zeros(3))
    turned = replace(camera, cam_from_world=turn @ camera.cam_from_world)
    found = measured(surface, turned, photograph)
    assert found.shift_px == pytest.approx(1200 * np.linalg.norm(turn_rad), rel=0.05)


def test_another_focal_length_shows(surface: SurfaceView, camera: Camera, photograph: np.ndarray) -> None:
    lens = camera.intrinsics
    found = measured(
        surface, replace(camera, intrinsics=replace(lens, fx=lens.fx * 1.02, fy=lens.fy * 1.02)), photograph
    )
    # Two percent of a disc of 150 px radius: the mean square of the radius is half of its square.
    assert found.shift_px == pytest.approx(0.02 * 150 / np.sqrt(2), rel=0.2)


def test_exposure_is_told_in_stops_and_taken_out(surface: SurfaceView, camera: Camera, photograph: np.ndarray) -> None:
    linear = np.where(photograph <= 10, photograph / 255 / 12.92, ((photograph / 255 + 0.055) / 1.055) ** 2.4)
    half = np.where(linear / 2 <= 0.0031308, linear / 2 * 12.92, 1.055 * (linear / 2) ** (1 / 2.4) - 0.055)
    found = measured(surface, camera, np.rint(half * 255).astype(np.uint8))
    assert found.exposure_ev == pytest.approx(-1, abs=0.03)
    assert found.photometric_levels < 2
    assert found.shift_px < 0.05


def test_a_soft_photograph_has_less_power(surface: SurfaceView, camera: Camera, photograph: np.ndarray) -> None:
    soft = measured(surface, camera, cv2.GaussianBlur(photograph, (0, 0), 2.0))
    assert soft.sharpness < 0.3 * measured(surface, camera, photograph).sharpness


def test_the_mask_is_compared_with_the_model(surface: SurfaceView, camera: Camera, photograph: np.ndarray) -> None:
    mask = np.zeros(photograph.shape[:2], np.uint8)
    mask[:, :240] = 255
    found = measured(surface, camera, photograph, mask)
    assert found.mask_share == pytest.approx(0.5, abs=0.01)
    assert found.mask_overlap == pytest.approx(0.5, abs=0.05)
    assert found.subject[10, 10]
    assert not found.subject[10, -10]


def test_a_camera_that_looks_away_is_not_measured(surface: SurfaceView, camera: Camera, photograph: np.ndarray) -> None:
    away = camera_at((0, -0.8, 0), target=(0, -2, 0), size=(480, 360), focal_px=1200)
    found = measured(surface, away, photograph)
    assert found.shift_px is None
    assert found.exposure_ev is None
    assert found.photometric_levels is None
    assert found.sharpness is None


def test_16_bits_and_smaller_pictures_are_taken(surface: SurfaceView, camera: Camera, photograph: np.ndarray) -> None:
    deep = photograph.astype(np.uint16) * 257
    assert measured(surface, camera, deep).shift_px < 0.05
    small = cv2.resize(photograph, (240, 180), interpolation=cv2.INTER_AREA)
    assert measured(surface, camera, small).shift_px < 0.2


def test_a_photograph_of_another_shape_is_refused(surface: SurfaceView, camera: Camera) -> None:
    with pytest.raises(CaptureError, match="camera cam"):
        measured(surface, camera, np.zeros((480, 360, 3), np.uint8))


def test_motion_is_found_to_hundredths_of_a_pixel() -> None:
    model = speckled()[:300, :400].mean(axis=2).astype(np.float32) / 255
    inside = np.zeros(model.shape, bool)
    inside[30:-30, 30:-30] = True
    true = np.array([[1.0, -0.5, 2.25], [0.3, -0.8, -1.5]])
    # What the photograph shows at p + d(p) is what the model has at p.
    taken = moved(model, -true)
    found = find_motion(model, taken, inside)
    assert displacement_px(found - true, inside) < 0.06
    assert displacement_px(find_motion(model, model, inside), inside) < 1e-3


def test_a_featureless_picture_stays_where_it_is() -> None:
    flat = np.full((200, 200), 0.5, np.float32)
    assert displacement_px(find_motion(flat, flat + 0.1, np.ones((200, 200), bool)), flat > 0) < 1e-3


def test_coverage_of_a_ball_is_that_of_caps() -> None:
    """A camera sees the cap of a ball whose normals lean less than the limit towards it."""
    ball = SurfaceView(sphere(0.1, steps=64))
    far = [camera_at((0, -50, 0), camera_id="front", size=(200, 200), focal_px=1000.0)]
    far += [camera_at((0, 50, 0), camera_id="back", size=(200, 200), focal_px=1000.0)]
    coverage = measure_coverage(ball, far, samples=5000, max_angle_deg=60.0)
    # The cap up to 60 degrees has (1 - cos 60) / 2 of the area.
    assert coverage.share_of()["front"] == pytest.approx(0.25, abs=0.01)
    assert coverage.shares() == pytest.approx((0.5, 0.5, 0.0), abs=0.01)
    at = coverage.at_vertices(ball.mesh)
    assert at[ball.vertices[:, 1] < -0.08].min() == 1
    assert at[np.abs(ball.vertices[:, 1]) < 0.03].max() == 0


def test_what_stands_behind_is_not_covered() -> None:
    front, back = sphere(0.1, steps=32), sphere(0.05, steps=32)
    both = Mesh(
        vertices=np.concatenate([front.vertices, back.vertices + np.array([0, 0.5, 0])]),
        faces=np.concatenate([front.faces, back.faces + len(front.vertices)]),
    )
    coverage = measure_coverage(SurfaceView(both), [camera_at((0, -5, 0), focal_px=900.0)], samples=4000)
    assert not coverage.seen[coverage.points[:, 1] > 0.3].any()
    assert coverage.seen[coverage.points[:, 1] < -0.08].all()


def test_samples_are_spread_by_area() -> None:
    mesh = Mesh(
        vertices=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [8, 0, 0], [5, 1, 0]], float),
        faces=np.array([[0, 1, 2], [3, 4, 5]]),
    )
    points, normals = sample_evenly(mesh, 4000)
    assert (points[:, 0] > 4).mean() == pytest.approx(0.75, abs=0.001)
    assert np.allclose(normals, [0, 0, 1])
    small = points[points[:, 0] < 4]
    assert (small[:, 0] + small[:, 1]).max() <= 1
    assert small.mean(axis=0) == pytest.approx([1 / 3, 1 / 3, 0], abs=0.01)
