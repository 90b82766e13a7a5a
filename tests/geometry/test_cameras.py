import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.geometry.distortion import fold_radius
from scan3d.geometry.opencv_adapter import (
    intrinsics_from_opencv,
    matrix_to_opencv,
    px_from_opencv,
    remap_grid,
)


def lens(model: str, *distortion: float, focal_px: float = 700.0) -> Intrinsics:
    return Intrinsics(
        model=model,
        width=1000,
        height=800,
        fx=focal_px,
        fy=focal_px * 1.01,
        cx=497.3,
        cy=408.8,
        distortion=distortion,
    )


LENSES = {
    "pinhole": lens("pinhole"),
    "studio": lens("opencv", -0.092, 0.05, 1.8e-4, 4.5e-5, focal_px=3300.0),
    "barrel": lens("opencv", -0.31, 0.12, 1e-3, -2e-3),
    "pincushion": lens("opencv", 0.6, 0.3, -2e-3, 1e-3),
    "action camera": lens("full_opencv", 0.9, 0.3, 1e-3, 1e-3, 0.05, 1.3, 0.1, 0.02),
    "rational": lens("full_opencv", 12.0, 8.0, -1e-4, 2e-4, 0.4, 12.2, 9.5, 1.4),
    "fisheye": lens("fisheye", 0.1, -0.05, 0.02, -0.003, focal_px=480.0),
    "fisheye, plain": lens("fisheye", 0.0, 0.0, 0.0, 0.0, focal_px=480.0),
}

every_lens = pytest.mark.parametrize("intrinsics", LENSES.values(), ids=LENSES.keys())
fractions = st.floats(0, 1, allow_nan=False)


def some_points(count: int = 200) -> np.ndarray:
    """Points in front of the camera, (N, 3) metres."""
    generator = np.random.default_rng(7)
    return generator.uniform([-0.4, -0.3, 0.8], [0.4, 0.3, 1.6], (count, 3))


@every_lens
@given(u=fractions, v=fractions)
def test_projecting_undoes_unprojecting(intrinsics: Intrinsics, u: float, v: float) -> None:
    px = np.array([u * intrinsics.width, v * intrinsics.height])
    ray = intrinsics.unproject(px)
    assert ray[2] == 1
    np.testing.assert_allclose(intrinsics.project(ray), px, atol=1e-9)
    np.testing.assert_allclose(intrinsics.project(3.7 * ray), px, atol=1e-9)


@every_lens
def test_unprojecting_undoes_projecting(intrinsics: Intrinsics) -> None:
    points = some_points()
    px = intrinsics.project(points)
    np.testing.assert_allclose(intrinsics.unproject(px), points / points[:, 2:], atol=1e-9)


@pytest.mark.parametrize("k1", [-0.35, -0.2, 0.5, 2.0])
@pytest.mark.parametrize("p1", [-0.02, 0.0, 0.02])
def test_round_trip_up_to_the_fold_of_strong_distortion(k1: float, p1: float) -> None:
    intrinsics = lens("opencv", k1, 0.0, p1, 0.01)
    radius = min(0.97 * fold_radius("opencv", intrinsics.distortion), 2.0)
    angle = np.linspace(0, 2 * np.pi, 50)
    # Tangential terms move the true fold a little inwards on one side: stay clear of it.
    for part in np.linspace(0.01, 0.9, 12):
        ideal = part * radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        rays = np.concatenate([ideal, np.ones((50, 1))], axis=-1)
        px = intrinsics.project(rays)
        np.testing.assert_allclose(intrinsics.project(intrinsics.unproject(px)), px, atol=1e-9)


@every_lens
def test_jacobians_against_finite_differences(intrinsics: Intrinsics) -> None:
    points = some_points(60)
    px, by_point, by_params = intrinsics.project_jacobian(points)
    np.testing.assert_array_equal(px, intrinsics.project(points))
    step = 1e-6
    for axis, e in enumerate(step * np.eye(3)):
        numeric = (intrinsics.project(points + e) - intrinsics.project(points - e)) / (2 * step)
        np.testing.assert_allclose(by_point[..., axis], numeric, rtol=1e-5, atol=1e-4)
    params = intrinsics.params()
    for i, e in enumerate(step * np.eye(len(params))):
        above, below = intrinsics.with_params(params + e), intrinsics.with_params(params - e)
        numeric = (above.project(points) - below.project(points)) / (2 * step)
        np.testing.assert_allclose(by_params[..., i], numeric, rtol=1e-5, atol=1e-4)


def test_fisheye_derivatives_on_and_beside_the_axis() -> None:
    intrinsics = LENSES["fisheye"]
    points = np.array([[0.0, 0.0, 1.0], [1e-9, 0, 1], [3e-5, -2e-5, 1], [2e-4, 1e-4, 1]])
    _, by_point, _ = intrinsics.project_jacobian(points)
    step = 1e-5
    for axis, e in enumerate(step * np.eye(3)):
        numeric = (intrinsics.project(points + e) - intrinsics.project(points - e)) / (2 * step)
        np.testing.assert_allclose(by_point[..., axis], numeric, atol=1e-4)


