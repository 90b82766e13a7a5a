"""Draws marks into the skin's maps and says how strong each came out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scan3d.simulate.skin.body_maps import Maps, decode_normals, encode_normals, tangent_slopes
from scan3d.simulate.skin.marks import Mark
from scan3d.simulate.skin.noise import mottle
from scan3d.simulate.skin.pigment import LUMINANCE, Pigment, skin_colour
from scan3d.simulate.skin.texels import Chart

# In radii: the middle, whose contrast is the mark's; the skin around it; and where each kind's edge begins and ends to
# fade. Half way, at about 0.85, a mark has half its contrast.
CORE = 0.4
RING = (1.35, 2.4)
_EDGES = {"mole": (0.62, 1.08), "freckle": (0.4, 1.3), "scar": (0.5, 1.2), "blemish": (0.4, 1.35), "vein": (0.4, 1.3)}


def draw_marks(chart: Chart, maps: Maps, marks: Sequence[Mark], pigment: Pigment) -> list[tuple[Mark, float]]:
    """Draws each mark; gives those that show, with the contrast that their middle has in the finished map.

    The middle is the mean luminance within CORE of the radius, the skin around that of the RING.
    """
    from scipy.spatial import KDTree

    rest = chart.mesh
    corners = rest.corners()
    tree = KDTree(corners.mean(axis=1))
    face_normals = rest.face_normals()
    widest = np.linalg.norm(corners - corners.mean(axis=1, keepdims=True), axis=2).max(axis=1)
    vertex_normals = rest.vertex_normals()
    drawn = []
    for mark in marks:
        near = np.sort(np.array(tree.query_ball_point(mark.position, mark.reach_m + widest.max()), np.int64))
        near = near[face_normals[near] @ mark.normal > 0.25]
        centre_distance = np.linalg.norm(corners[near].mean(axis=1) - mark.position, axis=1)
        near = near[centre_distance < mark.reach_m + widest[near]]
        shown = _draw(chart, maps, mark, near, vertex_normals, pigment)
        if shown is not None:
            drawn.append((mark, shown))
    return drawn


def _draw(
    chart: Chart, maps: Maps, mark: Mark, faces: np.ndarray, vertex_normals: np.ndarray, pigment: Pigment
) -> float | None:
    texels = chart.texels_of(faces)
    there = chart.interpolate(texels, np.column_stack([chart.mesh.vertices, vertex_normals]), slack=1.0)
    points, normals = there[:, :3].astype(np.float64), there[:, 3:]
    radius, outward = mark_radius(mark, points)
    core, ring = radius < CORE, (radius > RING[0]) & (radius < RING[1])
    if core.sum() < 2 or ring.sum() < 8:
        return None
    at = texels.rows, texels.columns
    around = maps.albedo[at][ring].astype(np.float64).mean(axis=0)
    target = around * _tint(mark.kind, mark.contrast, pigment)
    target *= (1 - mark.contrast) * (around @ LUMINANCE) / max(target @ LUMINANCE, 1e-9)
    begin, end = _EDGES[mark.kind]
    t = np.clip((end - radius) / (end - begin), 0, 1)
    cover = (t * t * (3 - 2 * t))[:, None]
    texel = np.full(len(points), float(np.median(chart.texel_m[chart.mesh.faces[mark.face]])))
    grain = 0.05 * mottle(points, texel, wavelength_m=0.0012, seed=mark.seed)
    grain -= grain[core].mean()
    maps.albedo[at] = np.clip(maps.albedo[at] * (1 - cover) + cover * target * (1 + grain[:, None]), 0, 1)
    maps.roughness[at] = np.clip(maps.roughness[at] + mark.gloss * cover[:, 0], 0.1, 1)
    if mark.relief_m:
        inside = np.clip(1 - radius**2, 0, None)
        gradient = (-4 * mark.relief_m / mark.half_width_m * inside * radius)[:, None] * outward
        slopes = decode_normals(maps.normal[at]) + tangent_slopes(chart, texels.faces, normals, gradient)
        maps.normal[at] = encode_normals(slopes)
    luminance = maps.albedo[at] @ LUMINANCE
    return float(1 - luminance[core].mean() / luminance[ring].mean())


def mark_radius(mark: Mark, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) distance of points (N, 3) from the mark's middle line over its half width, and (N, 3) the way outward."""
    across = np.cross(mark.normal, mark.along)
    offset = points - mark.position
    x, y = offset @ mark.along, offset @ across
    phase = mark.seed % 628 / 100
    bend = mark.wander * mark.half_length_m * 0.35
    y = y - bend * (np.sin(2.2 * x / mark.half_length_m + phase) - np.sin(phase))
    straight = mark.half_length_m - mark.half_width_m
    beyond = np.sign(x) * np.maximum(np.abs(x) - straight, 0)
    far = np.hypot(beyond, y)
    # An outline that wanders a tenth of the radius, but leaves the middle in place.
    angle = np.arctan2(y, beyond)
    outline = 1 + 0.07 * np.sin(2 * angle + phase) + 0.05 * np.sin(3 * angle + 2 * phase)
    outward = (beyond[:, None] * mark.along + y[:, None] * across) / np.maximum(far, 1e-9)[:, None]
    return far / (mark.half_width_m * outline), outward


def _tint(kind: str, contrast: float, pigment: Pigment) -> np.ndarray:
    """(3,) colour of a mark over that of the skin around; its luminance is set afterwards."""
    usual = skin_colour(np.array(pigment.melanin), np.array(pigment.blood))
    if kind == "vein":
        deep = skin_colour(np.array(pigment.melanin), np.array(1.6 * pigment.blood), oxygenation=0.4)
        # Light that comes back from a vessel under a millimetre of skin is bluer: it went less deep (Kienle 1996).
        return np.asarray(deep / usual * [0.95, 1.02, 1.06])
    if kind == "scar":
        pale = skin_colour(np.array(0.6 * pigment.melanin), np.array(0.8 * pigment.blood))
        return np.asarray(pale / usual)
    factors = np.geomspace(1, 60, 120)
    if kind == "blemish":
        colours = skin_colour(np.full(120, pigment.melanin), np.minimum(pigment.blood * factors, 0.19))
    else:
        # Vessels under a mole or freckle are wider too: its brown is a red one.
        blood = np.minimum(pigment.blood * factors**0.3, 0.19)
        colours = skin_colour(np.minimum(pigment.melanin * factors, 0.74), blood)
    wanted = (1 - contrast) * (usual @ LUMINANCE)
    return np.asarray(colours[np.argmin(np.abs(colours @ LUMINANCE - wanted))] / usual)
