"""How far a mesh lies from the truth, and how much of the truth it has. Lengths are metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.geometry import Camera, Mesh
from scan3d.report.surface_view import SurfaceView

TOLERANCES_M = (0.25e-3, 0.5e-3, 1e-3, 2e-3, 5e-3)
# A point counts as visible to a camera that sees it at under 75 degrees.
_LEAST_COSINE = 0.26
# How far beyond the truth's box a result still counts: stands and floors do not.
_BOX_MARGIN_M = 0.02


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Of points to a surface, metres."""

    mean_m: float
    median_m: float
    p90_m: float
    p95_m: float
    max_m: float


@dataclass(frozen=True, kw_only=True)
class AtTolerance:
    """precision: share of the result within the tolerance of the truth; recall: of the truth within it of the
    result; f: their harmonic mean.
    """

    tolerance_m: float
    precision: float
    recall: float
    f: float


@dataclass(frozen=True, kw_only=True)
class MeshScore:
    """accuracy: result to truth; completeness: truth to result, of truth_points points, which are truth_share of
    the truth's area.
    """

    truth_points: int
    truth_share: float
    accuracy: Distances
    completeness: Distances
    at: tuple[AtTolerance, ...]


def score_mesh(
    truth: Mesh,
    result: Mesh,
    *,
    samples: int = 300_000,
    cameras: Sequence[Camera] | None = None,
    above_z_m: float | None = None,
    tolerances_m: Sequence[float] = TOLERANCES_M,
    seed: int = 0,
) -> MeshScore:
    """Accuracy, completeness and F of a mesh against the truth, as Knapitsch et al. 2017 (Tanks and Temples).

    Both are sampled evenly by area; distances are those to the other's nearest triangle.

    cameras    completeness then counts only truth that at least two of them see at under 75 degrees.
    above_z_m  only what lies above counts, on both sides.

    Raises InputError where there is nothing to compare.
    """
    if len(result.faces) == 0:
        raise InputError("The result has no faces to measure.", "result", "Reconstruct the take first.")
    points, normals = sample(truth, samples, seed)
    found, _ = sample(result, samples, seed + 1)
    whole = SurfaceView(truth)
    if cameras is not None:
        points = points[seen_by(whole, points, normals, cameras) >= 2]
    low, high = truth.vertices.min(axis=0) - _BOX_MARGIN_M, truth.vertices.max(axis=0) + _BOX_MARGIN_M
    found = found[((found > low) & (found < high)).all(axis=1)]
    if above_z_m is not None:
        points, found = points[points[:, 2] > above_z_m], found[found[:, 2] > above_z_m]
    if len(found) == 0 or len(points) == 0:
        raise InputError(
            "Nothing of the result lies where the truth does.",
            "result",
            "Compare meshes of one frame and unit.",
        )
    accuracy = whole.nearest(found)[1]
    completeness = SurfaceView(result).nearest(points)[1]
    return MeshScore(
        truth_points=len(points),
        truth_share=len(points) / samples,
        accuracy=_summary(accuracy),
        completeness=_summary(completeness),
        at=tuple(_at(accuracy, completeness, tolerance) for tolerance in tolerances_m),
    )


def sample(mesh: Mesh, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 3) points at random places of the surface, evenly by area, and (N, 3) unit normals of their faces."""
    rng = np.random.default_rng(seed)
    ends = np.cumsum(mesh.face_areas(), dtype=np.float64)
    face = np.searchsorted(ends, rng.random(count) * ends[-1]).clip(max=len(ends) - 1)
    b, c = rng.random((2, count))
    outside = b + c > 1
    b, c = np.where(outside, 1 - b, b), np.where(outside, 1 - c, c)
    corners = mesh.vertices[mesh.faces[face]].astype(np.float64)
    points = np.einsum("nk,nkd->nd", np.stack([1 - b - c, b, c], axis=1), corners)
    return points, mesh.face_normals()[face].astype(np.float64)


def seen_by(
    surface: SurfaceView, points: NDArray[np.float64], normals: NDArray[np.float64], cameras: Sequence[Camera]
) -> NDArray[np.int64]:
    """(N,) how many cameras see each point of the surface at under 75 degrees."""
    count = np.zeros(len(points), np.int64)
    for camera in cameras:
        towards = camera.centre - points
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        facing = np.einsum("nk,nk->n", towards, normals) > _LEAST_COSINE
        asked = np.flatnonzero(facing & camera.intrinsics.contains(camera.project(points)[0]))
        origins = points[asked] + towards[asked] * 2e-4
        count[asked[~surface.occluded(origins, towards[asked], float("inf"))]] += 1
    return count


def _summary(distances: NDArray[np.floating]) -> Distances:
    p90, p95 = np.percentile(distances, [90, 95])
    return Distances(
        mean_m=float(distances.mean()),
        median_m=float(np.median(distances)),
        p90_m=float(p90),
        p95_m=float(p95),
        max_m=float(distances.max()),
    )


def _at(accuracy: NDArray[np.floating], completeness: NDArray[np.floating], tolerance: float) -> AtTolerance:
    precision, recall = float((accuracy < tolerance).mean()), float((completeness < tolerance).mean())
    f = 2 * precision * recall / max(precision + recall, 1e-9)
    return AtTolerance(tolerance_m=tolerance, precision=precision, recall=recall, f=f)
