"""Maps of what a surface is made of, from photographs under several lamps: tile by tile, block by block of texels.

Memory is that of a block, of one photograph, of a tile's finished maps and of the vertices' shadows; more cameras or
lamps make it longer, not larger: a block holds fewer texels the more lamps there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.appearance.materials.first_solve import TABLE_BYTES, FirstSolve, first_solve, seen_light
from scan3d.appearance.materials.kernels import add_view
from scan3d.appearance.materials.light_points import light_points
from scan3d.appearance.materials.lighting import Diffuse, Lobe
from scan3d.appearance.materials.observations import Kept, Lamp, LitView, Sight, every_lamp_is_there, picked, radius2
from scan3d.appearance.materials.surface import Points, Surface, points_of, texel_owners
from scan3d.appearance.materials.transport import Transport
from scan3d.geometry import Mesh
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Silent

_BLOCK_BYTES = 3 << 29
_ROBUST = 0.5  # of the guess: what differs by more is something else
_HOLD = 0.1  # of a usual texel's gloss: what the patch adds to each texel's own


@dataclass(frozen=True, kw_only=True)
class SolveOptions:
    """visible: False forgets all shadows, to show what they are worth. turn: False keeps the mesh's normals. lens:
    False where the photographs' shading was corrected before. block_bytes: memory of the texels solved at once;
    table_bytes: of the samples that tell what all texels share."""

    visible: bool = True
    turn: bool = True
    lens: bool = True
    block_bytes: int = _BLOCK_BYTES
    table_bytes: int = TABLE_BYTES


@dataclass(frozen=True, kw_only=True, eq=False)
class TileMaps:
    """Texels of one tile on the surface, N of them.

    index (N,) flat texels; face (N,) of the surface's mesh. albedo (N, 3) linear; normal (N, 3) world; specular (N,)
    F0 and roughness (N,), zeros where no photograph shows gloss; trusted (N,) how much light told of the texel, 0 for
    none; residual (N,) what the model leaves, as a share.
    """

    tile: int
    index: np.ndarray
    face: np.ndarray
    albedo: np.ndarray
    normal: np.ndarray
    specular: np.ndarray
    roughness: np.ndarray
    trusted: np.ndarray
    residual: np.ndarray


class Solver:
    """A surface, its lamps and its photographs. `common` is what all texels share; `tiles()` solves them."""

    def __init__(
        self, surface: Surface, lamps: Sequence[Lamp], views: Sequence[LitView], *,
        options: SolveOptions = SolveOptions(), blockers: Mesh | None = None, progress: Progress | None = None,
        workers: int | None = None,
    ) -> None:  # fmt: skip
        """blockers: what else throws shadows. Raises InputError for too few lamps."""
        every_lamp_is_there(lamps)
        self._surface, self._lamps, self._views = surface, tuple(lamps), tuple(views)
        self._options, self._workers = options, workers
        self._progress = progress or Silent()
        self._known = Kept(surface.mesh, self._views)
        centre = 0.5 * (surface.mesh.vertices.min(axis=0) + surface.mesh.vertices.max(axis=0))
        lights = light_points([lamp.setup for lamp in lamps], centre)
        transport = Transport(surface.mesh, lights, visible=options.visible, blockers=blockers, progress=self._progress)
        self.common: FirstSolve = first_solve(
            surface,
            lights,
            lamps,
            views,
            transport,
            lens=options.lens,
            table_bytes=options.table_bytes,
            progress=self._progress,
            workers=workers,
        )

    @property
    def shows_gloss(self) -> bool:
        return self.common.fit is not None

    def tiles(self) -> Iterator[TileMaps]:
        """The maps, a tile at a time."""
        most = max(10_000, self._options.block_bytes // (160 + 16 * len(self._lamps)))
        for tile in range(self._surface.tiles):
            index, face = texel_owners(self._surface, tile)
            if len(index):
                maps = _empty(tile, index, face)
                for first in range(0, len(index), most):
                    rows = slice(first, first + most)
                    self._fill(maps, rows, points_of(self._surface, index[rows], face[rows]))
                # Whoever writes the maps needs the room, and so does the next tile.
                self._known.forget()
                yield maps
                del maps

    def _fill(self, maps: TileMaps, rows: slice, points: Points) -> None:
        lobe = self._lobe(points)
        value, weight = self._diffuse_light(points, lobe)
        made = self.common.lighting.diffuse(points, value, weight, turn=self._options.turn)
        del value, weight
        maps.albedo[rows], maps.normal[rows] = made.albedo, made.normal
        maps.trusted[rows], maps.residual[rows] = made.trusted, made.residual
        if lobe is not None:
            maps.specular[rows], maps.roughness[rows] = self._gains(points, made, lobe), lobe.roughness

    def _lobe(self, points: Points) -> Lobe | None:
        fit = self.common.fit
        if fit is None:
            return None
        return Lobe(
            roughness=points.of(self.common.roughness),
            gain=points.of(self.common.specular),
            second_roughness=fit.second_roughness,
            second_share=fit.second_share,
            leak=fit.leak,
        )

    def _diffuse_light(self, points: Points, lobe: Lobe | None) -> tuple[np.ndarray, np.ndarray]:
        """(N, L, 3) diffuse radiance of the points, mean of all views, and its weight (N, L)."""
        count, lamps = len(points), len(self._lamps)
        total, weight = np.zeros((count, lamps, 3), np.float32), np.zeros((count, lamps), np.float32)
        colour = self.common.lighting.lights.colour
        best = np.zeros(count, np.float32)
        for _, sight in self._sights(points):
            np.maximum(best, sight.share, out=best)
        with self._progress.task("diffuse", len(self._views)) as task:
            for number, seen in self._sights(points):
                # What lies aslant is blurred: against the best view of a texel others count by the eighth power of the
                # cosine. With the fourth normals of half a millimetre are off by 0.88 degrees instead of 0.83, with the
                # twelfth by 0.81, and there is less to average over.
                sight = replace(seen, share=seen.share**2 / np.maximum(best, 1e-9))
                factor = self._factor(number, sight)
                for k, lamp in enumerate(self._lamps):
                    if lamp.cross is not None:
                        value = 2 * self._picked(number, lamp.cross, sight) * factor
                    else:
                        assert lamp.plain is not None
                        value = self._picked(number, lamp.plain, sight) * factor
                        if lobe is not None:
                            shine = self.common.lighting.gloss(points, points.normal, sight, k, lobe)
                            value -= shine[:, None] * colour[k]
                    self._add(points, sight, value, k, total, weight)
                task.advance()
        for k in range(lamps):
            total[:, k] /= np.maximum(weight[:, k], 1e-9)[:, None]
        return total, weight

    def _add(
        self, points: Points, sight: Sight, value: np.ndarray, lamp: int, total: np.ndarray, weight: np.ndarray
    ) -> None:
        guess = np.ascontiguousarray(self.common.guess[:, lamp])

        def work(first: int) -> None:
            last = min(first + 50_000, len(points))
            add_view(
                first, last, sight.share, value, points.corner, points.bary, guess, _ROBUST, total[:, lamp],
                weight[:, lamp],
            )  # fmt: skip

        run_units(work, range(0, len(points), 50_000), workers=self._workers)

    def _gains(self, points: Points, made: Diffuse, lobe: Lobe) -> np.ndarray:
        """(N,) F0 of each texel, held by its patch where little gloss was seen."""
        up, down = np.zeros(len(points), np.float64), np.zeros(len(points), np.float64)
        lighting = self.common.lighting
        shown = None if all(lamp.polarised for lamp in self._lamps) else lighting.shown(points, made)
        with self._progress.task("gloss", len(self._views)) as task:
            for number, sight in self._sights(points):
                factor = self._factor(number, sight)
                for k, lamp in enumerate(self._lamps):
                    if not lamp.shows_gloss:
                        continue
                    colour = lighting.lights.colour[k]
                    if lamp.plain is not None:
                        assert shown is not None
                        light = self._picked(number, lamp.plain, sight) * factor - shown[:, k]
                        value = (light / np.maximum(colour, 1e-3)).mean(axis=1)
                    else:
                        value = seen_light(self._views[number], lamp, sight, colour)[1] * factor.mean(axis=1)
                    lighting.add_gain(points, made, sight, value, k, lobe, up, down)
                task.advance()
        hold = _HOLD * float(np.median(down[down > 0])) if (down > 0).any() else 1.0
        gain = (up + hold * lobe.gain) / (down + hold)
        return np.asarray(np.clip(gain, 0, 0.2), np.float32)

    def _sights(self, points: Points) -> Iterator[tuple[int, Sight]]:
        for number in range(len(self._views)):
            sight = self._known.view(number).sight(points.position, points.normal)
            if (sight.share > 0).any():
                yield number, sight

    def _factor(self, number: int, sight: Sight) -> np.ndarray:
        return self.common.agreement.factor(number, radius2(sight, self._views[number].camera))

    def _picked(self, number: int, light_id: str, sight: Sight) -> np.ndarray:
        return picked(self._views[number].load(light_id), sight)


def _empty(tile: int, index: np.ndarray, face: np.ndarray) -> TileMaps:
    three, one = (len(index), 3), len(index)
    return TileMaps(
        tile=tile, index=index, face=face, albedo=np.zeros(three, np.float32), normal=np.zeros(three, np.float32),
        specular=np.zeros(one, np.float32), roughness=np.zeros(one, np.float32), trusted=np.zeros(one, np.float32),
        residual=np.zeros(one, np.float32),
    )  # fmt: skip
