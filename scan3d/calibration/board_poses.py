"""Many rigid poses at once, as arrays (..., 3, 4) [rotation | translation]: what `Rigid3` does for one."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Rigid3


def identity_poses(count: int) -> np.ndarray:
    """(count, 3, 4) poses that leave everything where it is."""
    return np.tile(np.eye(3, 4), (count, 1, 1))


def pose_of(rigid: Rigid3) -> np.ndarray:
    """(3, 4) of a Rigid3."""
    return rigid.matrix()[:3]


def rigid_of(pose: np.ndarray) -> Rigid3:
    """The Rigid3 of a pose (3, 4), its rotation made orthonormal to rounding."""
    u, _, vt = np.linalg.svd(pose[:, :3])
    return Rigid3(rotation=u @ vt, translation=pose[:, 3])


def transform(poses: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., N, 3) through poses (..., 3, 4)."""
    return np.asarray(points @ np.swapaxes(poses[..., :3], -1, -2) + poses[..., None, :, 3])


def compose(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b of poses (..., 3, 4)."""
    rotation = a[..., :3] @ b[..., :3]
    translation = (a[..., :3] @ b[..., 3:]) + a[..., 3:]
    return np.ascontiguousarray(np.concatenate([rotation, translation], axis=-1))


def inverted(poses: np.ndarray) -> np.ndarray:
    """Poses (..., 3, 4) the other way round."""
    turned = np.swapaxes(poses[..., :3], -1, -2)
    return np.ascontiguousarray(np.concatenate([turned, -turned @ poses[..., 3:]], axis=-1))


def logs(poses: np.ndarray) -> np.ndarray:
    """(K, 6) steps that small_poses() makes these poses (K, 3, 4) of; rotations of less than half a turn."""
    r = poses[:, :, :3]
    axis = 0.5 * np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1)
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, 0.5 * (np.trace(r, axis1=1, axis2=2) - 1.0))
    scale = np.where(sine > 1e-9, angle / np.where(sine > 1e-9, sine, 1.0), 1.0)
    return np.concatenate([poses[:, :, 3], axis * scale[:, None]], axis=1)


def small_poses(steps: np.ndarray) -> np.ndarray:
    """Poses (K, 3, 4) of (translation, rotation vector) (K, 6), the rotation by Rodrigues' formula."""
    vectors = steps[:, 3:]
    angle = np.linalg.norm(vectors, axis=1)
    safe = np.where(angle > 1e-8, angle, 1.0)
    a = np.where(angle > 1e-8, np.sin(safe) / safe, 1.0)[:, None, None]
    b = np.where(angle > 1e-8, (1 - np.cos(safe)) / safe**2, 0.5)[:, None, None]
    k = np.zeros((len(steps), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -vectors[:, 2], vectors[:, 1], -vectors[:, 0]
    k -= np.swapaxes(k, 1, 2)
    return np.concatenate([np.eye(3) + a * k + b * (k @ k), steps[:, :3, None]], axis=-1)
