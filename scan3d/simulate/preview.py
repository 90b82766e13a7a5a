"""Quick pictures of a subject: one ray a pixel, light gathered once at the vertices, no gloss.

For tests of geometry, where textures and silhouettes count: the light that reaches a vertex directly, shadows
included, is gathered for all cameras together, as an irradiance and its change with the normal; a picture then costs
one ray and a few lookups a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.directions import even_directions
from scan3d.geometry.lights import LightSetup, Panel, Surroundings
from scan3d.geometry.materials import Material, Part
from scan3d.geometry.ray_scene import ray_scene, tensor
from scan3d.geometry.tangents import leaned_normals
from scan3d.geometry.texture_lookup import uv_at, value_at
from scan3d.simulate.path_tracer import Crop

_PER_PANEL = 16  # points of a panel, in a grid
_DIRECTIONS = 96  # of the surroundings
_OFF_M = 2e-4  # rays start this far above the surface


class Preview:
    """Parts under one light setup, ready to be looked at; what `path_tracer.Studio` is, at a fifteenth of its cost.

    Crossed polarisers halve the picture; parallel ones too, as there is no gloss.
    """

    def __init__(self, parts: Sequence[Part], lights: LightSetup) -> None:
        self._parts = tuple(parts)
        self._strength = 1.0 if lights.polarisation == "none" else 0.5
        self._rays = ray_scene((part.mesh.vertices, part.mesh.faces) for part in parts)
        self._normals = [part.mesh.vertex_normals().astype(np.float32) for part in parts]
        self._light = [
            self._gathered(part.mesh.vertices.astype(np.float32), normals, lights)
            for part, normals in zip(parts, self._normals, strict=True)
        ]
        self._bumps = [None if part.material.normal is None else Bumps(part) for part in parts]

    def render(
        self, camera: Camera, *, samples: int = 1, seed: int = 0, crop: Crop | None = None, aperture_m: float = 0.0,
        focus_m: float | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Radiance (H, W, 3) float32 of a camera of any lens, or of its crop (x0, y0, x1, y1).

        One ray through the middle of each pixel: samples, seed, aperture and focus change nothing.
        """
        x0, y0, x1, y1 = crop or (0, 0, camera.intrinsics.width, camera.intrinsics.height)
        px = np.stack(np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5), axis=-1)
        directions = camera.ray_directions(px.reshape(-1, 2)).astype(np.float32)
        hit = self._cast(np.broadcast_to(camera.centre.astype(np.float32), directions.shape), directions)
        picture = np.zeros((len(directions), 3), np.float32)
        for number in range(len(self._parts)):
            seen = np.flatnonzero(hit["geometry_ids"] == number)
            if seen.size:
                face = hit["primitive_ids"][seen].astype(np.int64)
                picture[seen] = self._shaded(number, face, hit["primitive_uvs"][seen], directions[seen])
        return self._strength * picture.reshape(y1 - y0, x1 - x0, 3)

    def _cast(self, origins: np.ndarray, directions: np.ndarray) -> dict[str, np.ndarray]:
        rays = np.concatenate([origins, directions], axis=1)
        return {name: value.numpy() for name, value in self._rays.cast_rays(tensor(rays)).items()}

    def _free(self, origins: np.ndarray, directions: np.ndarray, reach: float) -> np.ndarray:
        """(N,) bool: nothing lies within `reach` of direction lengths."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        return np.asarray(~self._rays.test_occlusions(tensor(rays), tnear=0.0, tfar=reach).numpy())

    def _gathered(self, points: np.ndarray, normals: np.ndarray, lights: LightSetup) -> np.ndarray:
        """(V, 4, 3): irradiance over pi at the vertex' normal, and its change with the normal along x, y, z."""
        total = np.zeros((len(points), 4, 3))
        starts = points + _OFF_M * normals
        for panel in lights.panels:
            self._add_panel(total, panel, starts, normals)
        if lights.surroundings is not None:
            self._add_surroundings(total, lights.surroundings, starts, normals)
        return (total / np.pi).astype(np.float32)

    def _add_panel(self, total: np.ndarray, panel: Panel, starts: np.ndarray, normals: np.ndarray) -> None:
        ahead = np.asarray(panel.target_m, float) - np.asarray(panel.centre_m, float)
        ahead /= np.linalg.norm(ahead)
        side = round(_PER_PANEL**0.5)
        area = panel.area_m2() / side**2
        for point in panel.points_m(side):
            towards = point - starts
            square = (towards**2).sum(axis=1)
            unit = towards / np.sqrt(square)[:, None]
            geometry = np.maximum(-(unit @ ahead), 0) * area / square
            facing = (unit * normals).sum(axis=1)
            lit = (facing > 0) & (geometry > 0)
            lit[lit] = self._free(starts[lit], towards[lit], 1.0)
            _add(total, lit, geometry, unit, facing, np.asarray(panel.radiance))

    def _add_surroundings(
        self, total: np.ndarray, surroundings: Surroundings, starts: np.ndarray, normals: np.ndarray
    ) -> None:
        picture = surroundings.radiance
        for direction in even_directions(_DIRECTIONS):
            facing = normals @ direction
            open_to = facing > 0
            ahead = np.broadcast_to(direction, starts.shape)
            open_to[open_to] = self._free(starts[open_to], ahead[open_to], np.inf)
            solid = np.full(len(starts), 4 * np.pi / _DIRECTIONS)
            _add(total, open_to, solid, ahead, facing, radiance_around(picture, direction))

    def _shaded(self, number: int, face: np.ndarray, corner: np.ndarray, directions: np.ndarray) -> np.ndarray:
        part = self._parts[number]
        weights = np.stack([1 - corner.sum(axis=1), corner[:, 0], corner[:, 1]], axis=1)
        vertices = part.mesh.faces[face]
        light = np.einsum("nk,nkij->nij", weights, self._light[number][vertices])
        value = light[:, 0]
        bumps = self._bumps[number]
        uv = uv_at(part, face, weights)
        if bumps is not None:
            normal = np.einsum("nk,nkd->nd", weights, self._normals[number][vertices])
            normal /= np.linalg.norm(normal, axis=1, keepdims=True)
            value = value + np.einsum("nd,ndc->nc", bumps.at(face, uv, normal) - normal, light[:, 1:])
        return np.maximum(value, 0) * value_at(part.material.albedo, uv)


