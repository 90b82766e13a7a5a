"""Baked maps as PNG files, and maps.json that says how to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.body.bake.maps import MIRRORED, OUTSIDE, SEEN, SPREAD, BakedMaps, TileMaps
from scan3d.errors import StorageError

_MIDDLE = 32768


def write_maps(maps: BakedMaps, folder: Path, *, about: Mapping[str, Any] | None = None) -> None:
    """albedo.png, normal.png, displacement.png (16 bit), coverage.png and maps.json; <name>.1001.png where the body
    has several tiles; specular.png and roughness.png (16 bit) where gloss was measured. about: more
    JSON values for maps.json. Raises StorageError where a picture cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    single = list(maps.tiles) == [0] and maps.udim == 1
    names: dict[str, list[str]] = {}
    for number, tile in maps.tiles.items():
        suffix = "" if single else f".{1001 + number % 10 + 10 * (number // 10)}"
        for name, picture in _pictures(tile, maps.range_m).items():
            _write_png(folder / f"{name}{suffix}.png", picture)
            names.setdefault(name, []).append(f"{name}{suffix}.png")
    (folder / "maps.json").write_text(json.dumps({**_about(maps, names), **(about or {})}, indent=1) + "\n")


def displacement_codes(height_m: npt.NDArray[np.float32], range_m: float) -> npt.NDArray[np.uint16]:
    """(H, W) 16 bit: 32768 is 0, and 1 and 65535 are the range."""
    steps = np.rint(np.clip(height_m / range_m, -1, 1) * (_MIDDLE - 1))
    return (steps.astype(np.int32) + _MIDDLE).astype(np.uint16)


def _pictures(tile: TileMaps, range_m: float) -> dict[str, npt.NDArray[np.generic]]:
    gloss = {} if tile.gloss is None else {"specular": tile.gloss[..., 0], "roughness": tile.gloss[..., 1]}
    return {
        "albedo": tile.albedo,
        "normal": tile.normal,
        "displacement": displacement_codes(tile.height_m, range_m),
        "coverage": tile.coverage,
        **gloss,
    }


def _about(maps: BakedMaps, names: dict[str, list[str]]) -> dict[str, object]:
    first = next(iter(maps.tiles.values()))
    size, bits = len(first.albedo), 8 * first.albedo.dtype.itemsize
    gloss = {
        name: {"files": names[name], "colour_space": "Non-Color", "bits": 16, "white": white}
        for name, white in (("specular", "reflectance 0.08 straight on"), ("roughness", "GGX alpha of 1, its root"))
        if name in names
    }
    step = maps.range_m / (_MIDDLE - 1)
    return {
        "size": size,
        # texture coordinates of the body times this are those of the tiles
        "uv_scale": maps.udim,
        "tiles": [1001 + number % 10 + 10 * (number // 10) for number in maps.tiles],
        "albedo": {"files": names["albedo"], "colour_space": "sRGB", "bits": bits},
        "normal": {
            "files": names["normal"], "colour_space": "Non-Color", "bits": bits, "convention": "OpenGL",
            "tangents": "MikkTSpace",
        },
        "displacement": {
            "files": names["displacement"], "colour_space": "Non-Color", "bits": 16, "along": "vertex normal",
            # heights of black (0) and white (65535); the middle, 32768, is 0
            "range_m": [-_MIDDLE * step, (_MIDDLE - 1) * step], "middle": _MIDDLE / 65535, "scale_m": 65535 * step,
        },
        "coverage": {
            "files": names["coverage"], "colour_space": "Non-Color", "bits": 8,
            "codes": {"seen": SEEN, "filled_from_the_other_side": MIRRORED, "filled_from_around": SPREAD,
                      "not_on_the_body": OUTSIDE},
            "seen_share": maps.share(SEEN), "mirrored_share": maps.share(MIRRORED), "spread_share": maps.share(SPREAD),
        },
        **gloss,
    }  # fmt: skip


def _write_png(path: Path, picture: npt.NDArray[np.generic]) -> None:
    import cv2

    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    if not cv2.imwrite(str(path), np.ascontiguousarray(stored), [cv2.IMWRITE_PNG_COMPRESSION, 2]):
        raise StorageError("The picture cannot be written.", str(path), "Check the disk and the folder's rights.")
