"""Rigid transforms, named target_from_source and composed with `@`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_SMALL_ANGLE_RAD = 1e-4


def frozen_array(values: npt.ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    """A read-only float64 copy of `values`; ValueError when its shape is not `shape`."""
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {array.shape}")
    array.setflags(write=False)
    return array


def skew(vector: npt.ArrayLike) -> Array:
    """(3, 3) matrix K with K @ b = vector x b."""
    x, y, z = np.asarray(vector, dtype=np.float64)
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Rigid3:
    """A rotation and a translation: point_in_target = rotation @ point_in_source + translation.

    rotation: (3, 3) float64, orthonormal, determinant +1.
    translation: (3,) float64, metres, in the target frame.
    """

    rotation: Array
    translation: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "rotation", frozen_array(self.rotation, (3, 3), "rotation"))
        object.__setattr__(self, "translation", frozen_array(self.translation, (3,), "translation"))

    @staticmethod
    def identity() -> Rigid3:
        """The transform that leaves every point where it is."""
        return Rigid3(rotation=np.eye(3), translation=np.zeros(3))

    @staticmethod
    def from_quaternion(wxyz: npt.ArrayLike, translation: npt.ArrayLike) -> Rigid3:
        """From a quaternion (w, x, y, z) of any positive length and a translation in metres."""
        q = np.asarray(wxyz, dtype=np.float64)
        length = np.linalg.norm(q)
        if q.shape != (4,) or length == 0.0:
            raise ValueError(f"a rotation needs a quaternion (w, x, y, z) that is not zero, not {q}")
        w, x, y, z = q / length
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        return Rigid3(rotation=rotation, translation=np.asarray(translation, dtype=np.float64))

    @staticmethod
    def from_matrix(matrix: npt.ArrayLike) -> Rigid3:
        """From a (3, 4) or (4, 4) matrix [rotation | translation]."""
        m = np.asarray(matrix, dtype=np.float64)
        return Rigid3(rotation=m[:3, :3], translation=m[:3, 3])

    def quaternion(self) -> Array:
        """The rotation as a unit quaternion (w, x, y, z) with w >= 0.

        Through the largest of the four components, so that it is exact near 180 degrees too
        (Shepperd 1978).
        """
        r = self.rotation
        # 4 * q q^T, row by row; the row of the largest diagonal entry is far from zero.
        k = np.array(
            [
                [1 + r[0, 0] + r[1, 1] + r[2, 2], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
                [r[2, 1] - r[1, 2], 1 + r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0]],
                [r[0, 2] - r[2, 0], r[0, 1] + r[1, 0], 1 - r[0, 0] + r[1, 1] - r[2, 2], r[1, 2] + r[2, 1]],
                [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], 1 - r[0, 0] - r[1, 1] + r[2, 2]],
            ]
        )
        row = k[int(np.argmax(np.diag(k)))]
        q = row / np.linalg.norm(row)
        return np.asarray(-q if q[0] < 0 else q)

    def inverse(self) -> Rigid3:
        """source_from_target."""
        return Rigid3(rotation=self.rotation.T, translation=-self.rotation.T @ self.translation)

    def __matmul__(self, other: Rigid3) -> Rigid3:
        """a_from_c = a_from_b @ b_from_c."""
        return Rigid3(
            rotation=self.rotation @ other.rotation,
            translation=self.rotation @ other.translation + self.translation,
        )

    def apply(self, points: npt.ArrayLike) -> Array:
        """Points (..., 3) of the source frame in the target frame, metres."""
        return self.rotate(points) + self.translation

    def rotate(self, vectors: npt.ArrayLike) -> Array:
        """Directions (..., 3) of the source frame in the target frame: rotated, not moved."""
        return np.asarray(vectors, dtype=np.float64) @ self.rotation.T

    def matrix(self) -> Array:
        """(4, 4) homogeneous matrix."""
        m = np.eye(4)
        m[:3, :3] = self.rotation
        m[:3, 3] = self.translation
        return m

    @staticmethod
    def exp(twist: npt.ArrayLike) -> Rigid3:
        """From a twist (6,) = (translation part in metres, rotation vector in radians).

        The exponential map of SE(3), e.g. Barfoot, State Estimation for Robotics, 7.1.
        """
        twist = np.asarray(twist, dtype=np.float64)
        omega = skew(twist[3:])
        a, b, c = _so3_coefficients(float(np.linalg.norm(twist[3:])))
        squared = omega @ omega
        rotation = np.eye(3) + a * omega + b * squared
        left_jacobian = np.eye(3) + b * omega + c * squared
        return Rigid3(rotation=rotation, translation=left_jacobian @ twist[:3])

    def log(self) -> Array:
        """The twist (6,) with exp(twist) = self; the rotation vector is at most pi long."""
        q = self.quaternion()
        sine = float(np.linalg.norm(q[1:]))
        angle = 2.0 * float(np.arctan2(sine, q[0]))
        vector = 2.0 * q[1:] if sine < 1e-12 else q[1:] * (angle / sine)
        omega = skew(vector)
        _, b, c = _so3_coefficients(float(np.linalg.norm(vector)))
        left_jacobian = np.eye(3) + b * omega + c * (omega @ omega)
        return np.concatenate([np.linalg.solve(left_jacobian, self.translation), vector])


def _so3_coefficients(angle_rad: float) -> tuple[float, float, float]:
    """sin(t)/t, (1-cos t)/t^2, (t-sin t)/t^3, by their series near zero where they cancel."""
    t2 = angle_rad * angle_rad
    if angle_rad < _SMALL_ANGLE_RAD:
        return 1.0 - t2 / 6.0, 0.5 - t2 / 24.0, 1.0 / 6.0 - t2 / 120.0
    sine = float(np.sin(angle_rad))
    half = float(np.sin(0.5 * angle_rad))
    return sine / angle_rad, 2.0 * half * half / t2, (angle_rad - sine) / (t2 * angle_rad)
