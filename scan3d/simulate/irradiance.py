"""Direct light that reaches points of a surface: panels with soft shadows, and surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.directions import even_directions
from scan3d.geometry.lights import LightSetup, Panel, Surroundings
from scan3d.geometry.materials import Part
from scan3d.geometry.ray_scene import ray_scene, tensor
from scan3d.geometry.texture_lookup import uv_at, value_at
from scan3d.simulate.point_grid import PointGrid
from scan3d.simulate.preview import Bumps, radiance_around

_OFF_M = 1e-4  # rays start this far above the surface
_FIRST = 8  # points of a panel that tell where its shadows' borders are
_FINE = 64  # points of a panel that draw them
_BORDER_M = 3e-3  # a border passes where points so near to each other differ
_COARSE_M = 4e-3  # the surroundings' light is gathered at points so far apart
_DIRECTIONS = 96
_AT_ONCE = 1 << 18  # points


@dataclass(frozen=True, kw_only=True, eq=False)
class SurfacePoints:
    """Points evenly over a part: which face (N,), weights of its corners (N, 3), place and unit smooth, flat and
    normal-mapped normals (N, 3), float32, world. area_m2: what each stands for."""

    face: np.ndarray
    weights: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    flat: np.ndarray
    shading: np.ndarray
    area_m2: float


def spread_points(part: Part, faces: np.ndarray, spacing_m: float) -> SurfacePoints:
    """One point for each spacing_m^2 of these faces (K,) of a part, the same in every run.

    Along the faces' areas laid end to end the points are even; within a face they follow a sequence that fills the
    square evenly from any of its points on (Roberts 2018, "R2").
    """
    reached = np.cumsum(part.mesh.face_areas()[faces].astype(np.float64))
    count = max(1, round(reached[-1] / spacing_m**2))
    step = reached[-1] / count
    face = faces[np.minimum(np.searchsorted(reached, (np.arange(count) + 0.5) * step), len(faces) - 1)]
    u, v = _fill_square(count).T
    root = np.sqrt(u)
    weights = np.stack([1 - root, root * (1 - v), root * v], axis=1).astype(np.float32)
    points, normals, shading = np.empty((3, count, 3), np.float32)
    smooth = part.mesh.vertex_normals()
    bumps = None if part.material.normal is None else Bumps(part)
    for start in range(0, count, _AT_ONCE):
        now = slice(start, start + _AT_ONCE)
        points[now] = _between(part.mesh, part.mesh.vertices, face[now], weights[now])
        normals[now] = shading[now] = normal = _unit(_between(part.mesh, smooth, face[now], weights[now]))
        if bumps is not None:
            shading[now] = bumps.at(face[now], uv_at(part, face[now], weights[now]), normal)
    flat = part.mesh.face_normals()[face].astype(np.float32)
    return SurfacePoints(
        face=face, weights=weights, points=points, normals=normals, flat=flat, shading=shading, area_m2=step
    )


def _fill_square(count: int) -> np.ndarray:
    golden = 1.32471795724474602596  # the real root of x^3 = x + 1
    return np.asarray((0.5 + np.arange(count)[:, None] * np.array([1 / golden, 1 / golden**2])) % 1)


def _between(mesh: Mesh, values: np.ndarray, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("nk,nkd->nd", weights, values[mesh.faces[face]]))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def albedo_at(part: Part, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, 3) of a part's map."""
    return value_at(part.material.albedo, uv_at(part, face, weights))


class Shadows:
    """What stands in the way of light: all parts."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._rays = ray_scene((part.mesh.vertices, part.mesh.faces) for part in parts)

    def hits(self, rays: np.ndarray) -> dict[str, np.ndarray]:
        """Open3D's answers to rays (N, 6) float32, origin and direction."""
        return {name: value.numpy() for name, value in self._rays.cast_rays(tensor(rays)).items()}

    def free(self, rays: np.ndarray, reach: float) -> np.ndarray:
        """(N,) bool: nothing lies within `reach` of the directions' lengths."""
        return np.asarray(~self._rays.test_occlusions(tensor(rays), tnear=0.0, tfar=reach).numpy())


def irradiance(part: Part, faces: np.ndarray, on: SurfacePoints, lights: LightSetup, shadows: Shadows) -> np.ndarray:
    """(N, 3) float32 direct irradiance at points spread over these faces of a part, under its normal map."""
    total = np.zeros((len(on.points), 3), np.float32)
    starts = on.points + np.float32(_OFF_M) * on.flat
    for panel in lights.panels:
        _add_panel(total, panel, on, starts, shadows)
    if lights.surroundings is not None:
        total += _from_around(part, faces, on, lights.surroundings, shadows)
    return total


def _add_panel(total: np.ndarray, panel: Panel, on: SurfacePoints, starts: np.ndarray, shadows: Shadows) -> None:
    """Light of a panel. Few points of it find out how much there would be, and where shadows end; there many points
    tell which share of it arrives."""
    full, share = np.zeros(len(starts)), np.zeros(len(starts))
    everything = np.arange(len(starts))
    _gather(full, share, panel, _FIRST, everything, on, starts, shadows)
    unshadowed = full.copy()
    voxel = _voxels(on.points, _BORDER_M)
    lit = full > 0
    open_, whole = (np.bincount(voxel, x * lit) for x in (share, np.ones(len(share))))
    border = ((open_ > 0) & (open_ < whole * (1 - 1e-9)))[voxel] & lit
    _gather(full, share, panel, _FINE, np.flatnonzero(border), on, starts, shadows)
    total += (unshadowed * share)[:, None].astype(np.float32) * np.asarray(panel.radiance, np.float32)


