"""A scan as something to ask: which of its points is nearest, which way it faces there, and how far it is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.laplacian import neighbour_means
from scan3d.geometry import Mesh
from scan3d.geometry.ray_scene import ray_scene, tensor

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_SURE = 0.25  # confidence from which a place counts in full
DOUBTFUL = 0.02  # trust in what no photographs agree on
_SMOOTH_ROUNDS = (1, 16)


@dataclass(frozen=True, kw_only=True, eq=False)
class Nearest:
    """Of (N,) places: the nearest point (N, 3) of a mesh, metres, its face (N,) and weights of its corners (N, 3)."""

    point: Floats
    face: Ints
    share: Floats


class NearestOn:
    """Nearest points of a triangle mesh, and rays cast at it, by Embree. vertices: (V, 3) metres. faces: (F, 3)."""

    def __init__(self, vertices: Floats, faces: Ints) -> None:
        self.faces = faces
        self._scene = ray_scene([(vertices, faces)])

    def nearest(self, points: Floats) -> Nearest:
        """The nearest point of the mesh to each of (N, 3)."""
        found = self._scene.compute_closest_points(tensor(np.asarray(points, np.float32)))
        uv = found["primitive_uvs"].numpy().astype(np.float64)
        share = np.concatenate([1 - uv.sum(axis=1, keepdims=True), uv], axis=1)
        return Nearest(
            point=found["points"].numpy().astype(np.float64),
            face=found["primitive_ids"].numpy().astype(np.int32),
            share=share,
        )

    def first_hit(self, start: Floats, direction: Floats) -> tuple[Floats, Ints, Floats]:
        """How many directions far (N,) a ray goes to the mesh, inf for never; the face (N,), -1; weights (N, 3)."""
        rays = np.concatenate([start, direction], axis=1).astype(np.float32)
        found = self._scene.cast_rays(tensor(rays))
        uv = found["primitive_uvs"].numpy().astype(np.float64)
        share = np.concatenate([1 - uv.sum(axis=1, keepdims=True), uv], axis=1)
        return found["t_hit"].numpy(), found["primitive_ids"].numpy().astype(np.int32), share


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanSurface:
    """mesh: of the scan. normals: (V, 3), smoothed over its noise. trust: (V,) 0..1, 0 on rims of holes and
    DOUBTFUL where no photographs agree.

    noise_m: how far its vertices lie off a smooth surface, root mean square. edge_m: middle length of its edges.
    """

    mesh: Mesh
    normals: Floats
    trust: Floats
    noise_m: float
    edge_m: float
    tree: NearestOn

    def at(self, found: Nearest) -> tuple[Floats, Floats]:
        """Unit normals (N, 3) and trust (N,) at points found on it; a face on a rim is not trusted at all."""
        corners = self.mesh.faces[found.face]
        normal = np.einsum("nk,nkc->nc", found.share, self.normals[corners])
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        trust = self.trust[corners]
        weight = np.where(trust.min(axis=1) > 0, (trust * found.share).sum(axis=1), 0.0)
        return normal / np.maximum(length, 1e-12), weight


def scan_surface(scan: Mesh) -> ScanSurface:
    """Prepares a scan. vertex_values "confidence" (V,) 0..1, where there are any, say how far it is trusted."""
    vertices = np.asarray(scan.vertices, np.float64)
    means = neighbour_means(scan.faces, len(vertices))
    edges = scan.edges()
    edge_m = float(np.median(np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)))
    noise_m = _noise(vertices, scan, means)
    # Normals of a rough surface turn by noise over edge length: averaged until that is a few degrees.
    rounds = int(np.clip((7 * noise_m / edge_m) ** 2, *_SMOOTH_ROUNDS))
    normals = np.asarray(scan.vertex_normals(), np.float64)
    for _ in range(rounds):
        normals = means @ normals
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    trust = np.ones(len(vertices))
    if "confidence" in scan.vertex_values:
        trust = np.clip(np.asarray(scan.vertex_values["confidence"], np.float64) / _SURE, DOUBTFUL, 1)
    trust[np.unique(scan.boundary_edges())] = 0
    return ScanSurface(
        mesh=scan, normals=normals, trust=trust, noise_m=noise_m, edge_m=edge_m, tree=NearestOn(vertices, scan.faces)
    )


def _noise(vertices: Floats, scan: Mesh, means: Any) -> float:
    """Root mean square of what a vertex stands off its neighbours, less what they all do, along the normal."""
    normals = np.asarray(scan.vertex_normals(), np.float64)
    off = ((vertices - means @ vertices) * normals).sum(axis=1)
    rough = off - means @ off
    # Of independent noise 0.95 is left by the two differences; 1.48: robust against creases.
    return float(1.48 * np.median(np.abs(rough)) / 0.95)
