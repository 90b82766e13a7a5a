"""Surfaces as linear functions of a cage: subdivision and cuts that are the same for every shape and pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scan3d.geometry import Mesh

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """Triangles whose vertices are weighted means of a cage's vertices.

    matrix: (V, C) sparse, rows sum to 1, of the cage's C vertices. faces: (F, 3) int32. uv: (F, 3, 2).
    """

    matrix: csr_array
    faces: np.ndarray
    uv: np.ndarray

    def points(self, cage: np.ndarray) -> np.ndarray:
        """(V, 3) of a cage (C, 3), in its frame."""
        return np.asarray(self.matrix @ cage)

    def mesh(self, cage: np.ndarray) -> Mesh:
        """The surface of a cage (C, 3)."""
        return Mesh(vertices=self.points(cage), faces=self.faces, uv=self.uv)

    def kept(self, keep_faces: np.ndarray) -> Surface:
        """The surface of the faces where (F,) holds, without vertices that none of them uses."""
        used, inverse = np.unique(self.faces[keep_faces], return_inverse=True)
        return Surface(matrix=self.matrix[used], faces=inverse.reshape(-1, 3).astype(np.int32), uv=self.uv[keep_faces])

    def split(self, level: np.ndarray) -> tuple[Surface, np.ndarray]:
        """The same surface with edges along the line where `level` (V,) is zero, and the level of its vertices.

        No face of the result has corners on both sides. Values within a hundredth of an edge of zero are moved onto
        the line, so that no slivers arise.
        """
        from scipy.sparse import coo_array, vstack

        level = np.where(level == 0, 0.0, level).astype(np.float64)
        edges = np.sort(self.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        low, high = level[edges[:, 0]], level[edges[:, 1]]
        share = np.divide(low, low - high, out=np.full(len(edges), -1.0), where=low * high < 0)
        level[edges[(share > 0) & (share < 0.01), 0]] = 0
        level[edges[share > 0.99, 1]] = 0
        low, high = level[edges[:, 0]], level[edges[:, 1]]
        crossing = low * high < 0
        unique, inverse = np.unique(edges[crossing], axis=0, return_inverse=True)
        t = level[unique[:, 0]] / (level[unique[:, 0]] - level[unique[:, 1]])
        count = len(level)
        rows = np.repeat(np.arange(len(unique)), 2)
        mix = coo_array((np.stack([1 - t, t], axis=1).ravel(), (rows, unique.ravel())), shape=(len(unique), count))
        cut = np.full(len(edges), -1, np.int64)
        cut[crossing] = count + inverse.reshape(-1)
        share = np.zeros(len(edges))
        share[crossing] = t[inverse.reshape(-1)]
        faces, uv = _cut_faces(self.faces, self.uv, cut.reshape(-1, 3), share.reshape(-1, 3))
        matrix = vstack([self.matrix, mix.tocsr() @ self.matrix], format="csr")
        return Surface(matrix=matrix, faces=faces, uv=uv), np.concatenate([level, np.zeros(len(unique))])


def _cut_faces(faces: np.ndarray, uv: np.ndarray, cut: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces split at the new vertices `cut` (F, 3) on edges 01, 12, 20; -1: none. share: from the lower vertex."""
    count = (cut >= 0).sum(axis=1)
    new_faces, new_uv = [faces[count == 0]], [uv[count == 0]]
    following = np.roll(faces, -1, axis=1)
    forward = np.where(faces < following, share, 1 - share)[..., None]
    middle_uv = uv * (1 - forward) + np.roll(uv, -1, axis=1) * forward
    for corner in range(3):
        a, b, c = corner, (corner + 1) % 3, (corner + 2) % 3
        # The line runs through the corner opposite edge bc: two triangles.
        one = (count == 1) & (cut[:, b] >= 0)
        # It cuts corner a off: a triangle and a quadrilateral.
        two = (count == 2) & (cut[:, b] < 0)
        for chosen, pieces in (
            (one, [(("v", a), ("v", b), ("e", b)), (("v", a), ("e", b), ("v", c))]),
            (
                two,
                [
                    (("v", a), ("e", a), ("e", c)),
                    (("e", a), ("v", b), ("e", c)),
                    (("v", b), ("v", c), ("e", c)),
                ],
            ),
        ):
            for piece in pieces:
                new_faces.append(np.stack([(faces if k == "v" else cut)[chosen, i] for k, i in piece], axis=1))
                new_uv.append(np.stack([(uv if k == "v" else middle_uv)[chosen, i] for k, i in piece], axis=1))
    return np.concatenate(new_faces).astype(np.int32), np.concatenate(new_uv)


