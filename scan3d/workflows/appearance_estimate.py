"""The maps of a take with one light: the scan's texture with an estimate of its shading taken off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.appearance.materials.files import MARKS, udim, write_tile
from scan3d.appearance.materials.one_light import guess_light, open_sky, shading
from scan3d.appearance.materials.solve import TileMaps
from scan3d.appearance.materials.surface import Points, Surface, blocks, make_surface
from scan3d.appearance.tone import linear_from_srgb
from scan3d.pipeline.progress import Progress
from scan3d.report.score import load_model
from scan3d.report.texture import Texture
from scan3d.workflows.textured_scan import welded

_METHOD = "one light, estimated"
_BLOCK = 2_000_000
_EDGE_M = 8e-3


def estimate(model: Path, out: Path, *, texture_size: int | None, progress: Progress) -> dict[str, Any]:
    """Write the maps of one light into `out`; what appearance.json says of them."""
    loaded, texture = load_model(model)
    mesh, tile_of_face, size = welded(loaded, texture)
    size = texture_size or size
    surface = make_surface(mesh, tile_of_face, size, edge_m=_EDGE_M)
    tiles = []
    with progress.task("albedo", 2 + surface.tiles) as task:
        sky = open_sky(surface.mesh, surface.normals)
        task.advance()
        colour, seen = _vertex_colours(surface, texture, model)
        light = guess_light(sky, colour, seen)
        factor = shading(light, sky)
        task.advance()
        for tile in range(surface.tiles):
            maps = _tile(surface, texture, model, tile, factor)
            write_tile(out, surface, maps, gloss=False, relief=False)
            tiles.append(udim(tile))
            task.advance()
    (out / MARKS).write_text(json.dumps([]) + "\n")
    return {
        "method": _METHOD,
        "note": "One light cannot tell colour from shading, nor show gloss: the albedo is an estimate, normals are the "
        "mesh's, and marks are not listed.",
        "tiles": tiles,
        "texture_size": size,
        "gloss": None,
        "light": {"harmonics": light.coefficients.round(4).tolist(), "mean_albedo": light.mean.round(4).tolist()},
        "displacement_range_mm": 1.0,
    }


def _vertex_colours(surface: Surface, texture: Texture, model: Path) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) linear colours of the vertices, and the area (V,) of which each tells, 0 where it was filled in."""
    faces, uv = surface.mesh.faces, np.asarray(surface.mesh.uv)
    areas = surface.mesh.face_areas()
    total, weight = np.zeros((len(surface.mesh.vertices), 3)), np.zeros(len(surface.mesh.vertices))
    for tile in range(surface.tiles):
        of = np.flatnonzero(surface.tile_of_face == tile)
        linear = _linear(texture, tile)
        filled = _filled(model, tile, linear.shape[0])
        rows, columns = _texel(uv[of].reshape(-1, 2), linear.shape[0])
        share = np.repeat(areas[of], 3) * (filled[rows, columns] == 0)
        np.add.at(total, faces[of].ravel(), share[:, None] * linear[rows, columns])
        np.add.at(weight, faces[of].ravel(), share)
    return total / np.maximum(weight, 1e-15)[:, None], weight


def _tile(surface: Surface, texture: Texture, model: Path, tile: int, factor: np.ndarray) -> TileMaps:
    linear = _linear(texture, tile)
    filled = _filled(model, tile, linear.shape[0])
    index, face, albedo, normal, seen = [], [], [], [], []
    for points in blocks(surface, tile, _BLOCK):
        rows, columns = _texel(_uv(surface, points), linear.shape[0])
        index.append(points.index)
        face.append(points.face)
        albedo.append((linear[rows, columns] / points.of(factor)).astype(np.float32))
        normal.append(points.normal)
        seen.append((filled[rows, columns] == 0).astype(np.float32))
    count = sum(len(part) for part in index)
    nothing = np.zeros(count, np.float32)
    return TileMaps(
        tile=tile, index=np.concatenate(index), face=np.concatenate(face), albedo=np.concatenate(albedo),
        normal=np.concatenate(normal), specular=nothing, roughness=nothing, trusted=np.concatenate(seen),
        residual=nothing,
    )  # fmt: skip


def _uv(surface: Surface, points: Points) -> np.ndarray:
    size = surface.texture_size
    return np.stack([(points.index % size + 0.5) / size, 1 - (points.index // size + 0.5) / size], axis=1)


def _texel(uv: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of texels at (N, 2)."""
    column = np.clip((uv[:, 0] * size).astype(int), 0, size - 1)
    return np.clip(((1 - uv[:, 1]) * size).astype(int), 0, size - 1), column


def _linear(texture: Texture, tile: int) -> np.ndarray:
    picture = texture.picture(tile)[..., :3]
    return linear_from_srgb(picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)).astype(np.float32)


def _filled(model: Path, tile: int, size: int) -> np.ndarray:
    """(size, size) uint8, above 0 where no photograph saw the surface."""
    import cv2

    path = model.with_name(f"model.filled.{udim(tile)}.png")
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if picture is None:
        return np.zeros((size, size), np.uint8)
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_NEAREST))
