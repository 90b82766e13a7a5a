"""Short hair painted on the skin, strand by strand: brows, stubble, the hair line."""

from __future__ import annotations

import numba
import numpy as np

from scan3d.simulate.skin.body_maps import Maps
from scan3d.simulate.skin.face import Face
from scan3d.simulate.skin.texels import Chart
from scan3d.simulate.skin.zones import Zones


@numba.njit(cache=True, nogil=True)
def _stroke(albedo, roughness, owner, starts, steps, counts, cover, colour):
    """Blends strands of unit steps into the map, bilinearly, thinner towards the tip.

    starts, steps: (N, 2) texels, x and y. counts: (N,) steps. cover: (N,) width over a texel. colour: (N, 3).
    """
    height, width = owner.shape
    for n in range(len(starts)):
        for k in range(counts[n]):
            t = k / counts[n]
            # A strand bends towards the end of its own accord: a quarter of its way is turned down.
            x = starts[n, 0] + steps[n, 0] * k - 0.5
            y = starts[n, 1] + steps[n, 1] * k + 0.12 * k * t - 0.5
            i, j = int(np.floor(y)), int(np.floor(x))
            if i < 0 or j < 0 or i + 1 >= height or j + 1 >= width:
                continue
            fy, fx = y - i, x - j
            strength = cover[n] * (1 - 0.75 * t * t)
            for a in range(2):
                for b in range(2):
                    if owner[i + a, j + b] < 0:
                        continue
                    w = strength * (fy if a else 1 - fy) * (fx if b else 1 - fx)
                    w = min(w, 0.97)
                    for c in range(3):
                        albedo[i + a, j + b, c] += w * (colour[n, c] - albedo[i + a, j + b, c])
                    roughness[i + a, j + b] += 0.5 * w * (0.65 - roughness[i + a, j + b])


def paint_strands(
    chart: Chart,
    maps: Maps,
    zones: Zones,
    face: Face | None,
    *,
    hair: np.ndarray,
    stubble: float,
    has_hair: bool,
    seed: int,
) -> None:
    """Paints brows, `stubble` (0..1) in the beard, and on the scalp the roots of hair (or nothing where it is bald).

    hair: (3,) linear colour.
    """
    rng = np.random.default_rng([seed, 78])
    middle = 0.0 if face is None else float(0.5 * (face.eyes[0][0] + face.eyes[1][0]))
    scale = 1.0 if face is None else face.scale
    points, normals = chart.mesh.vertices, chart.mesh.vertex_normals()

    def grow(amount, per_cm2, length_mm, width_mm, direction, colour, spread):
        faces, weights = _roots(chart, amount, per_cm2, rng)
        if not len(faces):
            return
        corners = chart.mesh.faces[faces]
        roots = np.einsum("nk,nkc->nc", weights, points[corners])
        normal = np.einsum("nk,nkc->nc", weights, normals[corners])
        way = direction(roots) + spread * rng.standard_normal(roots.shape)
        way -= normal * (way * normal).sum(axis=1, keepdims=True)
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
        texel = chart.texel_m[corners].mean(axis=1)
        start = np.einsum("nk,nkc->nc", weights, chart.corners[faces])
        step = np.stack([(way * chart.along_u[faces]).sum(axis=1), -(way * chart.along_v[faces]).sum(axis=1)], axis=1)
        length = length_mm * 1e-3 * np.exp(0.25 * rng.standard_normal(len(faces)))
        counts = np.maximum((length / texel).round(), 1).astype(np.int64)
        # A strand shorter than a texel covers that share of it.
        cover = width_mm * 1e-3 / texel * np.minimum(length / texel, 1)
        shade = colour * np.exp(0.22 * rng.standard_normal((len(faces), 1)))
        _stroke(maps.albedo, maps.roughness, chart.owner, start, step, counts, np.minimum(cover, 0.9), shade)

    def brow_way(roots: np.ndarray) -> np.ndarray:
        side = np.sign(roots[:, 0] - middle)
        out = np.clip(np.abs(roots[:, 0] - middle) / (0.045 * scale), 0, 1)
        rise = np.radians(75 - 95 * out)
        return np.stack([side * np.cos(rise), np.zeros(len(roots)), np.sin(rise)], axis=1)

    def down(roots: np.ndarray) -> np.ndarray:
        return np.tile([0.0, 0.0, -1.0], (len(roots), 1))

    def back(roots: np.ndarray) -> np.ndarray:
        return np.tile([0.0, 1.0, 0.25], (len(roots), 1))

    brow = np.clip((zones.brow - 0.25) / 0.5, 0, 1)
    # Brows are darker than the hair of the head, the lighter that is, the more so.
    dark = 0.35 * hair + [0.011, 0.0075, 0.005]
    grow(brow, 170, 7.5 * scale, 0.14, brow_way, dark, 0.2)
    if stubble > 0:
        grow(zones.beard * stubble, 80, 0.9, 0.14, down, 0.6 * dark, 0.5)
    if has_hair:
        grow(np.clip(1.6 * zones.scalp - 0.2, 0, 1), 160, 9.0, 0.2, back, hair, 0.35)


def _roots(chart: Chart, amount: np.ndarray, per_cm2: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Faces (N,) and weights (N, 3) of roots, `amount` (V,) 0..1 times `per_cm2` dense."""
    share = amount[chart.mesh.faces].mean(axis=1)
    expected = share * chart.mesh.face_areas() * 1e4 * per_cm2
    counts = rng.poisson(np.maximum(expected, 0))
    faces = np.repeat(np.arange(len(counts)), counts)
    a, b = np.sqrt(rng.random(len(faces))), rng.random(len(faces))
    weights = np.stack([1 - a, a * (1 - b), a * b], axis=1)
    local = (weights * amount[chart.mesh.faces[faces]]).sum(axis=1)
    keep = rng.random(len(faces)) < np.minimum(local / np.maximum(share[faces], 1e-9), 1)
    return faces[keep], weights[keep]
