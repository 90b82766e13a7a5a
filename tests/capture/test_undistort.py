"""Undistorted pictures: where each pixel comes from, in every lens model, and that picture and mask stay together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scan3d.capture import undistort as module
from scan3d.capture.undistort import pinhole_of, undistort
from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.geometry.opencv_adapter import matrix_to_opencv

LENSES = {
    "opencv": (-0.18, 0.07, 0.0012, -0.0008),
    "full_opencv": (0.21, -0.11, 0.0009, 0.0006, 0.02, 0.35, -0.06, 0.01),
    "fisheye": (0.04, -0.012, 0.004, -0.001),
}
CLOSE_PX = 1e-4


def camera(model: str, distortion: tuple[float, ...], width: int = 322, height: int = 247) -> Camera:
    """An odd size and a centre off the middle: nothing may depend on a multiple of the node step."""
    intrinsics = Intrinsics(
        model=model, width=width, height=height, fx=351.0, fy=347.5, cx=width / 2 + 4.3, cy=height / 2 - 3.1,
        distortion=distortion,
    )  # fmt: skip
    return Camera(camera_id="cam0", intrinsics=intrinsics, cam_from_world=Rigid3.identity())


def pinhole_rays(intrinsics: Intrinsics) -> np.ndarray:
    """(H, W, 3) through the centres of the undistorted picture's pixels."""
    y, x = np.mgrid[0 : intrinsics.height, 0 : intrinsics.width] + 0.5
    return np.stack([(x - intrinsics.cx) / intrinsics.fx, (y - intrinsics.cy) / intrinsics.fy, np.ones_like(x)], -1)


