"""The skin's surface (see `skin_surface`) under panels that points stand for, compiled, for quick pictures."""

from __future__ import annotations

import numba
import numpy as np

from scan3d.render.gloss_tables import NEAR_WHITE


@numba.njit(nogil=True, cache=True, fastmath=True)
def _table(tables, roughness, mu, k):
    """Bilinear value of column k of the gloss tables."""
    size = tables.shape[0]
    x, y = min(max(mu, 0.0), 1.0) * (size - 1), min(max(roughness, 0.0), 1.0) * (size - 1)
    i, j = min(int(x), size - 2), min(int(y), size - 2)
    f, g = x - i, y - j
    top = tables[j, i, k] * (1 - f) + tables[j, i + 1, k] * f
    bottom = tables[j + 1, i, k] * (1 - f) + tables[j + 1, i + 1, k] * f
    return top * (1 - g) + bottom * g


@numba.njit(nogil=True, cache=True, fastmath=True)
def _taken(tables, f0, roughness, mu):
    """Share of light from mu that one lobe returns, bounces between facets included."""
    scale, bias = _table(tables, roughness, mu, 0), _table(tables, roughness, mu, 1)
    lost = 1 - scale - bias
    mean_lost = 1 - _table(tables, roughness, mu, 2) - _table(tables, roughness, mu, 3)
    fresnel = f0 + (1 - f0) / 21
    return f0 * scale + bias + fresnel * fresnel * (1 - mean_lost) / (1 - fresnel * mean_lost) * lost


@numba.njit(nogil=True, cache=True, fastmath=True)
def _mean_taken(tables, f0, roughness):
    scale, bias = _table(tables, roughness, 0.5, 2), _table(tables, roughness, 0.5, 3)
    lost = max(1 - scale - bias, 0.0)
    fresnel = f0 + (1 - f0) / 21
    return f0 * scale + bias + fresnel * fresnel * (1 - lost) / (1 - fresnel * lost) * lost


@numba.njit(nogil=True, cache=True, fastmath=True)
def _below(albedo, into, taken, mean):
    """The diffuse part for a cosine of light: Lambert's, held to what the gloss leaves, as in `skin_surface`."""
    most = min(1.0, (1 - into) / max(albedo, 1e-3)) * min(1.0, (1 - taken) / max(albedo, 1e-3))
    return albedo * most / (np.pi * max(1 - mean * albedo**NEAR_WHITE, 1e-4))


@numba.njit(nogil=True, cache=True, fastmath=True)
def _ggx(alpha, cos_i, cos_o, cos_h):
    """D G / (4 cos_i cos_o) of GGX with Smith's heights, uncorrelated as in Mitsuba."""
    a2 = alpha * alpha
    t = cos_h * cos_h * (a2 - 1) + 1
    d = a2 / (np.pi * t * t)
    gi = 2 / (1 + np.sqrt(1 + a2 * (1 - cos_i * cos_i) / (cos_i * cos_i)))
    go = 2 / (1 + np.sqrt(1 + a2 * (1 - cos_o * cos_o) / (cos_o * cos_o)))
    return d * gi * go / (4 * cos_i * cos_o)


@numba.njit(nogil=True, cache=True, fastmath=True)
def shade(
    out, matt, points, normals, to_eye, albedo, f0, roughness, lobe, visible, soft, mirror,
    lamp_points, lamp_owner, lamp_ahead, lamp_light, lamp_spread, tables,
):  # fmt: skip
    """Write light towards the eye (N, 3) into out, and its diffuse part into matt.

    points, normals, to_eye (N, 3); albedo (N, 3); f0, roughness (N,); lobe (N, 2): roughness and share of the second
    lobe; visible (N, P): share of each panel that is seen; soft (N, 3): a white card's light from elsewhere; mirror
    (N, 3): what a mirror would show of it. lamp_*: (M, ...) points: place, panel, where it faces, radiance times area,
    and half the angle's size between neighbours in metres.
    """
    for n in range(points.shape[0]):
        cos_o = 0.0
        for c in range(3):
            cos_o += normals[n, c] * to_eye[n, c]
        cos_o = max(cos_o, 0.02)
        rough, second, share = roughness[n], lobe[n, 0], lobe[n, 1]
        taken = (1 - share) * _taken(tables, f0[n], rough, cos_o) + share * _taken(tables, f0[n], second, cos_o)
        mean = (1 - share) * _mean_taken(tables, f0[n], rough) + share * _mean_taken(tables, f0[n], second)
        for c in range(3):
            matt[n, c] = soft[n, c] * min(albedo[n, c], 1 - taken)
            out[n, c] = matt[n, c] + taken * mirror[n, c]
        for m in range(lamp_points.shape[0]):
            seen = visible[n, lamp_owner[m]]
            if seen <= 0:
                continue
            x = lamp_points[m, 0] - points[n, 0]
            y = lamp_points[m, 1] - points[n, 1]
            z = lamp_points[m, 2] - points[n, 2]
            square = x * x + y * y + z * z
            away = np.sqrt(square)
            x, y, z = x / away, y / away, z / away
            cos_i = normals[n, 0] * x + normals[n, 1] * y + normals[n, 2] * z
            back = -(lamp_ahead[m, 0] * x + lamp_ahead[m, 1] * y + lamp_ahead[m, 2] * z)
            if cos_i <= 0 or back <= 0:
                continue
            falls = seen * cos_i * back / square
            into = (1 - share) * _taken(tables, f0[n], rough, cos_i) + share * _taken(tables, f0[n], second, cos_i)
            hx, hy, hz = x + to_eye[n, 0], y + to_eye[n, 1], z + to_eye[n, 2]
            length = np.sqrt(hx * hx + hy * hy + hz * hz)
            cos_h = (normals[n, 0] * hx + normals[n, 1] * hy + normals[n, 2] * hz) / length
            cos_d = min(max((x * hx + y * hy + z * hz) / length, 0.0), 1.0)
            fresnel = f0[n] + (1 - f0[n]) * (1 - cos_d) ** 5
            # A point stands for a patch: the lobe is as much wider as half the patch is seen wide.
            patch = 0.25 * lamp_spread[m] / away
            first = np.sqrt(rough**4 + patch * patch)
            sharp = np.sqrt(second**4 + patch * patch)
            gloss = (1 - share) * _ggx(first, cos_i, cos_o, cos_h)
            if share > 0:
                gloss += share * _ggx(sharp, cos_i, cos_o, cos_h)
            gloss *= fresnel
            for c in range(3):
                light = lamp_light[m, c] * falls
                below = _below(albedo[n, c], into, taken, mean)
                matt[n, c] += light * below
                out[n, c] += light * (below + gloss)
