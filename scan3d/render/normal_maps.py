"""Normals under a part's normal map, in the tangent frames that the path tracer uses: x along u, y along v."""

from __future__ import annotations

import numpy as np

from scan3d.geometry.materials import Part
from scan3d.geometry.tangents import leaned_normals
from scan3d.geometry.texture_lookup import value_at


def bumped_normals(part: Part, face: np.ndarray, uv: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """(N, 3) unit normals of faces (N,) at texture coordinates (N, 2), about smooth ones (N, 3); these where the part
    has no normal map."""
    picture = part.material.normal
    if picture is None or part.mesh.uv is None:
        return smooth
    lean = value_at(picture, uv).astype(np.float64) * (2 / 65535) - 1
    corners, coordinates = part.mesh.vertices[part.mesh.faces[face]], part.mesh.uv[face].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    a, b = coordinates[:, 1] - coordinates[:, 0], coordinates[:, 2] - coordinates[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    along = (first * b[:, 1:] - second * a[:, 1:]) * np.where(np.abs(area) > 1e-20, np.sign(area), 0)[:, None]
    return leaned_normals(lean, along, smooth)
