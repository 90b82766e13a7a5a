"""Pictures of solved skin: the scan in its albedo from four sides, gloss by region on it, and each mark from near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.report.look import Look, look_at
from scan3d.report.pictures import strip_of_values
from scan3d.report.preview import SIDES, ground
from scan3d.report.shading import view_colours
from scan3d.report.surface_view import SurfaceView

_CROP_PX = 112
_LEAST_CROP_M = 0.012  # of a crop's width
_AWAY_M = 0.3
_SLACK_M = 4e-3  # a mark this far behind what is seen is hidden
_REACH_M = 0.04  # regions tell of places this near
_NEIGHBOURS = 4


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A mark's place in the row of the four sides: x, y pixels and the side's name; None where no side shows it."""

    x: float | None
    y: float | None
    side: str


def row_of_sides(looks: Sequence[Look]) -> np.ndarray:
    """(H, W, 3) uint8: the surface in its own colours, the looks beside each other."""
    views = [view_colours(look) for look in looks]
    return np.concatenate([view.over(ground(*view.depth_m.shape)) for view in views], axis=1)


def spots_of(looks: Sequence[Look], places: np.ndarray) -> list[Spot]:
    """Where marks at places (N, 3) are seen best in `row_of_sides`."""
    best: list[tuple[float, Spot]] = [(0.0, Spot(x=None, y=None, side=""))] * len(places)
    if not len(places):
        return []
    surface = looks[0].surface
    hits, _ = surface.nearest(places)
    normals = surface.normals(hits)
    left = 0
    for look, (name, _) in zip(looks, SIDES, strict=True):
        camera, (height, width) = look.camera, look.depth_m.shape
        px, depth = camera.project(places.astype(np.float64))
        facing = -(normals @ np.asarray(camera.forward))
        for k, (x, y) in enumerate(px):
            if not (0 <= x < width and 0 <= y < height) or facing[k] <= best[k][0]:
                continue
            seen = look.depth_m[int(y), int(x)]
            if np.isfinite(seen) and depth[k] <= seen + _SLACK_M:
                best[k] = (float(facing[k]), Spot(x=left + float(x), y=float(y), side=name))
        left += width
    return [spot for _, spot in best]


def close_up(surface: SurfaceView, place: Sequence[float], size_m: float) -> tuple[np.ndarray, float]:
    """(112, 112, 3) uint8 of the surface's colours straight from above a mark, upright, and the picture's width in
    metres."""
    centre = np.asarray(place, np.float64)
    hits, _ = surface.nearest(centre[None])
    width_m = max(_LEAST_CROP_M, min(3 * size_m, _LEAST_CROP_M + 1.2 * size_m))
    look = look_at(surface, _above(centre, surface.normals(hits)[0].astype(np.float64), width_m))
    return view_colours(look).over((0.5, 0.5, 0.5)), width_m


def gloss_strips(looks: Sequence[Look], regions: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Roughness and gloss (specular) of the regions on the surface: rgb, and low and high of the palette."""
    from scipy.spatial import KDTree

    places = np.array([region["centre_m"] for region in regions])
    away, near = KDTree(places).query(looks[0].surface.vertices, min(_NEIGHBOURS, len(places)))
    away, near = away.reshape(len(away), -1), near.reshape(len(near), -1)
    weight = 1 / (away + 1e-3) ** 2
    strips = {}
    for key in ("roughness", "specular"):
        values = np.array([region[key] for region in regions])
        mixed = (weight * values[near]).sum(axis=1) / weight.sum(axis=1)
        mixed[away[:, 0] > _REACH_M] = np.nan
        low, high = np.quantile(values, [0.05, 0.95])
        strips[key] = {
            "rgb": strip_of_values(looks, mixed, low=float(low), high=float(max(high, low + 1e-3))),
            "low": float(low),
            "high": float(high),
        }
    return strips


def _above(centre: np.ndarray, normal: np.ndarray, width_m: float) -> Camera:
    up = np.array([0.0, 0.0, 1.0]) if abs(normal[2]) < 0.9 else np.array([0.0, -1.0, 0.0])
    forward = -normal / np.linalg.norm(normal)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    focal = _CROP_PX * _AWAY_M / width_m
    lens = Intrinsics(
        model="pinhole", width=_CROP_PX, height=_CROP_PX, fx=focal, fy=focal, cx=_CROP_PX / 2, cy=_CROP_PX / 2
    )
    place = centre - _AWAY_M * forward
    pose = Rigid3(rotation=rotation, translation=-rotation @ place)
    return Camera(camera_id="above", intrinsics=lens, cam_from_world=pose)
