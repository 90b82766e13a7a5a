"""How much light a rough surface of glass-like gloss returns: what keeps diffuse and gloss together at one.

E(mu, alpha) is the share of light from an angle (mu its cosine) that a GGX surface of squared roughness alpha returns
after one bounce, averaged over all directions out. With Schlick's Fresnel it is f0 * scale + bias, two tables. What
one bounce loses comes back by the closed form of Kulla and Conty 2017, "Revisiting physically based shading at
Imageworks"; the diffuse gets what the gloss leaves (Kelemen and Szirmay-Kalos 2001), so that white stays white.
"""

from __future__ import annotations

import functools

import numpy as np

SIZE = 64
_SAMPLES = 2048
LOWEST_ALPHA = 4e-4
# Power of the albedo that tells white, whose diffuse part gives way to the gloss at all angles, from skin, which does
# so at the rim alone: what gives way at 0.9, 0.95 and 0.98 follows it within 0.5 % of the light.
NEAR_WHITE = 20


@functools.cache
def gloss_tables() -> np.ndarray:
    """(SIZE, SIZE, 4) float32: scale, bias, and their cosine-weighted means over mu, which all mu share.

    Rows are roughness (alpha = roughness squared) from 0 to 1, columns mu from 0 to 1, ends included.
    """
    mu = np.linspace(0.0, 1.0, SIZE)
    rows = [_one_bounce(max(r * r, LOWEST_ALPHA), np.maximum(mu, 1e-4)) for r in np.linspace(0.0, 1.0, SIZE)]
    once = np.array(rows)
    weight = _mean_weights(mu)
    means = np.broadcast_to(np.einsum("rmk,m->rk", once, weight)[:, None], once.shape)
    return np.concatenate([once, means], axis=2).astype(np.float32)


def _mean_weights(mu: np.ndarray) -> np.ndarray:
    """(N,) weights of the integral of 2 mu f(mu) for f linear between the table's columns."""
    step = mu[1] - mu[0]
    weight = 2 * mu * step
    weight[0], weight[-1] = step * step / 3, step * (1 - step / 3)
    return weight


def _one_bounce(alpha: float, mu: np.ndarray) -> np.ndarray:
    """(len(mu), 2) scale and bias, by the visible normals of GGX (Heitz 2018) over a Hammersley set."""
    k = np.arange(_SAMPLES)
    u1, u2 = (k + 0.5) / _SAMPLES, _van_der_corput(k)
    view = np.stack([np.sqrt(1 - mu**2), np.zeros_like(mu), mu], axis=-1)
    normal = _visible_normals(view, alpha, u1, u2)
    cos_d = np.einsum("mi,msi->ms", view, normal).clip(0, 1)
    out = 2 * cos_d[..., None] * normal - view[:, None]
    shadow = np.where(out[..., 2] > 0, _smith(out[..., 2], alpha), 0)
    fresnel = (1 - cos_d) ** 5
    return np.stack([(shadow * (1 - fresnel)).mean(axis=1), (shadow * fresnel).mean(axis=1)], axis=-1)


def _smith(mu: np.ndarray, alpha: float) -> np.ndarray:
    mu = np.maximum(mu, 1e-6)
    return np.asarray(2 / (1 + np.sqrt(1 + alpha * alpha * (1 - mu * mu).clip(0) / (mu * mu))))


def _van_der_corput(k: np.ndarray) -> np.ndarray:
    value, base = np.zeros(len(k)), 0.5
    while base > 1e-9 and np.any(k):
        value, k, base = value + base * (k % 2), k // 2, base / 2
    return value


def _visible_normals(view: np.ndarray, alpha: float, u1: np.ndarray, u2: np.ndarray) -> np.ndarray:
    """(M, S, 3) normals that are seen from each direction (M, 3)."""
    stretched = view * [alpha, alpha, 1.0]
    stretched /= np.linalg.norm(stretched, axis=1, keepdims=True)
    flat = np.hypot(stretched[:, 0], stretched[:, 1])
    first = np.where(
        flat[:, None] > 1e-7, np.stack([-stretched[:, 1], stretched[:, 0], 0 * flat], -1) / (flat[:, None] + 1e-12), 0
    )
    first[flat <= 1e-7] = [1.0, 0, 0]
    second = np.cross(stretched, first)
    radius, turn = np.sqrt(u1), 2 * np.pi * u2
    a, b = radius * np.cos(turn), radius * np.sin(turn)
    share = 0.5 * (1 + stretched[:, 2])[:, None]
    b = (1 - share) * np.sqrt(1 - a * a) + share * b
    c = np.sqrt((1 - a * a - b * b).clip(0))
    normal = a[None, :, None] * first[:, None] + b[..., None] * second[:, None] + c[..., None] * stretched[:, None]
    normal = normal * [alpha, alpha, 1.0]
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))
