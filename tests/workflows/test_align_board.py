"""`scan3d align` from photographs alone, with a board among what they show: the cameras come out in metres, upright."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.calibration.targets import read_target
from scan3d.calibration.toml_file import read_calibration
from scan3d.checks import Grade
from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.geometry.rig_definition import look_at
from scan3d.pipeline.progress import Silent
from scan3d.workflows.align import align_take
from tests.calibration.board_pictures import picture_of

BOARD = read_target("charuco_a3").boards[0]
WORLD_FROM_BOARD = Rigid3(rotation=np.diag([1.0, -1.0, -1.0]), translation=np.array([-0.2, 0.1, 0.0]))
LENS = Intrinsics(model="pinhole", width=960, height=720, fx=1300.0, fy=1300.0, cx=480.0, cy=360.0)
_TEXEL_M, _OVERSAMPLE = 0.002, 2


def blotches(seed: int) -> np.ndarray:
    """(1500, 1500) levels: spots of all sizes, 3 m x 3 m, which feature detectors find again from any side."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((1500, 1500), np.float32)
    for sigma in (2, 5, 12, 30):
        spots = cv2.GaussianBlur(rng.normal(size=picture.shape).astype(np.float32), None, sigma)
        picture += spots / spots.std()
    return np.clip(120 + 35 * picture, 0, 255)


def photograph(camera: Camera) -> np.ndarray:
    """(H, W) a floor (z = 0) and two walls behind it, a board lying on the floor; levels."""
    side = _OVERSAMPLE
    x, y = ((np.arange(n * side) + 0.5) / side for n in (LENS.width, LENS.height))
    rays = camera.ray_directions(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    nearest, light = np.full(len(rays), np.inf), np.zeros(len(rays), np.float32)
    for seed, (axis, at, u, v) in enumerate([(2, 0.0, 0, 1), (1, 0.7, 0, 2), (0, -0.8, 1, 2)]):
        with np.errstate(divide="ignore"):
            depth = (at - camera.centre[axis]) / rays[:, axis]
        point = camera.centre + depth[:, None] * rays
        texel = ((point[:, [u, v]] + 1.5) / _TEXEL_M).astype(np.float32).reshape(LENS.height * side, -1, 2)
        seen = cv2.remap(blotches(seed), texel[..., 0], texel[..., 1], cv2.INTER_LINEAR, borderValue=0).ravel()
        closer = (depth > 0) & (depth < nearest)
        light[closer], nearest[closer] = seen[closer], depth[closer]
    light = light.reshape(LENS.height, side, LENS.width, side).mean(axis=(1, 3))
    sheet = picture_of([(BOARD, camera.cam_from_world @ WORLD_FROM_BOARD)], LENS)
    ground = picture_of([], LENS)[0, 0]
    kernel = np.ones((3, 3), np.uint8)
    on_board = cv2.morphologyEx((sheet != ground).astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0
    return np.where(on_board, sheet, light)


@pytest.mark.slow
def test_a_board_on_the_floor_gives_the_scale_and_the_floor(tmp_path: Path) -> None:
    images = tmp_path / "take" / "images"
    images.mkdir(parents=True)
    cameras = {}
    for number, turn in enumerate(np.radians(np.linspace(-60, 20, 9))):
        centre = np.array([1.1 * np.sin(turn), -1.1 * np.cos(turn), 0.8 + 0.1 * (number % 3)])
        pose = look_at(centre, np.array([-0.05, 0.05, 0.1]))
        camera = Camera(camera_id=f"cam{number}", intrinsics=LENS, cam_from_world=pose)
        cameras[camera.camera_id] = camera
        noise = np.random.default_rng(number).normal(0, 1.5, (LENS.height, LENS.width))
        grey = np.clip(photograph(camera) + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(images / f"{camera.camera_id}.png"), cv2.merge([grey] * 3))
    done = align_take(
        tmp_path / "take", target="charuco_a3", floor=BOARD.name, masks=False, intrinsics="shared",
        progress=Silent(), workers=2,
    )  # fmt: skip
    assert set(done.registered) == set(cameras) and done.scale_is_metric
    assert not [check for check in done.checks if check.grade is Grade.FAIL]
    rig = read_calibration(done.calibration_path)
    found, true = (np.array([place[name].centre for name in sorted(cameras)]) for place in (rig, cameras))
    apart = np.linalg.norm(found[0] - found[-1]) / np.linalg.norm(true[0] - true[-1])
    assert apart == pytest.approx(1.0, abs=5e-3)
    np.testing.assert_allclose(found[:, 2], true[:, 2], atol=0.01)