def _add(
    total: np.ndarray, lit: np.ndarray, geometry: np.ndarray, unit: np.ndarray, facing: np.ndarray, radiance: np.ndarray
) -> None:
    part = (geometry[lit, None] * radiance)[:, None, :]
    total[lit, :1] += facing[lit, None, None] * part
    total[lit, 1:] += unit[lit, :, None] * part


class Bumps:
    """A part's normal map in its tangent frames: x along u, y along v."""

    def __init__(self, part: Part) -> None:
        material: Material = part.material
        assert material.normal is not None
        self._map = material.normal.astype(np.float32) * np.float32(2 / 65535) - 1
        points, uv = part.mesh.vertices[part.mesh.faces], part.mesh.uv
        assert uv is not None
        edges = (points[:, 1:] - points[:, :1]).astype(np.float64)
        du, dv = (np.asarray(uv[:, 1:, k] - uv[:, :1, k], np.float64) for k in (0, 1))
        det = du[:, 0] * dv[:, 1] - du[:, 1] * dv[:, 0]
        along = edges[:, 0] * dv[:, 1:] - edges[:, 1] * dv[:, :1]
        self._along_u = along * np.where(np.abs(det) > 1e-20, np.sign(det), 0)[:, None]

    def at(self, face: np.ndarray, uv: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """(N, 3) unit normals under the map."""
        return leaned_normals(value_at(self._map, uv), self._along_u[face], normal)


def radiance_around(picture: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(3,) of surroundings in one direction: the mean over the direction's share of the sphere."""
    height, width = picture.shape[:2]
    polar = np.pi * (np.arange(height) + 0.5) / height
    turn = 2 * np.pi * (np.arange(width) + 0.5) / width
    world = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(turn)[None],
            np.sin(polar)[:, None] * np.cos(turn)[None],
            np.broadcast_to(np.cos(polar)[:, None], (height, width)),
        ],
        axis=-1,
    )
    closeness = np.exp(_DIRECTIONS * 0.7 * (world @ direction - 1)) * np.sin(polar)[:, None]
    return np.asarray((picture * closeness[..., None]).sum(axis=(0, 1)) / closeness.sum())
