"""A body model split as finely as asked, with texture coordinates, and a smooth surface through its vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scan3d.body.model import BodyModel
from scan3d.body.subdivision import halves, subdivided

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_INTERPOLATION_ROUNDS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class FineMesh:
    """The topology of Catmull and Clark (1978): vertices of the level before, then middles of edges, then of quads.

    level: how often it was split; 0 is the model itself. matrix: (V', V) sparse, rows sum to 1, means of the model's
    vertices: whatever a vertex carries (place, weights, moves of a shape) is carried by it, and its first V rows are
    the identity. quads: (Q', 4), or None of a model of triangles; quad q of one level is quads 4 q ... 4 q + 3 of the
    next, each beginning at its old corner. faces: (F', 3) halves of the quads, in order. uv: (T', 2), or None.
    quad_uv: (Q', 4) rows of uv; (F', 3) of a model of triangles. face_uv: (F', 3) rows of uv, or None.
    smoothing: a sparse matrix for each level, to the places of Catmull and Clark (of Loop, 1987, for triangles).
    """

    level: int
    matrix: csr_array
    quads: Ints | None
    faces: Ints
    uv: Floats | None
    quad_uv: Ints | None
    smoothing: tuple[csr_array, ...]

    @property
    def face_uv(self) -> Ints | None:
        return self.quad_uv if self.quads is None or self.quad_uv is None else halves(self.quad_uv)

    def smooth(self, points: Floats) -> Floats:
        """(V', 3) a smooth surface through the model's vertices (V, 3), which stay where they are within microns."""
        if not self.level:
            return np.array(points)
        count = len(points)
        cage = np.array(points, np.float64)
        for _ in range(_INTERPOLATION_ROUNDS):
            cage += points - self._smoothed(cage)[:count]
        result = self._smoothed(cage)
        # What is left of the difference goes to the vertices between, too.
        return np.asarray(result + self.matrix @ (points - result[:count]))

    def _smoothed(self, points: Floats) -> Floats:
        for step in self.smoothing:
            points = step @ points
        return points


def fine_mesh(model: BodyModel, level: int) -> FineMesh:
    """The model's mesh split `level` times: 4 ** level times its faces. Raises ValueError for a negative level."""
    from scipy.sparse import eye_array

    if level < 0:
        raise ValueError(f"a mesh cannot be split {level} times")
    polygons = model.faces if model.quads is None else model.quads
    polygon_uv, uv = model.quad_uv, model.uv
    matrix = eye_array(len(model.template), format="csr")
    smoothing: list[csr_array] = []
    for _ in range(level):
        step, smooth, finer = _split(polygons, matrix.shape[0])
        if uv is not None and polygon_uv is not None:
            uv_step, _, polygon_uv = _split(polygon_uv, len(uv))
            uv = uv_step @ uv
        matrix = (step @ matrix).tocsr()
        smoothing.append(smooth)
        polygons = finer
    faces = polygons if model.quads is None else halves(polygons)
    return FineMesh(
        level=level,
        matrix=matrix,
        quads=None if model.quads is None else polygons,
        faces=model.faces if level == 0 else faces,
        uv=uv,
        quad_uv=polygon_uv,
        smoothing=tuple(smoothing),
    )


def _split(polygons: Ints, count: int) -> tuple[csr_array, csr_array, Ints]:
    """One level: matrices to the middles and to the smooth places (V', V), and the new polygons."""
    from scipy.sparse import csr_array, eye_array, vstack

    pairs, side_edge = _edges(polygons, count)
    edge_vertex = _incidence(np.repeat(np.arange(len(pairs)), 2), pairs.ravel(), (len(pairs), count))
    if polygons.shape[1] == 4:
        face_vertex = _incidence(np.repeat(np.arange(len(polygons)), 4), polygons.ravel(), (len(polygons), count))
        finer = subdivided(polygons, count)
        return finer.matrix, _catmull_clark(edge_vertex, face_vertex, side_edge), finer.quads
    middle = count + side_edge.astype(np.int32)
    corners = np.stack([polygons, middle, np.roll(middle, 1, axis=1)], axis=2)
    triangles = np.concatenate([corners, middle[:, None]], axis=1).reshape(-1, 3)
    matrix = csr_array(vstack([eye_array(count, format="csr"), edge_vertex * 0.5]))
    return matrix, _loop(edge_vertex, polygons, side_edge), np.ascontiguousarray(triangles, np.int32)


def _edges(polygons: Ints, count: int) -> tuple[Ints, npt.NDArray[np.int64]]:
    """Unique edges (E, 2), smaller vertex first, and which of them side k to k + 1 of each polygon is (P, sides)."""
    following = np.roll(polygons, -1, axis=1)
    low, high = np.minimum(polygons, following).astype(np.int64), np.maximum(polygons, following)
    keys, inverse = np.unique(low * count + high, return_inverse=True)
    return np.stack([keys // count, keys % count], axis=1).astype(np.int32), inverse.reshape(polygons.shape)


def _incidence(rows: npt.NDArray[np.int64], columns: Ints, shape: tuple[int, int]) -> csr_array:
    from scipy.sparse import coo_array

    return coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()


def _catmull_clark(edge_vertex: csr_array, face_vertex: csr_array, side_edge: npt.NDArray[np.int64]) -> csr_array:
    """(V', V): the places of new and old vertices, edges of one face only as a cubic spline."""
    from scipy.sparse import csr_array, vstack

    face_point = face_vertex / 4
    edge_face = _incidence(
        side_edge.ravel(), np.repeat(np.arange(len(side_edge)), 4), (edge_vertex.shape[0], len(side_edge))
    )
    faces_at_edge = np.diff(edge_face.indptr)
    rim = faces_at_edge == 1
    mean_face_at_edge = _scaled(1 / np.maximum(faces_at_edge, 1), edge_face) @ face_point
    edge_point = _scaled(~rim * 0.5, edge_vertex * 0.5 + mean_face_at_edge) + _scaled(rim * 0.5, edge_vertex)
    valence = np.maximum(np.asarray(edge_vertex.sum(axis=0)), 1)
    around = np.maximum(np.asarray(face_vertex.sum(axis=0)), 1)
    mean_face = _scaled(1 / around, face_vertex.T) @ face_point
    mean_middle = _scaled(1 / valence, edge_vertex.T) @ (edge_vertex / 2)
    inner = _scaled(1 / valence, mean_face + 2 * mean_middle) + _diagonal((valence - 3) / valence)
    vertex_point = _with_rim(inner, edge_vertex, rim)
    return csr_array(vstack([vertex_point, edge_point, face_point]))


def _loop(edge_vertex: csr_array, faces: Ints, side_edge: npt.NDArray[np.int64]) -> csr_array:
    """(V', V): the places of Loop's scheme with Warren's weights."""
    from scipy.sparse import csr_array, vstack

    opposite = _incidence(side_edge.ravel(), np.roll(faces, -2, axis=1).ravel(), edge_vertex.shape)
    rim = np.bincount(side_edge.ravel(), minlength=edge_vertex.shape[0]) == 1
    edge_point = _scaled(~rim * 0.125, edge_vertex * 3 + opposite) + _scaled(rim * 0.5, edge_vertex)
    valence = np.maximum(np.asarray(edge_vertex.sum(axis=0)), 1)
    share = np.where(valence == 3, 3 / 16, 3 / (8 * valence))
    neighbours = edge_vertex.T @ edge_vertex - _diagonal(valence)
    inner = _scaled(share, neighbours) + _diagonal(1 - share * valence)
    return csr_array(vstack([_with_rim(inner, edge_vertex, rim), edge_point]))


def _with_rim(inner: csr_array, edge_vertex: csr_array, rim: npt.NDArray[np.bool_]) -> csr_array:
    """The rule (p + 6 q + r) / 8 at vertices on a rim, and no move at vertices that nothing uses."""
    count = edge_vertex.shape[1]
    edges = edge_vertex[np.flatnonzero(rim)]
    on_rim = np.asarray(edges.sum(axis=0)) > 0
    used = np.asarray(edge_vertex.sum(axis=0)) > 0
    border = (
        _diagonal(np.full(count, 0.5)) + (edges.T @ edges) / 8 + _diagonal(0.5 - 0.25 * np.asarray(edges.sum(axis=0)))
    )
    return _scaled(used & ~on_rim, inner) + _scaled(on_rim, border) + _diagonal(~used)


def _diagonal(values: npt.NDArray[np.generic]) -> csr_array:
    from scipy.sparse import diags_array

    return diags_array(np.asarray(values, np.float64)).tocsr()


def _scaled(values: npt.NDArray[np.generic], matrix: csr_array) -> csr_array:
    """The matrix with its rows multiplied."""
    return _diagonal(values) @ matrix
