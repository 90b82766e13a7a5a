"""Tangents as normal maps of other programs expect them: the rules of MikkTSpace (Mikkelsen 2008), for triangles.

Corners that share a vertex, a texture coordinate and the handedness of their faces share a tangent: the mean of the
faces' directions of growing u, laid into the plane of the vertex normal, weighted by the angle of the corner there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def corner_tangents(
    vertices: Floats, faces: npt.NDArray[np.int32], normals: Floats, uv: Floats, face_uv: npt.NDArray[np.int32]
) -> tuple[Floats, Floats]:
    """(F, 3, 3) unit tangents of the corners and (F,) 1.0 or -1.0, the sign of the bitangent: sign * cross(n, t).

    vertices, normals: (V, 3). faces: (F, 3). uv: (T, 2), v up. face_uv: (F, 3) rows of uv. Where a face has no area
    on the texture its corners take any direction across the normal.
    """
    points, places = vertices[faces], uv[face_uv]
    edge1, edge2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    (u1, v1), (u2, v2) = (places[:, 1] - places[:, 0]).T, (places[:, 2] - places[:, 0]).T
    double = u1 * v2 - u2 * v1
    sign = np.where(double < 0, -1.0, 1.0)
    along = _unit(sign[:, None] * (v2[:, None] * edge1 - v1[:, None] * edge2))
    along[double == 0] = 0
    normal = normals[faces]
    keys = np.stack([faces.ravel(), face_uv.ravel(), np.repeat(sign > 0, 3)], axis=1)
    group = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    total = np.zeros((int(group.max(initial=-1)) + 1, 3))
    for corner in range(3):
        n = normal[:, corner]
        flat = _unit(_across(along, n))
        first = _unit(_across(points[:, (corner + 1) % 3] - points[:, corner], n))
        second = _unit(_across(points[:, (corner + 2) % 3] - points[:, corner], n))
        angle = np.arccos(np.clip((first * second).sum(axis=1), -1, 1))
        for axis in range(3):
            total[:, axis] += np.bincount(group[corner::3], angle * flat[:, axis], minlength=len(total))
    tangents = _unit(total)[group].reshape(-1, 3, 3)
    lost = np.linalg.norm(tangents, axis=2) < 0.5
    helper = np.where(np.abs(normal[lost][:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    tangents[lost] = _unit(_across(helper, normal[lost]))
    return tangents, sign


def _across(vectors: Floats, normals: Floats) -> Floats:
    return np.asarray(vectors - normals * (vectors * normals).sum(axis=1, keepdims=True))


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-20))


def leaned_normals(lean: Floats, along_u: Floats, normals: Floats) -> Floats:
    """(N, 3) unit normals under a normal map's vectors lean (N, 3), OpenGL, about unit normals (N, 3).

    along_u: (N, 3) of any length, the way u grows on the faces. Up the map is across both, whichever way v runs there,
    as in the path tracer.
    """
    first = along_u - normals * (along_u * normals).sum(axis=1, keepdims=True)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-20)
    second = np.cross(normals, first)
    made = lean[:, :1] * first + lean[:, 1:2] * second + lean[:, 2:] * normals
    return np.asarray(made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12))


def along_u(corners: Floats, uv: Floats) -> Floats:
    """(N, 3) the way u grows on faces, of any length; zero where they have no area on the chart. corners: (N, 3, 3)
    metres. uv: (N, 3, 2)."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    d1, d2 = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    det = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    return np.asarray((first * d2[:, 1:] - second * d1[:, 1:]) * np.sign(det)[:, None])