@every_lens
def test_same_pixels_as_opencv(intrinsics: Intrinsics) -> None:
    cv2 = pytest.importorskip("cv2")
    points, k, zero = some_points(), matrix_to_opencv(intrinsics), np.zeros(3)
    distortion = np.array(intrinsics.distortion)
    if intrinsics.model == "fisheye":
        px_cv, _ = cv2.fisheye.projectPoints(points[:, None], zero, zero, k, distortion)
    else:
        px_cv, _ = cv2.projectPoints(points, zero, zero, k, distortion if len(distortion) else None)
    np.testing.assert_allclose(intrinsics.project(points), px_from_opencv(px_cv[:, 0]), atol=1e-9)
    back = intrinsics_from_opencv(intrinsics.model, k, distortion, (intrinsics.width, intrinsics.height))
    np.testing.assert_allclose(back.params(), intrinsics.params(), rtol=1e-15)


def test_points_without_a_pixel_are_nan() -> None:
    barrel = lens("opencv", -0.3, 0.0, 0.0, 0.0)
    fold = fold_radius("opencv", barrel.distortion)
    assert fold == pytest.approx(np.sqrt(1 / 0.9))
    points = np.array([[0, 0, 1], [0, 0, -1], [0.1, 0, 0], [0.99 * fold, 0, 1], [1.01 * fold, 0, 1]])
    seen = np.isfinite(barrel.project(points)).all(axis=-1)
    assert seen.tolist() == [True, False, False, True, False]


def test_pixels_beyond_the_lens_have_no_ray() -> None:
    barrel = lens("opencv", -0.4, 0.0, 0.01, 0.01, focal_px=600.0)
    rays = barrel.unproject([[500.0, 400.0], [0.0, 0.0], [np.nan, 3.0]])
    assert np.isfinite(rays).all(axis=-1).tolist() == [True, False, False]
    assert np.isnan(rays[1]).all()


@every_lens
@pytest.mark.parametrize("factor", [0.25, 0.333, 1.7])
def test_scaled_intrinsics_belong_to_the_resized_picture(intrinsics: Intrinsics, factor: float) -> None:
    small = intrinsics.scaled(factor)
    ratio = np.array([small.width / intrinsics.width, small.height / intrinsics.height])
    assert (small.width, small.height) == (round(1000 * factor), round(800 * factor))
    points = some_points()
    np.testing.assert_allclose(small.project(points), intrinsics.project(points) * ratio, atol=1e-9)


def test_camera_centre_forward_and_rays() -> None:
    world_from_cam = Rigid3.exp([1.0, -2.0, 1.5, 1.2, 0.4, -0.3])
    camera = Camera(camera_id="a", intrinsics=LENSES["barrel"], cam_from_world=world_from_cam.inverse())
    np.testing.assert_allclose(camera.centre, world_from_cam.translation, atol=1e-14)
    np.testing.assert_allclose(camera.forward, world_from_cam.rotate([0, 0, 1]), atol=1e-14)
    points = world_from_cam.apply(some_points())
    px, depth = camera.project(points)
    np.testing.assert_allclose(depth, some_points()[:, 2])
    rays = camera.ray_directions(px)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1)
    towards = points - camera.centre
    np.testing.assert_allclose(rays, towards / np.linalg.norm(towards, axis=-1, keepdims=True), atol=1e-12)


def test_projection_matrix_is_for_pinholes_only() -> None:
    camera = Camera(camera_id="left", intrinsics=LENSES["barrel"], cam_from_world=Rigid3.exp([0, 0, 1, 0.1, 0.2, 0]))
    with pytest.raises(CalibrationError) as caught:
        camera.projection_matrix()
    assert "left" in caught.value.where
    plain = camera.without_distortion()
    points = some_points()
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ plain.projection_matrix().T
    np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], plain.project(points)[0], atol=1e-9)


def test_remap_grid_says_where_an_undistorted_pixel_comes_from() -> None:
    source = lens("opencv", -0.2, 0.05, 1e-3, 1e-3)
    map_x, map_y = remap_grid(source, source.without_distortion())
    assert map_x.shape == map_y.shape == (800, 1000)
    ray = source.without_distortion().unproject([300.5, 200.5])
    expected = source.project(ray) - 0.5
    np.testing.assert_allclose([map_x[200, 300], map_y[200, 300]], expected, rtol=1e-6)


def test_unknown_model_and_wrong_number_of_parameters_are_refused() -> None:
    with pytest.raises(CalibrationError, match="'equirect' is not known"):
        lens("equirect")
    with pytest.raises(CalibrationError, match="4 distortion parameters, but 2"):
        lens("opencv", 0.1, 0.2)


def test_inside_the_picture() -> None:
    inside = LENSES["pinhole"].contains([[0, 0], [999.9, 799.9], [1000, 5], [-0.1, 5], [np.nan, 5]])
    assert inside.tolist() == [True, True, False, False, False]
