"""Which of MakeHuman's vertices and faces the open body keeps, in which order, and what each part of it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.body.open_model.face_landmarks import face_landmarks
from scan3d.body.open_model.places import SMPLX_VERTICES, named_vertices, twins
from scan3d.openhuman import OpenHuman

GROUPS = ("body", "tongue", "l-eye", "r-eye", "l-eyelashes", "r-eyelashes", "upper-teeth", "lower-teeth")


@dataclass(frozen=True, kw_only=True, eq=False)
class Cage:
    """The kept surface. rows: (V,) rows of the open human's vertices. mirror: (V,) each vertex's twin across X = 0.

    quads, quad_uv: (Q, 4) int32 into the vertices and into uv (T, 2). group: (V,) index into GROUPS.
    landmarks: name -> vertex.
    """

    human: OpenHuman
    rows: np.ndarray
    mirror: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    quad_uv: np.ndarray
    group: np.ndarray
    landmarks: Mapping[str, int]

    @property
    def faces(self) -> np.ndarray:
        """(2 Q, 3) int32: each quad's two halves, one after the other."""
        return np.ascontiguousarray(self.quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3))

    def part(self, *groups: str) -> np.ndarray:
        """(V,) which vertices belong to one of these groups."""
        return np.isin(self.group, [GROUPS.index(name) for name in groups])


def model_frame(points: np.ndarray) -> np.ndarray:
    """(..., 3) of the world's axes (Z up, facing -Y) in the model's (Y up, facing +Z)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def make_cage(human: OpenHuman) -> Cage:
    """The vertices in MakeHuman's order, but for those that smplx asks for by number."""
    chosen = np.isin(human.quad_group, [human.group_names.index(name) for name in GROUPS])
    kept = np.unique(human.quads[chosen])
    places = named_vertices(human) | face_landmarks(human)
    rows = _ordered(kept, {SMPLX_VERTICES[name]: places[name] for name in SMPLX_VERTICES})
    number = np.full(len(human.vertices), -1, np.int64)
    number[rows] = np.arange(len(rows))
    group = np.zeros(len(rows), np.int64)
    for index, name in enumerate(GROUPS):
        group[number[np.unique(human.quads[human.group(name)])]] = index
    used, quad_uv = np.unique(human.quad_uv[chosen], return_inverse=True)
    return Cage(
        human=human,
        rows=rows,
        mirror=number[twins(human.vertices.astype(np.float64))[rows]],
        quads=number[human.quads[chosen]].astype(np.int32),
        uv=human.uv[used],
        quad_uv=quad_uv.reshape(-1, 4).astype(np.int32),
        group=group,
        landmarks={name: int(number[row]) for name, row in places.items()},
    )


def _ordered(kept: np.ndarray, wanted: Mapping[int, int]) -> np.ndarray:
    """The kept rows in their order, with the wanted ones (place -> row) at their places."""
    rest = iter(row for row in kept.tolist() if row not in set(wanted.values()))
    return np.array([wanted[place] if place in wanted else next(rest) for place in range(len(kept))])
