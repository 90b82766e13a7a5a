"""A small take on disk with the rig it was taken by, to be spoilt by tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3

WIDTH, HEIGHT = 60, 80


def ring(count: int = 4, *, away: bool = False) -> Rig:
    """Cameras on a ring of 2 m that look at its centre, or away from it."""
    intrinsics = Intrinsics(model="pinhole", width=WIDTH, height=HEIGHT, fx=100.0, fy=100.0, cx=30.0, cy=40.0)
    cameras = []
    for number in range(count):
        angle = 2 * np.pi * number / count
        outward = np.array([np.sin(angle), -np.cos(angle), 0.0])
        forward = outward if away else -outward
        right = np.cross(forward, [0.0, 0.0, 1.0])
        rotation = np.stack([right, np.cross(forward, right), forward])
        pose = Rigid3(rotation=rotation, translation=-rotation @ (2 * outward))
        cameras.append(Camera(camera_id=f"cam{number}", intrinsics=intrinsics, cam_from_world=pose))
    return Rig(cameras=tuple(cameras), source="calibration.toml")


def picture(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """A noisy picture: noise makes the file long enough to be cut."""
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def make_take(root: Path, count: int = 4) -> Path:
    """images/cam0.jpg ... and masks/ of the cameras of `ring(count)`."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for number in range(count):
        picture(number).save(root / "images" / f"cam{number}.jpg", quality=95)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[20:60, 20:40] = 255
        Image.fromarray(mask).save(root / "masks" / f"cam{number}.png")
    return root
