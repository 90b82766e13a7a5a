"""An estimate of the albedo where there is one light only: the shading that the scan's shape would have is taken off.

The light is not known, so it is guessed from the skin itself: of all light from far away (second-order spherical
harmonics, Ramamoorthi and Hanrahan 2001) the one that best explains the low band of the texture over the normals, where
the sky is as open as the surface leaves it (its own occlusion). What albedo truly shares with the normals cannot be
told from light: that is why this is an estimate, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.directions import even_directions
from scan3d.geometry.ray_scene import ray_scene, tensor

_DIRECTIONS = 64
_ROUNDS = 10
_OFF_M = 3e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class GuessedLight:
    """coefficients: (9, 3) of the light's harmonics; mean: (3,) albedo that the estimate is scaled to."""

    coefficients: np.ndarray
    mean: np.ndarray


def harmonics(direction: np.ndarray) -> np.ndarray:
    """(N, 9) the first nine real spherical harmonics, unnormalised, of unit vectors (N, 3)."""
    x, y, z = direction[:, 0], direction[:, 1], direction[:, 2]
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=1)


def open_sky(mesh: Mesh, normals: np.ndarray) -> np.ndarray:
    """(V, 9) what each harmonic of distant light leaves on a vertex: over the directions that the surface leaves free,
    weighted by the cosine; a white even sky without any occlusion gives 1 in the first column."""
    rays = ray_scene([(mesh.vertices, mesh.faces)])
    ways = even_directions(_DIRECTIONS)
    shape = harmonics(ways)
    start = np.asarray(mesh.vertices + _OFF_M * normals, np.float32)
    total = np.zeros((len(start), 9))
    for way, values in zip(ways, shape, strict=True):
        facing = normals @ way
        asked = np.flatnonzero(facing > 0)
        cast = np.concatenate([start[asked], np.broadcast_to(way.astype(np.float32), (len(asked), 3))], axis=1)
        free = ~rays.test_occlusions(tensor(np.ascontiguousarray(cast, np.float32))).numpy()
        total[asked[free]] += facing[asked[free], None] * values[None]
    return np.asarray(total * (4 / _DIRECTIONS))


def guess_light(
    sky: np.ndarray, colour: np.ndarray, area: np.ndarray, *, mean: np.ndarray | None = None
) -> GuessedLight:
    """The light whose shading explains the colours (V, 3) of vertices best, by reweighted least squares.

    sky: of `open_sky`. area: (V,) weights, 0 where nothing was seen. mean: (3,) albedo of the whole, where it is known;
    else the colours' own brightness is kept.
    """
    coefficients = np.zeros((9, 3))
    keep = area > 0
    rows, hold = sky[keep], 1e-3 * area[keep].sum() * np.diag([0.0] + [1.0] * 8)
    shading = np.ones((int(keep.sum()), 3))
    for c in range(3):
        weight = area[keep].astype(float)
        for _ in range(_ROUNDS):
            matrix = (rows * weight[:, None]).T @ rows + hold
            coefficients[:, c] = np.linalg.solve(matrix, (rows * weight[:, None]).T @ colour[keep, c])
            shading[:, c] = np.maximum(rows @ coefficients[:, c], 1e-3)
            off = colour[keep, c] / shading[:, c] - 1
            weight = area[keep] / (1 + (off / 0.25) ** 2)
    if mean is None:
        mean = np.median(colour[keep], axis=0)
    return GuessedLight(coefficients=coefficients, mean=np.asarray(mean, float))


def shading(light: GuessedLight, sky: np.ndarray) -> np.ndarray:
    """(V, 3) factor that the light makes of the albedo; never below a tenth of its median, where nothing is known."""
    value = sky @ light.coefficients / light.mean
    return np.asarray(np.maximum(value, 0.1 * np.median(value, axis=0)))
