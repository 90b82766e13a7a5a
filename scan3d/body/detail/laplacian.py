"""The Laplacian of a triangle mesh, by cotangents (Pinkall and Polthier 1993), and smoothing with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_COTANGENTS = (0.02, 8.0)  # kept above so that the energy stays convex, below so that slivers do not make it stiff


def edge_weights(vertices: Floats, faces: Ints) -> csr_array:
    """(V, V) symmetric: half the cotangents opposite each edge, bounded. No unit."""
    from scipy.sparse import coo_array

    count = len(vertices)
    rows, columns, values = [], [], []
    for corner in range(3):
        apex, a, b = faces[:, corner], faces[:, (corner + 1) % 3], faces[:, (corner + 2) % 3]
        to_a, to_b = vertices[a] - vertices[apex], vertices[b] - vertices[apex]
        double = np.linalg.norm(np.cross(to_a, to_b), axis=1)
        cotangent = np.clip((to_a * to_b).sum(axis=1) / np.maximum(double, 1e-16), *_COTANGENTS)
        rows += [a, b]
        columns += [b, a]
        values += [0.5 * cotangent, 0.5 * cotangent]
    where = (np.concatenate(rows), np.concatenate(columns))
    return coo_array((np.concatenate(values), where), shape=(count, count)).tocsr()


def vertex_areas(vertices: Floats, faces: Ints) -> Floats:
    """(V,) a third of the faces around, m^2, at least a thousandth of the mean."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    third = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    areas = np.bincount(faces.ravel(), np.repeat(third, 3), minlength=len(vertices))
    return np.maximum(areas, 1e-3 * areas.mean())


def laplacian(weights: csr_array) -> csr_array:
    """(V, V) positive semi-definite: the weights' sums on the diagonal less the weights."""
    from scipy.sparse import diags_array

    return (diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights).tocsr()


def neighbour_means(faces: Ints, count: int) -> csr_array:
    """(V, V) the mean of a vertex and those it shares an edge with."""
    from scipy.sparse import coo_array, diags_array, eye_array

    ends = faces[:, [0, 1, 1, 2, 2, 0, 1, 0, 2, 1, 0, 2]].reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
    graph.data[:] = 1
    graph = graph + eye_array(count, format="csr")
    return (diags_array(1 / np.asarray(graph.sum(axis=1)).ravel()) @ graph).tocsr()
