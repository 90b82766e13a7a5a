"""Eyes: iris and pupil around the direction of gaze, white with its vessels. Sizes in mm (Rüfer 2005, iris 11.7)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.materials import Material
from scan3d.simulate.skin.noise import mottle
from scan3d.simulate.skin.texels import chart_of

_IRIS_M = 0.00585
_PUPIL_M = 0.0017
_COLOURS = {
    "brown": (0.055, 0.024, 0.01),
    "dark": (0.022, 0.011, 0.006),
    "hazel": (0.11, 0.07, 0.026),
    "green": (0.085, 0.088, 0.045),
    "blue": (0.085, 0.115, 0.15),
    "grey": (0.11, 0.12, 0.125),
}


def iris_name(rng: np.random.Generator, tone: float) -> str:
    """A colour of iris, brown or darker on darker skin."""
    if tone > 0.45:
        return str(rng.choice(["brown", "dark"]))
    return str(rng.choice(["brown", "hazel", "green", "blue", "blue", "grey"]))


def unroll_eyes(mesh: Mesh, centres: list[np.ndarray], gaze: np.ndarray) -> Mesh:
    """The mesh with uv of its own: each ball a disc around its gaze, so that the iris has texels enough.

    Lambert's azimuthal map, equal in area: the iris takes a seventh of a disc's radius and more.
    """
    across = np.cross(gaze, [0.0, 0.0, 1.0])
    across /= max(float(np.linalg.norm(across)), 1e-9)
    up = np.cross(across, gaze)
    corners = mesh.corners().astype(np.float64)
    middle = corners.mean(axis=1)
    nearest = np.argmin([np.linalg.norm(middle - c, axis=1) for c in centres], axis=0)
    offset = corners - np.array(centres)[nearest][:, None]
    offset /= np.maximum(np.linalg.norm(offset, axis=2, keepdims=True), 1e-9)
    radius = np.sqrt(np.clip((1 - offset @ gaze) / 2, 0, 1))
    x, y = offset @ across, offset @ up
    flat = np.maximum(np.hypot(x, y), 1e-9)
    columns = len(centres)
    disc = 0.46 / columns * radius
    u = (nearest[:, None] + 0.5) / columns + disc * x / flat
    uv = np.stack([u, 0.5 + disc * y / flat], axis=-1)
    # A face around the back pole would lie across the whole disc: those behind all share one white texel.
    uv[(offset @ gaze).min(axis=1) < -0.8] = 0.01
    return replace(mesh, uv=uv)


def eye_material(
    mesh: Mesh, centres: list[np.ndarray], gaze: np.ndarray, *, iris: str, size: int, seed: int
) -> Material:
    """Material of the balls of the eyes.

    mesh: with the uv of unroll_eyes. centres: (3,) of each ball, in the mesh's frame. gaze: (3,) unit direction they
    look. iris: a name in _COLOURS.
    """
    chart = chart_of(mesh, size)
    albedo = np.empty((size, size, 3), np.float32)
    albedo[:] = (0.62, 0.55, 0.5)
    roughness = np.full((size, size), 0.12, np.float32)
    colour = np.array(_COLOURS[iris])
    for texels in chart.bands():
        points = chart.interpolate(texels, mesh.vertices, slack=2.0).astype(np.float64)
        texel = chart.interpolate(texels, chart.texel_m)[:, 0]
        distance = np.stack([np.linalg.norm(points - c, axis=1) for c in centres])
        offset = points - np.array(centres)[np.argmin(distance, axis=0)]
        forward = offset @ gaze
        aside = offset - forward[:, None] * gaze
        radius = np.where(forward > 0, np.linalg.norm(aside, axis=1), 1.0)
        albedo[texels.rows, texels.columns] = _eye_colour(points, aside, radius, texel, colour, seed)
    return Material(kind="eye", albedo=albedo, roughness=roughness, specular=0.025)


def _eye_colour(
    points: np.ndarray, aside: np.ndarray, radius: np.ndarray, texel: np.ndarray, colour: np.ndarray, seed: int
) -> np.ndarray:
    """(N, 3) linear colour; radius: (N,) distance from the axis of gaze, 1 behind the ball's middle."""
    texel = texel.astype(np.float64)
    red = np.clip(1 - np.abs(mottle(points, texel, wavelength_m=0.0032, seed=seed, octaves=2)) / 0.16, 0, 1)
    outer = np.clip((radius - 0.007) / 0.005, 0, 1)
    white = np.array([0.66, 0.6, 0.55]) * (1 - 0.1 * outer[:, None] * [0.2, 1.0, 1.1])
    white = white * (1 - (0.22 * red * outer)[:, None] * [0.15, 1.0, 1.0])
    # Fibres run from the pupil outwards: noise that is stretched along the radius.
    spoke = np.concatenate([aside / np.maximum(radius, 1e-6)[:, None] * 0.006], axis=1) + 0.12 * aside
    fibres = mottle(spoke, np.full(len(points), 1e-5), wavelength_m=0.0011, seed=seed + 4, octaves=3)
    t = np.clip((radius - _PUPIL_M) / (_IRIS_M - _PUPIL_M), 0, 1)
    iris = (
        colour
        * np.exp(0.35 * fibres + 0.5 * np.exp(-((t - 0.25) ** 2) / 0.03) - 1.4 * np.clip((t - 0.8) / 0.2, 0, 1))[
            :, None
        ]
    )
    soft = np.maximum(texel, 2.5e-4)
    pupil = np.clip((_PUPIL_M - radius) / soft + 0.5, 0, 1)[:, None]
    limbus = np.clip((_IRIS_M - radius) / np.maximum(texel, 6e-4) + 0.5, 0, 1)[:, None]
    inside = iris * (1 - pupil) + 0.004 * pupil
    return np.asarray(np.clip(white * (1 - limbus) + inside * limbus, 0.003, 0.9), np.float32)
