"""Bakes a scan to the texture coordinates of a body: colour, normals, heights, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scan3d.body.bake.bands import BandValues, Pictures, Places, band_values, pictures_of, places_of, texel_corners
from scan3d.body.bake.borders import soften_heights, spread_over_borders
from scan3d.body.bake.mirror import MirrorSide, fill_band, mixed_over
from scan3d.body.bake.solved import SolvedPictures
from scan3d.body.bake.surfaces import BakeTarget, ScanTexture
from scan3d.body.bake.tone import ToneSums, spread_tone, wide_tone
from scan3d.body.detail.scan_surface import ScanSurface, scan_surface
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Silent

Floats = npt.NDArray[np.floating]

# What a texel of the coverage map says.
SEEN, MIRRORED, SPREAD, OUTSIDE = 255, 160, 80, 0
_BAND_TEXELS = 1 << 20
_COARSER = 1.15  # texels so much larger than the scan's still count as no coarser
_SIZES = (256, 512, 1024, 2048, 4096, 8192, 16384)


@dataclass(frozen=True, kw_only=True)
class BakeOptions:
    """size: texels along a tile's side, a power of two. supersample: samples of colour along a texel's side.

    udim: the unit square of the body's texture coordinates becomes udim x udim tiles of that size; 1 for a single map.
    up_to: the size is doubled until solved skin of the scan has no finer texels, or the unit square's side is this; 0:
    it stays.
    """

    size: int = 4096
    supersample: int = 2
    udim: int = 1
    up_to: int = 0

    @property
    def whole(self) -> int:
        """Texels along the unit square's side."""
        return self.size * self.udim

    def check(self) -> None:
        """Raises InputError for what cannot be baked."""
        if self.whole not in _SIZES or self.size < _SIZES[0] or self.udim < 1 or not 1 <= self.supersample <= 8:
            raise InputError(
                f"No {self.udim} x {self.udim} maps of {self.size} texels and {self.supersample} samples.",
                "size",
                f"Choose one of {', '.join(map(str, _SIZES))} for all tiles of a side together, and 1 to 8 samples.",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class TileMaps:
    """One tile, row 0 at v = 1. albedo: (H, W, 3) sRGB. normal: (H, W, 3), OpenGL; both uint8, or uint16 of solved
    skin. height_m: (H, W) float32 along the body's normal, 0 where not known. coverage: (H, W) uint8, SEEN, MIRRORED,
    SPREAD or OUTSIDE. gloss: (H, W, 2) uint16 specular and roughness, None where they were not measured."""

    albedo: npt.NDArray[np.unsignedinteger]
    normal: npt.NDArray[np.unsignedinteger]
    height_m: npt.NDArray[np.float32]
    coverage: npt.NDArray[np.uint8]
    gloss: npt.NDArray[np.uint16] | None = None

    def cut(self, rows: slice, columns: slice) -> TileMaps:
        """A part of it, not copied."""
        return TileMaps(
            albedo=self.albedo[rows, columns],
            normal=self.normal[rows, columns],
            height_m=self.height_m[rows, columns],
            coverage=self.coverage[rows, columns],
            gloss=None if self.gloss is None else self.gloss[rows, columns],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class BakedMaps:
    """tiles: number (k: UDIM 1001 + k % 10 + 10 * (k // 10)) -> its maps. range_m: the largest height of all.

    udim: texture coordinates times this are those of the tiles.
    """

    tiles: dict[int, TileMaps]
    range_m: float
    udim: int = 1

    def share(self, code: int) -> float:
        """Share of the body's texels with a code of the coverage map."""
        on_body = sum(np.count_nonzero(tile.coverage) for tile in self.tiles.values())
        return float(sum(np.count_nonzero(tile.coverage == code) for tile in self.tiles.values()) / max(1, on_body))


@dataclass(frozen=True, kw_only=True)
class _Band:
    tile: int
    first: int
    rows: int


def bake_maps(
    target: BakeTarget, scan: Mesh, texture: ScanTexture | None, *, options: BakeOptions | None = None,
    progress: Progress | None = None, workers: int | None = None,
) -> BakedMaps:  # fmt: skip
    """Maps of a body from a scan that lies on it.

    scan: world frame, metres. texture: of the scan; without one the albedo is the body's middle tone. Raises
    InputError for a size that is not a power of two of 256 to 16384.
    """
    options, progress = options or BakeOptions(), progress or Silent()
    options.check()
    options = _grown(target, scan, texture, options)
    surface = scan_surface(scan)
    pictures = None if texture is None else pictures_of(texture, shrink=_shrink(target, scan, texture, options))
    numbers = np.unique(target.tile_of_face).tolist()
    solved = None if pictures is None else pictures.solved
    maps = {number: _empty(options.whole, solved) for number in numbers}
    bands = list(_bands(numbers, options.whole))
    with progress.task("maps", 3 * len(bands)) as task:
        sums, gloss = _bake(target, surface, pictures, maps, bands, options, task_step=task.advance, workers=workers)
        tone = spread_tone(target, sums)
        gloss_tone = None if solved is None or not solved.glossy else spread_tone(target, gloss, told=False)
        _fill(target, maps, bands, tone, gloss_tone, options, task_step=task.advance, workers=workers)
        ranges = []
        for tile in maps.values():
            soften_heights(tile.height_m, tile.coverage)
            more = () if tile.gloss is None else (tile.gloss,)
            spread_over_borders(tile.albedo, tile.normal, tile.height_m, *more, coverage=tile.coverage)
            ranges.append(float(np.abs(tile.height_m).max()))
        for _ in bands:
            task.advance()
    return BakedMaps(tiles=_cut(maps, options), range_m=max([*ranges, 1e-6]), udim=options.udim)


def _cut(maps: dict[int, TileMaps], options: BakeOptions) -> dict[int, TileMaps]:
    """The tiles of UDIM, from the maps of whole unit squares; those that show nothing of the body are left out."""
    if options.udim == 1:
        return maps
    cut = {}
    for number, tile in maps.items():
        for row in range(options.udim):
            for column in range(options.udim):
                rows = slice(options.whole - (row + 1) * options.size, options.whole - row * options.size)
                columns = slice(column * options.size, (column + 1) * options.size)
                part = tile.cut(rows, columns)
                place = 10 * (number // 10 * options.udim + row) + number % 10 * options.udim + column
                if part.coverage.any():
                    cut[place] = part
    return cut


def _bake(
    target: BakeTarget, scan: ScanSurface, pictures: Pictures | None, maps: dict[int, TileMaps], bands: list[_Band],
    options: BakeOptions, *, task_step: Callable[[], None], workers: int | None,
) -> tuple[ToneSums, ToneSums]:  # fmt: skip
    """Writes what the scan shows into the maps; the sums of colours and of gloss at the vertices."""
    sums, gloss_sums = ToneSums(len(target.mesh.vertices)), ToneSums(len(target.mesh.vertices))
    corners = {number: texel_corners(target, number, options.whole) for number in maps}

    def one(band: _Band) -> tuple[npt.NDArray[np.int32], Floats, Floats, Floats]:
        places = places_of(corners[band.tile], options.whole, band.first, band.rows)
        values = band_values(target, scan, pictures, places, options.whole, options.supersample)
        _write(maps[band.tile], band, places, values)
        task_step()
        rows = np.flatnonzero(values.coloured)
        gloss = np.zeros((0, 2)) if values.gloss is None else values.gloss[rows]
        corners_of, share = target.mesh.faces[places.face[rows]], places.share[rows]
        return corners_of, share, values.colour[rows].astype(np.float32), gloss.astype(np.float32)

    for start in range(0, len(bands), 4):
        for faces, share, colour, gloss in run_units(one, bands[start : start + 4], workers=workers):
            sums.add(faces, share, colour)
            if len(gloss):
                gloss_sums.add(faces, share, gloss)
    return sums, gloss_sums


def _write(tile: TileMaps, band: _Band, places: Places, values: BandValues) -> None:
    part = tile.cut(slice(band.first, band.first + band.rows), slice(None))
    index = places.index
    part.albedo.reshape(-1, 3)[index] = _codes(values.colour, tile.albedo)
    part.normal.reshape(-1, 3)[index] = _codes(0.5 + 0.5 * values.normal, tile.normal)
    part.height_m.reshape(-1)[index] = values.height_m
    part.coverage.reshape(-1)[index] = np.where(values.coloured, SEEN, SPREAD)
    if part.gloss is not None and values.gloss is not None:
        part.gloss.reshape(-1, 2)[index] = _codes(values.gloss, part.gloss)


def _codes(values: Floats, like: npt.NDArray[np.unsignedinteger]) -> Floats:
    """0..1 as whole numbers of a picture's kind."""
    return np.asarray(np.rint(np.iinfo(like.dtype).max * np.clip(values, 0, 1)))


def _fill(
    target: BakeTarget, maps: dict[int, TileMaps], bands: list[_Band], tone: Floats, gloss_tone: Floats | None,
    options: BakeOptions, *, task_step: Callable[[], None], workers: int | None,
) -> None:  # fmt: skip
    wide = wide_tone(target, tone)
    side = MirrorSide.of(target, {n: tile.albedo for n, tile in maps.items()}, _seen(maps), options.whole)
    corners = {number: texel_corners(target, number, options.whole) for number in maps}

    def one(band: _Band) -> None:
        part = maps[band.tile].cut(slice(band.first, band.first + band.rows), slice(None))
        places = places_of(corners[band.tile], options.whole, band.first, band.rows)
        code = part.coverage.reshape(-1)
        missing = code[places.index] == SPREAD
        colour, mirrored = fill_band(target, side, places, missing, tone, wide)
        index = places.index[missing]
        part.albedo.reshape(-1, 3)[index] = _codes(colour, part.albedo)
        code[index[mirrored]] = MIRRORED
        if part.gloss is not None and gloss_tone is not None:
            # Gloss changes slowly over the body: what is near says it, better than the other side.
            around = mixed_over(target.mesh, places.face[missing], places.share[missing], gloss_tone[:, :2])
            part.gloss.reshape(-1, 2)[index] = _codes(around, part.gloss)
        task_step()

    run_units(one, bands, workers=workers)


def _seen(maps: dict[int, TileMaps]) -> dict[int, npt.NDArray[np.bool_]]:
    return {number: tile.coverage == SEEN for number, tile in maps.items()}


def _empty(size: int, solved: SolvedPictures | None) -> TileMaps:
    kind = np.uint8 if solved is None else np.uint16
    normal = np.full((size, size, 3), np.iinfo(kind).max // 2 + 1, kind)
    normal[..., 2] = np.iinfo(kind).max
    return TileMaps(
        albedo=np.zeros((size, size, 3), kind),
        normal=normal,
        height_m=np.zeros((size, size), np.float32),
        coverage=np.zeros((size, size), np.uint8),
        gloss=None if solved is None or not solved.glossy else np.zeros((size, size, 2), np.uint16),
    )


def _bands(numbers: list[int], size: int) -> Iterator[_Band]:
    rows = max(1, min(size, _BAND_TEXELS // size))
    for number in numbers:
        for first in range(0, size, rows):
            yield _Band(tile=number, first=first, rows=min(rows, size - first))


def _grown(target: BakeTarget, scan: Mesh, texture: ScanTexture | None, options: BakeOptions) -> BakeOptions:
    """The options with a size that holds what was solved."""
    if texture is None or texture.solved is None or options.up_to <= options.whole:
        return options
    finest = _texel_m(scan, texture.uv, texture.tiles[0]().shape[0])
    while 2 * options.whole <= options.up_to and _texel_m(target.mesh, target.uv, options.whole) > _COARSER * finest:
        options = replace(options, size=2 * options.size)
    return options


def _shrink(target: BakeTarget, scan: Mesh, texture: ScanTexture, options: BakeOptions) -> int:
    """How many of the atlas' texels lie in one sample, along a side."""
    first = texture.tiles[0]()
    scan_texel = _texel_m(scan, texture.uv, first.shape[0])
    sample = _texel_m(target.mesh, target.uv, options.whole) / options.supersample
    return int(max(1, np.floor(sample / scan_texel + 0.25)))


def _texel_m(mesh: Mesh, uv: Floats, size: int) -> float:
    """Side of a texel on the surface, metres, by the middle face."""
    (ax, ay), (bx, by) = np.moveaxis(uv[:, 1] - uv[:, 0], 1, 0), np.moveaxis(uv[:, 2] - uv[:, 0], 1, 0)
    flat = 0.5 * np.abs(ax * by - ay * bx) * size**2
    good = flat > 1e-9
    return float(np.sqrt(np.median(mesh.face_areas()[good] / flat[good]))) if good.any() else 1.0
