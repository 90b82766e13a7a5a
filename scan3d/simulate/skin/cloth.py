"""Cloth: yarn in two directions, a pattern, seams with stitches, and the tint that wear leaves in folds."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.materials import Material
from scan3d.simulate.skin.body_maps import encode_normals
from scan3d.simulate.skin.noise import mottle
from scan3d.simulate.skin.texels import Chart, chart_of
from scan3d.simulate.skin.zones import smooth

PATTERNS = ("melange", "stripes", "print", "blocks")

# Linear albedos of dyed cotton, base and accent.
_DYES = (
    ((0.052, 0.066, 0.11), (0.35, 0.34, 0.31)),
    ((0.19, 0.19, 0.185), (0.045, 0.045, 0.05)),
    ((0.022, 0.075, 0.072), (0.42, 0.3, 0.12)),
    ((0.23, 0.035, 0.04), (0.3, 0.27, 0.22)),
    ((0.33, 0.29, 0.22), (0.07, 0.1, 0.14)),
    ((0.03, 0.03, 0.034), (0.24, 0.05, 0.06)),
    ((0.06, 0.12, 0.055), (0.36, 0.36, 0.27)),
)
_THREAD_M = 0.9e-3
_ROUGHNESS = 0.78


def cloth_material(mesh: Mesh, *, size: int, seed: int) -> Material:
    """Material of a garment whose uv keep its proportions; pattern, dye and yarn come from the seed."""
    rng = np.random.default_rng([seed, 79])
    base, accent = (np.array(c) * rng.uniform(0.8, 1.15) for c in _DYES[rng.integers(len(_DYES))])
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    chart = chart_of(mesh, size)
    albedo = np.empty((size, size, 3), np.float32)
    albedo[:] = base
    roughness = np.full((size, size), _ROUGHNESS, np.float32)
    normal = np.empty((size, size, 3), np.uint16)
    normal[:] = encode_normals(np.zeros((1, 2)))[0]
    layers = np.column_stack([mesh.vertices, chart.texel_m, _hollow(mesh)])
    tree = _seam_tree(mesh)
    for texels in chart.bands():
        points, (texel, hollow) = (
            chart.interpolate(texels, layers[:, :3], slack=4.0),
            chart.interpolate(texels, layers[:, 3:]).T,
        )
        share = _pattern(pattern, points, texel, seed)[:, None]
        colour = base * (1 - share) + accent * share
        heather = mottle(points, texel, wavelength_m=0.0024, seed=seed + 5, octaves=3, gain=0.8)
        heather += 0.5 * mottle(points, texel, wavelength_m=0.06, seed=seed + 9)
        slopes, thread = _weave(texels.rows, texels.columns, texel)
        colour = colour * np.exp(0.15 * heather + 0.12 * thread - 0.3 * hollow)[:, None]
        slopes += 0.05 * np.stack([mottle(points, texel, wavelength_m=0.003, seed=seed + k) for k in (20, 21)], axis=1)
        if tree is not None:
            line, stitch = _seams(tree, points, texel)
            colour *= (1 - 0.35 * line)[:, None]
            colour += (stitch * 0.5)[:, None] * (accent - colour)
        albedo[texels.rows, texels.columns] = np.clip(colour, 0.005, 0.9)
        roughness[texels.rows, texels.columns] = _ROUGHNESS + 0.03 * heather.clip(-2, 2)
        normal[texels.rows, texels.columns] = encode_normals(slopes)
    return Material(kind="cloth", albedo=albedo, roughness=roughness, specular=0.04, normal=normal)


def _pattern(name: str, points: np.ndarray, texel: np.ndarray, seed: int) -> np.ndarray:
    """(N,) 0..1 share of the accent colour."""
    wobble = 0.0015 * mottle(points, texel, wavelength_m=0.05, seed=seed + 1)
    soft = np.maximum(texel, 4e-4)
    if name == "stripes":
        phase = np.abs(np.mod((points[:, 2] + wobble) / 0.034, 1.0) - 0.5) * 0.034
        return np.asarray(np.clip((0.0065 - phase) / soft + 0.5, 0, 1))
    if name == "print":
        leaf = mottle(points, texel, wavelength_m=0.022, seed=seed + 2) + 0.15 * mottle(
            points, texel, wavelength_m=0.009, seed=seed + 3
        )
        return np.asarray(np.clip((leaf - 0.75) * 0.009 / soft + 0.5, 0, 1))
    if name == "blocks":
        height = float(np.median(points[:, 2]))
        return np.asarray(np.clip((points[:, 2] - height + wobble) / soft + 0.5, 0, 1) * 0.85)
    return np.zeros(len(points))


def _weave(rows: np.ndarray, columns: np.ndarray, texel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (N, 2) of a plain weave along the map's axes, and (N,) its lighter threads, as far as the map shows it.

    The yarn has a whole number of texels where a texel is the mean one: cloth is woven flat, along its uv.
    """
    pitch = max(_THREAD_M, 4 * float(np.median(texel)))
    u, v = np.pi * columns * float(np.median(texel)) / pitch, np.pi * rows * float(np.median(texel)) / pitch
    shown = 1.0 if pitch < 2.5 * _THREAD_M else 0.0
    slopes = 0.22 * shown * np.stack([np.sin(2 * u) * np.sin(v) ** 2, -np.sin(2 * v) * np.sin(u) ** 2], axis=1)
    return slopes, shown * np.sin(u) * np.sin(v)


