"""The avatar's surface as other programs want it: a vertex for each pair of place and texture, smooth normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.geometry import Mesh

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
    """Vertices split where the texture has a seam."""
    faces, corners, owner = avatar.triangles()
    pairs = faces.reshape(-1).astype(np.int64) * len(avatar.uv) + corners.reshape(-1)
    found, inverse = np.unique(pairs, return_inverse=True)
    return Corners(
        vertex=(found // len(avatar.uv)).astype(np.int32),
        uv=np.asarray(avatar.uv[found % len(avatar.uv)]),
        triangles=inverse.reshape(-1, 3).astype(np.int32),
        owner=owner,
        quads=faces,
    )


def smooth_normals(vertices: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals, up where a vertex has no face."""
    normals = Mesh(vertices=np.asarray(vertices, np.float64), faces=faces).vertex_normals()
    normals[np.linalg.norm(normals, axis=1) < 0.5] = [0, 0, 1]
    return np.asarray(normals)
