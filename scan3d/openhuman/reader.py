"""Reads hm08.npz: the base mesh of MakeHuman, how it changes shape, and what moves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FILE = Path(__file__).parent / "hm08.npz"


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenHuman:
    """The base mesh hm08: metres, Z up, facing -Y, its left +X; the origin lies in the pelvis.

    vertices: (19158, 3) of all groups. quads, quad_uv: (Q, 4) rows of vertices and of uv (T, 2). quad_group: (Q,)
    index into group_names ("body", "tights", "skirt", "hair", "l-eye", ...). bone_names, bone_parents: (B,), -1 for
    the root, parents first. bone_end_vertices: (B, 2, 8): head and tail are means of these. weights: (V, B) sparse,
    rows sum to 1. masks: (V,) 0..1 by name ("lips", "fingernail", "toenail", "ear", "eyelid", "areola",
    "mouth_inside"). target_names: of the shape targets.
    """

    vertices: np.ndarray
    uv: np.ndarray
    quads: np.ndarray
    quad_uv: np.ndarray
    quad_group: np.ndarray
    group_names: tuple[str, ...]
    bone_names: tuple[str, ...]
    bone_parents: np.ndarray
    bone_rolls_rad: np.ndarray
    bone_end_vertices: np.ndarray
    weights: csr_array
    masks: Mapping[str, np.ndarray]
    target_names: tuple[str, ...]
    target_starts: np.ndarray
    target_rows: np.ndarray
    target_steps: np.ndarray
    target_step_m: float

    def group(self, name: str) -> np.ndarray:
        """(Q,) which quads belong to the group. Raises ValueError where there is none of that name."""
        return np.asarray(self.quad_group == self.group_names.index(name))

    def bone(self, name: str) -> int:
        """Index of a bone. Raises ValueError where there is none of that name."""
        return self.bone_names.index(name)

    def target(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows (N,) that a shape target moves, and by how much (N, 3), metres. Raises ValueError."""
        if name not in self.target_names:
            raise ValueError(f"there is no shape target {name}")
        number = self.target_names.index(name)
        part = slice(self.target_starts[number], self.target_starts[number + 1])
        # The file holds differences of neighbouring rows, which pack better.
        steps = np.cumsum(self.target_steps[:, part], axis=1, dtype=np.int64).T
        return np.cumsum(self.target_rows[part], dtype=np.int64), self.target_step_m * steps

    def shaped(self, amounts: Mapping[str, float]) -> np.ndarray:
        """(V, 3) vertices with these amounts of the targets added, metres."""
        result = self.vertices.astype(np.float64)
        for name, amount in amounts.items():
            if amount:
                rows, moves = self.target(name)
                result[rows] += amount * moves
        return result

    def joints(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heads and tails (B, 3) of the bones in a mesh of this shape, metres."""
        ends = vertices[self.bone_end_vertices].mean(axis=2)
        return ends[:, 0], ends[:, 1]


@cache
def load_open_human(path: Path = FILE) -> OpenHuman:
    """The data in the file, read once."""
    from scipy.sparse import coo_array

    with np.load(path) as file:
        data = {name: file[name] for name in file.files}
    count, bones = len(data["vertices"]), len(data["bone_names"])
    share = data["weight_share"].astype(np.float64)
    share /= np.bincount(data["weight_vertex"], share, count)[data["weight_vertex"]]
    places = (data["weight_vertex"].astype(np.int64), data["weight_bone"].astype(np.int64))
    weights = coo_array((share, places), shape=(count, bones)).tocsr()
    steps = data["target_delta_low"].astype(np.uint16) | (data["target_delta_high"].astype(np.uint16) << 8)
    return OpenHuman(
        vertices=data["vertices"],
        uv=data["uv"].astype(np.float64),
        quads=data["quads"].astype(np.int32),
        quad_uv=data["quad_uv"].astype(np.int32),
        quad_group=data["quad_group"],
        group_names=_strings(data["group_names"]),
        bone_names=_strings(data["bone_names"]),
        bone_parents=data["bone_parents"].astype(np.int32),
        bone_rolls_rad=data["bone_rolls_rad"],
        bone_end_vertices=data["bone_end_vertices"].astype(np.int32),
        weights=weights,
        masks={name: mask / np.float32(255) for name, mask in zip(data["mask_names"], data["masks"], strict=True)},
        target_names=_strings(data["target_names"]),
        target_starts=np.concatenate([[0], np.cumsum(data["target_sizes"])]),
        target_rows=data["target_index_steps"],
        target_steps=steps.view(np.int16),
        target_step_m=float(data["target_delta_step_m"]),
    )


def _strings(names: np.ndarray) -> tuple[str, ...]:
    return tuple(str(name) for name in names)
