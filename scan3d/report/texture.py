"""The colour of a surface as the report and its files take it: corner coordinates and one picture per
tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError

Tile = NDArray[np.unsignedinteger] | Path
_PICTURE_SUFFIXES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True, kw_only=True)
class Texture:
    """Colour maps on a triangle mesh.

    uv            (F, 3, 2) float: coordinates of each face's three corners inside its tile, in [0, 1], v up
                  (row 0 of a picture lies at v = 1, as in OBJ; glTF's v runs down and is turned in its
                  writer).
    tiles         one (H, W, 3) uint8 or uint16 sRGB-encoded RGB picture per tile, or the path of a PNG or
                  JPEG that holds it; a path is copied as it is, so tiles of any size pass without being
                  decoded.
    tile_of_face  (F,) int: the index into `tiles` of each face; None when all faces lie in tile 0.
                  Tile k is called UDIM 1001 + k % 10 + 10 * (k // 10) in file names.
    """

    uv: NDArray[np.floating]
    tiles: Sequence[Tile]
    tile_of_face: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        uv = np.asarray(self.uv)
        if uv.ndim != 3 or uv.shape[1:] != (3, 2):
            raise InputError(
                f"Texture coordinates have the shape {uv.shape}.", "Texture.uv", "Give (faces, 3, 2) numbers."
            )
        if not np.isfinite(uv).all() or uv.min(initial=0.0) < -1e-6 or uv.max(initial=0.0) > 1 + 1e-6:
            raise InputError(
                "Texture coordinates lie outside [0, 1] or are not finite.",
                "Texture.uv",
                "Give coordinates inside each face's own tile; the tile's number goes to tile_of_face.",
            )
        if not self.tiles:
            raise InputError("A texture without pictures.", "Texture.tiles", "Give one picture per tile.")
        for number, tile in enumerate(self.tiles):
            _check_tile(tile, number)
        if self.tile_of_face is not None:
            owner = np.asarray(self.tile_of_face)
            known = owner.min(initial=0) >= 0 and owner.max(initial=0) < len(self.tiles)
            if owner.shape != (len(uv),) or not known:
                raise InputError(
                    f"Tile numbers of {len(owner)} faces for {len(uv)} faces and {len(self.tiles)} tiles.",
                    "Texture.tile_of_face",
                    "Give one index into the tiles for each face.",
                )

    def owner(self) -> NDArray[np.int32]:
        """(F,) int32: the tile of each face."""
        if self.tile_of_face is None:
            return np.zeros(len(self.uv), np.int32)
        return np.asarray(self.tile_of_face, np.int32)

    def picture(self, tile: int) -> NDArray[np.unsignedinteger]:
        """(H, W, 3) sRGB-encoded RGB of a tile, read from its file if that is where it is."""
        given = self.tiles[tile]
        return read_picture(given) if isinstance(given, Path) else given


def udim(tile: int) -> int:
    """The UDIM number of a tile: 1001, 1002 ... 1010, 1011 ..."""
    return 1001 + tile % 10 + 10 * (tile // 10)


def read_picture(path: Path) -> NDArray[np.unsignedinteger]:
    """(H, W, 3) RGB, 8 or 16 bit as in the file. Raises InputError naming the file."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if picture is None:
        raise InputError("The picture cannot be read.", str(path), "Check that it is a whole PNG or JPEG file.")
    rgb: NDArray[Any] = np.ascontiguousarray(picture[:, :, ::-1])
    return rgb


def encode_png(picture: NDArray[np.generic]) -> bytes:
    """A PNG file of an (H, W, 3) or (H, W) uint8 or uint16 picture, RGB."""
    return _encode(picture, ".png", [])


def encode_jpeg(picture: NDArray[np.generic], quality: int = 92) -> bytes:
    """A JPEG file, without chroma subsampling, of an (H, W, 3) RGB picture; 16 bits are rounded to 8."""
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encode(to_8_bit(picture), ".jpg", options)


def to_8_bit(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    """uint16 codes rounded to uint8 codes (65535 -> 255); uint8 as it is."""
    if picture.dtype == np.uint16:
        return ((picture.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return picture.astype(np.uint8, copy=False)


def mime_type(path: Path) -> str:
    """image/png or image/jpeg, by the file's suffix."""
    return _PICTURE_SUFFIXES[path.suffix.lower()]


def _encode(picture: NDArray[np.generic], suffix: str, options: list[int]) -> bytes:
    import cv2

    stored = picture[:, :, ::-1] if picture.ndim == 3 else picture
    ok, data = cv2.imencode(suffix, np.ascontiguousarray(stored), options)
    if not ok:
        raise InputError(f"A picture of {picture.shape} cannot be encoded.", suffix, "Give an RGB picture.")
    return bytes(data)


def _check_tile(tile: Tile, number: int) -> None:
    if isinstance(tile, Path):
        if tile.suffix.lower() not in _PICTURE_SUFFIXES or not tile.is_file():
            raise InputError(
                "A tile's picture is missing or neither PNG nor JPEG.", str(tile), "Give a .png or .jpg file."
            )
    elif tile.ndim != 3 or tile.shape[2] != 3 or tile.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"Tile {number} is {tile.dtype} of shape {tile.shape}.",
            "Texture.tiles",
            "Give (H, W, 3) uint8 or uint16 RGB pictures.",
        )
