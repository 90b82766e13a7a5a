"""Solved skin on a scan's atlas, as the bake samples it: normals in the world, gloss, heights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.bake.surfaces import SolvedMaps
from scan3d.body.bake.texel_kernels import mixed, sample_picture
from scan3d.geometry.tangents import leaned_normals

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]
_MIDDLE, _WHITE = 32768, 65535


@dataclass(frozen=True, kw_only=True, eq=False)
class SolvedPictures:
    """The maps of all tiles in memory. normals: (H, W, 3) uint16. rest: (H, W, 3) uint16 specular, roughness, height.

    glossy: whether specular and roughness are known.
    """

    maps: SolvedMaps
    normals: Sequence[npt.NDArray[np.generic]]
    rest: Sequence[npt.NDArray[np.generic]]
    glossy: bool

    def at(self, tile: int, uv: Floats, face: Ints, share: Floats) -> Floats:
        """(N, 6) at places on faces of a tile: unit normal in the world, specular and roughness 0..1, height metres.

        uv: (F, 3, 2) of the scan. face, share: (N,), (N, 3).
        """
        count, rows = len(face), np.arange(len(face))
        lean, rest = np.zeros((count, 3)), np.zeros((count, 3))
        sample_picture(self.normals[tile], 2 / _WHITE, uv, face, share, rows, lean)
        sample_picture(self.rest[tile], 1 / _WHITE, uv, face, share, rows, rest)
        smooth = np.empty((count, 3))
        mixed(self.maps.faces[face], share, self.maps.vertex_normals, smooth)
        smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
        world = leaned_normals(lean - 1, self.maps.along_u[face], smooth)
        height = (rest[:, 2:] * _WHITE - _MIDDLE) / (_MIDDLE - 1) * self.maps.height_range_m
        return np.concatenate([world, rest[:, :2], height], axis=1)


def solved_pictures(
    maps: SolvedMaps, small: Callable[[npt.NDArray[np.generic]], npt.NDArray[np.generic]]
) -> SolvedPictures:
    """Reads the maps. small: shrinks a picture as the colours are shrunk."""
    glossy = bool(maps.specular) and bool(maps.roughness)
    normals, rest = [], []
    for number, load in enumerate(maps.normals):
        normals.append(small(load()))
        height = small(maps.heights[number]())
        gloss = [small(maps.specular[number]()), small(maps.roughness[number]())] if glossy else [0 * height] * 2
        rest.append(np.stack([*gloss, height], axis=-1))
    return SolvedPictures(maps=maps, normals=normals, rest=rest, glossy=glossy)
