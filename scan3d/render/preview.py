"""Quick pictures that agree with the final ones: one ray a pixel, panels as points, soft light from sparse places.

The surface is that of the final pictures, lobes and all; shadows of panels are gathered at vertices that are seen; what
comes from all around and from the figure itself comes out of `light_field`. FLIP from the final picture, face and full
body: 0.046 and 0.045; pyrender with spots for panels: 0.196 and 0.176.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Part
from scan3d.geometry.texture_lookup import uv_at, value_at
from scan3d.pipeline.executor import run_units
from scan3d.render import shading_kernel
from scan3d.render.frame import Frame
from scan3d.render.gloss_tables import gloss_tables
from scan3d.render.light_field import LightField, light_field, panel_visibility, radiance_towards
from scan3d.render.normal_maps import bumped_normals
from scan3d.render.surface_rays import Seen, SurfaceRays, normals_at, pixel_rays

_OFF_M = 5e-4
_CHUNK = 65536
_STEP_RAD = 0.18  # neighbouring points of a panel are seen this far apart at most, from where it aims
_SHARP_STEP_RAD = 0.05


class Preview:
    """Parts under one light. Crossed polarisers let half the diffuse through; parallel ones that, and the gloss."""

    notes: tuple[str, ...] = ()

    def __init__(self, parts: Sequence[Part], lights: LightSetup, *, passes: bool = False) -> None:
        self._parts, self._lights, self._passes = tuple(parts), lights, passes
        self._rays = SurfaceRays(parts)
        self._field: LightField | None = None

    def render(self, camera: Camera, *, samples: int = 4, seed: int = 0) -> Frame:
        """samples: rays a pixel, rounded up to a square. seed changes nothing: there is no chance in it."""
        started = time.process_time()
        step = max(1, int(np.ceil(samples**0.5)))
        i = camera.intrinsics
        directions = pixel_rays(camera, step=step)
        good = np.isfinite(directions).all(axis=1)
        seen = self._rays.cast(camera.centre, np.where(good[:, None], directions, [0.0, 0, 1]))
        light, matt = self._shaded(camera, directions, seen)
        shape = (i.height, step, i.width, step)
        beauty, diffuse = np.zeros((len(directions), 3), np.float32), np.zeros((len(directions), 3), np.float32)
        cover = np.zeros(len(directions), np.float32)
        beauty[seen.ray], diffuse[seen.ray], cover[seen.ray] = light, matt, good[seen.ray]
        beauty, diffuse = (v.reshape(*shape, 3).mean(axis=(1, 3)) for v in (beauty, diffuse))
        state = self._lights.polarisation
        if state != "none":
            beauty = 0.5 * diffuse if state == "cross" else beauty - 0.5 * diffuse
            diffuse = 0.5 * diffuse
        frame = Frame(beauty=beauty, alpha=cover.reshape(shape).mean(axis=(1, 3)))
        if self._passes:
            depth, normal, part = self._rays.passes(camera)
            frame = replace(frame, diffuse=diffuse, depth_m=depth, normal=normal, part=part)
        return replace(frame, cpu_s=time.process_time() - started)

    def _shaded(self, camera: Camera, directions: np.ndarray, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) light and its diffuse part where rays hit."""
        smooth = normals_at(self._parts, seen)
        ways = directions[seen.ray]
        points = camera.centre + seen.distance_m[:, None] * ways
        facing = np.where((smooth * ways).sum(axis=1, keepdims=True) > 0, -1.0, 1.0)
        field = light_field(self._rays, self._lights, points[::7], (facing * smooth)[::7])
        light, matt = np.zeros((len(points), 3), np.float32), np.zeros((len(points), 3), np.float32)
        for number, part in enumerate(self._parts):
            own = np.flatnonzero(seen.part == number)
            if not own.size:
                continue
            visible = self._visible(part, seen, own)
            jobs = [own[k : k + _CHUNK] for k in range(0, len(own), _CHUNK)]
            places = [slice(k, k + _CHUNK) for k in range(0, len(own), _CHUNK)]

            def work(job: int, part=part, jobs=jobs, places=places, visible=visible) -> None:  # type: ignore[no-untyped-def]
                rows = jobs[job]
                one, other = self._of_part(
                    part, seen, rows, points[rows], facing[rows] * smooth[rows], ways[rows], visible(places[job]), field
                )
                light[rows], matt[rows] = one, other

            run_units(work, list(range(len(jobs))))
        return light, matt

    def _visible(self, part: Part, seen: Seen, own: np.ndarray):  # type: ignore[no-untyped-def]
        """A function: slice of `own` -> (N, P) share of each panel that is seen, from the vertices around."""
        corners = part.mesh.faces[seen.face[own]]
        used, row = np.unique(corners, return_inverse=True)
        row = row.reshape(corners.shape)
        normals = part.mesh.vertex_normals() if part.mesh.normals is None else part.mesh.normals
        starts = part.mesh.vertices[used] + _OFF_M * normals[used]
        panels = self._lights.panels
        share = np.zeros((len(used), len(panels)), np.float32)
        for k, panel in enumerate(panels):
            share[:, k] = panel_visibility(self._rays, panel, starts, normals[used])
        weights = seen.weights[own]

        def at(piece: slice) -> np.ndarray:
            return np.asarray(np.einsum("nk,nkp->np", weights[piece], share[row[piece]]))

        return at

    def _of_part(
        self, part: Part, seen: Seen, rows: np.ndarray, points: np.ndarray, smooth: np.ndarray, ways: np.ndarray,
        visible: np.ndarray, field: LightField,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        material = part.material
        uv = uv_at(part, seen.face[rows], seen.weights[rows])
        normal = bumped_normals(part, seen.face[rows], uv, smooth)
        roughness = np.clip(value_at(material.roughness, uv), 0.02, 1)
        specular = np.asarray(material.specular, np.float32)
        f0 = np.full(len(rows), float(specular)) if specular.ndim == 0 else value_at(specular, uv)
        soft, open_share = field.at(points, normal)
        mirror = ways - 2 * (ways * normal).sum(axis=1, keepdims=True) * normal
        lobe = np.tile([material.second_roughness, material.second_share], (len(rows), 1))
        light, matt = np.zeros((len(rows), 3)), np.zeros((len(rows), 3))
        sharp = float(np.min(material.roughness)) < 0.25
        shade: Any = shading_kernel.shade
        shade(
            light, matt, points, normal, -ways, value_at(material.albedo, uv).astype(np.float64), f0.astype(np.float64),
            roughness.astype(np.float64), lobe, visible.astype(np.float64), soft,
            self._mirrored(mirror, soft, open_share),
            *_lamp_points(self._lights, _SHARP_STEP_RAD if sharp else _STEP_RAD), gloss_tables().astype(np.float64),
        )  # fmt: skip
        return light.astype(np.float32), matt.astype(np.float32)

    def _mirrored(self, ways: np.ndarray, soft: np.ndarray, open_share: np.ndarray) -> np.ndarray:
        """(N, 3) what the surroundings send from where a mirror looks, blurred, and the figure's own light else."""
        around = self._lights.surroundings
        if around is None or np.ptp(around.radiance) == 0:
            return soft
        height, width = 32, 64
        from scan3d.render.lamps import directions

        flat = directions(height, width).reshape(-1, 3)
        small = np.array([radiance_towards(around.radiance, way) for way in flat]).reshape(height, width, 3)
        row = np.clip(np.arccos(np.clip(ways[:, 2], -1, 1)) / np.pi * height, 0, height - 1).astype(int)
        column = (np.arctan2(ways[:, 0], ways[:, 1]) % (2 * np.pi) / (2 * np.pi) * width).astype(int) % width
        return np.asarray(open_share[:, None] * small[row, column] + (1 - open_share[:, None]) * soft)


def _lamp_points(lights: LightSetup, step_rad: float) -> tuple[np.ndarray, ...]:
    """Places (M, 3), panels (M,), where they face (M, 3), radiance times area (M, 3), size of a patch (M,)."""
    places, owners, aheads, light, spread = [], [], [], [], []
    for number, panel in enumerate(lights.panels):
        ahead = np.asarray(panel.target_m, float) - np.asarray(panel.centre_m, float)
        away = float(np.linalg.norm(ahead))
        side = int(np.clip(np.ceil(max(panel.size_m) / away / step_rad), 2, 12))
        points = panel.points_m(side)
        patch = panel.area_m2() / len(points)
        places.append(points)
        owners.append(np.full(len(points), number))
        aheads.append(np.tile(ahead / away, (len(points), 1)))
        light.append(np.tile(np.asarray(panel.radiance) * patch, (len(points), 1)))
        spread.append(np.full(len(points), patch**0.5))
    if not places:
        return np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)
    return (
        np.concatenate(places), np.concatenate(owners), np.concatenate(aheads), np.concatenate(light),
        np.concatenate(spread),
    )  # fmt: skip
