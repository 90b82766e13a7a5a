"""How many cameras see each part of a surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.geometry import Camera, Mesh
from scan3d.report.surface_view import SurfaceView


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Points spread evenly over a surface's area, and which cameras see them.

    points         (S, 3) float32 world; normals (S, 3) float32.
    seen           (S, C) bool: camera c sees point s, in its picture, unoccluded and at most `max_angle_deg`
                   off the surface's normal.
    camera_ids     the C cameras.
    max_angle_deg  beyond it a view adds nothing to a measurement.
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    seen: NDArray[np.bool_]
    camera_ids: tuple[str, ...]
    max_angle_deg: float

    def shares(self) -> tuple[float, ...]:
        """The share of the surface's area seen by exactly 0, 1, 2 ... C cameras; sums to 1."""
        counts = np.bincount(self.seen.sum(axis=1), minlength=len(self.camera_ids) + 1)
        return tuple((counts / max(len(self.seen), 1)).tolist())

    def share_of(self) -> dict[str, float]:
        """For each camera the share of the surface's area that it sees."""
        return dict(zip(self.camera_ids, self.seen.mean(axis=0).tolist(), strict=True))

    def at_vertices(self, mesh: Mesh) -> NDArray[np.float32]:
        """(V,) number of cameras that see the surface around each vertex: the mean of the three nearest
        points that face the same way, so that a lip does not take the number of the teeth behind it.
        """
        from scipy.spatial import cKDTree

        turned = 0.02 * float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
        normals = mesh.normals if mesh.normals is not None else mesh.vertex_normals()
        tree = cKDTree(np.hstack([self.points, turned * self.normals]))
        _, near = tree.query(np.hstack([mesh.vertices, turned * normals]), k=min(3, len(self.points)), workers=-1)
        counts = self.seen.sum(axis=1).astype(np.float32)
        return counts[near.reshape(len(mesh.vertices), -1)].mean(axis=1)


def measure_coverage(
    surface: SurfaceView, cameras: Sequence[Camera], *, samples: int = 20_000, max_angle_deg: float = 75.0
) -> Coverage:
    """Samples the surface evenly by area and asks by ray casting which cameras see each sample.

    The samples are systematic, not random: the same surface gives the same numbers, and a share is good to
    about 0.1 percent at 20,000 samples.
    """
    points, normals = sample_evenly(surface.mesh, samples)
    least_cosine = float(np.cos(np.radians(max_angle_deg)))
    # Steps off the surface by a thousandth of its size, so that a point does not hide itself.
    step = 1e-4 * float(np.linalg.norm(np.ptp(surface.vertices, axis=0)))
    seen = np.zeros((len(points), len(cameras)), bool)
    for column, camera in enumerate(cameras):
        px, _ = camera.project(points)
        towards = camera.centre - points
        distance = np.linalg.norm(towards, axis=1)
        towards /= distance[:, None]
        maybe = camera.intrinsics.contains(px) & (np.einsum("nk,nk->n", towards, normals) > least_cosine)
        asked = np.flatnonzero(maybe)
        origin = points[asked] + normals[asked] * step
        hidden = surface.occluded(origin, towards[asked] * distance[asked, None], 1.0)
        seen[asked[~hidden], column] = True
    return Coverage(
        points=points.astype(np.float32),
        normals=normals.astype(np.float32),
        seen=seen,
        camera_ids=tuple(camera.camera_id for camera in cameras),
        max_angle_deg=max_angle_deg,
    )


def sample_evenly(mesh: Mesh, samples: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(S, 3) points at equal steps of area through the faces, and (S, 3) unit normals of their faces."""
    areas = mesh.face_areas().astype(np.float64)
    ends = np.cumsum(areas)
    face = np.searchsorted(ends, (np.arange(samples) + 0.5) / samples * ends[-1])
    face = np.minimum(face, len(areas) - 1)
    # Roberts' R2 sequence spreads the places inside the faces; folded over, the square becomes the triangle.
    step = np.arange(1, samples + 1)
    b, c = (0.5 + step * 0.7548776662466927) % 1, (0.5 + step * 0.5698402909980532) % 1
    folded = b + c > 1
    b, c = np.where(folded, 1 - b, b), np.where(folded, 1 - c, c)
    corner = mesh.vertices[mesh.faces[face]].astype(np.float64)
    weights = np.stack([1 - b - c, b, c], axis=1)
    return np.einsum("nc,nck->nk", weights, corner), mesh.face_normals()[face].astype(np.float64)
