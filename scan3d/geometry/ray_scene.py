"""Surfaces that rays are cast at, by Embree through Open3D."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def tensor(values: np.ndarray) -> Any:
    """Open3D's tensor of an array; its own annotations are too narrow to pass what it takes."""
    import open3d as o3d

    make: Any = o3d.core.Tensor
    return make(np.ascontiguousarray(values))


def ray_scene(surfaces: Iterable[tuple[np.ndarray, np.ndarray]]) -> Any:
    """Open3D's RaycastingScene of surfaces: vertices (V, 3), metres, and faces (F, 3) of each, in that order."""
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    for vertices, faces in surfaces:
        scene.add_triangles(tensor(np.asarray(vertices, np.float32)), tensor(np.asarray(faces, np.uint32)))
    return scene
