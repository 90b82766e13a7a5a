"""Stature, waist and hip of bodies as sculpted, to keep the people drawn within published ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.body.open_model.cage import Cage, model_frame
from scan3d.body.open_model.joints import joint_weights
from scan3d.body.skeleton import JOINTS


@dataclass(frozen=True, kw_only=True, eq=False)
class Tape:
    """Where the tape goes round (definitions of ANSUR II). body: rows of the skin. edges: (E, 2) of the trunk's mesh.
    navel: a vertex. behind: candidates for where the buttocks stand out most."""

    body: np.ndarray
    edges: np.ndarray
    navel: int
    behind: np.ndarray

    @classmethod
    def of(cls, cage: Cage) -> Tape:
        points = model_frame(cage.human.vertices[cage.rows].astype(np.float64))
        weights = joint_weights(cage.human, cage.rows)
        trunk = weights[:, [_is_trunk(name) for name in JOINTS]].sum(axis=1) > 0.5
        trunk &= cage.part("body")
        quads = cage.quads[trunk[cage.quads].all(axis=1)]
        edges = np.unique(np.sort(quads[:, [0, 1, 1, 2, 2, 3, 3, 0]].reshape(-1, 2), axis=1), axis=0)
        rows, moves = cage.human.target("stomach-navel-in")
        navel = int(np.flatnonzero(cage.rows == rows[np.argmax(np.linalg.norm(moves, axis=1))])[0])
        low = trunk & (points[:, 1] > -0.12) & (points[:, 1] < 0.12)
        return cls(body=np.flatnonzero(cage.part("body")), edges=edges, navel=navel, behind=np.flatnonzero(low))

    def girths(self, points: np.ndarray) -> tuple[float, float]:
        """Waist at the navel and hip where the buttocks stand out most, of a body's first rows (V, 3), metres."""
        behind = self.behind[np.argmin(points[self.behind, 2])]
        return self._around(points, float(points[self.navel, 1])), self._around(points, float(points[behind, 1]))

    def _around(self, points: np.ndarray, height: float) -> float:
        """The perimeter of the convex hull of the trunk's section at a height; 0 where it is not met."""
        from scipy.spatial import ConvexHull

        above = points[self.edges, 1] - height
        crossing = above[:, 0] * above[:, 1] < 0
        if crossing.sum() < 3:
            return 0.0
        a, b = above[crossing].T
        t = (a / (a - b))[:, None]
        first, second = points[self.edges[crossing]][:, :, [0, 2]].swapaxes(0, 1)
        cut = first * (1 - t) + second * t
        hull = cut[ConvexHull(cut).vertices]
        return float(np.linalg.norm(hull - np.roll(hull, 1, axis=0), axis=1).sum())


def _is_trunk(name: str) -> bool:
    return name.startswith(("pelvis", "spine")) or name.endswith(("hip", "collar"))
