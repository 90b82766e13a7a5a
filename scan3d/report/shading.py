"""Pictures of a surface: as clay, in its own colours, or coloured by a number on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.report.look import Look, View
from scan3d.report.surface_view import Hits

# Directions towards the lights in the camera's frame (x right, y down, z forward), so that all sides look
# alike.
_KEY = np.array([-0.52, -0.60, -0.61])
_FILL = np.array([0.82, -0.08, -0.57])
_CLAY = np.array([0.60, 0.565, 0.53])
_INNER = np.array([0.36, 0.26, 0.50])


def view_colours(look: Look) -> View:
    """The surface unlit, in its own colours.

    A smooth look averages the maps to the pixel's size: for people. One that is not smooth reads them at full
    size at each pixel's centre, which is what a comparison with photographs wants (Waechter et al. 2017,
    "Virtual Rephotography").
    """
    camera = look.camera if look.smooth else None
    return look.painted(lambda hits, _: look.surface.colours(hits, camera))


def view_clay(look: Look, *, ambient_occlusion: bool = True) -> View:
    """The surface as matt clay under a key and a fill light; faces seen from inside are violet."""
    surface, camera = look.surface, look.camera
    openness = _openness(look) if ambient_occlusion else np.ones(look.depth_m.shape, np.float32)

    def paint(hits: Hits, pixel: NDArray[np.int64]) -> NDArray[np.floating]:
        inner = surface.turned_away(hits, camera)
        normals = np.where(inner[:, None], -1, 1) * surface.normals(hits)
        in_camera = normals @ np.asarray(camera.cam_from_world.rotation).T
        return _clay(in_camera, normals[:, 2], inner, openness.reshape(-1)[pixel])

    return look.painted(paint)


def view_values(
    look: Look, values: NDArray[np.generic], palette: NDArray[np.floating], *, low: float, high: float
) -> View:
    """The surface coloured by numbers at its vertices, (V,).

    `low` and below have the first, `high` and above the last of (K, 3) sRGB-encoded colours in [0, 1], linear
    in between; what is not finite is grey. A soft headlight keeps the form legible. Raises InputError when
    the numbers are not one per vertex.
    """
    if np.shape(values) != (len(look.surface.vertices),):
        raise InputError(
            f"{np.shape(values)} numbers on {len(look.surface.vertices)} vertices.",
            "values",
            "Give one per vertex.",
        )
    colours = np.asarray(palette, np.float32)

    def paint(hits: Hits, _: NDArray[np.int64]) -> NDArray[np.floating]:
        colour = through_palette(look.surface.interpolate(hits, values), colours, low=low, high=high)
        facing = np.abs(look.surface.normals(hits) @ np.asarray(look.camera.forward, np.float32))
        return colour * (0.62 + 0.38 * facing[:, None])

    return look.painted(paint)


def through_palette(
    numbers: NDArray[np.floating], palette: NDArray[np.floating], *, low: float, high: float
) -> NDArray[np.floating]:
    """(n, 3) colours of (n,) numbers, linear between (K, 3) colours from `low` to `high`; grey where not
    finite.
    """
    place = np.clip((numbers - low) / max(high - low, 1e-30), 0, 1) * (len(palette) - 1)
    known = np.isfinite(place)
    place = np.where(known, place, 0.0)
    floor = np.minimum(place.astype(np.int64), max(len(palette) - 2, 0))
    part = (place - floor)[:, None]
    colour = palette[floor] * (1 - part) + palette[np.minimum(floor + 1, len(palette) - 1)] * part
    colour[~known] = 0.6
    return colour


def encode_srgb(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear light in [0, 1] to sRGB-encoded numbers in [0, 1] (IEC 61966-2-1)."""
    clipped = np.clip(linear, 0, 1)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def _clay(
    normals: NDArray[np.floating],
    up: NDArray[np.floating],
    inner: NDArray[np.bool_],
    openness: NDArray[np.floating],
) -> NDArray[np.floating]:
    """(n, 3) sRGB of clay, from normals in the camera's frame, their share of world up, and how open a point
    lies.
    """
    half = _KEY + np.array([0.0, 0.0, -1.0])
    half /= np.linalg.norm(half)
    wrapped = np.clip((normals @ _KEY + 0.2) / 1.2, 0, None) ** 1.5
    fill = np.clip((normals @ _FILL + 0.25) / 1.25, 0, None)
    gloss = np.clip(normals @ half, 0, 1) ** 28
    ambient = 0.17 + 0.07 * up
    light = 0.80 * wrapped * (0.4 + 0.6 * openness) + (0.20 * fill + ambient) * openness
    base = np.where(inner[:, None], _INNER, _CLAY)
    return encode_srgb(base * light[:, None] + 0.05 * (gloss * openness)[:, None])


def _openness(look: Look, rays: int = 12) -> NDArray[np.float32]:
    """(H, W) ambient occlusion: the cosine-weighted share of a short reach around each point that is free.

    Cast from every third pixel each way and spread in between; the directions are a fixed spiral turned by a
    different angle at every point, so neighbours share the noise out and the outcome is always the same.
    """
    import cv2

    surface = look.surface
    height, width = look.depth_m.shape
    column, row = look.pixel % width, look.pixel // width
    low = (column % 3 == 1) & (row % 3 == 1)
    if not low.any():
        return np.ones((height, width), np.float32)
    some = Hits(hit=low[low], face=look.hits.face[low], weights=look.hits.weights[low], depth_m=look.hits.depth_m[low])
    normals = np.where(surface.turned_away(some, look.camera)[:, None], -1, 1) * surface.normals(some)
    reach = 0.12 * float(np.linalg.norm(np.ptp(surface.vertices, axis=0)))
    origins = surface.points(some) + normals * (reach * 4e-3)
    free = np.zeros(len(origins), np.float32)
    turn = (column[low] * 0.754877666 + row[low] * 0.569840296) % 1.0
    for number in range(rays):
        directions = _around(normals, (number + 0.5) / rays, (number * 0.618033989 + turn) % 1.0)
        free += ~surface.occluded(origins, directions * reach, 1.0)
    sums, known = (np.zeros((-(-height // 3), -(-width // 3)), np.float32) for _ in range(2))
    sums[row[low] // 3, column[low] // 3] = free / rays
    known[row[low] // 3, column[low] // 3] = 1
    weight = cv2.GaussianBlur(known, (0, 0), 1.2)
    spread = np.where(weight > 1e-3, cv2.GaussianBlur(sums, (0, 0), 1.2) / np.maximum(weight, 1e-6), 1.0)
    size = (sums.shape[1] * 3, sums.shape[0] * 3)
    large = cv2.resize(spread.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.clip(large[:height, :width], 0, 1)


def _around(normals: NDArray[np.floating], ring: float, turn: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n, 3) unit directions at a cosine-weighted polar step `ring` in (0, 1) and (n,) turns in [0, 1) about
    normals.
    """
    # An orthonormal frame without branches: Duff et al. 2017, "Building an Orthonormal Basis, Revisited".
    x, y, z = normals.T
    sign = np.where(z >= 0, 1.0, -1.0)
    a = -1.0 / (sign + z)
    b = x * y * a
    tangent = np.stack([1 + sign * x * x * a, sign * b, -sign * x], axis=1)
    other = np.stack([b, sign + y * y * a, -y], axis=1)
    radius, angle = np.sqrt(ring), 2 * np.pi * turn
    sideways = radius * (np.cos(angle)[:, None] * tangent + np.sin(angle)[:, None] * other)
    return (sideways + np.sqrt(1 - ring) * normals).astype(np.float32)
