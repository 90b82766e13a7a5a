"""A textured ellipsoid photographed by two rings of cameras: every depth, colour and mask in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.reconstruction.views import View

RADII_M = np.array([0.10, 0.12, 0.14])
DISTANCE_M = 1.2


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One view: camera, grey (H, W) float32 0..1, mask (H, W) bool, depth (H, W) camera z with NaN off the subject."""

    camera: Camera
    grey: np.ndarray
    mask: np.ndarray
    depth: np.ndarray

    def view(self) -> View:
        return View(camera=self.camera, load_grey=lambda: self.grey, load_mask=lambda: self.mask)


def look_at(position: np.ndarray, camera_id: str, size: int, focal: float) -> Camera:
    forward = -position / np.linalg.norm(position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return Camera(
        camera_id=camera_id,
        intrinsics=Intrinsics(model="pinhole", width=size, height=size, fx=focal, fy=focal, cx=size / 2, cy=size / 2),
        cam_from_world=Rigid3(rotation=rotation, translation=-rotation @ position),
    )


def ring(count: int, size: int) -> list[Camera]:
    """Cameras on two rings, half a step apart, all looking at the origin."""
    focal = 0.8 * size * DISTANCE_M / (2 * RADII_M.max())
    cameras = []
    for k in range(count):
        turn = 2 * np.pi * k / count
        height = np.radians(20.0 if k % 2 else -15.0)
        at = DISTANCE_M * np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)])
        cameras.append(look_at(at, f"cam{k:02d}", size, focal))
    return cameras


def texture(points: np.ndarray) -> np.ndarray:
    """(...) grey of surface points (..., 3): a sum of waves down to a few millimetres, the same from every side."""
    rng = np.random.default_rng(3)
    value = np.zeros(points.shape[:-1])
    for wavelength in (0.09, 0.06, 0.04, 0.025, 0.016, 0.011, 0.008):
        for _ in range(4):
            direction = rng.normal(size=3)
            direction *= 2 * np.pi / (wavelength * np.linalg.norm(direction))
            # as natural textures have it, the coarser the stronger
            value += (wavelength / 0.016) ** 0.7 * np.sin(points @ direction + rng.uniform(0, 6.28))
    return 0.5 + 0.02 * value


def photograph(camera: Camera, *, noise: float = 0.004, seed: int = 0) -> Shot:
    i = camera.intrinsics
    y, x = np.mgrid[0 : i.height, 0 : i.width] + 0.5
    rays = np.stack([(x - i.cx) / i.fx, (y - i.cy) / i.fy, np.ones_like(x)], -1) @ camera.cam_from_world.rotation
    origin = camera.centre
    a = ((rays / RADII_M) ** 2).sum(-1)
    b = ((rays / RADII_M) * (origin / RADII_M)).sum(-1)
    c = ((origin / RADII_M) ** 2).sum() - 1
    inside = b * b - a * c
    hit = inside > 0
    depth = np.where(hit, (-b - np.sqrt(np.maximum(inside, 0))) / a, np.nan)
    grey = np.where(hit, texture(origin + rays * np.nan_to_num(depth)[..., None]), 0.0)
    grey = grey + noise * np.random.default_rng(seed).normal(size=grey.shape)
    return Shot(camera=camera, grey=np.clip(grey, 0, 1).astype(np.float32), mask=hit, depth=depth.astype(np.float32))


def shots(count: int = 16, size: int = 240) -> list[Shot]:
    return [photograph(camera, seed=k) for k, camera in enumerate(ring(count, size))]


def off_surface_m(points: np.ndarray) -> np.ndarray:
    """About how far points lie from the ellipsoid, metres: the implicit value over its gradient."""
    value = ((points / RADII_M) ** 2).sum(-1) - 1
    gradient = np.linalg.norm(2 * points / RADII_M**2, axis=-1)
    return np.abs(value) / gradient
