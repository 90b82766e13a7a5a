"""The avatar's surface as other programs want it: a vertex for each pair of place and texture, smooth normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.geometry import Mesh
from scan3d.geometry.tangents import corner_tangents

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Corners:
    """vertex: (N,) of the avatar, uv: (N, 2). triangles: (F, 3) of these; owner: (F,) the avatar's face.

    quads: (F, 3) the same triangles by the avatar's own vertices.
    """

    vertex: Ints
    uv: Floats
    triangles: Ints
    owner: Ints
    quads: Ints


def corners_as_vertices(avatar: Avatar) -> Corners:
    """Vertices split where the texture has a seam, or is mirrored."""
    faces, corners, owner = avatar.triangles()
    mirrored = np.repeat(_uv_area(avatar.uv[corners]) < 0, 3)
    pairs = 2 * (faces.reshape(-1).astype(np.int64) * len(avatar.uv) + corners.reshape(-1)) + mirrored
    found, inverse = np.unique(pairs, return_inverse=True)
    return Corners(
        vertex=(found // 2 // len(avatar.uv)).astype(np.int32),
        uv=np.asarray(avatar.uv[found // 2 % len(avatar.uv)]),
        triangles=inverse.reshape(-1, 3).astype(np.int32),
        owner=owner,
        quads=faces,
    )


def _uv_area(corners: Floats) -> Floats:
    """(F,) twice the signed areas of triangles (F, 3, 2)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def tangents(corners: Corners, vertices: Floats, normals: Floats) -> Floats:
    """(N, 4) unit tangents along u, and the side that v lies on, +1 or -1, at the corners' vertices.

    vertices, normals: (V, 3) of the avatar's own.
    """
    rows = np.arange(len(corners.uv), dtype=np.int32)[corners.triangles]
    along, sign = corner_tangents(vertices, corners.quads, normals, corners.uv, rows)
    found = np.zeros((len(corners.vertex), 4))
    found[corners.triangles, :3], found[corners.triangles, 3] = along, sign[:, None]
    return found


def smooth_normals(vertices: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals, up where a vertex has no face."""
    normals = Mesh(vertices=np.asarray(vertices, np.float64), faces=faces).vertex_normals()
    normals[np.linalg.norm(normals, axis=1) < 0.5] = [0, 0, 1]
    return np.asarray(normals)


def changed_normals(vertices: Floats, move: Floats, faces: Ints, normals: Floats) -> Floats:
    """(V, 3) what a move (V, 3) of the vertices changes of their smooth normals (V, 3), only reckoned where it can.

    The same numbers as of the whole surface: the faces around a vertex are summed in the same order.
    """
    moved = (move[:, 0] != 0) | (move[:, 1] != 0) | (move[:, 2] != 0)
    near = np.zeros(len(vertices), bool)
    near[faces[_touching(faces, moved)]] = True
    around = faces[_touching(faces, near)]
    used, renumbered = np.unique(around, return_inverse=True)
    local = smooth_normals(vertices[used] + move[used], renumbered.reshape(around.shape).astype(np.int32))
    changed = np.zeros(vertices.shape)
    # The rim's own faces are not all there.
    whole = near[used]
    changed[used[whole]] = local[whole] - normals[used[whole]]
    return changed


def _touching(faces: Ints, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(F,) whether any corner of a triangle is chosen (V,); column by column, which is much faster than any(axis=1)."""
    return np.asarray(chosen[faces[:, 0]] | chosen[faces[:, 1]] | chosen[faces[:, 2]])
