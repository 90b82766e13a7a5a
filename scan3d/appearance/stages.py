"""The stage that gives a surface its atlas and texture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scan3d.appearance.atlas import build_atlas
from scan3d.appearance.texture import bake_texture
from scan3d.appearance.view_image import ViewImage
from scan3d.geometry import Mesh
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store

ATLAS = Stage(name="atlas", version=3, tools=("numpy", "numba", "scipy"))
TEXTURE = Stage(name="texture", version=2, tools=("numpy", "numba", "opencv-contrib-python-headless"))


@dataclass(frozen=True, kw_only=True)
class TextureOptions:
    """texture_size: texels along a tile's side.  tiles: UDIM tiles.  bits: 8 or 16 per channel."""

    texture_size: int = 4096
    tiles: int = 1
    bits: int = 8
    padding_px: int = 8


@dataclass(frozen=True, kw_only=True)
class TextureFiles:
    """A finished texture on disk: uv (F, 3, 2), tile_of_face (F,), tiles' PNG files, masks of what was filled in."""

    folder: Path
    atlas_folder: Path
    uv: np.ndarray
    tile_of_face: np.ndarray
    tiles: tuple[Path, ...]
    filled: tuple[Path, ...]
    seen_share: float


def make_texture(
    store: Store, surface_folder: Path, mesh: Mesh, inputs: dict[str, Path], views: Sequence[ViewImage],
    options: TextureOptions, *, progress: Progress, workers: int | None = None,
) -> TextureFiles:  # fmt: skip
    """Atlas and texture of a mesh from photographs.  inputs: the files and folders that the views are read from."""
    import cv2

    from scan3d.appearance.atlas import Atlas

    made: list[Atlas] = []

    def atlas_of(mesh: Mesh) -> Atlas:
        if not made:
            made.append(
                build_atlas(
                    mesh,
                    texture_size=options.texture_size,
                    padding_px=options.padding_px,
                    tiles=options.tiles,
                    progress=progress,
                )
            )
        return made[0]

    def write_atlas(out: Path) -> None:
        atlas = atlas_of(mesh)
        np.save(out / "uv.npy", atlas.uv)
        np.save(out / "tile_of_face.npy", atlas.tile_of_face)
        numbers = {
            "charts": atlas.chart_count, "texel_m": atlas.texel_m, "stretch_l2": atlas.stretch_l2,
            "stretch_max": atlas.stretch_max, "occupied": atlas.occupied,
        }  # fmt: skip
        (out / "atlas.json").write_text(json.dumps(numbers, indent=1))

    def write_texture(out: Path) -> None:
        maps = bake_texture(mesh, atlas_of(mesh), views, bits=options.bits, progress=progress, workers=workers)
        for tile, (colour, filled) in enumerate(zip(maps.colour, maps.filled, strict=True)):
            cv2.imwrite(str(out / f"colour.{tile}.png"), colour[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 2])
            cv2.imwrite(str(out / f"filled.{tile}.png"), filled, [cv2.IMWRITE_PNG_COMPRESSION, 2])
        numbers = {"seen_share": maps.seen_share, "gains": maps.gains.tolist()}
        (out / "texture.json").write_text(json.dumps(numbers, indent=1))

    atlas_folder = store.run(ATLAS, {"surface": surface_folder}, options, write_atlas)
    every: dict[str, Path | bytes | str] = {"surface": surface_folder, **inputs}
    folder = store.run(TEXTURE, every, options, write_texture)
    return TextureFiles(
        folder=folder,
        atlas_folder=atlas_folder,
        uv=np.load(atlas_folder / "uv.npy"),
        tile_of_face=np.load(atlas_folder / "tile_of_face.npy"),
        tiles=tuple(folder / f"colour.{k}.png" for k in range(options.tiles)),
        filled=tuple(folder / f"filled.{k}.png" for k in range(options.tiles)),
        seen_share=float(json.loads((folder / "texture.json").read_text())["seen_share"]),
    )
