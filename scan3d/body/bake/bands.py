"""One band of rows of one tile: which texels show the body, and what the scan has there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.bake.rays import Hits, cage_hits, hits_beside
from scan3d.body.bake.solved import SolvedPictures, solved_pictures
from scan3d.body.bake.surfaces import BakeTarget, ScanTexture
from scan3d.body.bake.texel_kernels import corner_shares, mixed, sample_picture, tangent_normals
from scan3d.body.detail.scan_surface import ScanSurface
from scan3d.geometry.texels import rasterise_faces

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """The texels of a band that show the body: index (N,) within it, face (N,) of the target, corner weights (N, 3).

    faces: (F, 3, 2) corners of all faces in texels of the band; those of other tiles lie outside it.
    """

    index: npt.NDArray[np.int64]
    face: Ints
    share: Floats
    corners: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class BandValues:
    """Of the N texels: colour (N, 3) 0..1 sRGB, normal (N, 3) in tangent space, height (N,) metres, all where shown.

    shown: (N,) the scan has a surface there; coloured: (N,) and a photograph saw it. gloss: (N, 2) specular and
    roughness, 0..1, where coloured; None where the scan's is not known.
    """

    colour: Floats
    normal: Floats
    height_m: Floats
    shown: npt.NDArray[np.bool_]
    coloured: npt.NDArray[np.bool_]
    gloss: Floats | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """A scan's atlas in memory: uv (F, 3, 2), tile_of_face (F,), tiles (H, W, 3), filled masks (H, W, 3) or none, and
    what it is made of, where that was solved."""

    uv: Floats
    tile_of_face: Ints
    tiles: Sequence[npt.NDArray[np.generic]]
    filled: Sequence[npt.NDArray[np.generic]]
    solved: SolvedPictures | None = None


def pictures_of(texture: ScanTexture, *, shrink: int) -> Pictures:
    """Reads the atlas; shrink: how many of its texels become one, along a side, before it is sampled."""
    import cv2

    def small(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        if shrink <= 1:
            return np.ascontiguousarray(picture)
        size = (max(2, picture.shape[1] // shrink), max(2, picture.shape[0] // shrink))
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)

    masks = [np.atleast_3d(small(load())) for load in texture.filled]
    return Pictures(
        uv=np.ascontiguousarray(texture.uv, np.float64),
        tile_of_face=np.asarray(texture.tile_of_face, np.int32),
        tiles=[small(load()) for load in texture.tiles],
        filled=[np.ascontiguousarray(np.repeat(mask[..., :1], 3, axis=2)) for mask in masks],
        solved=None if texture.solved is None else solved_pictures(texture.solved, small),
    )


def texel_corners(target: BakeTarget, tile: int, size: int) -> Floats:
    """(F', 3, 2) corners in texels of a tile: x to the right, y down; far outside for faces of other tiles."""
    corners = np.stack([target.uv[..., 0] * size, (1 - target.uv[..., 1]) * size], axis=-1)
    corners[target.tile_of_face != tile] = -1e6
    return corners


def places_of(corners: Floats, size: int, first: int, rows: int) -> Places:
    """The texels of rows first ... first + rows - 1. corners: (F', 3, 2) of texel_corners."""
    lifted = corners - [0.0, first]
    inside = (lifted[..., 1].max(axis=1) > 0) & (lifted[..., 1].min(axis=1) < rows) & (lifted[:, 0, 0] > -1e5)
    chosen = np.flatnonzero(inside)
    owner = np.full((rows, size), -1, np.int32)
    rasterise_faces(np.ascontiguousarray(lifted[chosen]), owner)
    index = np.flatnonzero(owner >= 0)
    face = chosen[owner.ravel()[index]].astype(np.int32)
    share = np.empty((len(index), 3))
    corner_shares(index, face, size, lifted, 0.0, 0.0, share)
    return Places(index=index, face=face, share=share, corners=lifted)


def band_values(
    target: BakeTarget, scan: ScanSurface, pictures: Pictures | None, places: Places, size: int, supersample: int
) -> BandValues:
    """What the scan shows at the texels: colours as the mean of supersample x supersample samples in each."""
    count = len(places.index)
    solved = None if pictures is None else pictures.solved
    gloss = None if solved is None or not solved.glossy else np.zeros((count, 2))
    colour, normal, height = np.zeros((count, 3)), np.zeros((count, 3)), np.zeros(count)
    normal[:, 2] = 1
    shown, coloured = np.zeros(count, bool), np.zeros(count, bool)
    reach = _mixed(target, places.face, places.share, target.reach_m[:, None])[:, 0]
    rows = np.flatnonzero(reach > 1e-4)
    points, normals = _surface(target, places.face[rows], places.share[rows])
    hits = cage_hits(scan, points, normals, reach[rows])
    rows, hits = rows[hits.found], _chosen(hits, hits.found)
    facing = _blend(scan.mesh.faces[hits.face], hits.share, scan.normals)
    bumps = np.zeros(len(rows))
    seen = np.zeros(len(rows), bool)
    if pictures is not None and len(rows):
        seen = _seen(pictures, hits)
        chosen, at = rows[seen], _chosen(hits, seen)
        coloured[chosen] = True
        made = _samples(target, scan, pictures, places, chosen, at, size, supersample)
        colour[chosen] = made[:, :3]
        if solved is not None:
            facing[seen] = made[:, 3:6] / np.maximum(np.linalg.norm(made[:, 3:6], axis=1, keepdims=True), 1e-12)
            bumps[seen] = made[:, 8]
        if gloss is not None:
            gloss[chosen] = made[:, 6:8]
    sure = hits.trusted
    shown[rows[sure]] = True
    height[rows[sure]] = (hits.height_m + bumps)[sure]
    normal[rows[sure]] = _in_tangent_space(target, places, rows[sure], facing[sure])
    return BandValues(colour=colour, normal=normal, height_m=height, shown=shown, coloured=coloured, gloss=gloss)


def _in_tangent_space(target: BakeTarget, places: Places, rows: npt.NDArray[np.int64], wanted: Floats) -> Floats:
    """(N, 3) of the unit normals `wanted` (N, 3) in the world, at the texels `rows`."""
    face = places.face[rows]
    corner_normals = np.asarray(target.mesh.normals, np.float64)[target.mesh.faces[face]]
    facing = np.empty_like(wanted)
    tangent_normals(corner_normals, target.tangents[face], target.sign[face], places.share[rows], wanted, facing)
    return facing


def _samples(
    target: BakeTarget, scan: ScanSurface, pictures: Pictures, places: Places, rows: npt.NDArray[np.int64], hits: Hits,
    size: int, supersample: int,
) -> Floats:  # fmt: skip
    """(N, 3) colour 0..1, as the mean over the texels' samples; where the scan is solved (N, 9): colour, normal in the
    world, specular, roughness, height in metres."""
    face = places.face[rows]
    total = np.zeros((len(rows), 3 if pictures.solved is None else 9))
    share = np.empty((len(rows), 3))
    steps = (np.arange(supersample) + 0.5) / supersample - 0.5
    for dx in steps:
        for dy in steps:
            here = hits
            if supersample > 1:
                corner_shares(places.index[rows], face, size, places.corners, dx, dy, share)
                here = hits_beside(scan, *_surface(target, face, share), hits)
            _add_samples(pictures, here, 1 / supersample**2, total)
    return total


def _add_samples(pictures: Pictures, hits: Hits, share: float, total: Floats) -> None:
    tile = pictures.tile_of_face[hits.face]
    for number, picture in enumerate(pictures.tiles):
        rows = np.flatnonzero(tile == number)
        scale = share / np.iinfo(picture.dtype).max  # type: ignore[type-var]
        face, at = hits.face[rows], hits.share[rows]
        sample_picture(picture, scale, pictures.uv, face, at, rows, total)
        if pictures.solved is not None:
            total[rows, 3:] += share * pictures.solved.at(number, pictures.uv, face, at)


def _seen(pictures: Pictures, hits: Hits) -> npt.NDArray[np.bool_]:
    """(N,) whether a photograph saw the place."""
    filled = np.zeros((len(hits.face), 3))
    tile = pictures.tile_of_face[hits.face]
    for number, mask in enumerate(pictures.filled):
        rows = np.flatnonzero(tile == number)
        sample_picture(mask, 1 / 255, pictures.uv, hits.face[rows], hits.share[rows], rows, filled)
    return np.asarray(filled[:, 0] < 0.5)


def _surface(target: BakeTarget, face: Ints, share: Floats) -> tuple[Floats, Floats]:
    """Points (N, 3) of the target and their unit normals."""
    points = _mixed(target, face, share, target.mesh.vertices)
    normals = _mixed(target, face, share, np.asarray(target.mesh.normals))
    return points, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _mixed(target: BakeTarget, face: Ints, share: Floats, values: Floats) -> Floats:
    out = np.empty((len(face), values.shape[1]))
    mixed(target.mesh.faces[face], share, values, out)
    return out


def _blend(faces: Ints, share: Floats, values: Floats) -> Floats:
    out = np.empty((len(faces), values.shape[1]))
    mixed(faces, share, values, out)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def _chosen(hits: Hits, keep: npt.NDArray[np.bool_]) -> Hits:
    return Hits(
        found=hits.found[keep],
        height_m=hits.height_m[keep],
        face=hits.face[keep],
        share=hits.share[keep],
        trusted=hits.trusted[keep],
    )
