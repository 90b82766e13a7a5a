"""Which place of a surface each texel shows: the map is worked through in bands, so memory stays bounded at any size.

Texel (row r, column c) has its centre at u = (c + 0.5) / size, v = 1 - (r + 0.5) / size. Around every chart lies a
gutter of texels that continue its nearest face's plane, so that a filter that reaches over the border sees skin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np

from scan3d.geometry import Mesh

# Texels worked on at a time: about 40 float32 arrays of this length live at once.
_BAND_TEXELS = 1 << 20


@numba.njit(cache=True, nogil=True)
def _rasterise(corners, owner):
    height, width = owner.shape
    for f in range(len(corners)):
        x0, y0, x1, y1 = corners[f, 0, 0], corners[f, 0, 1], corners[f, 1, 0], corners[f, 1, 1]
        x2, y2 = corners[f, 2, 0], corners[f, 2, 1]
        det = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if det == 0:
            continue
        left, right = max(int(min(x0, x1, x2) - 0.5), 0), min(int(max(x0, x1, x2) + 0.5), width - 1)
        top, bottom = max(int(min(y0, y1, y2) - 0.5), 0), min(int(max(y0, y1, y2) + 0.5), height - 1)
        for r in range(top, bottom + 1):
            for c in range(left, right + 1):
                dx, dy = c + 0.5 - x0, r + 0.5 - y0
                a = (dx * (y2 - y0) - (x2 - x0) * dy) / det
                b = ((x1 - x0) * dy - dx * (y1 - y0)) / det
                if a >= 0 and b >= 0 and a + b <= 1:
                    owner[r, c] = f


@numba.njit(cache=True, nogil=True)
def _widen(owner, ring):
    """Free texels beside an owned one get its owner; `ring` holds the rows of the last step."""
    height, width = owner.shape
    above, here = ring[0], ring[1]
    above[:] = -1
    for r in range(height):
        here[:] = owner[r]
        for c in range(width):
            if here[c] < 0:
                found = above[c]
                if found < 0 and r + 1 < height:
                    found = owner[r + 1, c]
                if found < 0 and c > 0:
                    found = here[c - 1]
                if found < 0 and c + 1 < width:
                    found = here[c + 1]
                owner[r, c] = found
        above, here = here, above


@numba.njit(cache=True, nogil=True)
def _interpolate(rows, columns, owner, corners, faces, values, slack, out):
    for n in range(len(rows)):
        f = owner[n]
        x0, y0 = corners[f, 0, 0], corners[f, 0, 1]
        ax, ay = corners[f, 1, 0] - x0, corners[f, 1, 1] - y0
        bx, by = corners[f, 2, 0] - x0, corners[f, 2, 1] - y0
        det = ax * by - bx * ay
        dx, dy = columns[n] + 0.5 - x0, rows[n] + 0.5 - y0
        a = b = 1 / 3
        if det != 0:
            a = min(max((dx * by - bx * dy) / det, -slack), 1 + slack)
            b = min(max((ax * dy - dx * ay) / det, -slack), 1 + slack)
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        for c in range(values.shape[1]):
            out[n, c] = (1 - a - b) * values[i, c] + a * values[j, c] + b * values[k, c]


@dataclass(frozen=True, kw_only=True, eq=False)
class Texels:
    """Some texels of a map: rows, columns and faces (N,) int32."""

    rows: np.ndarray
    columns: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Chart:
    """A mesh laid over a square map.

    mesh: with uv. size: texels along a side. owner: (size, size) int32 face shown by a texel, -1 outside all charts
    and their gutter. corners: (F, 3, 2) float64 in texels, x to the right and y down. texel_m: (V,) size of a texel
    on the mesh, metres, mean of the faces around. along_u, along_v: (F, 3) unit vectors on the mesh along the map's u
    and at right angles to it on the side of v, the frame of a tangent-space normal.
    """

    mesh: Mesh
    size: int
    owner: np.ndarray
    corners: np.ndarray
    texel_m: np.ndarray
    along_u: np.ndarray
    along_v: np.ndarray

    def bands(self) -> Iterator[Texels]:
        """All texels of the charts and their gutter, in rows from the top, some rows at a time."""
        step = max(1, _BAND_TEXELS // self.size)
        for top in range(0, self.size, step):
            rows, columns = np.nonzero(self.owner[top : top + step] >= 0)
            if len(rows):
                rows = rows + top
                yield Texels(
                    rows=rows.astype(np.int32), columns=columns.astype(np.int32), faces=self.owner[rows, columns]
                )

    def texels_of(self, faces: np.ndarray) -> Texels:
        """The texels, gutter included, that show one of these faces (K,)."""
        reach = gutter(self.size) + 1
        found = []
        for f in faces:
            low, high = self.corners[f].min(axis=0) - reach, self.corners[f].max(axis=0) + reach
            left, top = np.maximum(low.astype(int), 0)
            right, bottom = high.astype(int) + 1
            rows, columns = np.nonzero(self.owner[top:bottom, left:right] == f)
            found.append(np.stack([rows + top, columns + left, np.full(len(rows), f)]))
        rows, columns, owner = np.concatenate(found, axis=1).astype(np.int32) if found else np.zeros((3, 0), np.int32)
        return Texels(rows=rows, columns=columns, faces=owner)

    def interpolate(self, texels: Texels, values: np.ndarray, *, slack: float = 0.0) -> np.ndarray:
        """(N, C) float32 of values (V, C) at the mesh's vertices; in the gutter continued by `slack` of a face."""
        values = np.ascontiguousarray(values.reshape(len(values), -1), np.float32)
        out = np.empty((len(texels.rows), values.shape[1]), np.float32)
        _interpolate(texels.rows, texels.columns, texels.faces, self.corners, self.mesh.faces, values, slack, out)
        return out


def gutter(size: int) -> int:
    """How many texels a chart is continued beyond its border."""
    return 3 + size // 512


def chart_of(mesh: Mesh, size: int) -> Chart:
    """Rasterises the mesh's uv into a map of size x size texels. Raises ValueError for a mesh without uv."""
    if mesh.uv is None:
        raise ValueError("a mesh without uv has no maps")
    uv = np.asarray(mesh.uv, np.float64)
    corners = np.stack([uv[..., 0] * size, (1 - uv[..., 1]) * size], axis=-1)
    owner = np.full((size, size), -1, np.int32)
    _rasterise(corners, owner)
    for _ in range(gutter(size)):
        _widen(owner, np.empty((2, size), np.int32))
    points = mesh.vertices[mesh.faces].astype(np.float64)
    e1, e2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    d1, d2 = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    det = d1[:, 0] * d2[:, 1] - d2[:, 0] * d1[:, 1]
    safe = np.where(np.abs(det) > 1e-14, det, 1.0)[:, None]
    along_u = _unit((d2[:, 1:] * e1 - d1[:, 1:] * e2) / safe)
    normal = _unit(np.cross(e1, e2))
    along_v = np.cross(normal, along_u) * np.where(det < 0, -1.0, 1.0)[:, None]
    area = 0.5 * np.linalg.norm(np.cross(e1, e2), axis=1)
    texels = 0.5 * np.abs(det) * size * size
    flat, count = mesh.faces.ravel(), len(mesh.vertices)
    here = np.bincount(flat, np.repeat(area, 3), count) / np.maximum(
        np.bincount(flat, np.repeat(texels, 3), count), 1e-9
    )
    return Chart(
        mesh=mesh,
        size=size,
        owner=owner,
        corners=corners,
        texel_m=np.sqrt(np.maximum(here, 1e-12)),
        along_u=along_u,
        along_v=along_v,
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))
