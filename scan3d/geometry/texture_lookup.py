"""Maps looked up at places of the surface, bilinear."""

from __future__ import annotations

import numpy as np

from scan3d.geometry.materials import Part


def uv_at(part: Part, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, 2) texture coordinates of faces (N,) at corner weights (N, 3); zero without a texture."""
    if part.mesh.uv is None:
        return np.zeros((len(face), 2))
    return np.asarray(np.einsum("nk,nkd->nd", weights, part.mesh.uv[face]))


def value_at(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N, C) or (N,) of a map (H, W, C) or (H, W) whose row 0 lies at v = 1."""
    height, width = picture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1)
    i, j = np.minimum(x.astype(np.int64), max(width - 2, 0)), np.minimum(y.astype(np.int64), max(height - 2, 0))
    f, g = (x - i).astype(np.float32), (y - j).astype(np.float32)
    if picture.ndim == 3:
        f, g = f[:, None], g[:, None]
    right, below = np.minimum(i + 1, width - 1), np.minimum(j + 1, height - 1)
    top = picture[j, i] * (1 - f) + picture[j, right] * f
    bottom = picture[below, i] * (1 - f) + picture[below, right] * f
    return np.asarray(top * (1 - g) + bottom * g)
