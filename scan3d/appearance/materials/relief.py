"""From normals in the world to what other programs read: tangent-space normal maps, and heights above the mesh."""

from __future__ import annotations

import numpy as np

from scan3d.appearance.materials.surface import Surface
from scan3d.geometry.tangents import along_u

LONGEST_M = 0.012  # of waves that heights hold: broader shapes are the mesh's


def tangent_frames(surface: Surface, index: np.ndarray, face: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First tangent (along growing u), second (across it) and normal (N, 3) of texels: of the face's u, laid into the
    plane of the smooth normal, as Mitsuba and the virtual studio have them."""
    corners = surface.mesh.vertices[surface.mesh.faces[face]]
    assert surface.mesh.uv is not None
    uv = np.asarray(surface.mesh.uv, np.float64)[face]
    d1, d2 = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    det = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    safe = np.where(det == 0, 1.0, det)
    along = along_u(corners, uv)
    size = surface.texture_size
    x, y = (index % size + 0.5) / size, 1 - (index // size + 0.5) / size
    a = np.stack([x, y], axis=1) - uv[:, 0]
    u = (a[:, 0] * d2[:, 1] - a[:, 1] * d2[:, 0]) / safe
    v = (d1[:, 0] * a[:, 1] - d1[:, 1] * a[:, 0]) / safe
    at = surface.normals[surface.mesh.faces[face]]
    normal = (1 - u - v)[:, None] * at[:, 0] + u[:, None] * at[:, 1] + v[:, None] * at[:, 2]
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    along -= normal * (along * normal).sum(axis=1, keepdims=True)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-20)
    return along, np.cross(normal, along), normal


def to_tangent_space(
    surface: Surface, index: np.ndarray, face: np.ndarray, world: np.ndarray, *, chunk: int = 2_000_000
) -> np.ndarray:
    """(N, 3) float32 normals of texels in their tangent frames, from (N, 3) in the world."""
    out = np.empty((len(index), 3), np.float32)
    for first in range(0, len(index), chunk):
        rows = slice(first, first + chunk)
        for k, axis in enumerate(tangent_frames(surface, index[rows], face[rows])):
            out[rows, k] = (world[rows] * axis).sum(axis=1)
    return out


def heights(tangent: np.ndarray, known: np.ndarray, texel_m: float, *, longest_m: float = LONGEST_M) -> np.ndarray:
    """(H, W) float32 metres above the mesh whose slopes are those of a tangent-space normal map (H, W, 3).

    Least squares by Fourier transform (Frankot and Chellappa 1988), held so that waves longer than longest_m fade:
    those are the mesh's, and a map cut into charts cannot carry them. known: (H, W) bool, elsewhere the slope is 0.
    """
    from scipy import fft

    steep = np.maximum(tangent[..., 2], 0.2)
    # Rows run down where v runs up.
    across = np.where(known, -tangent[..., 0] / steep, 0).astype(np.float32) * np.float32(texel_m)
    down = np.where(known, tangent[..., 1] / steep, 0).astype(np.float32) * np.float32(texel_m)
    rows, columns = known.shape
    wy = (2 * np.pi * fft.fftfreq(rows)).astype(np.float32)[:, None]
    wx = (2 * np.pi * fft.rfftfreq(columns)).astype(np.float32)[None]
    spectrum = -1j * (wx * fft.rfft2(across) + wy * fft.rfft2(down))
    hold = np.float32((2 * np.pi * texel_m / longest_m) ** 2)
    spectrum /= wx * wx + wy * wy + hold
    return np.where(known, fft.irfft2(spectrum, s=known.shape), 0).astype(np.float32)
