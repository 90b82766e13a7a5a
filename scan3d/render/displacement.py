"""Heights of a map as shape: a part cut fine enough to carry them, its vertices moved along their normals.

The path tracer has no displacement of its own. What is finer than the cut faces stays with the normal map, which holds
all slopes: normals are those of the mesh before, so that nothing leans twice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.geometry.materials import Part
from scan3d.geometry.subdivision import longest_of_most, quartered
from scan3d.geometry.texture_lookup import value_at

_EDGE_M = 1.2e-3
_MOST_FACES = 2_000_000


def displaced(part: Part, *, edge_m: float = _EDGE_M, most_faces: int = _MOST_FACES) -> Part:
    """The part with its material's displacement as shape, as far as faces of edge_m and most_faces carry it; the same
    part where there is none."""
    heights = part.material.displacement
    if heights is None or part.mesh.uv is None or not np.any(heights):
        return part
    normals = part.mesh.vertex_normals() if part.mesh.normals is None else part.mesh.normals
    mesh = replace(part.mesh, normals=normals, vertex_values={})
    while 4 * len(mesh.faces) <= most_faces and longest_of_most(mesh) > edge_m:
        mesh, _ = quartered(mesh)
    assert mesh.uv is not None and mesh.normals is not None
    corner = value_at(heights, np.clip(mesh.uv.reshape(-1, 2), 0, 1))
    # A vertex at a seam has a place on either chart: what they say is averaged, so that the surface stays closed.
    flat, count = mesh.faces.ravel(), len(mesh.vertices)
    used = np.maximum(np.bincount(flat, minlength=count), 1)
    height = np.bincount(flat, corner, minlength=count) / used
    # Where another part begins both stay, else light falls in between.
    height[mesh.boundary_edges()] = 0
    return replace(part, mesh=replace(mesh, vertices=mesh.vertices + height[:, None] * mesh.normals))
