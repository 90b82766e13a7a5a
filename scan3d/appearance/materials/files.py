"""Solved maps as files, and the materials they hold.

<folder>/albedo.<udim>.png        16 bit, sRGB-encoded diffuse albedo
<folder>/normal.<udim>.png        16 bit, tangent space, OpenGL (x along u, y along v)
<folder>/specular.<udim>.png      16 bit grey, linear: 65535 where the reflectance at normal incidence is 0.08
<folder>/roughness.<udim>.png     16 bit grey, linear: GGX alpha before squaring
<folder>/displacement.<udim>.png  16 bit grey: 32768 is 0, 1 and 65535 are the range that appearance.json says
<folder>/coverage.<udim>.png      255 measured, 128 on the surface and filled in, 0 off it
<folder>/appearance.json          how they were made, second lobe, figures
<folder>/imperfections.json       marks on the skin
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.appearance.fill import fill_texture
from scan3d.appearance.materials.relief import heights, to_tangent_space
from scan3d.appearance.materials.solve import TileMaps
from scan3d.appearance.materials.surface import Surface, texel_side_m
from scan3d.appearance.tone import linear_from_srgb, srgb_from_linear
from scan3d.errors import InputError
from scan3d.geometry.materials import Material

RECORD = "appearance.json"
MARKS = "imperfections.json"
FULL_F0 = 0.08
RANGE_M = 1e-3  # of heights: 30 nanometres a step
_MIDDLE = 32768
_PADDING_PX = 8
TRUSTED = 0.05  # light that must have told of a texel
_AT_ONCE = 2_000_000  # texels


@dataclass(frozen=True, kw_only=True, eq=False)
class WrittenTile:
    """What later steps ask of a tile. index (N,), known (N,) bool."""

    tile: int
    index: np.ndarray
    known: np.ndarray


def udim(tile: int) -> int:
    """1001, 1002 ... of tile 0, 1 ..."""
    return 1001 + tile % 10 + 10 * (tile // 10)


def write_tile(folder: Path, surface: Surface, maps: TileMaps, *, gloss: bool, relief: bool = True) -> WrittenTile:
    """All maps of one tile; gloss: specular and roughness too; relief: False leaves normals and heights flat.

    One map after the other: each is filled in around what was seen.
    """
    size, suffix = surface.texture_size, f"{udim(maps.tile)}.png"
    known = (maps.trusted > TRUSTED) & np.isfinite(maps.albedo).all(axis=1)

    def filled(values: np.ndarray) -> np.ndarray:
        """Codes of (N, C) values of the texels."""
        picture, _ = fill_texture(maps.index, values, known, size=size, padding_px=_PADDING_PX)
        return _codes(picture)

    _write(folder / f"albedo.{suffix}", filled(_encoded(maps.albedo)))
    tangent = to_tangent_space(surface, maps.index, maps.face, maps.normal)
    tangent[~known] = (0, 0, 1)
    whole = np.zeros((size * size, 3), np.float32)
    whole[:, 2] = 1
    if relief:
        whole[maps.index] = tangent
    del tangent
    slopes = whole.reshape(size, size, 3)
    _write(folder / f"normal.{suffix}", _codes(slopes, 0.5, 0.5))
    seen = np.zeros(size * size, bool)
    seen[maps.index[known]] = True
    height = heights(slopes, seen.reshape(size, size), texel_side_m(surface, surface.tile_of_face == maps.tile))
    steps = np.rint(np.clip(height / RANGE_M, -1, 1) * (_MIDDLE - 1)).astype(np.int32)
    _write(folder / f"displacement.{suffix}", (steps + _MIDDLE).astype(np.uint16))
    del whole, slopes, height, steps, seen
    if gloss:
        _write(folder / f"specular.{suffix}", filled(maps.specular[:, None] / np.float32(FULL_F0)))
        _write(folder / f"roughness.{suffix}", filled(maps.roughness[:, None]))
    coverage = np.zeros(size * size, np.uint8)
    coverage[maps.index] = np.where(known, 255, 128)
    _write(folder / f"coverage.{suffix}", coverage.reshape(size, size))
    return WrittenTile(tile=maps.tile, index=maps.index, known=known)


def _encoded(albedo: np.ndarray) -> np.ndarray:
    """(N, 3) float32 sRGB-encoded."""
    out = np.empty(albedo.shape, np.float32)
    for first in range(0, len(albedo), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        out[rows] = srgb_from_linear(np.clip(albedo[rows], 0, 1))
    return out


def _codes(picture: np.ndarray, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """uint16 codes of scale x picture + shift in [0, 1]; (H, W) of one channel."""
    out = np.empty(picture.shape, np.uint16)
    for row in range(len(picture)):
        values = picture[row] * np.float32(scale) + np.float32(shift)
        out[row] = np.rint(np.clip(values, 0, 1) * np.float32(65535))
    return out[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else out


def _write(path: Path, picture: np.ndarray) -> None:
    import cv2

    shown = picture[..., ::-1] if picture.ndim == 3 else picture
    if not cv2.imwrite(str(path), np.ascontiguousarray(shown), [cv2.IMWRITE_PNG_COMPRESSION, 2]):
        raise OSError(f"{path} could not be written")


def read_record(folder: Path) -> Mapping[str, Any]:
    """appearance.json of a folder. Raises InputError where it is not there or cannot be read."""
    path = Path(folder) / RECORD
    try:
        found: Mapping[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError("The take has no solved appearance.", str(path), "Run: scan3d appearance TAKE") from None
    except (OSError, ValueError) as error:
        raise InputError(f"The file cannot be read: {error}.", str(path), "Run: scan3d appearance TAKE") from error
    return found


def read_material(folder: Path) -> tuple[Material, ...]:
    """The materials of the tiles of TAKE/results/appearance, tile 0 first.

    Where no photograph shows gloss its maps are those of usual skin: appearance.json says so. Raises InputError where
    the folder or one of its maps cannot be read.
    """
    record = read_record(folder)
    gloss = record.get("gloss")
    return tuple(_material(Path(folder), int(number), gloss) for number in record["tiles"])


def _material(folder: Path, number: int, gloss: Mapping[str, Any] | None) -> Material:
    albedo = _read(folder / f"albedo.{number}.png", 3).astype(np.float32) / 65535
    linear = linear_from_srgb(albedo).astype(np.float32)
    normal = _read(folder / f"normal.{number}.png", 3)
    steps = _read(folder / f"displacement.{number}.png", 1).astype(np.float32) - np.float32(_MIDDLE)
    height = steps * np.float32(RANGE_M / (_MIDDLE - 1))
    if gloss is None:
        return Material(
            kind="skin", albedo=linear, roughness=np.full((4, 4), 0.5, np.float32), normal=normal, displacement=height
        )
    return Material(
        kind="skin",
        albedo=linear,
        roughness=_read(folder / f"roughness.{number}.png", 1).astype(np.float32) / 65535,
        specular=_read(folder / f"specular.{number}.png", 1).astype(np.float32) * np.float32(FULL_F0 / 65535),
        second_roughness=float(gloss["second_roughness"]),
        second_share=float(gloss["second_share"]),
        normal=normal,
        displacement=height,
    )


def _read(path: Path, channels: int) -> np.ndarray:
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if picture is None or picture.dtype != np.uint16 or picture.ndim != (3 if channels == 3 else 2):
        raise InputError("A map of the appearance cannot be read.", str(path), "Run: scan3d appearance TAKE")
    return np.ascontiguousarray(picture[..., ::-1]) if channels == 3 else np.asarray(picture)
