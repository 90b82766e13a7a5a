"""Which face covers which texel: rasterisation of charts, the same for the atlas, its test and the baking.

Texel (row r, column c) of a tile has its centre at u = (c + 0.5) / side, v = 1 - (r + 0.5) / side.
A texel belongs to the face that contains its centre; on a common edge exactly one of the two faces gets it.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def rasterise_faces(texel_uv, owner):
    """Writes the index of each face into the texels it covers; what is taken stays.

    texel_uv: (F, 3, 2) corners in texels, x to the right and y down. owner: (H, W) int32, -1 where free.
    """
    height, width = owner.shape
    for f in range(len(texel_uv)):
        x0, y0 = texel_uv[f, 0, 0], texel_uv[f, 0, 1]
        x1, y1 = texel_uv[f, 1, 0], texel_uv[f, 1, 1]
        x2, y2 = texel_uv[f, 2, 0], texel_uv[f, 2, 1]
        top = max(int(np.ceil(min(y0, y1, y2) - 0.5)), 0)
        bottom = min(int(np.floor(max(y0, y1, y2) - 0.5)), height - 1)
        for row in range(top, bottom + 1):
            start, stop = row_span(x0, y0, x1, y1, x2, y2, row, width)
            for column in range(start, stop):
                if owner[row, column] < 0:
                    owner[row, column] = f


@numba.njit(cache=True, nogil=True)
def shared_texels(texel_uv, corners, reach, owner):
    """How many texels show two places of the surface farther apart than `reach`.

    corners: (F, 3, 3) of the faces in space. Rasterises as rasterise_faces does. A sliver that is turned over
    shares texels with the faces beside it, which show the same place: that is no overlap.
    """
    height, width = owner.shape
    shared = 0
    for f in range(len(texel_uv)):
        x0, y0 = texel_uv[f, 0, 0], texel_uv[f, 0, 1]
        x1, y1 = texel_uv[f, 1, 0], texel_uv[f, 1, 1]
        x2, y2 = texel_uv[f, 2, 0], texel_uv[f, 2, 1]
        top = max(int(np.ceil(min(y0, y1, y2) - 0.5)), 0)
        bottom = min(int(np.floor(max(y0, y1, y2) - 0.5)), height - 1)
        for row in range(top, bottom + 1):
            start, stop = row_span(x0, y0, x1, y1, x2, y2, row, width)
            for column in range(start, stop):
                other = owner[row, column]
                if other < 0:
                    owner[row, column] = f
                    continue
                a, b = _weights(texel_uv[f], column + 0.5, row + 0.5)
                c, d = _weights(texel_uv[other], column + 0.5, row + 0.5)
                apart = 0.0
                for axis in range(3):
                    here = corners[f, 0, axis] * (1 - a - b) + corners[f, 1, axis] * a + corners[f, 2, axis] * b
                    there = (
                        corners[other, 0, axis] * (1 - c - d)
                        + corners[other, 1, axis] * c
                        + corners[other, 2, axis] * d
                    )
                    apart += (here - there) ** 2
                if apart > reach * reach:
                    shared += 1
    return shared


@numba.njit(cache=True, nogil=True, inline="always")
def _weights(uv, x, y):
    """Barycentric coordinates of corners 1 and 2, kept inside the triangle."""
    ax, ay, bx, by = uv[1, 0] - uv[0, 0], uv[1, 1] - uv[0, 1], uv[2, 0] - uv[0, 0], uv[2, 1] - uv[0, 1]
    det = ax * by - ay * bx
    if det == 0:
        return 0.0, 0.0
    a = ((x - uv[0, 0]) * by - (y - uv[0, 1]) * bx) / det
    b = (ax * (y - uv[0, 1]) - ay * (x - uv[0, 0])) / det
    a = min(max(a, 0.0), 1.0)
    return a, min(max(b, 0.0), 1.0 - a)


@numba.njit(cache=True, nogil=True, inline="always")
def row_span(x0, y0, x1, y1, x2, y2, row, width):
    """The columns start..stop-1 of a row whose centres lie in a triangle.

    An edge is cut at the same place whichever face asks, because its ends are ordered first: so two faces
    that share it neither overlap nor leave a gap.
    """
    y = row + 0.5
    low, high = np.inf, -np.inf
    for edge in range(3):
        if edge == 0:
            ax, ay, bx, by = x0, y0, x1, y1
        elif edge == 1:
            ax, ay, bx, by = x1, y1, x2, y2
        else:
            ax, ay, bx, by = x2, y2, x0, y0
        if ay > by or (ay == by and ax > bx):
            ax, ay, bx, by = bx, by, ax, ay
        if ay <= y < by:
            x = ax + (bx - ax) * ((y - ay) / (by - ay))
            low = min(low, x)
            high = max(high, x)
    if low > high:
        return 0, 0
    return max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), width)
