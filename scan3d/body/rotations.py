"""Rotations as axis-angle vectors and as matrices, exact near no turn and near half a turn, with derivatives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_SMALL_ANGLE_RAD = 1e-4


def matrices(vectors: npt.ArrayLike) -> Array:
    """(..., 3, 3) rotations of (..., 3) axis-angle vectors, radians (Rodrigues)."""
    v = np.asarray(vectors, dtype=np.float64)
    a, b, _ = _coefficients(v)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    ax, ay, az, bx, by, bz = a * x, a * y, a * z, b * x, b * y, b * z
    xx, yy, zz, xy, xz, yz = bx * x, by * y, bz * z, bx * y, bx * z, by * z
    rows = [1 - yy - zz, xy - az, xz + ay, xy + az, 1 - xx - zz, yz - ax, xz - ay, yz + ax, 1 - xx - yy]
    return np.asarray(np.stack(rows, axis=-1).reshape(*v.shape[:-1], 3, 3))


def vectors(rotations: npt.ArrayLike) -> Array:
    """(..., 3) axis-angle vectors, at most pi long, of (..., 3, 3) rotations.

    By the largest of the quaternion's four components, exact near half a turn too (Shepperd 1978).
    """
    r = np.asarray(rotations, dtype=np.float64)
    d = np.diagonal(r, axis1=-2, axis2=-1)
    trace = d.sum(-1)
    off = {(i, j): r[..., i, j] for i in range(3) for j in range(3)}
    x, y, z = off[2, 1] - off[1, 2], off[0, 2] - off[2, 0], off[1, 0] - off[0, 1]
    xy, xz, yz = off[0, 1] + off[1, 0], off[0, 2] + off[2, 0], off[1, 2] + off[2, 1]
    p, q, s = 1 - trace + 2 * d[..., 0], 1 - trace + 2 * d[..., 1], 1 - trace + 2 * d[..., 2]
    # 4 q q^T: the row of its largest diagonal entry is far from zero.
    square = np.stack([1 + trace, x, y, z, x, p, xy, xz, y, xy, q, yz, z, xz, yz, s], axis=-1)
    square = square.reshape(*trace.shape, 4, 4)
    best = np.argmax(np.diagonal(square, axis1=-2, axis2=-1), axis=-1)
    row = np.take_along_axis(square, best[..., None, None], axis=-2)[..., 0, :]
    row = row * np.where(row[..., :1] < 0, -1.0, 1.0) / np.linalg.norm(row, axis=-1, keepdims=True)
    sine = np.linalg.norm(row[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, row[..., :1])
    return np.asarray(row[..., 1:] * np.where(sine < 1e-12, 2.0, angle / np.where(sine < 1e-12, 1.0, sine)))


def left_jacobians(vectors_: npt.ArrayLike) -> Array:
    """(..., 3, 3) J with R(v + d) = R(J d) R(v) for a small d (Barfoot, State Estimation for Robotics, 7.1)."""
    v = np.asarray(vectors_, dtype=np.float64)
    _, b, c = _coefficients(v)
    k = skews(v)
    return np.asarray(np.eye(3) + b[..., None, None] * k + c[..., None, None] * (k @ k))


def derivatives(vectors_: npt.ArrayLike) -> Array:
    """(..., 3, 3, 3) of the rotation by the vector: [..., k, :, :] by its entry k."""
    v = np.asarray(vectors_, dtype=np.float64)
    turns = np.swapaxes(left_jacobians(v), -1, -2)
    return np.asarray(skews(turns) @ matrices(v)[..., None, :, :])


def skews(vectors_: npt.ArrayLike) -> Array:
    """(..., 3, 3) K with K @ b = vector x b."""
    v = np.asarray(vectors_, dtype=np.float64)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    o = np.zeros_like(x)
    return np.asarray(np.stack([o, -z, y, z, o, -x, -y, x, o], axis=-1).reshape(*v.shape[:-1], 3, 3))


def about(axis: npt.ArrayLike, angle_rad: float) -> Array:
    """(3, 3) a turn about an axis of any length, counter-clockwise seen against it."""
    a = np.asarray(axis, dtype=np.float64)
    return matrices(a / np.linalg.norm(a) * angle_rad)


def between(start: npt.ArrayLike, end: npt.ArrayLike) -> Array:
    """(3, 3) the smallest turn of one direction into another; half a turn about any axis where they are opposite."""
    a, b = (np.asarray(v, dtype=np.float64) / np.linalg.norm(v) for v in (start, end))
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12 and a @ b < 0:
        axis, sine = np.cross(a, np.eye(3)[np.argmin(np.abs(a))]), 0.0
    if not axis.any():
        return np.eye(3)
    return about(axis, float(np.arctan2(sine, a @ b)))


def _coefficients(v: Array) -> tuple[Array, Array, Array]:
    """sin(t)/t, (1-cos t)/t^2, (t-sin t)/t^3 of the lengths t, by their series near zero where they cancel."""
    t = np.sqrt(np.einsum("...i,...i->...", v, v))
    small = t < _SMALL_ANGLE_RAD
    safe = np.where(small, 1.0, t)
    squared = safe * safe
    sine, half = np.sin(safe), np.sin(0.5 * safe)
    t2 = t * t
    return (
        np.where(small, 1 - t2 / 6, sine / safe),
        np.where(small, 0.5 - t2 / 24, 2 * half * half / squared),
        np.where(small, 1 / 6 - t2 / 120, (safe - sine) / (squared * safe)),
    )
