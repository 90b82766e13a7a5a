"""A ball in a dark room, photographed by hand with a flash on the camera, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Camera, Intrinsics
from scan3d.geometry.rig_definition import look_at
from scan3d.geometry.transforms import Rigid3

RADIUS_M = 0.08
FLASH_M = np.array([0.03, -0.12, 0.01])  # in the camera's frame
REFERENCE_M = 0.5
ROOM = np.array([0.03, 0.004, -0.008, 0.01])  # even, and along x, y, z
ROUGHNESS, F0 = 0.42, 0.03


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One photograph: its camera and the strength of its flash in each channel."""

    camera: Camera
    gain: np.ndarray


def shots(count: int, *, size: int = 120, seed: int = 0) -> list[Shot]:
    """Cameras all round, at different distances, held askew."""
    rng = np.random.default_rng(seed)
    intrinsics = Intrinsics(
        model="pinhole", width=size, height=size, fx=2.6 * size, fy=2.6 * size, cx=size / 2, cy=size / 2
    )
    made = []
    for k in range(count):
        turn, up = 2.4 * k, np.arcsin(-0.8 + 1.6 * (k + 0.5) / count)
        away = rng.uniform(0.45, 0.65)
        centre = away * np.array([np.cos(turn) * np.cos(up), np.sin(turn) * np.cos(up), np.sin(up)])
        pose = look_at(centre, rng.normal(0, 0.005, 3))
        roll = rng.uniform(-0.6, 0.6)
        askew = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        held = Rigid3(rotation=askew @ pose.rotation, translation=askew @ pose.translation)
        camera = Camera(camera_id=f"p{k:02}", intrinsics=intrinsics, cam_from_world=held)
        made.append(Shot(camera=camera, gain=np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.05, 3))))
    mean = np.exp(np.mean([np.log(shot.gain) for shot in made]))
    return [Shot(camera=shot.camera, gain=shot.gain / mean) for shot in made]


def paint(normal: np.ndarray) -> np.ndarray:
    """(N, 3) albedo of the ball where its normal (N, 3) is."""
    x, y, z = normal.T
    waves = np.stack([np.sin(9 * x + 2), np.sin(7 * y - 3 * z), np.cos(8 * z + 4 * x)], axis=1)
    return np.array([0.55, 0.42, 0.32]) * (1 + 0.3 * waves)


def shown(normal: np.ndarray, shot: Shot, *, gloss: bool = True) -> np.ndarray:
    """(N, 3) linear light that a photograph shows of the ball where its normal (N, 3) is."""
    pose, at = shot.camera.cam_from_world, RADIUS_M * normal
    flash = (FLASH_M - pose.translation) @ pose.rotation
    to_flash, to_eye = flash - at, shot.camera.centre - at
    away = np.linalg.norm(to_flash, axis=1)
    to_flash, to_eye = to_flash / away[:, None], to_eye / np.linalg.norm(to_eye, axis=1)[:, None]
    cos_i, cos_o = np.maximum((normal * to_flash).sum(1), 0), np.maximum((normal * to_eye).sum(1), 1e-3)
    light = (REFERENCE_M / away) ** 2 * np.maximum(-to_flash @ pose.rotation[2], 0)
    half = to_flash + to_eye
    cos_h = (normal * half).sum(1) / np.linalg.norm(half, axis=1)
    alpha = ROUGHNESS**2
    facets = alpha**2 / (np.pi * (cos_h**2 * (alpha**2 - 1) + 1) ** 2)

    def smith(cosine: np.ndarray) -> np.ndarray:
        tangent = np.sqrt(1 - np.minimum(cosine, 1) ** 2) / np.maximum(cosine, 1e-6)
        return 2 / (1 + np.sqrt(1 + (alpha * tangent) ** 2))

    shine = F0 * facets * smith(cos_i) * smith(cos_o) / (4 * np.maximum(cos_i, 1e-6) * cos_o)
    room = np.maximum(ROOM[0] + normal @ ROOM[1:], 0)
    lit = paint(normal) * (light * cos_i)[:, None]
    if gloss:
        lit = lit + (shine * cos_i * np.pi * light)[:, None]
    return shot.gain * lit + paint(normal) * room[:, None]


def photograph(shot: Shot) -> np.ndarray:
    """(H, W, 3) linear: nine rays a pixel at the ball, black beyond it."""
    i = shot.camera.intrinsics
    picture = np.zeros((i.height * i.width, 3))
    for a in (1 / 6, 0.5, 5 / 6):
        for b in (1 / 6, 0.5, 5 / 6):
            x, y = np.meshgrid(np.arange(i.width) + a, np.arange(i.height) + b)
            ray = shot.camera.ray_directions(np.stack([x.ravel(), y.ravel()], axis=1))
            eye = shot.camera.centre
            along = -(ray @ eye)
            left = RADIUS_M**2 - (eye @ eye - along**2)
            hit = left > 0
            normal = (eye + (along - np.sqrt(np.maximum(left, 0)))[:, None] * ray)[hit] / RADIUS_M
            picture[hit] += shown(normal, shot) / 9
    return picture.reshape(i.height, i.width, 3).astype(np.float32)
