"""The scanned surface as the solve reads it: fine enough for shadows at its vertices, its texels by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.subdivision import longest_of_most, quartered
from scan3d.geometry.texels import rasterise_faces

_MOST_FACES = 3_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """mesh: with normals and uv (F, 3, 2). tile_of_face: (F,). texture_size: texels along a tile's side. tiles: how
    many. label: (V,) int16 region of each vertex that is kept apart from others, 0 skin; -1: left alone.
    """

    mesh: Mesh
    tile_of_face: np.ndarray
    texture_size: int
    tiles: int
    label: np.ndarray

    @property
    def normals(self) -> np.ndarray:
        assert self.mesh.normals is not None
        return self.mesh.normals


def make_surface(
    mesh: Mesh, tile_of_face: np.ndarray, texture_size: int, *, label: np.ndarray | None = None, edge_m: float = 4e-3
) -> Surface:
    """The mesh, its faces cut in four until nine in ten edges are shorter than edge_m; shape and normals stay."""
    assert mesh.uv is not None
    normals = mesh.normals if mesh.normals is not None else mesh.vertex_normals()
    kept = np.zeros(len(mesh.vertices), np.int16) if label is None else np.asarray(label, np.int16)
    made = Mesh(
        vertices=mesh.vertices.astype(np.float64), faces=mesh.faces, normals=normals.astype(np.float64),
        uv=np.asarray(mesh.uv, np.float64),
    )  # fmt: skip
    owner = np.asarray(tile_of_face, np.int32)
    while 4 * len(made.faces) <= _MOST_FACES and longest_of_most(made) > edge_m:
        made, ends = quartered(made)
        kept = np.concatenate([kept, kept[ends].min(axis=1)])
        owner = np.tile(owner, 4)
    return Surface(
        mesh=made, tile_of_face=owner, texture_size=texture_size, tiles=int(owner.max(initial=0)) + 1, label=kept
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """N points of the surface: index (N,) of texels in their tile, position and normal (N, 3) float32 world, corner
    (N, 3) vertices around, bary (N, 3) float32 their shares, face (N,)."""

    index: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    corner: np.ndarray
    bary: np.ndarray
    face: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def of(self, values: np.ndarray) -> np.ndarray:
        """(N, ...) of what the vertices carry."""
        return np.einsum("nk,nk...->n...", self.bary, values[self.corner]).astype(np.float32)


def at_vertices(surface: Surface, chosen: np.ndarray) -> Points:
    """Vertices as points."""
    count = len(chosen)
    bary = np.zeros((count, 3), np.float32)
    bary[:, 0] = 1
    return Points(
        index=chosen,
        position=np.ascontiguousarray(surface.mesh.vertices[chosen], np.float32),
        normal=np.ascontiguousarray(surface.normals[chosen], np.float32),
        corner=np.repeat(chosen[:, None], 3, axis=1).astype(np.int32),
        bary=bary,
        face=np.full(count, -1, np.int32),
    )


def texel_side_m(surface: Surface, faces: np.ndarray) -> float:
    """Side of a texel on the surface: the median over faces, indices (F',) or bool (F,)."""
    assert surface.mesh.uv is not None
    uv = np.asarray(surface.mesh.uv, np.float64)[faces] * surface.texture_size
    d1, d2 = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    flat = 0.5 * np.abs(d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0])
    solid = surface.mesh.face_areas()[faces]
    good = flat > 0
    return float(np.sqrt(np.median(solid[good] / flat[good]))) if good.any() else 1e-3


def spread_by_area(surface: Surface, most: int) -> np.ndarray:
    """At most so many vertices, those left alone apart, sorted; the same ones every time."""
    areas = surface.mesh.face_areas()
    weight = np.bincount(surface.mesh.faces.ravel(), np.repeat(areas, 3), len(surface.mesh.vertices))
    weight[surface.label < 0] = 0
    count = min(most, int((weight > 0).sum()))
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(len(weight), count, replace=False, p=weight / weight.sum()))


def _in_texels(uv: np.ndarray, size: int) -> np.ndarray:
    return np.stack([uv[..., 0] * size, (1 - uv[..., 1]) * size], axis=-1)


def texel_owners(surface: Surface, tile: int) -> tuple[np.ndarray, np.ndarray]:
    """Texels of a tile that lie on the surface, those next to each other in space together: index (N,) and the face
    (N,) of each."""
    assert surface.mesh.uv is not None
    size = surface.texture_size
    wanted = (surface.tile_of_face == tile) & (surface.label[surface.mesh.faces] >= 0).all(axis=1)
    faces = np.flatnonzero(wanted)
    owner = np.full((size, size), -1, np.int32)
    rasterise_faces(_in_texels(np.asarray(surface.mesh.uv[faces], np.float64), size), owner)
    index = np.flatnonzero(owner.ravel() >= 0)
    face = faces[owner.ravel()[index]].astype(np.int32)
    middle = surface.mesh.vertices[surface.mesh.faces].mean(axis=1)
    axis = int(np.argmax(np.ptp(middle, axis=0)))
    order = np.argsort(middle[face, axis], kind="stable")
    return index[order], face[order]


def blocks(surface: Surface, tile: int, most: int) -> Iterator[Points]:
    """The texels of a tile on the surface, at most so many at a time."""
    index, face = texel_owners(surface, tile)
    for first in range(0, len(index), most):
        yield points_of(surface, index[first : first + most], face[first : first + most])


def points_of(surface: Surface, index: np.ndarray, face: np.ndarray) -> Points:
    """Texels as points: index (N,) flat in their tile, face (N,) of the mesh that each lies on."""
    assert surface.mesh.uv is not None
    x, y = index % surface.texture_size + 0.5, index // surface.texture_size + 0.5
    c = _in_texels(np.asarray(surface.mesh.uv[face], np.float64), surface.texture_size)
    ab, ac = c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]
    px, py = x - c[:, 0, 0], y - c[:, 0, 1]
    det = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    det = np.where(det == 0, 1.0, det)
    u = (px * ac[:, 1] - py * ac[:, 0]) / det
    v = (ab[:, 0] * py - ab[:, 1] * px) / det
    bary = np.stack([1 - u - v, u, v], axis=1).astype(np.float32)
    corner = surface.mesh.faces[face]
    normal = np.einsum("nk,nkd->nd", bary, surface.normals[corner])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return Points(
        index=index,
        position=np.einsum("nk,nkd->nd", bary, surface.mesh.vertices[corner]).astype(np.float32),
        normal=normal.astype(np.float32),
        corner=corner,
        bary=bary,
        face=face,
    )
