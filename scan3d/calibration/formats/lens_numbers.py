"""Lens parameters between our models and the coefficient lists of other programs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scan3d.calibration.formats.camera_file import cannot_hold
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics
from scan3d.geometry.opencv_adapter import intrinsics_from_opencv

_ALL = 8
_FISHEYE = 4
_ADVICE = "Calibrate it with a simpler lens, write opencv or colmap, or allow the nearest lens: --approximate PX."


def polynomial(camera: Camera, program: str) -> tuple[float, float, float, float, float]:
    """k1 k2 p1 p2 k3 of a camera without the rational part, for a program that knows no more.

    Raises CalibrationError for a fisheye lens, and for one whose k4, k5 or k6 is not zero.
    """
    intrinsics = camera.intrinsics
    if intrinsics.model == "fisheye":
        what = f"{program} has no place for a fisheye lens of OpenCV's model."
        raise cannot_hold(what, camera.camera_id, _ADVICE)
    k = (*intrinsics.distortion, *(0.0,) * (_ALL - len(intrinsics.distortion)))
    if any(k[5:]):
        what = f"{program} has no place for the denominator of a rational lens (k4, k5, k6)."
        raise cannot_hold(what, camera.camera_id, _ADVICE)
    return k[0], k[1], k[2], k[3], k[4]


def simplest(
    size: tuple[int, int], fx: float, fy: float, cx: float, cy: float, coefficients: Sequence[float]
) -> Intrinsics:
    """The simplest of our models that holds OpenCV's coefficients k1 k2 p1 p2 k3 k4 k5 k6 (any number of them)."""
    k = (*(float(v) for v in coefficients), *(0.0,) * (_ALL - len(coefficients)))
    model, kept = ("full_opencv", k) if any(k[4:]) else ("opencv", k[:4]) if any(k) else ("pinhole", ())
    return Intrinsics(model=model, width=size[0], height=size[1], fx=fx, fy=fy, cx=cx, cy=cy, distortion=kept)


def from_opencv_numbers(
    matrix: np.ndarray, coefficients: Sequence[float], size: tuple[int, int], *, fisheye: bool, where: str
) -> Intrinsics:
    """Intrinsics from OpenCV's camera matrix (3, 3) and coefficient list, pixel centres at (0, 0).

    Raises CalibrationError for skew, thin prism or tilt, which our models do not have.
    """
    if matrix[0, 1] != 0.0:
        raise CalibrationError(f"The camera has skew ({matrix[0, 1]:g} px).", where, "Calibrate it without skew.")
    if fisheye:
        if len(coefficients) not in (0, _FISHEYE):
            what = f"A fisheye lens has 4 coefficients, not {len(coefficients)}."
            raise CalibrationError(what, where, "Write k1 k2 k3 k4.")
        k = tuple(coefficients) or (0.0,) * _FISHEYE
        return intrinsics_from_opencv("fisheye", matrix, k, size)
    if len(coefficients) not in (0, 4, 5, 8, 12, 14):
        what = f"OpenCV's lenses have 4, 5, 8, 12 or 14 coefficients, not {len(coefficients)}."
        raise CalibrationError(what, where, "Write k1 k2 p1 p2 k3 ...")
    if any(coefficients[_ALL:]):
        what = "The lens has thin prism or tilt coefficients, which scan3d does not model."
        raise CalibrationError(what, where, "Calibrate it with at most eight coefficients.")
    fx, fy, cx, cy = (float(v) for v in (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]))
    return simplest(size, fx, fy, cx + 0.5, cy + 0.5, coefficients[:_ALL])
