"""Lamps as points: a panel is cut into patches small enough to count as points with an area.

The light that a point of the surface receives from a patch is its radiance times its area times both cosines over the
squared distance: near lamps fall off as they should, and a lamp half hidden is half there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry.directions import even_directions
from scan3d.geometry.lights import LightSetup, Panel, Surroundings

_PER_LIGHT = 24  # patches of a light with one panel
_LEAST = 6  # patches of a panel of a light with many
_DIRECTIONS = 64  # of surroundings
_FAR_M = 50.0


@dataclass(frozen=True, kw_only=True, eq=False)
class LightPoints:
    """L lights of at most P patches each; patches that a light does not have shine with nothing.

    names: of the lights. position: (L, P, 3) float32, world, metres. ahead: (L, P, 3) unit, the way each shines.
    power: (L, P) float32 mean radiance times area. colour: (L, 3) radiance of each channel over the mean of the three.
    spread_m2: (L, P) variance of a patch's places along a side, for gloss.
    """

    names: tuple[str, ...]
    position: np.ndarray
    ahead: np.ndarray
    power: np.ndarray
    colour: np.ndarray
    spread_m2: np.ndarray

    def chosen(self, keep: Sequence[int]) -> LightPoints:
        """Some of the lights."""
        at = np.asarray(keep, np.int64)
        return LightPoints(
            names=tuple(self.names[k] for k in at),
            position=self.position[at],
            ahead=self.ahead[at],
            power=self.power[at],
            colour=self.colour[at],
            spread_m2=self.spread_m2[at],
        )


def light_points(setups: Sequence[LightSetup], centre_m: np.ndarray, *, per_light: int = _PER_LIGHT) -> LightPoints:
    """The patches of lights around a subject whose middle is centre_m (3,), world."""
    rows = [_patches(setup, np.asarray(centre_m, float), per_light) for setup in setups]
    count = max(len(row[0]) for row in rows)

    def padded(column: int, fill: float = 0.0) -> np.ndarray:
        out = []
        for row in rows:
            values = row[column]
            missing = np.full((count - len(values), *values.shape[1:]), fill)
            out.append(np.concatenate([values, missing]))
        return np.asarray(out, np.float32)

    radiance = padded(2)
    total = (radiance * padded(3)[..., None]).sum(axis=1)
    colour = total / np.maximum(total.mean(axis=1, keepdims=True), 1e-12)
    return LightPoints(
        names=tuple(setup.name for setup in setups),
        position=padded(0, _FAR_M),
        ahead=padded(1),
        power=radiance.mean(axis=2) * padded(3),
        colour=colour.astype(np.float32),
        spread_m2=padded(4),
    )


def _patches(setup: LightSetup, centre: np.ndarray, per_light: int) -> tuple[np.ndarray, ...]:
    """position (P, 3), ahead (P, 3), radiance (P, 3), area (P,) and spread (P,) of one light."""
    per_panel = max(_LEAST, per_light // max(1, len(setup.panels)))
    parts = [_panel(panel, per_panel) for panel in setup.panels]
    if setup.surroundings is not None:
        parts.append(_around(setup.surroundings, centre))
    if not parts:
        zero = np.zeros((0, 3))
        return zero, zero, zero, np.zeros(0), np.zeros(0)
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _panel(panel: Panel, count: int) -> tuple[np.ndarray, ...]:
    corners = panel.corners_m()
    right, up = corners[1] - corners[0], corners[3] - corners[0]
    width, height = np.linalg.norm(right), np.linalg.norm(up)
    across = max(1, round(float(np.sqrt(count * width / height))))
    along = max(1, round(count / across))
    a, b = np.meshgrid((np.arange(across) + 0.5) / across, (np.arange(along) + 0.5) / along)
    position = corners[0] + a.reshape(-1, 1) * right + b.reshape(-1, 1) * up
    ahead = np.asarray(panel.target_m, float) - corners.mean(axis=0)
    n = len(position)
    spread = ((width / across) ** 2 + (height / along) ** 2) / 24
    return (
        position,
        np.tile(ahead / np.linalg.norm(ahead), (n, 1)),
        np.tile(np.asarray(panel.radiance, float), (n, 1)),
        np.full(n, width * height / n),
        np.full(n, spread),
    )


def _around(surroundings: Surroundings, centre: np.ndarray) -> tuple[np.ndarray, ...]:
    """Patches of a large sphere (a Fibonacci lattice), each with the mean radiance of its share of the directions."""
    out = even_directions(_DIRECTIONS)
    height, width = surroundings.radiance.shape[:2]
    polar = np.pi * (np.arange(height) + 0.5) / height
    azimuth = 2 * np.pi * (np.arange(width) + 0.5) / width
    world = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(azimuth)[None],
            np.sin(polar)[:, None] * np.cos(azimuth)[None],
            np.broadcast_to(np.cos(polar)[:, None], (height, width)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    nearest = np.argmax(world @ out.T, axis=1)
    solid = np.repeat(np.sin(polar), width)
    weight = np.bincount(nearest, solid, _DIRECTIONS)
    flat = surroundings.radiance.reshape(-1, 3).astype(np.float64)
    radiance = np.stack([np.bincount(nearest, solid * flat[:, c], _DIRECTIONS) for c in range(3)], axis=1)
    found = weight > 0
    radiance[found] = radiance[found] / weight[found, None]
    closest = np.argmax(out[~found] @ world.T, axis=1) if (~found).any() else np.zeros(0, np.int64)
    radiance[~found] = flat[closest]
    # The lattice's shares are equal: the area of each makes up the whole sphere.
    area = np.full(_DIRECTIONS, 4 * np.pi * _FAR_M**2 / _DIRECTIONS)
    return centre + _FAR_M * out, -out, radiance, area, area / 12
