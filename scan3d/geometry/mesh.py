"""Triangle meshes as arrays, with the questions one asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Triangles in the world frame.

    vertices: (V, 3) float32 or float64, metres.
    faces: (F, 3) int32, counter-clockwise seen from outside.
    normals: (V, 3) unit vectors, or None.
    vertex_values: named values per vertex, each (V,) or (V, C), e.g. "confidence".
    uv: (F, 3, 2) texture coordinates of the corners, or None.
    Raises ValueError when shapes contradict or a face names a vertex that is not there.
    """

    vertices: FloatArray
    faces: IntArray
    normals: FloatArray | None = None
    vertex_values: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    uv: FloatArray | None = None

    def __post_init__(self) -> None:
        vertices = np.asarray(self.vertices)
        if vertices.dtype not in (np.float32, np.float64):
            vertices = vertices.astype(np.float64)
        faces = np.asarray(self.faces, dtype=np.int32).reshape(-1, 3)
        object.__setattr__(self, "vertices", vertices.reshape(-1, 3))
        object.__setattr__(self, "faces", faces)
        count = len(self.vertices)
        if len(faces) and (faces.min() < 0 or faces.max() >= count):
            raise ValueError(f"faces name vertices outside 0..{count - 1}")
        if self.normals is not None and self.normals.shape != (count, 3):
            raise ValueError(f"normals must have shape {(count, 3)}, not {self.normals.shape}")
        if self.uv is not None and self.uv.shape != (len(faces), 3, 2):
            raise ValueError(f"uv must have shape {(len(faces), 3, 2)}, not {self.uv.shape}")
        for name, values in self.vertex_values.items():
            if len(values) != count:
                raise ValueError(f"vertex values '{name}' have {len(values)} rows for {count} vertices")

    def corners(self) -> FloatArray:
        """(F, 3, 3) the three points of each face, metres."""
        return self.vertices[self.faces]

    def face_cross(self) -> FloatArray:
        """(F, 3) face normals of length twice the area, m^2."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.cross(b - a, c - a)

    def face_normals(self) -> FloatArray:
        """(F, 3) unit normals; zero for a face without area."""
        return _unit(self.face_cross())

    def face_areas(self) -> FloatArray:
        """(F,) areas in m^2."""
        return np.asarray(0.5 * np.linalg.norm(self.face_cross(), axis=1))

    def vertex_normals(self) -> FloatArray:
        """(V, 3) unit normals, the area-weighted mean of the faces around; zero at an unused vertex."""
        cross = self.face_cross().astype(np.float64)
        flat = self.faces.ravel()
        total = np.empty((len(self.vertices), 3))
        for axis in range(3):
            total[:, axis] = np.bincount(flat, np.repeat(cross[:, axis], 3), minlength=len(self.vertices))
        return _unit(total).astype(self.vertices.dtype)

    def edges(self) -> IntArray:
        """(E, 2) every edge once, smaller vertex first, sorted."""
        return _unique_edges(np.sort(self._directed_edges(), axis=1), len(self.vertices))[0]

    def boundary_edges(self) -> IntArray:
        """(B, 2) edges of one face only, directed as in that face."""
        directed = self._directed_edges()
        _, inverse, counts = _unique_edges(np.sort(directed, axis=1), len(self.vertices))
        return np.asarray(directed[counts[inverse] == 1])

    def components(self) -> IntArray:
        """(F,) which connected part each face belongs to; 0 is the part with the most faces.

        Two faces are connected when they share a vertex.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if not len(self.faces):
            return np.zeros(0, dtype=np.int32)
        edges = self._directed_edges()
        count = len(self.vertices)
        graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
        _, vertex_label = connected_components(graph, directed=False)
        face_label = vertex_label[self.faces[:, 0]]
        sizes = np.bincount(face_label)
        rank = np.empty(len(sizes), dtype=np.int32)
        rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes), dtype=np.int32)
        return np.asarray(rank[face_label])

    def is_manifold(self) -> bool:
        """Whether this is an oriented 2-manifold, with or without boundary.

        Every edge has at most two faces, which run through it in opposite directions; no face repeats a
        vertex; and the faces around a vertex form one fan, so that no two parts touch in a point only.
        """
        faces = self.faces
        if not len(faces):
            return True
        if (faces == np.roll(faces, 1, axis=1)).any():
            return False
        directed = self._directed_edges()
        keys = directed[:, 0].astype(np.int64) * len(self.vertices) + directed[:, 1]
        # A directed edge that occurs twice: three faces at it, or two that disagree about the outside.
        if len(np.unique(keys)) != len(keys):
            return False
        return self._fan_count() == len(np.unique(faces))

    def is_watertight(self) -> bool:
        """Whether the mesh is manifold and has no boundary."""
        return bool(len(self.faces)) and not len(self.boundary_edges()) and self.is_manifold()

    def submesh(self, keep_faces: npt.NDArray[np.bool_]) -> Mesh:
        """The mesh of the faces where `keep_faces` (F,) holds, without vertices that none of them uses."""
        faces = self.faces[keep_faces]
        used, inverse = np.unique(faces, return_inverse=True)
        return replace(
            self,
            vertices=self.vertices[used],
            faces=inverse.reshape(-1, 3).astype(np.int32),
            normals=None if self.normals is None else self.normals[used],
            vertex_values={name: values[used] for name, values in self.vertex_values.items()},
            uv=None if self.uv is None else self.uv[keep_faces],
        )

    def _directed_edges(self) -> IntArray:
        return np.asarray(self.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2))

    def _fan_count(self) -> int:
        """How many fans of faces there are around all vertices together.

        Corner k of face f is node 3f + k; the corners at both ends of a shared edge are joined.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        directed = self._directed_edges()
        order = np.lexsort((directed.max(axis=1), directed.min(axis=1)))
        low, high = directed.min(axis=1)[order], directed.max(axis=1)[order]
        pair = np.flatnonzero((low[1:] == low[:-1]) & (high[1:] == high[:-1]))
        first, second = order[pair], order[pair + 1]
        # Half edge h of face h // 3 starts at corner h and ends at the next corner of that face.
        first_end = first - first % 3 + (first + 1) % 3
        second_end = second - second % 3 + (second + 1) % 3
        rows = np.concatenate([first, first_end])
        columns = np.concatenate([second_end, second])
        size = 3 * len(self.faces)
        graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
        return int(connected_components(graph, directed=False, return_labels=False))


def _unique_edges(edges: IntArray, vertex_count: int) -> tuple[IntArray, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Unique rows of (N, 2) edges, which of them each row is, and how often each occurs."""
    keys = edges[:, 0].astype(np.int64) * vertex_count + edges[:, 1]
    unique, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    rows = np.column_stack([unique // max(1, vertex_count), unique % max(1, vertex_count)]).astype(np.int32)
    return rows, inverse, counts


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))
