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


def tangents(corners: Corners, points: Floats, normals: Floats) -> Floats:
    """(N, 4) unit tangents along u and the side that v lies on, +1 or -1, as MikkTSpace (Mikkelsen 2008) has them.

    points, normals: (N, 3) of the corners' vertices. Faces' tangents are turned into each vertex's plane and count by
    their angle there.
    """
    at, uv = points[corners.triangles], corners.uv[corners.triangles]
    edge, other = at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]
    du, dv = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    area = _uv_area(uv)
    along = (edge * dv[:, 1:] - other * du[:, 1:]) * np.sign(area)[:, None]
    total = np.zeros((len(points), 3))
    for corner in range(3):
        vertex = corners.triangles[:, corner]
        normal = normals[vertex]
        sides = [at[:, (corner + k) % 3] - at[:, corner] for k in (1, 2)]
        first, second = (_unit(_flat(side, normal)) for side in sides)
        angle = np.arccos(np.clip(np.sum(first * second, axis=1), -1, 1))
        np.add.at(total, vertex, _unit(_flat(along, normal)) * angle[:, None])
    # Where the texture is a point or a line, any direction will do.
    aside = np.cross(normals, np.eye(3)[np.abs(normals).argmin(axis=1)])
    total = np.where(np.linalg.norm(total, axis=1, keepdims=True) > 1e-9, _flat(total, normals), aside)
    side = np.ones(len(points))
    side[corners.triangles[area < 0].ravel()] = -1
    return np.column_stack([_unit(total), side])


def _flat(vectors: Floats, normals: Floats) -> Floats:
    return np.asarray(vectors - np.sum(vectors * normals, axis=1, keepdims=True) * normals)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))


def smooth_normals(vertices: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals, up where a vertex has no face."""
    normals = Mesh(vertices=np.asarray(vertices, np.float64), faces=faces).vertex_normals()
    normals[np.linalg.norm(normals, axis=1) < 0.5] = [0, 0, 1]
    return np.asarray(normals)
