"""Features of a cloud of points as a known rig would see them: structure from motion without pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scan3d.calibration.features import Features
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3

WIDTH, HEIGHT, FOCAL = 800, 600, 900.0


def looking_rig(count: int = 8, *, arc_rad: float = 2 * np.pi, k1: float = -0.05) -> Rig:
    """Level cameras on an arc of 2 m around the Z axis, a little up and down, that look at a point 0.9 m
    high.
    """
    intrinsics = Intrinsics(
        model="opencv", width=WIDTH, height=HEIGHT, fx=FOCAL, fy=FOCAL, cx=WIDTH / 2, cy=HEIGHT / 2,
        distortion=(k1, 0.0, 0.0, 0.0),
    )  # fmt: skip
    cameras = []
    for number in range(count):
        angle = arc_rad * number / count
        centre = np.array([2 * np.sin(angle), -2 * np.cos(angle), 0.9 + 0.4 * (number % 3 - 1)])
        forward = np.array([0.0, 0.0, 0.9]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        pose = Rigid3(rotation=rotation, translation=-rotation @ centre)
        cameras.append(Camera(camera_id=f"cam{number}", intrinsics=intrinsics, cam_from_world=pose))
    return Rig(cameras=tuple(cameras))


def cloud(count: int = 800, seed: int = 0) -> np.ndarray:
    """Points (N, 3) on an upright ellipsoid with its lowest point on the ground."""
    random = np.random.default_rng(seed)
    direction = random.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * (0.35, 0.3, 0.9) + (0.0, 0.0, 0.9)


def write_features(rig: Rig, points: np.ndarray, folder: Path, *, noise_px: float = 0.2) -> dict[str, Path]:
    """Features files of every camera: each point has a descriptor of its own, with a little noise."""
    random = np.random.default_rng(7)
    descriptors = random.gamma(0.4, size=(len(points), 128))
    files = {}
    for camera in rig:
        px, _ = camera.project(points)
        inside = camera.intrinsics.contains(px)
        noisy = descriptors[inside] * random.uniform(0.9, 1.1, (int(inside.sum()), 128))
        root = 512 * np.sqrt(noisy / noisy.sum(axis=1, keepdims=True))
        count = int(inside.sum())
        features = Features(
            xy=(px[inside] + random.normal(0, noise_px, (count, 2))).astype(np.float32),
            scale=np.full(count, 3.0, np.float32), angle=np.zeros(count, np.float32),
            descriptors=np.minimum(np.rint(root), 255).astype(np.uint8), width=WIDTH, height=HEIGHT,
        )  # fmt: skip
        files[camera.camera_id] = folder / f"{camera.camera_id}.npz"
        features.save(files[camera.camera_id])
    return files
