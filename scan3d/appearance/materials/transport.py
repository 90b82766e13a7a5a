"""How light gets to a surface: which patches of which lamp each vertex sees, and what the surface throws on itself."""

from __future__ import annotations

import numpy as np

from scan3d.appearance.materials.light_points import LightPoints
from scan3d.geometry import Mesh
from scan3d.geometry.ray_scene import ray_scene, tensor
from scan3d.pipeline.progress import Progress, Silent

_OFF_M = 3e-4  # rays start this far above the surface
_AT_ONCE = 4_000_000
_GATHER = 48  # directions in which a vertex looks for light that the surface throws back
_BOUNCES = 3


class Transport:
    """A surface made ready for asking what light reaches its vertices.

    seen: (V, L, P) uint8, 1 where the vertex sees the patch; all 1 with visible=False, which shows what shadows are
    worth. direct: (V, L) float32 irradiance over pi of grey light at the mesh's own normals.
    """

    def __init__(
        self, mesh: Mesh, lights: LightPoints, *, visible: bool = True, blockers: Mesh | None = None,
        progress: Progress | None = None,
    ) -> None:  # fmt: skip
        solids = [solid for solid in (mesh, blockers) if solid is not None and len(solid.faces)]
        self._rays = ray_scene((solid.vertices, solid.faces) for solid in solids)
        self._mesh = mesh
        self.vertices = np.ascontiguousarray(mesh.vertices, np.float32)
        self.normals = np.ascontiguousarray(mesh.vertex_normals(), np.float32)
        self._visible = visible
        count, lamps, patches = len(self.vertices), *lights.power.shape
        self.seen = np.ones((count, lamps, patches), np.uint8)
        self.direct = np.zeros((count, lamps), np.float32)
        with (progress or Silent()).task("light", lamps + 1) as task:
            for lamp in range(lamps):
                for patch in range(patches):
                    if lights.power[lamp, patch] > 0:
                        self._add(lights, lamp, patch)
                task.advance()
            self._met = self._looked_around() if visible else None
            task.advance()

    def _add(self, lights: LightPoints, lamp: int, patch: int) -> None:
        towards = lights.position[lamp, patch] - self.vertices
        square = (towards**2).sum(axis=1)
        unit = towards / np.sqrt(square)[:, None]
        facing = (unit * self.normals).sum(axis=1)
        shines = np.maximum(-(unit @ lights.ahead[lamp, patch]), 0) * lights.power[lamp, patch] / square
        # Bumps may turn skin towards lamps that the mesh there turns away from.
        asked = np.flatnonzero((facing > -0.25) & (shines > 0))
        free = np.ones(len(self.vertices), bool)
        free[facing <= -0.25] = False
        if self._visible:
            free[asked] = self._free(asked, towards)
        self.seen[:, lamp, patch] = free
        self.direct[:, lamp] += np.where(free, np.maximum(facing, 0) * shines, 0) / np.pi

    def _free(self, asked: np.ndarray, towards: np.ndarray) -> np.ndarray:
        out = np.zeros(len(asked), bool)
        for first in range(0, len(asked), _AT_ONCE):
            at = asked[first : first + _AT_ONCE]
            start = self.vertices[at] + _OFF_M * self.normals[at]
            rays = np.concatenate([start, towards[at]], axis=1).astype(np.float32)
            hit = self._rays.test_occlusions(tensor(rays), tnear=0.0, tfar=0.999).numpy()
            out[first : first + _AT_ONCE] = ~hit
        return out

    def _looked_around(self) -> np.ndarray:
        """(V, R) vertex of the mesh that each vertex sees in directions spread by the cosine, -1 for none."""
        k = np.arange(_GATHER) + 0.5
        radius, turn = np.sqrt(k / _GATHER), np.pi * (1 + 5**0.5) * k
        local = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.sqrt(1 - radius**2)], axis=1)
        n = self.normals
        helper = np.where(np.abs(n[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        first = np.cross(helper, n)
        first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
        second = np.cross(n, first)
        # Every vertex turns the pattern by another angle: the error is noise, which neighbours average.
        angle = 2 * np.pi * ((np.arange(len(n)) * 0.618034) % 1)[:, None]
        first, second = np.cos(angle) * first + np.sin(angle) * second, np.cos(angle) * second - np.sin(angle) * first
        met = np.full((len(n), _GATHER), -1, np.int32)
        faces = np.asarray(self._mesh.faces)
        start = self.vertices + _OFF_M * n
        for column, (x, y, z) in enumerate(local):
            rays = np.concatenate([start, x * first + y * second + z * n], axis=1).astype(np.float32)
            found = {name: value.numpy() for name, value in self._rays.cast_rays(tensor(rays)).items()}
            hit = np.flatnonzero(np.isfinite(found["t_hit"]) & (found["geometry_ids"] == 0))
            weights = found["primitive_uvs"][hit]
            corner = np.argmax(np.column_stack([1 - weights.sum(axis=1), weights]), axis=1)
            met[hit, column] = faces[found["primitive_ids"][hit].astype(np.int64), corner]
        return met

    def thrown_back(self, albedo: np.ndarray, colour: np.ndarray) -> np.ndarray:
        """(V, L, 3) float32 irradiance over pi that the surface throws on itself; albedo (V, 3), colour (L, 3)."""
        direct = self.direct[:, :, None] * colour[None]
        if self._met is None:
            return np.zeros(direct.shape, np.float32)
        met, found = np.maximum(self._met, 0), self._met >= 0
        thrown = np.zeros_like(direct)
        for _ in range(_BOUNCES):
            leaving = (albedo[:, None] * (direct + thrown)).astype(np.float32)
            total = np.zeros_like(thrown)
            for column in range(met.shape[1]):
                total += np.where(found[:, column, None, None], leaving[met[:, column]], 0)
            thrown = total / met.shape[1]
        return np.asarray(thrown, np.float32)
