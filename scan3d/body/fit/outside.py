"""Which of a model's vertices can be seen from outside at all, and how to take some of them evenly."""

from __future__ import annotations

import numpy as np

from scan3d.body.model import BodyModel
from scan3d.geometry import Mesh
from scan3d.geometry.ray_scene import ray_scene, tensor

_NEVER = ("eyeball", "mouth_inside", "teeth", "tongue", "eyelashes")


def seen_vertices(model: BodyModel) -> np.ndarray:
    """(V,) bool: seen from two or more of 26 places around the body at rest, and neither eye nor mouth."""
    mesh = Mesh(vertices=np.asarray(model.template, np.float64), faces=model.faces)
    scene = ray_scene([(mesh.vertices, mesh.faces)])
    normals, middle = mesh.vertex_normals(), mesh.vertices.mean(axis=0)
    around = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    places = [(2.5 * np.cos(a + h), h, 2.5 * np.sin(a + h)) for h in (-0.9, 0.0, 0.9) for a in around]
    seen = np.zeros(len(mesh.vertices), int)
    for place in [*places, (0.4, 3.0, 0.4), (0.4, -3.0, 0.4)]:
        line = middle + np.asarray(place) - mesh.vertices
        line /= np.linalg.norm(line, axis=1, keepdims=True)
        rays = np.concatenate([mesh.vertices + 1e-3 * normals, line], axis=1).astype(np.float32)
        free = ~scene.test_occlusions(tensor(rays)).numpy()
        seen += free & (np.einsum("vc,vc->v", line, normals) > 0.1)
    result = seen >= 2
    for name in _NEVER:
        if name in model.parts:
            result &= np.asarray(model.parts[name]) < 0.5
    return np.asarray(result)


def evenly(vertices: np.ndarray, faces: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
    """Rows (about `count`,) of allowed vertices spread evenly over the surface: the first in each cell of a grid."""
    rows = np.flatnonzero(allowed)
    if len(rows) <= count:
        return rows
    low, high = 0.001, 0.5
    chosen = rows
    for _ in range(24):
        cell = np.sqrt(low * high)
        _, first = np.unique(np.floor(vertices[rows] / cell).astype(np.int64), axis=0, return_index=True)
        chosen = rows[np.sort(first)]
        low, high = (cell, high) if len(chosen) > count else (low, cell)
    return np.asarray(chosen)
