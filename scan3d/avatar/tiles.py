"""An avatar whose maps are several tiles: for formats that know UDIM, and for those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar, Correctives, Material
from scan3d.geometry.tile_cuts import Cuts, cut_at_tiles, tile_of

Ints = npt.NDArray[np.int32]


def udim(tile: tuple[int, int]) -> int:
    """The number of a tile: 1001 for the usual one, 1002 to its right, 1011 above it."""
    return 1001 + tile[0] + 10 * tile[1]


@dataclass(frozen=True, kw_only=True)
class Tiled:
    """Materials that are one but for their tiles. name: without a number. tiles: by tile, at least one."""

    name: str
    tiles: tuple[Material, ...]

    @property
    def first(self) -> Material:
        return self.tiles[0]

    @property
    def several(self) -> bool:
        """Whether its pictures are UDIM's, by number."""
        return len(self.tiles) > 1 or self.first.tile != (0, 0)

    def pictures(self, kind: str) -> dict[int, Path]:
        """The tiles' maps of a kind by number; empty where a tile has none."""
        found = {udim(one.tile): one.maps[kind] for one in self.tiles if kind in one.maps}
        return found if len(found) == len(self.tiles) else {}


def tiled(materials: Sequence[Material]) -> tuple[tuple[Tiled, ...], Ints]:
    """One entry for each kind of material, and (M,) which of them each material is of."""
    kinds = list(dict.fromkeys(material.kind for material in materials))
    row = np.array([kinds.index(material.kind) for material in materials], np.int32)
    own = [sorted((m for m in materials if m.kind == kind), key=lambda m: udim(m.tile)) for kind in kinds]
    names = [mine[0].name if len(mine) == 1 else mine[0].kind for mine in own]
    return tuple(Tiled(name=name, tiles=tuple(mine)) for name, mine in zip(names, own, strict=True)), row


def cut_to_tiles(avatar: Avatar) -> Avatar:
    """The avatar with its faces cut where they reach into another tile: each shows the picture of its own material.

    New vertices lie on the edges of old ones and carry all that those carry, between them linearly.
    """
    if len({material.tile for material in avatar.materials}) == 1:
        return avatar
    cuts = cut_at_tiles(avatar.faces, avatar.face_uv, avatar.uv, len(avatar.vertices))
    kinds = list(dict.fromkeys(material.kind for material in avatar.materials))
    of_material = np.array([kinds.index(material.kind) for material in avatar.materials])
    where = tile_of(cuts.uv, cuts.face_uv).clip(0)
    keys = np.column_stack([of_material[avatar.face_material[cuts.owner]], where])
    wanted, row = np.unique(keys, axis=0, return_inverse=True)
    correctives = avatar.correctives
    return replace(
        avatar,
        vertices=cuts.carried(avatar.vertices),
        weights=cuts.carried(avatar.weights),
        shapes={name: cuts.carried(moves) for name, moves in avatar.shapes.items()},
        correctives=None if correctives is None else _carried(correctives, cuts, len(avatar.vertices)),
        faces=cuts.faces,
        face_uv=cuts.face_uv,
        uv=cuts.uv,
        face_material=row.reshape(-1).astype(np.int32),
        materials=tuple(_material(avatar.materials, kinds[kind], (u, v)) for kind, u, v in wanted.tolist()),
    )


def _material(materials: Sequence[Material], kind: str, tile: tuple[int, int]) -> Material:
    """The material of a kind on a tile; where a few cut faces are all of it there, it is made of what is known."""
    mine = [m for m in materials if m.kind == kind]
    found = next((m for m in mine if m.tile == tile), None)
    if found is None:
        beside = next((m for m in materials if m.kind == "skin" and m.tile == tile), None)
        maps = {k: v for k, v in beside.maps.items() if k == "albedo"} if beside is not None else {}
        found = replace(mine[0], maps=maps, tile=tile)
    return replace(found, name=f"{kind}_{udim(tile)}")


def _carried(correctives: Correctives, cuts: Cuts, count: int) -> Correctives:
    """Correctives of the new vertices too."""
    vertices, moves = [], []
    for rows, own in zip(correctives.vertices, correctives.moves, strict=True):
        full = np.zeros((count, 3), own.dtype)
        full[rows] = own
        behind = cuts.carried(full)[count:]
        new = np.flatnonzero(np.abs(behind).max(axis=1, initial=0) > 0)
        vertices.append(np.concatenate([rows, new + count]).astype(np.int32))
        moves.append(np.concatenate([own, behind[new]]))
    return replace(correctives, vertices=tuple(vertices), moves=tuple(moves))
