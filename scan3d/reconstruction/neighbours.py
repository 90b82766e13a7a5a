"""Which photographs help which: from geometry, never from sparse points, of which skin has few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.rasterise import rasterise_depth
from scan3d.reconstruction.views import View

# The angle between two rays that serves matching best, and how fast it stops to on either side (degrees).  OpenMVS
# peaks at 12; along a known surface windows slant by themselves, so that wider angles still match and measure better.
_BEST_ANGLE, _NARROWER, _WIDER = 18.0, 8.0, 16.0


def choose_neighbours(
    views: Sequence[View], surface: Mesh, *, count: int, scale: float, samples: int = 1500, seed: int = 0
) -> list[list[int]]:
    """Sources of every view, best first: at most `count`, fewer where fewer share surface with it.

    A pair is worth, at a point of the surface both see, its angle times how squarely both see it times how alike
    their footprints are.  Sources are taken one by one, and a point that has some wants another less, so that every
    part of a view gets sources on several sides.  `scale` is that of the depth images that decide visibility.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(surface.vertices), min(samples, len(surface.vertices)), replace=False)
    points = np.asarray(surface.vertices, np.float64)[chosen]
    normals = surface.vertex_normals()[chosen]
    directions, squareness, footprint = _sight(views, surface, points, normals, scale)
    out = []
    for i in range(len(views)):
        angle = np.degrees(np.arccos(np.clip((directions * directions[i]).sum(-1), -1, 1)))
        width = np.where(angle < _BEST_ANGLE, _NARROWER, _WIDER)
        fit = np.exp(-0.5 * ((angle - _BEST_ANGLE) / width) ** 2)
        ratio = footprint[i] / footprint
        worth = fit * np.sqrt(squareness * squareness[i]) * np.minimum(ratio, 1 / ratio)
        worth[i] = 0
        out.append(_pick(worth, count))
    return out


def count_views(views: Sequence[View], surface: Mesh, *, scale: float) -> np.ndarray:
    """(V,) how many views see each vertex, flatter than 75 degrees not counted."""
    _, squareness, _ = _sight(views, surface, surface.vertices, surface.vertex_normals(), scale)
    return (squareness > 0.26).sum(0)


def _sight(
    views: Sequence[View], surface: Mesh, points: np.ndarray, normals: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per view and point: unit direction to the camera (V, N, 3), cosine if seen else 0 (V, N), metres per pixel."""
    directions = np.empty((len(views), len(points), 3))
    squareness = np.empty((len(views), len(points)))
    footprint = np.empty((len(views), len(points)))
    extent = float(np.ptp(points, axis=0).max())
    for i, view in enumerate(views):
        to_camera = view.camera.centre - points
        distance = np.linalg.norm(to_camera, axis=1)
        directions[i] = to_camera / distance[:, None]
        footprint[i] = distance / view.camera.intrinsics.fx
        matrix, shape = view.matrix(scale), view.shape(scale)
        depth, _ = rasterise_depth(surface.vertices, surface.faces, matrix, shape)
        homogeneous = points @ matrix[:, :3].T + matrix[:, 3]
        z = np.maximum(homogeneous[:, 2], 1e-9)
        px = np.floor(homogeneous[:, :2] / z[:, None]).astype(np.int64)
        inside = (homogeneous[:, 2] > 0) & (px >= 0).all(1) & (px[:, 0] < shape[1]) & (px[:, 1] < shape[0])
        px = np.clip(px, 0, [shape[1] - 1, shape[0] - 1])
        hidden = depth[px[:, 1], px[:, 0]] < z - 0.02 * extent  # NaN compares false: nothing in front
        cosine = (directions[i] * normals).sum(1)
        squareness[i] = np.where(inside & ~hidden & (cosine > 0.1), cosine, 0)
    return directions, squareness, footprint


def _pick(worth: np.ndarray, count: int) -> list[int]:
    """Greedy choice of rows of worth (V, N) with diminishing returns per column."""
    have = np.zeros(worth.shape[1])
    chosen: list[int] = []
    for _ in range(min(count, len(worth) - 1)):
        gain = (worth / (1 + 2 * have)).sum(1)
        gain[chosen] = -1
        best = int(gain.argmax())
        if gain[best] <= 1e-3 * worth.shape[1] ** 0.5:
            break
        chosen.append(best)
        have += worth[best]
    return chosen
