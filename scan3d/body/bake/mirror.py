"""What no photograph saw, from the other side of the body where that was seen, else from the tone around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.bake.bands import Places, texel_corners
from scan3d.body.bake.surfaces import BakeTarget
from scan3d.body.bake.texel_kernels import mixed, texel_of
from scan3d.body.detail.scan_surface import NearestOn
from scan3d.geometry import Mesh

Floats = npt.NDArray[np.floating]

_SAME_M = 0.004  # the mean body's other side lies this close to its mirror image


@dataclass(frozen=True, kw_only=True, eq=False)
class MirrorSide:
    """The mean body to look up places on, and the pictures as they were before anything was filled."""

    tree: NearestOn
    normals: Floats
    corners: dict[int, Floats]
    albedo: dict[int, npt.NDArray[np.unsignedinteger]]
    seen: dict[int, npt.NDArray[np.bool_]]
    size: int

    @staticmethod
    def of(
        target: BakeTarget, albedo: dict[int, npt.NDArray[np.unsignedinteger]], seen: dict[int, npt.NDArray[np.bool_]],
        size: int,
    ) -> MirrorSide:  # fmt: skip
        faces = target.mesh.faces
        return MirrorSide(
            tree=NearestOn(target.symmetric, faces),
            normals=Mesh(vertices=target.symmetric, faces=faces).face_normals(),
            corners={number: texel_corners(target, number, size) for number in albedo},
            albedo=albedo,
            seen=seen,
            size=size,
        )


def fill_band(
    target: BakeTarget, side: MirrorSide, places: Places, missing: npt.NDArray[np.bool_], tone: Floats, wide: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Colours (M, 3) 0..1 of the texels where `missing` (N,) holds, and which of them (M,) the other side gave.

    The other side gives what stands out from its own wide tone, which is exchanged for that of this side. tone, wide:
    (V', 3) of scan3d.body.bake.tone.
    """
    face, share = places.face[missing], places.share[missing]
    colour = mixed_over(target.mesh, face, share, tone)
    mirrored = np.zeros(len(face), bool)
    if not len(face):
        return colour, mirrored
    points = mixed_over(target.mesh, face, share, target.symmetric) * [-1.0, 1.0, 1.0]
    found = side.tree.nearest(points)
    close = np.linalg.norm(found.point - points, axis=1) < _SAME_M
    close &= (side.normals[found.face] * side.normals[face] * [-1.0, 1.0, 1.0]).sum(axis=1) > 0.3
    tile = target.tile_of_face[found.face]
    for number, picture in side.albedo.items():
        rows = np.flatnonzero(close & (tile == number))
        texel = np.empty(len(rows), np.int64)
        texel_of(found.face[rows], found.share[rows], side.corners[number], side.size, side.size, texel)
        good = side.seen[number].reshape(-1)[texel]
        rows, texel = rows[good], texel[good]
        there = picture.reshape(-1, 3)[texel] / float(np.iinfo(picture.dtype).max)
        other = mixed_over(target.mesh, found.face[rows], found.share[rows], wide)
        colour[rows] = there - other + mixed_over(target.mesh, face[rows], share[rows], wide)
        mirrored[rows] = True
    return colour, mirrored


def mixed_over(mesh: Mesh, face: npt.NDArray[np.int32], share: Floats, values: Floats) -> Floats:
    """(N, C): values (V, C) of the vertices at places on faces (N,), weights of their corners (N, 3)."""
    out = np.empty((len(face), values.shape[1]))
    mixed(mesh.faces[face], share, values, out)
    return out
