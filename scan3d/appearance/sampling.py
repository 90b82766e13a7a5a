"""Kernels that look at points of a surface through a photograph: where they are in it, and what colour it shows."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, error_model="numpy")
def interpolate(index, owner, size, corners, faces, vertices, normals, guess, position, normal, colour):
    for t in range(index.size):
        f = owner[t]
        x, y = index[t] % size + 0.5, index[t] // size + 0.5
        c = corners[f]
        ax, ay, bx, by = c[1, 0] - c[0, 0], c[1, 1] - c[0, 1], c[2, 0] - c[0, 0], c[2, 1] - c[0, 1]
        px, py = x - c[0, 0], y - c[0, 1]
        det = ax * by - ay * bx
        u = (px * by - py * bx) / det if det != 0 else 0.0
        v = (ax * py - ay * px) / det if det != 0 else 0.0
        w = 1 - u - v
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        length = 0.0
        for d in range(3):
            position[t, d] = w * vertices[i, d] + u * vertices[j, d] + v * vertices[k, d]
            n = w * normals[i, d] + u * normals[j, d] + v * normals[k, d]
            normal[t, d] = n
            colour[t, d] = w * guess[i, d] + u * guess[j, d] + v * guess[k, d]
            length += n * n
        length = np.sqrt(max(length, 1e-20))
        for d in range(3):
            normal[t, d] /= length


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def see(p, n, m, centre, depth, trust, focal, least):
    """Pixel (u, v) of a point and the weight of what is seen there: cosine times trust, 0 where hidden."""
    x, y, z = centre[0] - p[0], centre[1] - p[1], centre[2] - p[2]
    facing = x * n[0] + y * n[1] + z * n[2]
    if facing <= 0:  # half of all texels, before anything dearer
        return 0.0, 0.0, 0.0, 0.0
    cosine = facing / np.sqrt(x * x + y * y + z * z)
    w = m[2, 0] * p[0] + m[2, 1] * p[1] + m[2, 2] * p[2] + m[2, 3]
    if cosine < least or w <= 0:
        return 0.0, 0.0, cosine, 0.0
    u = (m[0, 0] * p[0] + m[0, 1] * p[1] + m[0, 2] * p[2] + m[0, 3]) / w - 0.5
    v = (m[1, 0] * p[0] + m[1, 1] * p[1] + m[1, 2] * p[2] + m[1, 3]) / w - 0.5
    if not (u >= 2 and v >= 2 and u < depth.shape[1] - 3 and v < depth.shape[0] - 3):
        return u, v, cosine, 0.0
    i, j = int(u + 0.5), int(v + 0.5)
    slope = np.sqrt(max(0.0, 1 - cosine * cosine)) / cosine
    if not (w < depth[j, i] + w / focal * (1 + 1.5 * slope)):
        return u, v, cosine, 0.0
    return u, v, cosine, cosine * trust[j, i]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_low(first, last, position, normal, m, centre, focal, depth, trust, low, least, total, weight):
    for t in range(first, last):
        u, v, _, share = see(position[t], normal[t], m, centre, depth, trust, focal, least)
        if share <= 0:
            continue
        i, j = int(u), int(v)
        f, g = np.float32(u - i), np.float32(v - j)
        for c in range(3):
            top = low[j, i, c] + (low[j, i + 1, c] - low[j, i, c]) * f
            bottom = low[j + 1, i, c] + (low[j + 1, i + 1, c] - low[j + 1, i, c]) * f
            total[t, c] += share * (top + (bottom - top) * g)
        weight[t] += share


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def cubic(f, out):
    """Catmull-Rom weights of four samples (Keys 1981, a = -0.5)."""
    out[0] = ((-0.5 * f + 1.0) * f - 0.5) * f
    out[1] = (1.5 * f - 2.5) * f * f + 1.0
    out[2] = ((-1.5 * f + 2.0) * f + 0.5) * f
    out[3] = (0.5 * f - 0.5) * f * f


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_both(
    first, last, position, normal, m, centre, focal, depth, trust, full, low, least, guess, outlier, total, weight,
    detail, detail_weight, power,
):  # fmt: skip
    """Add a view to the low band (robust against `guess`) and the high band; power[0:2] sums |detail|^2 of the view."""
    wx, wy = np.empty(4, np.float32), np.empty(4, np.float32)
    soft, sharp = np.empty(3, np.float32), np.empty(3, np.float32)
    for t in range(first, last):
        u, v, cosine, share = see(position[t], normal[t], m, centre, depth, trust, focal, least)
        if share <= 0:
            continue
        i, j = int(u), int(v)
        f, g = np.float32(u - i), np.float32(v - j)
        away = 0.0
        for c in range(3):
            top = low[j, i, c] + (low[j, i + 1, c] - low[j, i, c]) * f
            bottom = low[j + 1, i, c] + (low[j + 1, i + 1, c] - low[j + 1, i, c]) * f
            soft[c] = top + (bottom - top) * g
            away += (soft[c] - guess[t, c]) ** 2
        robust = 1.0 / (1.0 + away / (3 * outlier * outlier)) ** 2
        share *= robust
        for c in range(3):
            total[t, c] += share * soft[c]
        weight[t] += share
        cubic(f, wx)
        cubic(g, wy)
        for c in range(3):
            value = np.float32(0)
            for b in range(4):
                row = np.float32(0)
                for a in range(4):
                    row += wx[a] * full[j + b - 1, i + a - 1, c]
                value += wy[b] * row
            sharp[c] = value - soft[c]
        fine = share * cosine * cosine * cosine
        squares = 0.0
        for c in range(3):
            detail[t, c] += fine * sharp[c]
            squares += sharp[c] * sharp[c]
        detail_weight[t] += fine
        power[0] += fine * squares
        power[1] += fine
