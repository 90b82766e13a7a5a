"""Light that reaches a figure softly: from all around and by way of its own surface, gathered at sparse places.

Places are spread over the surface, denser where the camera looks. From each, rays go out evenly; what they meet sends
light on, round after round (radiosity), so that armpits and eye sockets are not black.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry.directions import even_directions
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.materials import Part
from scan3d.geometry.texture_lookup import uv_at, value_at
from scan3d.render.surface_rays import Seen, SurfaceRays

_DIRECTIONS = 128
_ROUNDS = 4
_OFF_M = 5e-4
_MOST_NEAR, _COARSE_M = 16000, 0.02
_SHADOW_SIDE = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class LightField:
    """points, normals: (R, 3) places. soft: (R, 3) what a white card there shines with by surroundings and by light
    from the figure itself. open_share: (R,) share of the sky over it that is free."""

    points: np.ndarray
    normals: np.ndarray
    soft: np.ndarray
    open_share: np.ndarray

    def at(self, points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) light and (N,) open share at points of the surface: the mean of the nearest places that face alike."""
        from scipy.spatial import cKDTree

        reach = 0.03  # a turn of the normal by one radian counts as so many metres
        tree = cKDTree(np.column_stack([self.points, reach * self.normals]))
        count = min(4, len(self.points))
        away, row = tree.query(np.column_stack([points, reach * normals]), k=count, workers=2)
        away, row = away.reshape(len(points), count), row.reshape(len(points), count)
        weight = 1 / (away + 1e-3) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        return (
            np.einsum("nk,nkc->nc", weight, self.soft[row]),
            np.einsum("nk,nk->n", weight, self.open_share[row]),
        )


def light_field(rays: SurfaceRays, lights: LightSetup, seen_points: np.ndarray, seen_normals: np.ndarray) -> LightField:
    """Of the rays' parts. seen_points, seen_normals: (N, 3) where the camera looks."""
    points, normals, albedo = _places(rays.parts, seen_points, seen_normals)
    starts = points + _OFF_M * normals
    direct = sum((panel_light(rays, panel, starts, normals) for panel in lights.panels), np.zeros((len(points), 3)))
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    ways = even_directions(_DIRECTIONS)
    sky = np.zeros((len(points), 3))
    free, total = np.zeros(len(points)), np.zeros(len(points))
    met: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for way in ways:
        facing = normals @ way
        rows = np.flatnonzero(facing > 0)
        weight = facing[rows] * (4 / len(ways))  # of a card's light: solid angle over pi
        hit = rays.cast(starts[rows], np.broadcast_to(way, (len(rows), 3)))
        open_ = np.ones(len(rows), bool)
        open_[hit.ray] = False
        total[rows] += weight
        free[rows[open_]] += weight[open_]
        if lights.surroundings is not None:
            sky[rows[open_]] += weight[open_, None] * radiance_towards(lights.surroundings.radiance, way)
        place = starts[rows[hit.ray]] + hit.distance_m[:, None] * way
        met.append((rows[hit.ray], tree.query(place, workers=2)[1], weight[hit.ray]))
    soft = sky
    for _ in range(_ROUNDS):
        sent = albedo * (direct + soft)
        soft = sky.copy()
        for rows, senders, weight in met:
            soft[rows] += weight[:, None] * sent[senders]
    scale = 1 / np.maximum(total, 1e-6)  # the even directions' own small error
    return LightField(points=points, normals=normals, soft=soft * scale[:, None], open_share=free * scale)


