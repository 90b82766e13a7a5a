"""The fine relief of skin as slopes: the net of its furrows, pores, creases of joints and lips, and broad lumps.

Amounts come per texel; a wave that the map cannot show leaves the relief and returns as roughness: the variance of
the slopes that are lost widens the gloss (Olano and Baker 2010, LEAN mapping).
"""

from __future__ import annotations

import numba
import numpy as np

from scan3d.simulate.skin.noise import gradient_noise, nearest_cells, resolved

# Order of the amounts' columns.
NET, PORES, CREASES, LIPS, BROW_LINES = range(5)
AMOUNTS = 5

_MM = 1e-3


@numba.njit(cache=True, nogil=True, inline="always")
def _waves(p, sx, sy, sz, height, seed, g):
    """Adds the gradient of noise with wavelengths sx, sy, sz (m) and height deviation `height` (m) to g."""
    _, gx, gy, gz = gradient_noise(p[0] / sx, p[1] / sy, p[2] / sz, seed)
    g[0] += height * gx / sx
    g[1] += height * gy / sy
    g[2] += height * gz / sz


@numba.njit(cache=True, nogil=True, inline="always")
def _furrows(p, spacing, depth, seed, g):
    """Furrows between the cells of a net: a valley where two feature points are equally far."""
    d1, d2, ax, ay, az, bx, by, bz, _ = nearest_cells(p[0] / spacing, p[1] / spacing, p[2] / spacing, seed)
    between = d2 - d1
    if between < 0.35 and d1 > 1e-6:
        # height = -depth * (1 - between / 0.35)^2
        slope = 2 * depth * (1 - between / 0.35) / 0.35 / spacing
        g[0] += slope * (ax / d1 - bx / d2)
        g[1] += slope * (ay / d1 - by / d2)
        g[2] += slope * (az / d1 - bz / d2)


@numba.njit(cache=True, nogil=True, inline="always")
def _pits(p, spacing, depth, seed, g):
    """A round pit at most feature points, of a third of the spacing; returns how deep (0..1) this place lies in it."""
    d1, _, ax, ay, az, _, _, _, h = nearest_cells(p[0] / spacing, p[1] / spacing, p[2] / spacing, seed)
    radius = 0.18 + 0.14 * ((h >> np.uint32(4)) & np.uint32(255)) / 255.0
    if d1 >= radius or d1 < 1e-6:
        return 0.0
    t = 1 - (d1 / radius) ** 2
    slope = depth * 4 * t * d1 / (radius * radius) / spacing  # height = -depth * t^2
    g[0] -= slope * ax / d1
    g[1] -= slope * ay / d1
    g[2] -= slope * az / d1
    return t * t


@numba.njit(cache=True, nogil=True)
def slopes(points, amounts, texel, seed, gradient, lost, hollow):
    """Writes the gradient of the height (m per m, in space) of each point and the slope variance that is lost.

    points: (N, 3) metres at rest. amounts: (N, AMOUNTS), 1 is a usual amount. texel: (N,) metres. gradient: (N, 3).
    lost: (N,) per axis. hollow: (N,) 0..1, how deep in a pore or furrow, which darkens.
    """
    g = np.zeros(3)
    for n in range(len(points)):
        p = points[n]
        g[:] = 0
        missing = 0.0
        _waves(p, 24 * _MM, 24 * _MM, 24 * _MM, 0.16 * _MM, seed, g)
        _waves(p, 7 * _MM, 7 * _MM, 7 * _MM, 0.035 * _MM, seed + 1, g)
        net = amounts[n, 0]
        for level in range(2):
            spacing, depth = (2.2 * _MM, 0.075 * _MM) if level == 0 else (1.0 * _MM, 0.05 * _MM)
            seen = resolved(spacing * 0.7, texel[n])
            if seen > 0:
                _furrows(p, spacing, net * depth * seen, seed + 2 + level, g)
            missing += (1 - seen * seen) * (net * depth / spacing * 2.2) ** 2
        hollow[n] = 0.0
        pores = amounts[n, 1]
        if pores > 0.02:
            seen = resolved(0.9 * _MM, texel[n])
            if seen > 0:
                hollow[n] = pores * seen * _pits(p, 1.35 * _MM, pores * seen * 0.2 * _MM, seed + 5, g)
            missing += (1 - seen * seen) * (pores * 0.12) ** 2
        missing += _lines(p, amounts[n], texel[n], seed + 7, g)
        gradient[n, 0], gradient[n, 1], gradient[n, 2] = g[0], g[1], g[2]
        lost[n] = missing


@numba.njit(cache=True, nogil=True, inline="always")
def _lines(p, amount, texel, seed, g):
    """Creases at joints, lines of lips and of the forehead; returns the slope variance that the map cannot show."""
    missing = 0.0
    if amount[2] > 0.02:
        for level in range(2):
            size = (4.5 if level == 0 else 2.0) * _MM
            seen = resolved(size, texel)
            height = amount[2] * (0.09 if level == 0 else 0.04) * _MM
            if seen > 0:
                _waves(p, 3 * size, 3 * size, size, height * seen, seed + level, g)
            missing += (1 - seen * seen) * (height / size) ** 2
    if amount[3] > 0.02:
        size = 1.9 * _MM
        seen = resolved(size, texel)
        if seen > 0:
            _waves(p, size, 5 * size, 5 * size, amount[3] * 0.1 * _MM * seen, seed + 3, g)
        missing += (1 - seen * seen) * (amount[3] * 0.1 / 1.9) ** 2
    if amount[4] > 0.02:
        # Forehead lines run across, a centimetre apart, and wander.
        v, wx, _, wz = gradient_noise(p[0] / 0.03, p[1] / 0.03, p[2] / 0.03, seed + 5)
        phase = 2 * np.pi * (p[2] + 0.003 * v) / 0.0105
        push = -amount[4] * 0.1 * _MM * np.sin(phase) * (0.5 + 0.5 * np.cos(phase)) * 2 * np.pi / 0.0105
        g[2] += push * (1 + 0.1 * wz)
        g[0] += push * 0.1 * wx
    return missing