def _hollow(mesh: Mesh) -> np.ndarray:
    """(V,) 0..1: how far a vertex lies behind the mean of its surroundings, in folds."""
    around = np.stack([smooth(mesh, mesh.vertices[:, k], 8) for k in range(3)], axis=1)
    depth = ((around - mesh.vertices) * mesh.vertex_normals()).sum(axis=1)
    return np.asarray(np.clip(depth / 0.003, 0, 1))


def seam_edges(mesh: Mesh) -> np.ndarray:
    """(E, 2) vertices of edges where the map is cut or the mesh ends."""
    assert mesh.uv is not None
    directed = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    uv = mesh.uv[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 4)
    turned = directed[:, 0] > directed[:, 1]
    ends = np.where(turned[:, None], uv[:, [2, 3, 0, 1]], uv)
    edges = np.sort(directed, axis=1)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    edges, ends = edges[order], ends[order]
    same = np.zeros(len(edges), bool)
    pair = (edges[1:] == edges[:-1]).all(axis=1) & (np.abs(ends[1:] - ends[:-1]).max(axis=1) < 1e-6)
    same[1:] |= pair
    same[:-1] |= pair
    return np.unique(edges[~same], axis=0)


def _seam_tree(mesh: Mesh):  # type: ignore[no-untyped-def]
    from scipy.spatial import KDTree

    edges = seam_edges(mesh)
    if not len(edges):
        return None
    a, b = mesh.vertices[edges[:, 0]], mesh.vertices[edges[:, 1]]
    steps = np.linspace(0, 1, 8, endpoint=False)
    return KDTree((a[:, None] + steps[:, None] * (b - a)[:, None]).reshape(-1, 3))


def _seams(tree, points: np.ndarray, texel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    """(N,) the dark line of a seam and (N,) its stitches, 2.5 mm long, 3 mm beside it."""
    distance, _ = tree.query(points, distance_upper_bound=0.008)
    line = np.clip(1 - distance / 0.0011, 0, 1)
    beside = np.clip(1 - np.abs(distance - 0.0035) / 0.0006, 0, 1)
    dashes = np.mod(points.sum(axis=1) / 0.0035, 1.0) < 0.7
    seen = np.clip(2.0 - texel / 5e-4, 0, 1) * np.isfinite(distance)  # a coarse map shows neither
    return line * seen, np.where(dashes, beside, 0.0) * seen


def plain_material(chart_mesh: Mesh, *, size: int, colour: tuple[float, float, float]) -> Material:
    """A smooth dyed surface: soles, buttons, whatever is neither skin, cloth, eye nor hair."""
    chart: Chart = chart_of(chart_mesh, size)
    albedo = np.empty((size, size, 3), np.float32)
    albedo[:] = colour
    for texels in chart.bands():
        points = chart.interpolate(texels, chart_mesh.vertices, slack=4.0)
        texel = chart.interpolate(texels, chart.texel_m)[:, 0]
        shade = np.exp(0.1 * mottle(points, texel, wavelength_m=0.01, seed=3, octaves=3))
        albedo[texels.rows, texels.columns] *= shade[:, None]
    return Material(kind="plain", albedo=albedo, roughness=np.full((size, size), 0.5, np.float32), specular=0.04)