def subdivide(quads: np.ndarray, quad_uv: np.ndarray, cage: np.ndarray, *, longest_m: float = 0.0) -> Surface:
    """One step of Catmull and Clark (1978) where the cage is coarse.

    quads: (Q, 4) vertices of the cage, a manifold with or without boundary. quad_uv: (Q, 4, 2). cage: (C, 3) metres,
    the shape that decides where edges longer than longest_m are split; all of them at 0. All vertices move to the
    place of the full step, so that the surface is smooth where nothing is split, too. Vertices of the cage come first
    (those no quad uses are left out).
    """
    from scipy.sparse import vstack

    used, local = np.unique(quads, return_inverse=True)
    local = local.reshape(-1, 4).astype(np.int64)
    vertex, edge, face, quad_edges = _catmull_clark(local, len(used))
    ends = cage[used]
    pairs = _edge_ends(local)[0]
    split = np.linalg.norm(ends[pairs[:, 0]] - ends[pairs[:, 1]], axis=1) > longest_m
    edge_number = np.where(split, len(used) + np.cumsum(split) - 1, -1)
    marks = edge_number[quad_edges]
    count = (marks >= 0).sum(axis=1)
    centre_number = np.where(count > 0, len(used) + split.sum() + np.cumsum(count > 0) - 1, -1)
    matrix = vstack([vertex, edge[split], face[count > 0]], format="csr")
    faces, uv = _triangles(local, quad_uv, marks, centre_number, ends)
    wide = _spread(matrix, used, len(cage))
    return Surface(matrix=wide, faces=faces, uv=uv)


def _spread(matrix: csr_array, columns: np.ndarray, width: int) -> csr_array:
    """The matrix with its columns put at these places of a wider one."""
    from scipy.sparse import csr_array as csr

    return csr((matrix.data, columns[matrix.indices], matrix.indptr), shape=(matrix.shape[0], width))


def _edge_ends(quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unique edges (E, 2) and which of them the four sides of each quad are (Q, 4)."""
    sides = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    pairs, inverse = np.unique(sides, axis=0, return_inverse=True)
    return pairs, inverse.reshape(-1, 4)


def _catmull_clark(quads: np.ndarray, count: int) -> tuple[csr_array, csr_array, csr_array, np.ndarray]:
    """Matrices of the new vertex, edge and face points over the old vertices; and the edges of each quad (Q, 4)."""
    from scipy.sparse import coo_array, diags_array

    pairs, quad_edges = _edge_ends(quads)
    n_quads, n_edges = len(quads), len(pairs)

    def incidence(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_array:
        return coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()

    face_vertex = incidence(np.repeat(np.arange(n_quads), 4), quads.ravel(), (n_quads, count))
    edge_vertex = incidence(np.repeat(np.arange(n_edges), 2), pairs.ravel(), (n_edges, count))
    edge_face = incidence(quad_edges.ravel(), np.repeat(np.arange(n_quads), 4), (n_edges, n_quads))
    face_point = face_vertex / 4
    faces_at_edge = np.diff(edge_face.indptr)
    rim = faces_at_edge == 1
    smooth_edge = (edge_vertex + edge_face @ face_point) / 4
    edge_point = diags_array((~rim).astype(float)) @ smooth_edge + diags_array(rim * 0.5) @ edge_vertex
    valence = np.asarray(edge_vertex.sum(axis=0)).ravel()
    on_rim = np.asarray(edge_vertex[rim].sum(axis=0)).ravel() > 0
    faces_around = np.asarray(face_vertex.sum(axis=0)).ravel()
    mean_face = diags_array(1 / faces_around) @ face_vertex.T @ face_point
    mean_middle = diags_array(1 / valence) @ edge_vertex.T @ (edge_vertex / 2)
    eye = diags_array(np.ones(count))
    inner = diags_array(1 / valence) @ (mean_face + 2 * mean_middle) + diags_array((valence - 3) / valence) @ eye
    # On a rim: (p + 6 q + r) / 8 = q / 2 + the mean of the two rim edges' middles / 2.
    border = 0.5 * eye + diags_array(np.full(count, 0.25)) @ edge_vertex[rim].T @ (edge_vertex[rim] / 2)
    vertex_point = diags_array((~on_rim).astype(float)) @ inner + diags_array(on_rim.astype(float)) @ border
    return vertex_point.tocsr(), edge_point.tocsr(), face_point.tocsr(), quad_edges


def _triangles(
    quads: np.ndarray, quad_uv: np.ndarray, marks: np.ndarray, centres: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whole quads by their shorter diagonal; the others as fans about their centre."""
    whole = centres < 0
    q, t = quads[whole], quad_uv[whole]
    first = np.linalg.norm(points[q[:, 0]] - points[q[:, 2]], axis=1)
    second = np.linalg.norm(points[q[:, 1]] - points[q[:, 3]], axis=1)
    turn = (np.arange(4) + (second < first)[:, None]) % 4
    q, t = np.take_along_axis(q, turn, axis=1), np.take_along_axis(t, turn[..., None], axis=1)
    faces, uv = [q[:, [0, 1, 2]], q[:, [0, 2, 3]]], [t[:, [0, 1, 2]], t[:, [0, 2, 3]]]
    q, t, m, c = quads[~whole], quad_uv[~whole], marks[~whole], centres[~whole]
    middle = t.mean(axis=1)
    for side in range(4):
        following = (side + 1) % 4
        has = m[:, side] >= 0
        half = 0.5 * (t[:, side] + t[:, following])
        faces.append(np.stack([q[:, side], q[:, following], c], axis=1)[~has])
        uv.append(np.stack([t[:, side], t[:, following], middle], axis=1)[~has])
        faces.append(np.stack([q[:, side], m[:, side], c], axis=1)[has])
        uv.append(np.stack([t[:, side], half, middle], axis=1)[has])
        faces.append(np.stack([m[:, side], q[:, following], c], axis=1)[has])
        uv.append(np.stack([half, t[:, following], middle], axis=1)[has])
    return np.concatenate(faces).astype(np.int32), np.concatenate(uv)
