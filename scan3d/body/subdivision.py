"""Every quad becomes four: one table of weights that carries places, offsets, shapes and skinning alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scan3d.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subdivision:
    """A finer mesh, and how each of its vertices follows from those of the coarse one.

    quads: (4**level Q, 4) in the order of their parents. quad_uv: the same of uv, or None. matrix: (V', V) sparse, rows
    sum to 1; the first V rows are the coarse vertices, unmoved. uv_matrix: (T', T) or None. parent: (Q',) coarse quad.
    """

    level: int
    quads: Ints
    quad_uv: Ints | None
    matrix: csr_array
    uv_matrix: csr_array | None
    parent: npt.NDArray[np.int32]

    def of(self, values: Floats) -> Floats:
        """(V', ...) the values (V, ...) of the coarse vertices, between them linearly."""
        return np.asarray((self.matrix @ values.reshape(len(values), -1)).reshape(-1, *values.shape[1:]))

    def faces(self) -> Ints:
        """(2 Q', 3) halves of the quads, in order."""
        return halves(self.quads)


def halves(quads: Ints) -> Ints:
    """(2 Q, 3) triangles: of each quad (a, b, c, d) first (a, b, c), then (a, c, d)."""
    return np.ascontiguousarray(quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3))


def subdivided(quads: Ints, vertices: int, *, quad_uv: Ints | None = None, uv: int = 0, level: int = 1) -> Subdivision:
    """The mesh with the topology of Catmull and Clark (1978) `level` times over, its new points midway, unsmoothed.

    quads, quad_uv: (Q, 4) rows of `vertices` vertices and of `uv` texture coordinates. New vertices come last:
    one for each edge, then one for each quad. Raises InputError for a level out of 0..4 or a quad that is a triangle.
    """
    from scipy.sparse import eye_array

    if not 0 <= level <= 4:
        raise InputError(f"A body is subdivided 0 to 4 times, not {level}.", "level", "Give 1 or 2.")
    quads = np.asarray(quads, np.int32).reshape(-1, 4)
    if (quads == np.roll(quads, 1, axis=1)).any():
        raise InputError("A quad of the body names a vertex twice.", "quads", "Use a body model of quads only.")
    matrix, uv_matrix = eye_array(vertices, format="csr"), None if quad_uv is None else eye_array(uv, format="csr")
    for _ in range(level):
        quads, step = _once(quads, matrix.shape[0])
        matrix = step @ matrix
        if quad_uv is not None and uv_matrix is not None:
            quad_uv, step = _once(quad_uv, uv_matrix.shape[0])
            uv_matrix = step @ uv_matrix
    parent = np.arange(len(quads), dtype=np.int32) // 4**level
    return Subdivision(level=level, quads=quads, quad_uv=quad_uv, matrix=matrix, uv_matrix=uv_matrix, parent=parent)


def _once(quads: Ints, count: int) -> tuple[Ints, csr_array]:
    """Finer quads (4 Q, 4), and the (count', count) weights of their vertices."""
    from scipy.sparse import csr_array

    ends = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    edges, edge_of = np.unique(ends, axis=0, return_inverse=True)
    middle = (count + edge_of.reshape(-1, 4)).astype(np.int32)
    centre = np.broadcast_to((count + len(edges) + np.arange(len(quads), dtype=np.int32))[:, None], quads.shape)
    finer = np.stack([quads, middle, centre, np.roll(middle, 1, axis=1)], axis=2).reshape(-1, 4)
    rows = np.concatenate(
        [np.arange(count), count + np.repeat(np.arange(len(edges)), 2), np.repeat(centre[:, 0], 4)],
    )
    columns = np.concatenate([np.arange(count), edges.ravel(), quads.ravel()])
    share = np.concatenate([np.ones(count), np.full(2 * len(edges), 0.5), np.full(4 * len(quads), 0.25)])
    shape = (count + len(edges) + len(quads), count)
    return np.ascontiguousarray(finer, np.int32), csr_array((share, (rows, columns)), shape=shape)
