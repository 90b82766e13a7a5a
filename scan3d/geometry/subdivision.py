"""Triangles cut in four: the same shape, with places for finer things between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scan3d.geometry.mesh import IntArray, Mesh


def quartered(mesh: Mesh) -> tuple[Mesh, IntArray]:
    """Each face as four, normals and uv in between, and (E, 2) the ends of the sides that new vertices are middles of.

    New vertices follow the old ones; faces come as four runs of F, each in the old order. Values of vertices do not
    come along.
    """
    sides = np.sort(np.stack([mesh.faces, np.roll(mesh.faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    ends, number = np.unique(sides, axis=0, return_inverse=True)
    middle = (len(mesh.vertices) + number).reshape(-1, 3).astype(np.int32)
    normals = mesh.normals
    if normals is not None:
        new = normals[ends].sum(axis=1)
        normals = np.concatenate([normals, new / np.maximum(np.linalg.norm(new, axis=1, keepdims=True), 1e-12)])
    uv = mesh.uv
    if uv is not None:
        uv = _cut(uv, 0.5 * (uv + np.roll(uv, -1, axis=1)))
    vertices = np.concatenate([mesh.vertices, mesh.vertices[ends].mean(axis=1)])
    made = replace(mesh, vertices=vertices, faces=_cut(mesh.faces, middle), normals=normals, uv=uv, vertex_values={})
    return made, ends


def longest_of_most(mesh: Mesh) -> float:
    """Metres: nine in ten edges are shorter."""
    corners = mesh.corners()
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    return float(np.quantile(edges, 0.9)) if len(corners) else 0.0


def _cut(corner: npt.NDArray, middle: npt.NDArray) -> npt.NDArray:
    """Three corners and the one in the middle, of each face. middle: of the sides 01, 12, 20."""
    (a, b, c), (ab, bc, ca) = np.moveaxis(corner, 1, 0), np.moveaxis(middle, 1, 0)
    quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.concatenate([np.stack(quarter, axis=1) for quarter in quarters])
