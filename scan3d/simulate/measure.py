"""A body's measures, taken at rest as a tape would take them (definitions of ANSUR II)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.simulate.body_surface import BodySurface


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Metres, kilograms.

    height_m: floor to crown. chest_m, waist_m, hip_m: horizontal tape around the trunk at the nipples, at the navel
    (ANSUR's omphalion) and where the buttocks stand out most. mass_kg: volume at 1010 kg per cubic metre.
    """

    height_m: float
    chest_m: float
    waist_m: float
    hip_m: float
    mass_kg: float


def measure(body: BodySurface, cage: np.ndarray) -> Measures:
    """The measures of the open human's vertices (C, 3) at rest, the arms away from the trunk."""
    points = body.surface.points(cage)
    arms = body.arms
    trunk = body.surface.faces[(arms[body.surface.faces] < 0.5).all(axis=1)]
    areola = body.regions["areola"] > 0.8
    corners = points[body.surface.faces]
    volume = float(np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))) / 6
    return Measures(
        height_m=float(np.ptp(points[:, 2])),
        chest_m=tape_m(points, trunk, float(points[areola, 2].mean())),
        waist_m=tape_m(points, trunk, _navel_z(body, cage)),
        hip_m=tape_m(points, trunk, float(points[_behind(body, points), 2])),
        mass_kg=1010 * volume,
    )


def tape_m(points: np.ndarray, faces: np.ndarray, height: float) -> float:
    """The perimeter of the convex hull of a mesh's section at a height, metres; 0 where it is not met."""
    from scipy.spatial import ConvexHull

    above = points[:, 2] - height
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    a, b = above[edges[:, 0]], above[edges[:, 1]]
    crossing = a * b < 0
    if crossing.sum() < 3:
        return 0.0
    t = (a[crossing] / (a[crossing] - b[crossing]))[:, None]
    cut = points[edges[crossing, 0], :2] * (1 - t) + points[edges[crossing, 1], :2] * t
    hull = cut[ConvexHull(cut).vertices]
    return float(np.linalg.norm(hull - np.roll(hull, 1, axis=0), axis=1).sum())


def _navel_z(body: BodySurface, cage: np.ndarray) -> float:
    """Height of the navel: the place that the target which pushes it in moves most."""
    rows, moves = body.human.target("stomach-navel-in")
    return float(cage[rows[np.argmax(np.linalg.norm(moves, axis=1))], 2])


def _behind(body: BodySurface, points: np.ndarray) -> int:
    """The vertex where the buttocks stand out most."""
    low, high = body.joints["upperleg01.L"][2] - 0.12, body.joints["spine05"][2]
    band = (
        (body.reference[:, 2] > low)
        & (body.reference[:, 2] < high)
        & (body.limb["trunk"] + body.limb["leg_left"] + body.limb["leg_right"] > 0.7)
    )
    candidates = np.flatnonzero(band)
    return int(candidates[np.argmax(points[candidates, 1])])