def lookup(cam: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Where undistort() reads each pixel, (H, W) x and y in our pixels: told by ramps as pictures."""
    i = cam.intrinsics
    y, x = np.mgrid[0 : i.height, 0 : i.width].astype(np.float32) + 0.5
    _, across, down = undistort(x, cam, x, y)  # the second and third linearly: a ramp comes out exactly
    return across, down


def picture(rays: np.ndarray) -> np.ndarray:
    """A picture of the scene along rays (..., 3), 0..1: waves of 15 px, on which linear sampling loses 1%."""
    x, y = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    return 0.5 + 0.25 * np.sin(150 * x + 5 * y) + 0.25 * np.cos(140 * y - 9 * x)


@pytest.mark.parametrize("model", LENSES)
def test_every_pixel_comes_from_where_the_lens_puts_its_ray(model: str) -> None:
    cam = camera(model, LENSES[model])
    wanted = cam.intrinsics.project(pinhole_rays(cam.intrinsics))
    across, down = module._map(cam, 0, cam.intrinsics.height)
    assert np.abs(across + 0.5 - wanted[..., 0]).max() < CLOSE_PX
    assert np.abs(down + 0.5 - wanted[..., 1]).max() < CLOSE_PX
    assert np.abs(wanted - pinhole_rays(cam.intrinsics)[..., :2]).max() > 3  # the lens does distort


def test_the_map_is_opencvs() -> None:
    cam = camera("opencv", LENSES["opencv"])
    k = matrix_to_opencv(cam.intrinsics)
    size = (cam.intrinsics.width, cam.intrinsics.height)
    distortion = np.array(LENSES["opencv"])
    across, down = cv2.initUndistortRectifyMap(k, distortion, None, k, size, cv2.CV_32FC1)
    ours = module._map(cam, 0, cam.intrinsics.height)
    assert np.abs(ours[0] - across).max() < CLOSE_PX
    assert np.abs(ours[1] - down).max() < CLOSE_PX


@pytest.mark.parametrize("model", LENSES)
def test_a_picture_becomes_the_pinhole_cameras(model: str) -> None:
    cam = camera(model, LENSES[model])
    y, x = np.mgrid[0 : cam.intrinsics.height, 0 : cam.intrinsics.width] + 0.5
    taken = picture(cam.intrinsics.unproject(np.stack([x, y], -1)))
    mask = taken > 0.6
    grey, inside = undistort(taken.astype(np.float32), cam, mask.astype(np.uint8) * 255)
    wanted = picture(pinhole_rays(cam.intrinsics))
    # away from the border, where Lanczos reads 4 pixels around
    source = cam.intrinsics.project(pinhole_rays(cam.intrinsics))
    full = ((source > 5) & (source < [cam.intrinsics.width - 5, cam.intrinsics.height - 5])).all(-1)
    assert full.mean() > 0.8
    assert np.abs(grey - wanted)[full].max() < 6e-3  # a shift of 0.05 px would be more
    # the mask moves with the picture: it differs where the picture is within half a pixel of the threshold only
    wrong = (inside > 127) != (wanted > 0.6)
    assert np.abs(wanted - 0.6)[wrong & full].max() < 0.1
    assert abs((inside > 127)[full].sum() - (wanted > 0.6)[full].sum()) < 0.003 * full.sum()
    offset_px = [np.abs(a - b)[full].mean() for a, b in zip(lookup(cam), np.moveaxis(source, -1, 0), strict=True)]
    assert max(offset_px) < 0.02  # cv2.remap rounds linear weights to 1/32 px


@pytest.mark.parametrize("strip", [4, 64, 100])
def test_strips_meet_without_a_seam(strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cam = camera("opencv", LENSES["opencv"])
    wanted = picture(pinhole_rays(cam.intrinsics)).astype(np.float32)
    whole = undistort(wanted, cam)[0]
    monkeypatch.setattr(module, "_STRIP_ROWS", strip)
    in_strips = undistort(wanted, cam)[0]
    assert np.abs(in_strips - whole).max() < 2e-3
    across, down = module._map(cam, 37, 90)  # a strip need not start at a node
    exact = cam.intrinsics.project(pinhole_rays(cam.intrinsics))[37:90] - 0.5
    assert np.abs(across - exact[..., 0]).max() < CLOSE_PX
    assert np.abs(down - exact[..., 1]).max() < CLOSE_PX


def test_what_the_lens_did_not_see_is_black() -> None:
    cam = camera("opencv", (0.3, 0.0, 0.0, 0.0))  # pincushion: the corners lie outside the photograph
    ones = np.full((247, 322), 200, np.uint8)
    out, mask = undistort(ones, cam, ones)
    source = cam.intrinsics.project(pinhole_rays(cam.intrinsics))
    far = ((source < -4) | (source > [322 + 4, 247 + 4])).any(-1)
    assert far.sum() > 100
    assert (out[far] == 0).all()
    assert (mask[far] == 0).all()
    assert (mask[100:140, 140:180] == 200).all()


def test_beyond_the_fold_of_a_lens_there_is_nothing() -> None:
    cam = camera("opencv", (-1.5, 0.0, 0.0, 0.0))  # folds at a radius of 0.47: the corners are beyond
    ones = np.full((247, 322), 200, np.uint8)
    out, _ = undistort(ones, cam, ones)
    rays = pinhole_rays(cam.intrinsics)
    radius = np.hypot(rays[..., 0], rays[..., 1])
    beyond = radius > np.sqrt(1 / 4.5) + 0.03
    assert beyond.sum() > 100
    assert (out[beyond] == 0).all()
    assert (out[radius < 0.4] == 200).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_kind_and_channels_stay(kind: type, channels: tuple[int, ...]) -> None:
    cam = camera("fisheye", LENSES["fisheye"])
    image = np.random.default_rng(0).integers(0, 255, (247, 322, *channels)).astype(kind)
    (out,) = undistort(image, cam)
    assert out.dtype == image.dtype
    assert out.shape == image.shape


def test_a_camera_without_distortion_gives_the_pictures_themselves() -> None:
    cam = camera("pinhole", ())
    image, mask = np.ones((247, 322, 3), np.uint8), np.ones((247, 322), np.uint8)
    same, same_mask = undistort(image, cam, mask)
    assert same is image
    assert same_mask is mask


def test_the_undistorted_camera_differs_in_the_lens_only() -> None:
    cam = camera("fisheye", LENSES["fisheye"])
    plain = pinhole_of(cam)
    assert plain.intrinsics.model == "pinhole"
    assert plain.intrinsics.matrix().tolist() == cam.intrinsics.matrix().tolist()
    assert (plain.intrinsics.width, plain.intrinsics.height) == (322, 247)
    assert plain.cam_from_world is cam.cam_from_world
