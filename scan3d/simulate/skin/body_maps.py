"""The maps of the whole skin, before any mark or hair: colour, roughness and tangent-space normals, band by band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.simulate.skin import relief
from scan3d.simulate.skin.face import Face
from scan3d.simulate.skin.noise import mottle
from scan3d.simulate.skin.pigment import Pigment, colours
from scan3d.simulate.skin.texels import Chart, Texels
from scan3d.simulate.skin.zones import Zones

ROUGHNESS = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Maps:
    """albedo (H, W, 3) float32 linear, roughness (H, W) float32, normal (H, W, 3) uint16 OpenGL."""

    albedo: np.ndarray
    roughness: np.ndarray
    normal: np.ndarray


def skin_maps(chart: Chart, zones: Zones, face: Face | None, pigment: Pigment, *, seed: int) -> Maps:
    """Paints skin over a chart of the body at rest; between the charts stands the usual skin, flat."""
    usual = colours(np.array([np.log(pigment.melanin)]), np.array([np.log(pigment.blood)]))[0]
    maps = Maps(
        albedo=np.empty((chart.size, chart.size, 3), np.float32),
        roughness=np.full((chart.size, chart.size), ROUGHNESS, np.float32),
        normal=np.empty((chart.size, chart.size, 3), np.uint16),
    )
    maps.albedo[:] = usual
    maps.normal[:] = encode_normals(np.zeros((1, 2)))[0]
    mesh = chart.mesh
    shifts = (zones.log_melanin, zones.log_blood, zones.gloss, zones.relief, zones.lips, zones.nail)
    layers = np.column_stack((mesh.vertices, mesh.vertex_normals(), chart.texel_m, *shifts)).astype(np.float32)
    for texels in chart.bands():
        _paint(chart, texels, layers, pigment, seed, maps)
        if face is not None:
            _lid_rims(chart, texels, face, maps)
    return maps


def _paint(chart: Chart, texels: Texels, layers: np.ndarray, pigment: Pigment, seed: int, maps: Maps) -> None:
    # Places and normals go on beyond a chart's border; amounts do not, or they would leave their range.
    there = chart.interpolate(texels, layers[:, :6], slack=4.0)
    points, normals = there[:, :3], there[:, 3:]
    texel, melanin, blood, gloss, *rest = chart.interpolate(texels, layers[:, 6:]).T
    amounts = np.ascontiguousarray(np.stack(rest[: relief.AMOUNTS], axis=1))
    lips, nail = rest[relief.AMOUNTS :]
    edge = mottle(points, texel, wavelength_m=0.006, seed=seed + 90, octaves=2)
    lips = _sharpen(lips + 0.07 * edge, 0.35, 0.65)
    nail = _sharpen(nail, 0.4, 0.6)
    skin = 1 - np.clip(lips + nail, 0, 1)

    def noise(wavelength_mm: float, index: int, octaves: int = 1) -> np.ndarray:
        return mottle(points, texel, wavelength_m=1e-3 * wavelength_mm, seed=seed + index, octaves=octaves)

    gradient, lost, hollow = np.empty((len(points), 3), np.float32), *np.empty((2, len(points)), np.float32)
    relief.slopes(points, amounts, texel, seed + 40, gradient, lost, hollow)
    melanin = (
        melanin + np.log(pigment.melanin) + 0.05 * noise(90, 1, 2) + 0.04 * noise(14, 11, 3) + 0.03 * noise(2.2, 21, 2)
    )
    blood = blood + np.log(pigment.blood) + 0.07 * noise(55, 31, 2) + 0.075 * noise(11, 51, 3) * (0.3 + 0.7 * skin)
    blood += 0.08 * noise(2.6, 61, 2) + 0.4 * hollow
    melanin += 0.25 * hollow
    albedo = colours(melanin, blood)
    albedo *= (1 - 0.16 * hollow + 0.014 * noise(1.2, 71))[:, None]
    # The free edge of a nail scatters more light back than the bed.
    albedo += (nail * 0.04)[:, None] * (1 - albedo)
    rough = ROUGHNESS + gloss + 0.025 * noise(5, 81, 2) + 0.02 * noise(40, 82)
    # GGX alpha is the square of the roughness; a lost slope variance s2 per axis adds 2 s2 to alpha squared.
    rough = np.clip(rough, 0.12, 0.9)
    maps.roughness[texels.rows, texels.columns] = np.clip(rough**4 + 2 * lost, 0, 1) ** 0.25
    maps.albedo[texels.rows, texels.columns] = np.clip(albedo, 0, 1)
    gradient *= (1 - 0.9 * nail)[:, None]
    slopes = tangent_slopes(chart, texels.faces, normals, gradient)
    maps.normal[texels.rows, texels.columns] = encode_normals(slopes)


def _lid_rims(chart: Chart, texels: Texels, face: Face, maps: Maps) -> None:
    """Where a lid lies on the ball it is moist, and above it dark of the lashes' roots."""
    points = chart.interpolate(texels, chart.mesh.vertices, slack=1.0).astype(np.float64)
    for eye in face.eyes:
        above = np.linalg.norm(points - eye, axis=1) - face.eye_radius_m
        near = np.flatnonzero((np.abs(above) < 0.003) & (points[:, 1] < eye[1]))
        at = texels.rows[near], texels.columns[near]
        dark = np.clip(1 - above[near] / 0.0016, 0, 1) * np.where(points[near, 2] > eye[2], 0.75, 0.4)
        maps.albedo[at] *= (1 - dark)[:, None]
        maps.roughness[at] += (0.25 - maps.roughness[at]) * np.clip(1 - above[near] / 0.001, 0, 1)


def _sharpen(values: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def tangent_slopes(chart: Chart, faces: np.ndarray, normals: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """(N, 2) slopes of the height along u and v, from its gradient (N, 3) in space; normals (N, 3) of the surface."""
    u, v = chart.along_u[faces], chart.along_v[faces]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    # The renderer turns the face's frame onto the shading normal: so do we.
    u = u - (u * normals).sum(axis=1, keepdims=True) * normals
    v = v - (v * normals).sum(axis=1, keepdims=True) * normals
    return np.stack([(gradient * u).sum(axis=1), (gradient * v).sum(axis=1)], axis=1)


def encode_normals(slopes: np.ndarray) -> np.ndarray:
    """(N, 3) uint16 OpenGL normals of slopes (N, 2) of the height along u and v; steeper than 60 degrees is cut."""
    steep = np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True) / 1.7, 1.0)
    slopes = slopes / steep
    normal = np.concatenate([-slopes, np.ones((len(slopes), 1))], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return np.asarray(np.round((0.5 + 0.5 * normal) * 65535), np.uint16)


def decode_normals(encoded: np.ndarray) -> np.ndarray:
    """(..., 2) slopes of the height along u and v of uint16 normals (..., 3)."""
    normal = encoded.astype(np.float64) / 65535 * 2 - 1
    return np.asarray(-normal[..., :2] / np.maximum(normal[..., 2:], 1e-3))
