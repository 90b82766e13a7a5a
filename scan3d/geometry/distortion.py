"""Lens distortion: from ideal to distorted image coordinates, its derivatives and its exact inverse.

Ideal coordinates are (x, y) = (X/Z, Y/Z). The models are those of OpenCV and COLMAP:
  pinhole      none
  opencv       k1 k2 p1 p2
  full_opencv  k1 k2 p1 p2 k3 k4 k5 k6   (a rational radial part)
  fisheye      k1 k2 k3 k4               (a polynomial in the angle to the axis; Kannala and Brandt 2006)

A radial polynomial turns back on itself at some radius. Beyond it a point far outside the picture would
land inside it, so these functions return NaN there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

PARAMETER_COUNT = {"pinhole": 0, "opencv": 4, "full_opencv": 8, "fisheye": 4}

_NEWTON_TOLERANCE = 1e-13
_CHUNK = 1 << 19


@dataclass(frozen=True, kw_only=True)
class Derivatives:
    """What distort() returns when asked for derivatives.

    distorted:   (N, 2) distorted coordinates.
    by_ideal:    (N, 2, 2) derivative by the ideal coordinates.
    by_params:   (N, 2, D) derivative by the distortion parameters.
    """

    distorted: Array
    by_ideal: Array
    by_params: Array


def distort(model: str, params: tuple[float, ...], ideal: Array) -> Array:
    """Distorted coordinates (N, 2) of ideal ones (N, 2); NaN beyond the radius where the model folds."""
    if model == "pinhole":
        return ideal.copy()
    x, y = ideal[:, 0], ideal[:, 1]
    r2 = x * x + y * y
    factor = _radial_factor(model, params, r2)
    out = ideal * factor[:, None]
    if model != "fisheye":
        p1, p2 = params[2], params[3]
        out[:, 0] += 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        out[:, 1] += 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
    limit = fold_radius(model, params)
    if np.isfinite(limit):
        out[r2 >= limit * limit] = np.nan
    return out


def distort_with_derivatives(model: str, params: tuple[float, ...], ideal: Array) -> Derivatives:
    """distort() together with its analytic derivatives."""
    count = len(ideal)
    distorted = distort(model, params, ideal)
    if model == "pinhole":
        by_ideal = np.broadcast_to(np.eye(2), (count, 2, 2)).copy()
        return Derivatives(distorted=distorted, by_ideal=by_ideal, by_params=np.zeros((count, 2, 0)))
    xx, xy, yy = _jacobian(model, params, ideal)
    by_ideal = np.stack([xx, xy, xy, yy], axis=1).reshape(count, 2, 2)
    x, y = ideal[:, 0], ideal[:, 1]
    r2 = x * x + y * y
    by_params = ideal[:, :, None] * _factor_by_params(model, params, r2)[:, None, :]
    if model != "fisheye":
        by_params[:, 0, 2] = by_params[:, 1, 3] = 2 * x * y
        by_params[:, 0, 3] = r2 + 2 * x * x
        by_params[:, 1, 2] = r2 + 2 * y * y
    return Derivatives(distorted=distorted, by_ideal=by_ideal, by_params=by_params)


def undistort(model: str, params: tuple[float, ...], distorted: Array) -> Array:
    """Ideal coordinates (N, 2) whose distortion is `distorted` (N, 2), exact to rounding.

    Newton's method in two dimensions from the distorted point; where that leaves the model's valid disc,
    again from a bisection of the radial part. NaN where no ideal point exists.
    """
    if model == "pinhole":
        return distorted.copy()
    out = np.empty_like(distorted)
    for start in range(0, len(distorted), _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part] = _undistort_chunk(model, params, distorted[part])
    return out


def fold_radius(model: str, params: tuple[float, ...]) -> float:
    """Ideal radius up to which the radial part grows; inf when it always does."""
    if model == "pinhole":
        return np.inf
    if model == "fisheye":
        growth = np.polynomial.Polynomial([1.0, *(k * (2 * i + 3) for i, k in enumerate(params))])
        angle2 = _smallest_positive_root(growth)
        return float(np.tan(np.sqrt(angle2))) if angle2 < (np.pi / 2) ** 2 else np.inf
    top, bottom = _radial_polynomials(model, params)
    u = np.polynomial.Polynomial([0.0, 1.0])
    growth = top * bottom + 2 * u * (top.deriv() * bottom - top * bottom.deriv())
    return float(np.sqrt(min(_smallest_positive_root(growth), _smallest_positive_root(bottom))))


def _radial_polynomials(
    model: str, params: tuple[float, ...]
) -> tuple[np.polynomial.Polynomial, np.polynomial.Polynomial]:
    """Numerator and denominator of the radial factor, polynomials in r^2."""
    k = (*params, 0.0, 0.0, 0.0, 0.0) if model == "opencv" else params
    return np.polynomial.Polynomial([1.0, k[0], k[1], k[4]]), np.polynomial.Polynomial([1.0, *k[5:8]])


def _smallest_positive_root(polynomial: np.polynomial.Polynomial) -> float:
    roots = polynomial.trim().roots()
    # A double root comes out of the solver slightly off the real axis.
    real = roots.real[np.abs(roots.imag) < 1e-7 * np.maximum(1.0, np.abs(roots.real))]
    positive = real[real > 0]
    return float(positive.min()) if len(positive) else np.inf


def _radial_factor(model: str, params: tuple[float, ...], r2: Array) -> Array:
    if model == "fisheye":
        return _fisheye_factor(params, r2)[0]
    top, bottom = _radial_polynomials(model, params)
    return np.asarray(top(r2) if model == "opencv" else top(r2) / bottom(r2))


def _fisheye_factor(params: tuple[float, ...], r2: Array) -> tuple[Array, Array, Array]:
    """(theta_d / r, theta, r) with the limit 1 on the axis."""
    r = np.sqrt(r2)
    theta = np.arctan(r)
    theta_d = theta * np.polynomial.Polynomial([1.0, *params])(theta * theta)
    near_axis = r < 1e-8
    factor = np.where(near_axis, 1.0, theta_d / np.where(near_axis, 1.0, r))
    return factor, theta, r


def _jacobian(model: str, params: tuple[float, ...], ideal: Array) -> tuple[Array, Array, Array]:
    """Entries xx, xy = yx and yy of the derivative by the ideal coordinates; symmetric in all models."""
    x, y = ideal[:, 0], ideal[:, 1]
    r2 = x * x + y * y
    factor = _radial_factor(model, params, r2)
    twice_slope = 2 * _radial_slope(model, params, r2, factor)
    # d(x * f(r2))/dx = f + 2 x^2 f', and so on.
    xx = factor + twice_slope * x * x
    xy = twice_slope * x * y
    yy = factor + twice_slope * y * y
    if model != "fisheye":
        p1, p2 = params[2], params[3]
        xx += 2 * p1 * y + 6 * p2 * x
        xy += 2 * p1 * x + 2 * p2 * y
        yy += 2 * p2 * x + 6 * p1 * y
    return xx, xy, yy


def _radial_slope(model: str, params: tuple[float, ...], r2: Array, factor: Array) -> Array:
    """Derivative (N,) of the radial factor by r^2."""
    if model != "fisheye":
        top, bottom = _radial_polynomials(model, params)
        return np.asarray((top.deriv()(r2) - factor * bottom.deriv()(r2)) / bottom(r2))
    near_axis = r2 < 1e-8
    theta = np.arctan(np.sqrt(r2))
    angular = np.polynomial.Polynomial([1.0, *(k * (2 * i + 3) for i, k in enumerate(params))])
    slope = (angular(theta * theta) / (1 + r2) - factor) / (2 * np.where(near_axis, 1.0, r2))
    # Near the axis: theta_d / r = 1 + (k1 - 1/3) r^2 + O(r^4), where the quotient above cancels.
    return np.where(near_axis, params[0] - 1.0 / 3.0, slope)


def _factor_by_params(model: str, params: tuple[float, ...], r2: Array) -> Array:
    """Derivative (N, D) of the radial factor by the distortion parameters; zero for p1 and p2."""
    by_params = np.zeros((len(r2), len(params)))
    if model == "fisheye":
        _, theta, r = _fisheye_factor(params, r2)
        theta_over_r = np.where(r < 1e-8, 1.0, theta / np.where(r < 1e-8, 1.0, r))
        for i in range(4):
            by_params[:, i] = theta_over_r * theta ** (2 * i + 2)
        return by_params
    bottom = _radial_polynomials(model, params)[1](r2)
    by_params[:, 0], by_params[:, 1] = r2 / bottom, r2**2 / bottom
    if model == "full_opencv":
        factor = _radial_factor(model, params, r2)
        by_params[:, 4] = r2**3 / bottom
        for i in range(3):
            by_params[:, 5 + i] = -factor * r2 ** (i + 1) / bottom
    return by_params


def _undistort_chunk(model: str, params: tuple[float, ...], distorted: Array) -> Array:
    ideal, good = _newton(model, params, distorted, distorted.copy())
    if not good.all():
        rest = ~good & np.isfinite(distorted).all(axis=1)
        again, good_again = _newton(model, params, distorted[rest], _radial_start(model, params, distorted[rest]))
        again[~good_again] = np.nan
        ideal[~good] = np.nan
        ideal[rest] = again
    return ideal


def _newton(
    model: str, params: tuple[float, ...], distorted: Array, ideal: Array
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Newton iterations from `ideal`; returns the points and which of them converged inside the fold."""
    active = np.arange(len(ideal))
    for _ in range(25):
        if len(active) == 0:
            break
        error = distort(model, params, ideal[active]) - distorted[active]
        xx, xy, yy = _jacobian(model, params, ideal[active])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            determinant = xx * yy - xy * xy
            step = np.empty_like(error)
            step[:, 0] = (yy * error[:, 0] - xy * error[:, 1]) / determinant
            step[:, 1] = (xx * error[:, 1] - xy * error[:, 0]) / determinant
            ideal[active] -= step
            active = active[_larger(step) > _NEWTON_TOLERANCE * (1.0 + _larger(ideal[active]))]
    with np.errstate(invalid="ignore"):
        error = distort(model, params, ideal) - distorted
        good = _larger(error) < 1e-11 * (1.0 + _larger(distorted))
    return ideal, good


def _larger(points: Array) -> Array:
    """(N,) the larger of the two coordinates' sizes; NumPy's max over an axis of two takes ten times as long."""
    return np.maximum(np.abs(points[:, 0]), np.abs(points[:, 1]))


def _radial_start(model: str, params: tuple[float, ...], distorted: Array) -> Array:
    """Ideal points (N, 2) by bisection of the radial part alone, inside the model's valid disc."""
    target = np.linalg.norm(distorted, axis=1)
    limit = fold_radius(model, params)
    upper = limit * (1 - 1e-9) if np.isfinite(limit) else 1.0
    high = np.full(len(target), upper)
    if not np.isfinite(limit):
        for _ in range(60):
            short = high * _radial_factor(model, params, high * high) < target
            if not short.any():
                break
            high[short] *= 2.0
    low = np.zeros_like(high)
    for _ in range(40):
        middle = 0.5 * (low + high)
        below = middle * _radial_factor(model, params, middle * middle) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    ratio = np.where(target > 0, low / np.where(target > 0, target, 1.0), 1.0)
    return np.asarray(distorted * ratio[:, None])
