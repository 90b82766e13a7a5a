"""Maps from photographs with a flash on the camera: every photograph has a light of its own, which it alone shows.

The closed form is that of several lamps, with a lamp for each photograph and only that photograph's view of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scan3d.appearance.materials.files import TRUSTED
from scan3d.appearance.materials.flash_fit import FlashFit, FlashSamples, fit_flash, start
from scan3d.appearance.materials.gloss_fit import NODES, GlossFit, GlossSums, fit_gloss
from scan3d.appearance.materials.light_points import LightPoints
from scan3d.appearance.materials.lighting import Lighting, Lobe
from scan3d.appearance.materials.observations import KEPT_BYTES, Kept, LitView, Sight, picked, radius2
from scan3d.appearance.materials.solve import TileMaps
from scan3d.appearance.materials.surface import Points, Surface, at_vertices, points_of, spread_by_area, texel_owners
from scan3d.appearance.materials.transport import Transport
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.lights import LightSetup, Panel, placed
from scan3d.geometry.ray_scene import ray_scene, tensor
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Silent

LEAST_VIEWS = 8
_SAMPLES, _GLOSS_SAMPLES = 1500, 20_000
_EXPLAINED = 0.2  # what the diffuse model may leave of a point that tells of gloss, as a share
_ROUNDS = 3  # of the flash's place and its shadows
_OFF = 1e-3  # of the surface's size: rays start this far above it
_BRIGHT, _BRIGHT_SHARE = 0.75, 95  # albedo that so many per cent of the surface stay below
_CLIPPED = 0.98
_COARSE_FACES = 30_000  # light thrown back changes slowly
_SHINY = 3.0  # a sighting whose gloss is a third of its light counts half
_BLOCK_BYTES = 1 << 30


class FlashSolver:
    """A surface and its photographs. `fit` is what all texels share, `gloss` its two lobes, `panel` the flash in the
    camera's frame, as bright as `fit` has it; `tiles()` solves the texels."""

    def __init__(
        self, surface: Surface, views: Sequence[LitView], setup: LightSetup, light_id: str, *, visible: bool = True,
        turn: bool = True, lens: bool = True, progress: Progress | None = None, workers: int | None = None,
    ) -> None:  # fmt: skip
        """setup: the light, with its one lamp on the camera. Raises InputError for too few views, or more lamps."""
        flashes = [panel for panel in setup.panels if panel.on_camera]
        if len(views) < LEAST_VIEWS or len(setup.panels) != 1 or len(flashes) != 1:
            what = f"A lamp on the camera needs {LEAST_VIEWS} photographs or more, and no other lamp beside it."
            found = f"{len(views)} photographs, {len(setup.panels)} lamps"
            raise InputError(what, f"lights.toml: {found}", "Photograph more, or describe lamps that stand still.")
        self._surface, self._views, self._light_id, self._turn = surface, tuple(views), light_id, turn
        self._progress, self._workers = progress or Silent(), workers
        self._known = Kept(surface.mesh, self._views)
        self._kept: dict[int, np.ndarray] = {}
        points = at_vertices(surface, spread_by_area(surface, _SAMPLES))
        samples = self._sampled(points)
        rays = ray_scene([(surface.mesh.vertices, surface.mesh.faces)])
        fit = start(samples, flashes[0].centre_m)
        with self._progress.task("flash", _ROUNDS + 1) as task:
            for _ in range(_ROUNDS):
                if visible:
                    samples = replace(samples, lit=_lit(rays, samples, fit))
                fit = _scaled(fit_flash(samples, fit, known_place=not flashes[0].guessed, lens=lens))
                task.advance()
            lights = _lamps(_flash(flashes[0], fit), self._views)
            thrown = _thrown_back(surface.mesh, lights, points, fit, visible=visible)
            samples = replace(samples, thrown=thrown[points.index[samples.point], samples.view])
            fit = _scaled(fit_flash(samples, fit, known_place=True, lens=lens))
            task.advance()
        self.fit, self.panel = fit, _flash(flashes[0], fit)
        seen = _seen(rays, surface, lights) if visible else np.ones((*thrown.shape, 1), np.uint8)
        self._lighting = self._light(surface, lights, seen, thrown)
        self.gloss = self._lobes(at_vertices(surface, spread_by_area(surface, _GLOSS_SAMPLES)))

    def tiles(self) -> Iterator[TileMaps]:
        """The maps, a tile at a time."""
        most = max(10_000, _BLOCK_BYTES // (160 + 24 * len(self._views)))
        for tile in range(self._surface.tiles):
            index, face = texel_owners(self._surface, tile)
            if not len(index):
                continue
            parts = []
            for first in range(0, len(index), most):
                rows = slice(first, first + most)
                parts.append(self._solved(points_of(self._surface, index[rows], face[rows])))
            albedo, normal, trusted, residual = (np.concatenate(column) for column in zip(*parts, strict=True))
            yield TileMaps(
                tile=tile, index=index, face=face, albedo=albedo, normal=normal, trusted=trusted, residual=residual,
                specular=np.full(len(index), self.gloss.specular[0], np.float32),
                roughness=np.full(len(index), self.gloss.roughness[0], np.float32),
            )  # fmt: skip

    def _solved(self, points: Points) -> tuple[np.ndarray, ...]:
        value, weight, _ = self._diffuse_light(points, _lobe(self.gloss, len(points)))
        made = self._lighting.diffuse(points, value, weight, turn=self._turn)
        return made.albedo, made.normal, made.trusted, made.residual

    def _lobes(self, points: Points) -> GlossFit:
        """A wide and a sharp lobe for the whole surface, from what points show beyond their diffuse light: the fit of
        the flash has one lobe, and looks away where that does not do."""
        first = GlossFit(
            roughness=np.array([self.fit.roughness]), specular=np.array([self.fit.specular]), explained=np.zeros(1),
            second_roughness=self.fit.roughness, second_share=0.0,
        )  # fmt: skip
        value, weight, shine = self._diffuse_light(points, _lobe(first, len(points)))
        made = self._lighting.diffuse(points, value, weight, turn=self._turn)
        left = (value - self._lighting.shown(points, made)).mean(axis=2) + shine
        good = (made.trusted > TRUSTED) & (made.residual < _EXPLAINED)
        cell, squares, sums = np.where(good, 0, -1).astype(np.int32), NODES**4, GlossSums.zeros(1)
        for number in range(len(self._views)):
            sight = self._known.view(number).sight(points.position, points.normal)
            samples = np.ascontiguousarray(left[:, number])
            self._lighting.pool_gloss(
                points, made, cell, sight, samples, number, squares, (sums.normal, sums.right, sums.square)
            )
        found = fit_gloss(sums.mixed(np.eye(1)))
        return found if found.specular[0] > 0 else first

    def _diffuse_light(self, points: Points, lobe: Lobe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of points under each photograph's flash: diffuse light (N, V, 3), weight (N, V), gloss taken off (N, V)."""
        count, lamps = len(points), len(self._views)
        value, weight = np.zeros((count, lamps, 3), np.float32), np.zeros((count, lamps), np.float32)
        shines = np.zeros((count, lamps), np.float32)
        with self._progress.task("albedo", lamps) as task:
            for number, view in enumerate(self._views):
                sight = self._known.view(number).sight(points.position, points.normal)
                if (sight.share > 0).any():
                    seen = picked(self._photograph(number), sight)
                    light = seen / self._factor(number, radius2(sight, view.camera))
                    shine = self._lighting.gloss(points, points.normal, sight, number, lobe)
                    value[:, number], shines[:, number] = light - shine[:, None], shine
                    ratio = _SHINY * shine / np.maximum(light.mean(axis=1), 1e-4)
                    weight[:, number] = sight.share * (seen.max(axis=1) < _CLIPPED) / (1 + ratio**2)
                task.advance()
        return value, weight, shines

    def _factor(self, number: int, far: np.ndarray) -> np.ndarray:
        """(N, 3) what a photograph makes of the flash's light, at squared radii (N,)."""
        a, b = self.fit.shading
        out: np.ndarray = np.exp(a * far + b * far**2)[:, None] * self.fit.gain[number]
        return out.astype(np.float32)

    def _light(self, surface: Surface, lights: LightPoints, seen: np.ndarray, thrown: np.ndarray) -> Lighting:
        """The flashes, what the surface throws on itself, and the room: the stronger a flash, the less of that."""
        room = self.fit.room(surface.normals)
        other = np.repeat(thrown[:, :, None], 3, axis=2)
        for number, gain in enumerate(self.fit.gain):
            other[:, number] += (room[:, None] / gain).astype(np.float32)
        return Lighting(lights=lights, seen=seen, thrown=other, workers=self._workers)

    def _sampled(self, points: Points) -> FlashSamples:
        with self._progress.task("samples", len(self._views)) as task:

            def look(number: int) -> tuple[Sight, np.ndarray]:
                sight = self._known.view(number).sight(points.position, points.normal)
                shown = picked(self._photograph(number), sight)
                task.advance()
                return sight, shown

            found = run_units(look, range(len(self._views)), workers=self._workers)
        sights = [sight for sight, _ in found]
        share, shown = np.stack([sight.share for sight in sights]), np.stack([values for _, values in found])
        far = np.stack([radius2(s, v.camera) for s, v in zip(sights, self._views, strict=True)])
        view, point = np.nonzero(share > 0)
        if not len(view):
            raise InputError("No photograph shows the surface.", "appearance", "Check the calibration.")
        value = shown[view, point]
        poses = [v.camera.cam_from_world for v in self._views]
        return FlashSamples(
            position=points.position.astype(float), normal=points.normal.astype(float), point=point, view=view,
            value=value, weight=share[view, point] * (value.max(axis=1) < _CLIPPED), lit=np.ones(len(view)),
            radius2=far[view, point].astype(float), thrown=np.zeros(len(view)),
            centre=np.stack([v.camera.centre for v in self._views]), turn=np.stack([p.rotation for p in poses]),
        )  # fmt: skip

    def _photograph(self, number: int) -> np.ndarray:
        """(H, W, 3) linear; kept in half precision, as far as there is room: reading is most of the work."""
        if number in self._kept:
            return self._kept[number].astype(np.float32)
        made = self._views[number].load(self._light_id)
        if 2 * made.size * (len(self._kept) + 1) <= KEPT_BYTES:
            self._kept[number] = made.astype(np.float16)
        return made


def _lobe(gloss: GlossFit, count: int) -> Lobe:
    """The same gloss for so many points."""
    return Lobe(
        roughness=np.full(count, gloss.roughness[0], np.float32), gain=np.full(count, gloss.specular[0], np.float32),
        second_roughness=gloss.second_roughness, second_share=gloss.second_share,
    )  # fmt: skip


def _lit(rays: Any, samples: FlashSamples, fit: FlashFit) -> np.ndarray:
    """(M,) 1 where the flash is not hidden from a point."""
    size = float(np.linalg.norm(np.ptp(samples.position, axis=0)))
    start_m = (samples.position + _OFF * size * samples.normal)[samples.point]
    lamp = samples.centre[samples.view] + np.einsum("mji,j->mi", samples.turn[samples.view], fit.place_m)
    return np.asarray(~_hidden(rays, start_m, lamp), float)


def _hidden(rays: Any, start_m: np.ndarray, lamp: np.ndarray) -> np.ndarray:
    """(N,) bool whether something stands between places (N, 3) and the flash."""
    cast = tensor(np.concatenate([start_m, lamp - start_m], axis=1).astype(np.float32))
    return np.asarray(rays.test_occlusions(cast, tnear=0.0, tfar=0.999).numpy())


def _scaled(fit: FlashFit) -> FlashFit:
    """Nothing tells a brighter flash from a brighter surface: an albedo that is usual for the brightest parts."""
    return fit.times(_BRIGHT / max(float(np.percentile(fit.albedo, _BRIGHT_SHARE)), 1e-6))


def _flash(panel: Panel, fit: FlashFit) -> Panel:
    """The flash where the fit has it: a surface that faces it at the reference distance gets a light of 1."""
    x, y, z = (float(v) for v in fit.place_m)
    ahead = np.asarray(panel.target_m, float) - np.asarray(panel.centre_m, float)
    target = np.array([x, y, z]) + ahead
    strength = np.pi * fit.reference_m**2 / panel.area_m2()
    return replace(
        panel, centre_m=(x, y, z), target_m=tuple(target.tolist()), radiance=(strength,) * 3, guessed=False
    )  # fmt: skip


def _lamps(panel: Panel, views: Sequence[LitView]) -> LightPoints:
    """A lamp for every photograph: small enough to be one point, whose size only blurs gloss."""
    moved = [placed(LightSetup(name=v.camera.camera_id, panels=(panel,)), v.camera).panels[0] for v in views]
    position = np.array([[p.centre_m] for p in moved])
    ahead = np.array([[p.target_m] for p in moved]) - position
    one = np.ones((len(views), 1), np.float32)
    return LightPoints(
        names=tuple(v.camera.camera_id for v in views), position=position.astype(np.float32),
        ahead=(ahead / np.linalg.norm(ahead, axis=2, keepdims=True)).astype(np.float32),
        power=one * np.float32(panel.radiance[0] * panel.area_m2()), colour=np.repeat(one, 3, axis=1),
        spread_m2=one * np.float32((panel.size_m[0] ** 2 + panel.size_m[1] ** 2) / 24),
    )  # fmt: skip


def _seen(rays: Any, surface: Surface, lights: LightPoints) -> np.ndarray:
    """(vertices, lamps, 1) uint8: 1 where a vertex sees the flash of a photograph."""
    vertices, normals = surface.mesh.vertices.astype(np.float32), surface.normals.astype(np.float32)
    off = np.float32(_OFF * np.linalg.norm(np.ptp(vertices, axis=0)))
    out = np.zeros((len(vertices), len(lights.names), 1), np.uint8)
    for lamp, place in enumerate(lights.position[:, 0]):
        # Bumps may turn a place towards a flash that the mesh there turns away from.
        towards = place - vertices
        asked = np.flatnonzero((towards * normals).sum(axis=1) > -0.25 * np.linalg.norm(towards, axis=1))
        begin = vertices[asked] + off * normals[asked]
        out[asked, lamp, 0] = ~_hidden(rays, begin, place)
    return out


def _thrown_back(
    mesh: Mesh, lights: LightPoints, points: Points, fit: FlashFit, *, visible: bool
) -> np.ndarray:  # fmt: skip
    """(vertices, lamps) float32 light that the surface throws on itself, grey: worked out on a coarse mesh, with the
    albedo of the samples nearest to each of its vertices."""
    from scipy.spatial import KDTree

    coarse = _coarse(mesh)
    transport = Transport(coarse, lights, visible=visible)
    _, near = KDTree(points.position).query(coarse.vertices, 3)
    albedo = np.clip(np.median(fit.albedo[near], axis=1), 0, 0.95).astype(np.float32)
    colour = np.ones((len(lights.names), 1), np.float32)
    thrown = transport.thrown_back(albedo[:, None], colour)[:, :, 0]
    away, near = KDTree(coarse.vertices).query(mesh.vertices, 3)
    weight = (1 / (away + 1e-6)).astype(np.float32)
    weight /= weight.sum(axis=1, keepdims=True)
    return np.asarray(sum(weight[:, k, None] * thrown[near[:, k]] for k in range(3)), np.float32)


def _coarse(mesh: Mesh) -> Mesh:
    import fast_simplification

    share = 1 - _COARSE_FACES / max(len(mesh.faces), 1)
    if share <= 0:
        return mesh
    vertices, faces = fast_simplification.simplify(mesh.vertices.astype(np.float32), mesh.faces, target_reduction=share)
    return Mesh(vertices=vertices.astype(np.float64), faces=faces.astype(np.int32))
