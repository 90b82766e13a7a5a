"""A small rig whose numbers are awkward on purpose."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3

DISTORTION = {"pinhole": 0, "opencv": 4, "full_opencv": 8, "fisheye": 4}


def make_rig(models: tuple[str, ...] = ("opencv", "pinhole", "fisheye", "full_opencv"), *, seed: int = 3) -> Rig:
    """Cameras on a ring of 2 m around the origin that look at a point 1 m above it."""
    random = np.random.default_rng(seed)
    cameras = []
    for number, model in enumerate(models):
        angle = 2 * np.pi * number / len(models)
        centre = np.array([2 * np.sin(angle), -2 * np.cos(angle), 1.3]) + random.normal(0, 0.01, 3)
        forward = np.array([0.0, 0.0, 1.0]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        intrinsics = Intrinsics(
            model=model, width=90, height=120, fx=331.211129 + random.random(), fy=333.3333333333333,
            cx=44.79, cy=1.0 / 3.0 + 60, distortion=tuple(random.normal(0, 1e-3, DISTORTION[model])),
        )  # fmt: skip
        pose = Rigid3(rotation=rotation, translation=-rotation @ centre)
        cameras.append(Camera(camera_id=f"cam{number:02d}", intrinsics=intrinsics, cam_from_world=pose))
    return Rig(cameras=tuple(cameras), source="made for a test")