def _voxels(points: np.ndarray, side_m: float) -> np.ndarray:
    """(N,) consecutive numbers of the voxels that points lie in."""
    cells = ((points - points.min(axis=0)) / side_m).astype(np.int64)
    shape = cells.max(axis=0) + 1
    return np.unique((cells[:, 0] * shape[1] + cells[:, 1]) * shape[2] + cells[:, 2], return_inverse=True)[1]


def _gather(
    full: np.ndarray, share: np.ndarray, panel: Panel, count: int, which: np.ndarray, on: SurfacePoints,
    starts: np.ndarray, shadows: Shadows,
) -> None:  # fmt: skip
    """Set, at `which` points, the cosine-weighted solid angle of a panel and the share of it that nothing hides."""
    corners = panel.corners_m()
    right, up = corners[1] - corners[0], corners[3] - corners[0]
    targets = corners[0] + _fill_square(count) @ np.stack([right, up])
    ahead = np.cross(up, right)
    ahead *= np.sign(ahead @ (np.asarray(panel.target_m) - corners.mean(axis=0))) / count
    for begin in range(0, len(which), _AT_ONCE * 8 // count):
        now = which[begin : begin + _AT_ONCE * 8 // count]
        strength = _strengths(starts[now], on.normals[now], on.shading[now], targets, ahead)
        rays = _rays(starts[now], targets, strength)
        full[now] = strength.sum(axis=1)
        strength[strength > 0] *= shadows.free(rays, 1.0)
        share[now] = strength.sum(axis=1) / np.maximum(full[now], 1e-30)


@numba.njit(parallel=True, nogil=True, cache=True)
def _strengths(starts, normals, shading, targets, ahead):
    """(N, K) float32 cosine-weighted solid angle of the K pieces of a panel; ahead: its normal times their area."""
    out = np.zeros((len(starts), len(targets)), np.float32)
    for n in numba.prange(len(starts)):
        for k in range(len(targets)):
            x, y, z = targets[k, 0] - starts[n, 0], targets[k, 1] - starts[n, 1], targets[k, 2] - starts[n, 2]
            shines = -(x * ahead[0] + y * ahead[1] + z * ahead[2])
            outside = x * normals[n, 0] + y * normals[n, 1] + z * normals[n, 2]
            facing = x * shading[n, 0] + y * shading[n, 1] + z * shading[n, 2]
            if shines > 0 and outside > 0 and facing > 0:
                square = x * x + y * y + z * z
                out[n, k] = facing * shines / (square * square)
    return out


@numba.njit(nogil=True, cache=True)
def _rays(starts, targets, strengths):
    """(R, 6) float32 from each point to each piece whose strength (N, K) is not zero, in their order."""
    out = np.empty((np.sum(strengths > 0), 6), np.float32)
    r = 0
    for n in range(len(starts)):
        for k in range(len(targets)):
            if strengths[n, k] > 0:
                for c in range(3):
                    out[r, c] = starts[n, c]
                    out[r, 3 + c] = targets[k, c] - starts[n, c]
                r += 1
    return out


def _from_around(
    part: Part, faces: np.ndarray, on: SurfacePoints, surroundings: Surroundings, shadows: Shadows
) -> np.ndarray:
    """(N, 3) irradiance of the surroundings: its vector, which is smooth, from coarser points to all of them."""
    few = spread_points(part, faces, _COARSE_M)
    starts = few.points + np.float32(_OFF_M) * few.flat
    directions = even_directions(_DIRECTIONS).astype(np.float32)
    radiance = np.array([radiance_around(surroundings.radiance, direction) for direction in directions])
    # The mean from a whole half-space is known exactly; directions, which are few, tell what differs from it.
    even = radiance.mean(axis=0)
    vector = np.zeros((len(few.points), 9), np.float32)
    for direction, light in zip(directions, radiance, strict=True):
        up = np.flatnonzero(few.normals @ direction > 0)
        free = shadows.free(np.hstack([starts[up], np.broadcast_to(direction, (len(up), 3))]), np.inf)
        differs = 4 * np.pi / _DIRECTIONS * (free[:, None] * light - even)
        vector[up] += (direction[:, None] * differs[:, None, :]).reshape(-1, 9).astype(np.float32)
    grid = PointGrid(few.points, few.normals, 2.5 * _COARSE_M)
    near = bell(grid.radius_m, _COARSE_M, 9)
    total = np.empty((len(on.points), 3), np.float32)
    for start in range(0, len(total), _AT_ONCE):
        now = slice(start, start + _AT_ONCE)
        smooth = grid.mean(on.points[now], on.normals[now], vector, near, near[0]).reshape(-1, 3, 3)
        smooth += np.pi * on.normals[now, :, None] * even
        total[now] = np.maximum(np.einsum("nd,ndc->nc", on.shading[now], smooth), 0)
    return total


def bell(radius_m: float, spacing_m: float, channels: int) -> np.ndarray:
    """(T, C) weights that interpolate between points: a Gaussian with a deviation of 0.6 of their spacing."""
    at = np.linspace(0, radius_m, 256) / (0.6 * spacing_m)
    return np.repeat(np.exp(-0.5 * at * at)[:, None], channels, axis=1)
