"""What each pixel sees first: depth, normal and part, by one ray through its middle, of any lens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.materials import Part
from scan3d.geometry.ray_scene import ray_scene, tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Of N rays that hit: which pixel (row of the rays), part, face, corner weights (N, 3), distance."""

    ray: np.ndarray
    part: np.ndarray
    face: np.ndarray
    weights: np.ndarray
    distance_m: np.ndarray


class SurfaceRays:
    """Rays at the parts of a figure."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self._scene = ray_scene((part.mesh.vertices, part.mesh.faces) for part in parts)

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Seen:
        """First hits of rays (N, 3); distances in lengths of the directions."""
        rays = np.concatenate([np.broadcast_to(origins, directions.shape), directions], axis=1).astype(np.float32)
        hit = {name: value.numpy() for name, value in self._scene.cast_rays(tensor(rays)).items()}
        ray = np.flatnonzero(np.isfinite(hit["t_hit"]))
        corner = hit["primitive_uvs"][ray]
        weights = np.column_stack([1 - corner.sum(axis=1), corner])
        part, face = hit["geometry_ids"][ray].astype(np.int32), hit["primitive_ids"][ray].astype(np.int64)
        return Seen(ray=ray, part=part, face=face, weights=weights, distance_m=hit["t_hit"][ray])

    def free(self, origins: np.ndarray, directions: np.ndarray, reach: float) -> np.ndarray:
        """(N,) bool: nothing lies within `reach` of the directions' lengths."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        return np.asarray(~self._scene.test_occlusions(tensor(rays), tnear=0.0, tfar=reach).numpy())

    def passes(self, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(H, W) depth in metres, inf where nothing is; (H, W, 3) world normals; (H, W) parts from 1, 0 for nothing."""
        i = camera.intrinsics
        rays = pixel_rays(camera)
        good = np.isfinite(rays).all(axis=1)
        seen = self.cast(camera.centre, np.where(good[:, None], rays, [0.0, 0, 1]))
        keep = good[seen.ray]
        depth = np.full(len(rays), np.inf, np.float32)
        normal, part = np.zeros((len(rays), 3), np.float32), np.zeros(len(rays), np.int32)
        ray = seen.ray[keep]
        depth[ray] = seen.distance_m[keep] * (rays[ray] @ camera.forward)
        normal[ray] = normals_at(self.parts, seen)[keep]
        part[ray] = seen.part[keep] + 1
        shape = (i.height, i.width)
        return depth.reshape(shape), normal.reshape(*shape, 3), part.reshape(shape)


def pixel_rays(camera: Camera, *, step: int = 1) -> np.ndarray:
    """(step H x step W, 3) unit directions through `step` x `step` evenly spread points of every pixel."""
    i = camera.intrinsics
    x, y = (np.arange(side * step) / step + 0.5 / step for side in (i.width, i.height))
    return np.asarray(camera.ray_directions(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)))


def normals_at(parts: Sequence[Part], seen: Seen) -> np.ndarray:
    """(N, 3) unit smooth normals where rays hit."""
    normal = np.zeros((len(seen.ray), 3))
    for number, part in enumerate(parts):
        own = np.flatnonzero(seen.part == number)
        if own.size:
            of = part.mesh.vertex_normals() if part.mesh.normals is None else part.mesh.normals
            normal[own] = np.einsum("nk,nkd->nd", seen.weights[own], of[part.mesh.faces[seen.face[own]]])
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))
