"""Noise in space: the same place of a body has the same value whatever its texture coordinates, so there are no seams.

Every function takes points in metres at rest and a wavelength in metres, and gives value and gradient together: a
relief needs the gradient only, and an exact one costs less than differences.
"""

from __future__ import annotations

import numba
import numpy as np

_FAST = {"contract", "reassoc", "arcp", "nsz"}

# The standard deviation of one octave of the noise below, measured over 10^7 points: results are divided by it.
_DEVIATION = 0.2545


@numba.njit(cache=True, nogil=True, inline="always")
def _hash(i, j, k, seed):
    """A 32-bit hash of a lattice point, after Jarzynski and Olano 2020 (pcg3d's mixing, one output)."""
    x = np.uint32(i) * np.uint32(1664525) + np.uint32(1013904223)
    y = np.uint32(j) * np.uint32(1664525) + np.uint32(1013904223)
    z = (np.uint32(k) ^ (np.uint32(seed) * np.uint32(2654435761))) * np.uint32(1664525) + np.uint32(1013904223)
    x = np.uint32(x + y * z)
    y = np.uint32(y + z * x)
    z = np.uint32(z + x * y)
    x ^= x >> np.uint32(16)
    y ^= y >> np.uint32(16)
    z ^= z >> np.uint32(16)
    x = np.uint32(x + y * z)
    y = np.uint32(y + z * x)
    return np.uint32(x ^ (y >> np.uint32(7)))


@numba.njit(cache=True, nogil=True, inline="always")
def _slope(h):
    """One of the twelve edge directions of a cube (Perlin 2002), from a hash."""
    n = (h >> np.uint32(9)) % np.uint32(12)
    s = 1.0 if n & np.uint32(1) else -1.0
    t = 1.0 if n & np.uint32(2) else -1.0
    if n < 4:
        return s, t, 0.0
    if n < 8:
        return s, 0.0, t
    return 0.0, s, t


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def gradient_noise(x, y, z, seed):
    """Perlin's improved noise (2002) at lattice coordinates, deviation 1: (value, d/dx, d/dy, d/dz)."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    i, j, k = np.int64(fx), np.int64(fy), np.int64(fz)
    x, y, z = x - fx, y - fy, z - fz
    u, du = x * x * x * (x * (x * 6 - 15) + 10), 30 * x * x * (x * (x - 2) + 1)
    v, dv = y * y * y * (y * (y * 6 - 15) + 10), 30 * y * y * (y * (y - 2) + 1)
    w, dw = z * z * z * (z * (z * 6 - 15) + 10), 30 * z * z * (z * (z - 2) + 1)
    total = gx = gy = gz = 0.0
    for c in range(2):
        pw, sw = (w, dw) if c else (1 - w, -dw)
        for b in range(2):
            pv, sv = (v, dv) if b else (1 - v, -dv)
            for a in range(2):
                pu, su = (u, du) if a else (1 - u, -du)
                ax, ay, az = _slope(_hash(i + a, j + b, k + c, seed))
                value = ax * (x - a) + ay * (y - b) + az * (z - c)
                weight = pu * pv * pw
                total += weight * value
                gx += weight * ax + su * pv * pw * value
                gy += weight * ay + pu * sv * pw * value
                gz += weight * az + pu * pv * sw * value
    f = 1 / _DEVIATION
    return total * f, gx * f, gy * f, gz * f


@numba.njit(cache=True, nogil=True)
def _mottle(points, wavelength, octaves, gain, seed, texel, out):
    for n in range(len(points)):
        size, weight, total = wavelength, 1.0, 0.0
        for octave in range(octaves):
            seen = resolved(size, texel[n])
            if seen > 0:
                value, _, _, _ = gradient_noise(
                    points[n, 0] / size, points[n, 1] / size, points[n, 2] / size, seed + octave
                )
                total += weight * seen * value
            size *= 0.5
            weight *= gain
        out[n] = total


@numba.njit(cache=True, nogil=True, inline="always")
def resolved(wavelength, texel):
    """How much of a wave a map of this texel size (same unit) can show: 0 below 2 texels, 1 from 4 texels."""
    return min(max(0.5 * wavelength / texel - 1.0, 0.0), 1.0)


def mottle(
    points: np.ndarray, texel_m: np.ndarray, *, wavelength_m: float, seed: int, octaves: int = 1, gain: float = 0.6
) -> np.ndarray:
    """(N,) float32 of a sum of octaves of gradient noise, the first of deviation 1, each next `gain` times that.

    points: (N, 3) metres. texel_m: (N,) size of a texel there; octaves that it cannot show are left out.
    """
    out = np.empty(len(points), np.float32)
    _mottle(points, wavelength_m, octaves, gain, seed, texel_m, out)
    return out


@numba.njit(cache=True, nogil=True)
def nearest_cells(x, y, z, seed):
    """Worley's cells (1996) at lattice coordinates: one feature point a cell, searched in 27 cells.

    Gives (nearest distance, second distance, offset of the nearest x, y, z, offset of the second x, y, z, hash).
    """
    i, j, k = np.int64(np.floor(x)), np.int64(np.floor(y)), np.int64(np.floor(z))
    d1 = d2 = 1e9
    ax = ay = az = bx = by = bz = 0.0
    best = np.uint32(0)
    for c in range(-1, 2):
        for b in range(-1, 2):
            for a in range(-1, 2):
                h = _hash(i + a, j + b, k + c, seed)
                dx = i + a + 0.15 + 0.7 * (h & np.uint32(1023)) / 1023.0 - x
                dy = j + b + 0.15 + 0.7 * ((h >> np.uint32(10)) & np.uint32(1023)) / 1023.0 - y
                dz = k + c + 0.15 + 0.7 * ((h >> np.uint32(20)) & np.uint32(1023)) / 1023.0 - z
                d = dx * dx + dy * dy + dz * dz
                if d < d1:
                    d2, bx, by, bz = d1, ax, ay, az
                    d1, ax, ay, az, best = d, dx, dy, dz, h
                elif d < d2:
                    d2, bx, by, bz = d, dx, dy, dz
    return np.sqrt(d1), np.sqrt(d2), ax, ay, az, bx, by, bz, best
