"""Maps of what a surface is made of, from photographs under several lamps: tile by tile, block by block of texels.

Memory is that of a block, of one photograph, of a tile's finished maps and of the vertices' shadows; more cameras or
lamps make it longer, not larger: a block holds fewer texels the more lamps there are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.appearance.materials.block import Block, Shared
from scan3d.appearance.materials.block_cores import CoreBlock
from scan3d.appearance.materials.first_solve import TABLE_BYTES, FirstSolve, first_solve
from scan3d.appearance.materials.light_points import light_points
from scan3d.appearance.materials.observations import Kept, Lamp, LitView, every_lamp_is_there
from scan3d.appearance.materials.surface import Points, Surface, points_of, texel_owners
from scan3d.appearance.materials.transport import Transport
from scan3d.geometry import Mesh
from scan3d.pipeline.device import CPU
from scan3d.pipeline.progress import Progress, Silent

_BLOCK_BYTES = 3 << 29


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
        workers: int | None = None, device: str = CPU,
    ) -> None:  # fmt: skip
        """blockers: what else throws shadows. device: of the texels, from `choose_device`; what they share is always
        worked out on the cores. Raises InputError for too few lamps."""
        every_lamp_is_there(lamps)
        self._surface, self._lamps, self._views = surface, tuple(lamps), tuple(views)
        self._options, self._workers, self._device = options, workers, device
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
        block_of = self._blocks()
        for tile in range(self._surface.tiles):
            index, face = texel_owners(self._surface, tile)
            if len(index):
                maps = _empty(tile, index, face)
                for first in range(0, len(index), most):
                    rows = slice(first, first + most)
                    self._fill(maps, rows, block_of(points_of(self._surface, index[rows], face[rows])))
                # Whoever writes the maps needs the room, and so does the next tile.
                self._known.forget()
                yield maps
                del maps

    def _fill(self, maps: TileMaps, rows: slice, block: Block) -> None:
        self._add_diffuse(block)
        made = block.solve(turn=self._options.turn)
        maps.albedo[rows], maps.normal[rows] = made.albedo, made.normal
        maps.trusted[rows], maps.residual[rows] = made.trusted, made.residual
        if block.lobe is not None:
            self._add_gloss(block)
            maps.specular[rows], maps.roughness[rows] = block.gains(), block.lobe.roughness

    def _add_diffuse(self, block: Block) -> None:
        for _ in self._seeing(block):
            block.note_best()
        with self._progress.task("diffuse", len(self._views)) as task:
            for _ in self._seeing(block):
                block.favour_best()
                for lamp in range(len(self._lamps)):
                    block.add_diffuse(lamp)
                task.advance()

    def _add_gloss(self, block: Block) -> None:
        shown = [number for number, lamp in enumerate(self._lamps) if lamp.shows_gloss]
        with self._progress.task("gloss", len(self._views)) as task:
            for _ in self._seeing(block):
                for lamp in shown:
                    block.add_gloss(lamp)
                task.advance()

    def _seeing(self, block: Block) -> Iterator[int]:
        """Turns the block to each view that sees something of it."""
        return (number for number in range(len(self._views)) if block.look(number))

    def _blocks(self) -> Callable[[Points], Block]:
        """What makes blocks where they are to be solved."""
        shared = Shared(lamps=self._lamps, views=self._known, common=self.common)
        if self._device == CPU:
            return functools.partial(CoreBlock, shared, workers=self._workers)
        from scan3d.appearance.materials.block_warp import WarpBlock, WarpSurface

        return functools.partial(WarpBlock, WarpSurface(shared, self._device))


def _empty(tile: int, index: np.ndarray, face: np.ndarray) -> TileMaps:
    three, one = (len(index), 3), len(index)
    return TileMaps(
        tile=tile, index=index, face=face, albedo=np.zeros(three, np.float32), normal=np.zeros(three, np.float32),
        specular=np.zeros(one, np.float32), roughness=np.zeros(one, np.float32), trusted=np.zeros(one, np.float32),
        residual=np.zeros(one, np.float32),
    )  # fmt: skip
