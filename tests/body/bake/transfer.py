"""What carrying solved skin from a scan's atlas to a body's maps costs, at the same points of the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.body.bake import BakedMaps, BakeTarget, ScanTexture
from scan3d.body.bake.bands import pictures_of
from scan3d.body.bake.maps import SEEN
from scan3d.body.bake.rays import cage_hits
from scan3d.body.bake.texel_kernels import mixed, sample_picture
from scan3d.body.detail.scan_surface import scan_surface
from scan3d.geometry import Mesh


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """albedo_db: PSNR of sRGB-encoded albedo. normal_deg: mean angle. gloss: RMS of specular and roughness, 0..1."""

    albedo_db: float
    normal_deg: float
    gloss: float
    points: int


def transfer(target: BakeTarget, scan: Mesh, texture: ScanTexture, maps: BakedMaps, count: int = 50_000) -> Transfer:
    """Of random points that both show. texture: solved."""
    rng = np.random.default_rng(1)
    areas = target.mesh.face_areas()
    face = rng.choice(len(areas), count, p=areas / areas.sum()).astype(np.int32)
    share = rng.dirichlet((1, 1, 1), count)
    code = _looked_up(target, maps, face, share, lambda tile: np.repeat(tile.coverage[..., None], 3, axis=2))[:, 0]
    keep = np.abs(code - SEEN / 255) < 1e-6
    surface = scan_surface(scan)
    corners = target.mesh.faces[face]
    points, normals = _blend(corners, share, target.mesh.vertices), _blend(corners, share, target.mesh.normals)
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    hits = cage_hits(surface, points, unit, np.full(count, 0.006))
    keep &= hits.found & hits.trusted
    pictures = pictures_of(texture, shrink=1)
    colour, rest = np.zeros((count, 3)), np.zeros((count, 6))
    tile = pictures.tile_of_face[hits.face]
    for number, picture in enumerate(pictures.tiles):
        rows = np.flatnonzero(keep & (tile == number))
        sample_picture(picture, 1 / 65535, pictures.uv, hits.face[rows], hits.share[rows], rows, colour)
        rest[rows] = pictures.solved.at(number, pictures.uv, hits.face[rows], hits.share[rows])
    found = _looked_up(target, maps, face, share, lambda tile: tile.albedo)
    lean = 2 * _looked_up(target, maps, face, share, lambda tile: tile.normal) - 1
    along = np.einsum("nk,nkc->nc", share, target.tangents[face])
    across = target.sign[face][:, None] * np.cross(normals, along)
    world = lean[:, :1] * along + lean[:, 1:2] * across + lean[:, 2:] * normals
    world /= np.linalg.norm(world, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip((world * rest[:, :3]).sum(axis=1), -1, 1)))
    error = 0.0
    if all(tile.gloss is not None for tile in maps.tiles.values()):
        gloss = _looked_up(
            target, maps, face, share, lambda tile: np.concatenate([tile.gloss, tile.gloss[..., :1]], axis=2)
        )
        error = float(np.sqrt(((gloss[keep, :2] - rest[keep, 3:5]) ** 2).mean()))
    return Transfer(
        albedo_db=float(-10 * np.log10(((found - colour)[keep] ** 2).mean())),
        normal_deg=float(angle[keep].mean()), gloss=error, points=int(keep.sum()),
    )  # fmt: skip


def _looked_up(target, maps: BakedMaps, face, share, picture_of) -> np.ndarray:
    """(N, 3) 0..1 of a map of the body."""
    assert maps.udim == 1
    out = np.zeros((len(face), 3))
    for number, tile in maps.tiles.items():
        rows = np.flatnonzero(target.tile_of_face[face] == number)
        picture = np.ascontiguousarray(picture_of(tile))
        sample_picture(picture, 1 / np.iinfo(picture.dtype).max, target.uv, face[rows], share[rows], rows, out)
    return out


def _blend(corners, share, values) -> np.ndarray:
    out = np.empty((len(corners), 3))
    mixed(corners, share, np.asarray(values, np.float64), out)
    return out