def panel_light(rays: SurfaceRays, panel: Panel, starts: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(N, 3) what white cards at places shine with by one panel, shadows included."""
    ahead = np.asarray(panel.target_m, float) - np.asarray(panel.centre_m, float)
    ahead /= np.linalg.norm(ahead)
    total = np.zeros(len(starts))
    for point in panel.points_m(_SHADOW_SIDE):
        way = point - starts
        square = (way**2).sum(axis=1)
        unit = way / np.sqrt(square)[:, None]
        share = np.maximum((unit * normals).sum(axis=1), 0) * np.maximum(-(unit @ ahead), 0) / square
        lit = np.flatnonzero(share > 0)
        total[lit] += share[lit] * rays.free(starts[lit], way[lit], 1.0)
    return total[:, None] * np.asarray(panel.radiance) * (panel.area_m2() / _SHADOW_SIDE**2 / np.pi)


def panel_visibility(rays: SurfaceRays, panel: Panel, starts: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(N,) share of a panel that places see past the figure; 1 where they face away from it."""
    side = _SHADOW_SIDE + 1
    free = np.zeros(len(starts))
    lit = np.flatnonzero(((np.asarray(panel.centre_m) - starts) * normals).sum(axis=1) > -0.3 * max(panel.size_m))
    for point in panel.points_m(side):
        free[lit] += rays.free(starts[lit], point - starts[lit], 1.0)
    return free / side**2


def _places(
    parts: Sequence[Part], seen_points: np.ndarray, seen_normals: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, their normals, and the albedo around them: coarse everywhere, finer where the camera looks."""
    points, normals, albedo = [], [], []
    for number, part in enumerate(parts):
        mesh = part.mesh
        keep = _one_a_cell(mesh.corners().mean(axis=1), mesh.face_normals(), _COARSE_M)
        third = np.full((len(keep), 3), 1 / 3)
        seen = Seen(ray=keep, part=np.full(len(keep), number), face=keep, weights=third, distance_m=third[:, 0])
        points.append(mesh.corners()[keep].mean(axis=1))
        normals.append(mesh.face_normals()[keep])
        albedo.append(value_at(part.material.albedo, uv_at(part, seen.face, seen.weights)))
    cell = _COARSE_M
    fine = _one_a_cell(seen_points, seen_normals, cell)
    while len(fine) < 0.4 * _MOST_NEAR and cell > 1e-3:
        cell /= 1.4
        finer = _one_a_cell(seen_points, seen_normals, cell)
        if len(finer) > _MOST_NEAR:
            break
        fine = finer
    coarse = np.concatenate(points)
    from scipy.spatial import cKDTree

    nearest = cKDTree(coarse).query(seen_points[fine], workers=2)[1]
    albedo.append(np.concatenate(albedo)[nearest])
    return (
        np.concatenate([coarse, seen_points[fine]]).astype(np.float64),
        np.concatenate([*normals, seen_normals[fine]]).astype(np.float64),
        np.concatenate(albedo).astype(np.float64),
    )


def _one_a_cell(points: np.ndarray, normals: np.ndarray, cell_m: float) -> np.ndarray:
    """Rows of points (N, 3), one in each cube and for each of the eight ways to face."""
    keys = np.column_stack([np.floor(points / cell_m), normals > 0]).astype(np.int64)
    keys -= keys.min(axis=0) if len(keys) else 0
    flat = np.zeros(len(keys), np.int64)
    for column in keys.T:
        flat = flat * (int(column.max(initial=0)) + 1) + column
    return np.sort(np.unique(flat, return_index=True)[1])


def radiance_towards(picture: np.ndarray, way: np.ndarray) -> np.ndarray:
    """(3,) of a latitude-longitude picture around one direction: the mean over a patch of the sphere."""
    height, width = picture.shape[:2]
    if np.ptp(picture) == 0:
        return np.asarray(picture[0, 0], float)
    row = np.arccos(np.clip(way[2], -1, 1)) / np.pi * height
    column = (np.arctan2(way[0], way[1]) % (2 * np.pi)) / (2 * np.pi) * width
    spread = (4 * np.pi / _DIRECTIONS) ** 0.5
    half = max(spread / 2 / np.pi * height, 0.5)
    wide = min(half / max(np.sin(np.pi * row / height), 0.05), width / 2)
    rows = np.clip(np.arange(int(row - half), int(row + half) + 1), 0, height - 1)
    columns = np.arange(int(column - wide), int(column + wide) + 1) % width
    weight = np.sin(np.pi * (rows + 0.5) / height)[:, None, None]
    patch = picture[np.ix_(rows, columns)] * weight
    return np.asarray(patch.sum(axis=(0, 1)) / (weight.sum() * len(columns)))
