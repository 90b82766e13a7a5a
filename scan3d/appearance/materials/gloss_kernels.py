"""Gloss of microfacets (GGX, Walter et al. 2007) under lamps with an area, as Mitsuba's principled surface has it.

A patch of a lamp is a point whose size widens the lobe: the variance of the half vector adds to the squared slope of
the facets, as in split-sum area lights (Karis 2013). Fresnel's equations stand for a reflectance F0 at normal incidence
and are scaled linearly with the gain, which is exact at F0 and within 1 % for skin.
"""

from __future__ import annotations

import numba
import numpy as np

from scan3d.appearance.materials.gain_kernels import turn_to
from scan3d.appearance.materials.kernels import arriving

USUAL_F0 = 0.028  # of skin: an index of refraction of 1.4


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def fresnel(cosine, eta):
    """Unpolarised reflectance of a dielectric from outside."""
    c = min(max(cosine, 0.0), 1.0)
    below = np.sqrt(max(0.0, 1 - (1 - c * c) / (eta * eta)))
    s = (c - eta * below) / (c + eta * below)
    p = (eta * c - below) / (eta * c + below)
    return 0.5 * (s * s + p * p)


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def masking(cosine, square):
    """Smith's share of facets that are not hidden; square: alpha squared."""
    c2 = cosine * cosine
    return 2.0 / (1.0 + np.sqrt(1.0 + square * (1.0 - c2) / max(c2, 1e-9)))


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def lobes(p, n, view, flow, at, spread, lamp, squares, eta, out):
    """Adds the gloss that lamp's patches make at a point for each alpha squared in `squares` to `out`."""
    cos_o = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
    if cos_o <= 0.05:
        return
    normal_incidence = ((eta - 1) / (eta + 1)) ** 2
    for k in range(flow.shape[0]):
        x, y, z = flow[k, 0], flow[k, 1], flow[k, 2]
        power = np.sqrt(x * x + y * y + z * z)
        if power <= 0:
            continue
        x, y, z = x / power, y / power, z / power
        cos_i = n[0] * x + n[1] * y + n[2] * z
        if cos_i <= 0.01:
            continue
        hx, hy, hz = x + view[0], y + view[1], z + view[2]
        length = np.sqrt(hx * hx + hy * hy + hz * hz)
        cos_h = (n[0] * hx + n[1] * hy + n[2] * hz) / length
        cos_d = 0.5 * length  # between either direction and the half vector
        dx, dy, dz = at[lamp, k, 0] - p[0], at[lamp, k, 1] - p[1], at[lamp, k, 2] - p[2]
        wide = 0.5 * spread[lamp, k] / (dx * dx + dy * dy + dz * dz)
        # `flow` is over pi; the cosine of the light cancels against that of the microfacet's formula.
        common = np.pi * power * fresnel(cos_d, eta) / (normal_incidence * 4.0 * cos_o)
        c2 = cos_h * cos_h
        for r in range(squares.size):
            own = squares[r]
            s = own + wide
            flat = c2 * (s - 1.0) + 1.0
            out[r] += common * s / (np.pi * flat * flat) * masking(cos_i, own) * masking(cos_o, own)


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def burley(n, view, flow):
    """What Burley's diffuse (2012, roughness 0.5) adds to Lambert's, of a white point: no gloss, yet in its samples."""
    added = 0.0
    cos_o = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
    at_o = (1 - min(max(cos_o, 0.0), 1.0)) ** 5
    for k in range(flow.shape[0]):
        x, y, z = flow[k, 0], flow[k, 1], flow[k, 2]
        power = np.sqrt(x * x + y * y + z * z)
        lit = n[0] * x + n[1] * y + n[2] * z
        if lit <= 0:
            continue
        cos_d2 = 0.5 * (1 + (x * view[0] + y * view[1] + z * view[2]) / power)
        at_i = (1 - min(lit / power, 1.0)) ** 5
        back = cos_d2  # twice the roughness times the squared cosine of the half angle
        share = (1 - 0.5 * at_i) * (1 - 0.5 * at_o) + back * (at_o + at_i + at_o * at_i * (back - 1))
        added += lit * (share - 1)
    return added


@numba.njit(nogil=True, cache=True, error_model="numpy")
def pool(
    first, last, position, normal, grey, corner, bary, cell, share, centre, value, seen, at, ahead, power,
    spread, lamp, squares, eta, least, normal_sums, right_sums, square_sums,
):  # fmt: skip
    """Adds one view under one lamp to the normal equations of gloss, one system per cell.

    value: (N,) gloss, grey. grey: (N,) albedo. normal_sums: (C, K + 1, K + 1), right_sums: (C, K + 1): the last is
    what `burley` says, which is no gloss.
    square_sums: (C, 2): sum of squares and of weights.
    """
    patches = power.shape[1]
    flow = np.empty((patches, 3), np.float32)
    view, out = np.empty(3), np.empty(squares.size + 1)
    for t in range(first, last):
        if share[t] <= 0 or cell[t] < 0:
            continue
        turn_to(position[t], centre, view)
        if normal[t, 0] * view[0] + normal[t, 1] * view[1] + normal[t, 2] * view[2] < least:
            continue
        if arriving(position[t], corner[t], bary[t], seen, at, ahead, power, lamp, flow) == 0:
            continue
        for k in range(out.size):
            out[k] = 0.0
        lobes(position[t], normal[t], view, flow, at, spread, lamp, squares, eta, out)
        out[squares.size] = grey[t] * burley(normal[t], view, flow)
        y = value[t]
        c = cell[t]
        w = share[t]
        square_sums[c, 0] += w * y * y
        square_sums[c, 1] += w
        for k in range(out.size):
            right_sums[c, k] += w * out[k] * y
            for j in range(k + 1):
                normal_sums[c, k, j] += w * out[k] * out[j]
