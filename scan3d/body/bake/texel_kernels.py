"""Kernels of baking: where texels are on their faces, and what a picture shows at a place."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def corner_shares(index, owner, width, texel_uv, dx, dy, out):
    """out (N, 3): weights of the corners of each texel's face at its middle moved by (dx, dy) texels.

    index: (N,) flat texels of a picture `width` wide. owner: (N,) their faces. texel_uv: (F, 3, 2) corners in texels.
    """
    for t in range(len(index)):
        c = texel_uv[owner[t]]
        x, y = index[t] % width + 0.5 + dx, index[t] // width + 0.5 + dy
        ax, ay, bx, by = c[1, 0] - c[0, 0], c[1, 1] - c[0, 1], c[2, 0] - c[0, 0], c[2, 1] - c[0, 1]
        px, py = x - c[0, 0], y - c[0, 1]
        det = ax * by - ay * bx
        u = (px * by - py * bx) / det if det != 0 else 1.0 / 3
        v = (ax * py - ay * px) / det if det != 0 else 1.0 / 3
        out[t, 0], out[t, 1], out[t, 2] = 1 - u - v, u, v


@numba.njit(cache=True, nogil=True)
def mixed(faces, share, values, out):
    """out (N, C): values (V, C) of the corners faces (N, 3), weighted by share (N, 3)."""
    for t in range(len(faces)):
        for c in range(out.shape[1]):
            total = 0.0
            for k in range(3):
                total += share[t, k] * values[faces[t, k], c]
            out[t, c] = total


@numba.njit(cache=True, nogil=True)
def sample_picture(picture, scale, uv, face, share, rows, out):
    """Adds to out[rows] (., 3) what a picture (H, W, 3) shows, bilinearly and times scale, on faces of its surface.

    uv: (F, 3, 2), v up. face, share: (N,), (N, 3) the places. rows: (N,).
    """
    height, width = picture.shape[:2]
    for t in range(len(face)):
        corners = uv[face[t]]
        u = share[t, 0] * corners[0, 0] + share[t, 1] * corners[1, 0] + share[t, 2] * corners[2, 0]
        v = share[t, 0] * corners[0, 1] + share[t, 1] * corners[1, 1] + share[t, 2] * corners[2, 1]
        x = min(max(u * width - 0.5, 0.0), width - 1.001)
        y = min(max((1 - v) * height - 0.5, 0.0), height - 1.001)
        i, j = int(x), int(y)
        f, g = x - i, y - j
        for c in range(3):
            top = picture[j, i, c] * (1 - f) + picture[j, i + 1, c] * f
            bottom = picture[j + 1, i, c] * (1 - f) + picture[j + 1, i + 1, c] * f
            out[rows[t], c] += scale * (top * (1 - g) + bottom * g)


@numba.njit(cache=True, nogil=True)
def texel_of(face, share, texel_uv, width, height, out):
    """out (N,): flat texel in which places on faces lie, corners (F, 3, 2) in texels."""
    for t in range(len(face)):
        c = texel_uv[face[t]]
        x = share[t, 0] * c[0, 0] + share[t, 1] * c[1, 0] + share[t, 2] * c[2, 0]
        y = share[t, 0] * c[0, 1] + share[t, 1] * c[1, 1] + share[t, 2] * c[2, 1]
        column, row = min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)
        out[t] = row * width + column


@numba.njit(cache=True, nogil=True)
def tangent_normals(faces_normals, tangents, sign, share, wanted, out):
    """out (N, 3): normals wanted (N, 3) as x tangent + y bitangent + z normal, as a shader mixes them; unit vectors.

    faces_normals, tangents: (N, 3, 3) at the corners. sign: (N,). share: (N, 3).
    """
    n, t = np.empty(3), np.empty(3)
    for k in range(len(share)):
        for c in range(3):
            n[c] = t[c] = 0.0
            for i in range(3):
                n[c] += share[k, i] * faces_normals[k, i, c]
                t[c] += share[k, i] * tangents[k, i, c]
        b0 = sign[k] * (n[1] * t[2] - n[2] * t[1])
        b1 = sign[k] * (n[2] * t[0] - n[0] * t[2])
        b2 = sign[k] * (n[0] * t[1] - n[1] * t[0])
        w0, w1, w2 = wanted[k]
        # Cramer's rule for [t b n] (x, y, z) = wanted.
        c0, c1, c2 = b1 * n[2] - b2 * n[1], b2 * n[0] - b0 * n[2], b0 * n[1] - b1 * n[0]
        det = t[0] * c0 + t[1] * c1 + t[2] * c2
        if abs(det) < 1e-12:
            out[k, 0], out[k, 1], out[k, 2] = 0.0, 0.0, 1.0
            continue
        x = (w0 * c0 + w1 * c1 + w2 * c2) / det
        d0, d1, d2 = n[1] * t[2] - n[2] * t[1], n[2] * t[0] - n[0] * t[2], n[0] * t[1] - n[1] * t[0]
        y = (w0 * d0 + w1 * d1 + w2 * d2) / det
        e0, e1, e2 = t[1] * b2 - t[2] * b1, t[2] * b0 - t[0] * b2, t[0] * b1 - t[1] * b0
        z = (w0 * e0 + w1 * e1 + w2 * e2) / det
        length = np.sqrt(x * x + y * y + z * z)
        out[k, 0], out[k, 1], out[k, 2] = x / length, y / length, z / length
