"""Hair as a surface: streaks that run from the crown, in colour, gloss and slope."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.materials import Material
from scan3d.simulate.skin.body_maps import encode_normals, tangent_slopes
from scan3d.simulate.skin.noise import mottle
from scan3d.simulate.skin.texels import chart_of

# Linear albedos.
COLOURS = {
    "black": (0.012, 0.0105, 0.0095),
    "dark brown": (0.033, 0.021, 0.0135),
    "brown": (0.075, 0.044, 0.025),
    "blond": (0.27, 0.175, 0.085),
    "red": (0.15, 0.055, 0.022),
    "grey": (0.27, 0.26, 0.25),
}


def hair_colour(rng: np.random.Generator, tone: float) -> np.ndarray:
    """(3,) linear colour of a person's hair; darker skin goes with darker hair."""
    if tone > 0.5:
        names = ["black", "black", "dark brown"]
    elif tone > 0.25:
        names = ["black", "dark brown", "brown", "grey"]
    else:
        names = ["dark brown", "brown", "blond", "red", "grey"]
    return np.array(COLOURS[str(rng.choice(names))]) * rng.uniform(0.8, 1.2)


def hair_material(mesh: Mesh, colour: np.ndarray, *, size: int, seed: int) -> Material:
    """Material of a hair cap; strands run from its crown (the highest place, a little behind) along meridians."""
    chart = chart_of(mesh, size)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    crown = np.array([0.5 * (low[0] + high[0]), 0.4 * low[1] + 0.6 * high[1], high[2]])
    albedo = np.empty((size, size, 3), np.float32)
    albedo[:] = colour
    roughness = np.full((size, size), 0.55, np.float32)
    normal = np.empty((size, size, 3), np.uint16)
    normal[:] = encode_normals(np.zeros((1, 2)))[0]
    layers = np.column_stack([mesh.vertices, mesh.vertex_normals()])
    for texels in chart.bands():
        there = chart.interpolate(texels, layers, slack=4.0)
        texel = chart.interpolate(texels, chart.texel_m)[:, 0].astype(np.float64)
        points, normals = there[:, :3].astype(np.float64), there[:, 3:]
        offset = points - crown
        flat = np.maximum(np.hypot(offset[:, 0], offset[:, 1]), 1e-6)
        # Locks: strands lean to one side or the other over several centimetres of their way.
        lock = 0.003 * mottle(points * [1.0, 1.0, 0.4], texel, wavelength_m=0.05, seed=seed + 1)
        # On a circle of 90 mm, so that a strand is as wide as it would be at the widest of the head.
        turned = np.arctan2(offset[:, 1], offset[:, 0]) + lock / 0.09
        ring = 0.09 * np.stack([np.cos(turned), np.sin(turned), 0.06 * (offset[:, 2] - flat) / 0.09], axis=1)
        strands = 0.6 * mottle(ring, texel, wavelength_m=0.006, seed=seed + 3)
        strands += mottle(ring, 0.6 * texel, wavelength_m=0.0022, seed=seed + 5, octaves=2)
        albedo[texels.rows, texels.columns] = np.clip(colour * np.exp(0.4 * strands)[:, None], 0.003, 0.9)
        roughness[texels.rows, texels.columns] = np.clip(0.55 + 0.05 * strands, 0.35, 0.8)
        across = np.stack([-offset[:, 1], offset[:, 0], np.zeros(len(points))], axis=1) / flat[:, None]
        slope = 0.3 * mottle(ring, texel, wavelength_m=0.003, seed=seed + 7, octaves=2)
        normal[texels.rows, texels.columns] = encode_normals(
            tangent_slopes(chart, texels.faces, normals, slope[:, None] * across)
        )
    return Material(kind="hair", albedo=albedo, roughness=roughness, specular=0.046, normal=normal)
