"""Make a triangle soup that is nearly a manifold one: every edge between at most two faces, every vertex one fan."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from scan3d.geometry import Mesh

_ROUNDS = 6


def make_manifold(mesh: Mesh, *, fill_edges: int = 16) -> Mesh:
    """A manifold close to `mesh`: offending faces go, fans that meet in a point are parted, small holes are filled.

    Decimation by quadrics alone leaves some edges with three faces or more; holes of up to `fill_edges` edges that
    their removal opens (and those it finds) are closed by a fan, larger ones stay open.
    """
    faces = _without_degenerate(mesh.faces)
    vertices = np.asarray(mesh.vertices)
    for _ in range(_ROUNDS):
        faces = _without_crowded_edges(faces)
        if not len(faces):
            return Mesh(vertices=vertices[:0], faces=faces)
        vertices, faces = _part_fans(vertices, faces)
        added = _small_hole_fans(vertices, faces, fill_edges)
        if not len(added):
            break
        faces = np.concatenate([faces, added])
    else:
        faces = _without_crowded_edges(faces)
        vertices, faces = _part_fans(vertices, faces)
    return Mesh(vertices=vertices, faces=faces)


def _without_degenerate(faces: np.ndarray) -> np.ndarray:
    ok = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = faces[ok]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return faces[np.sort(first)]


def _edge_keys(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(3F,) undirected edge keys, corner by corner (edge k leaves corner k), and whether it runs upward."""
    a, b = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    n = int(faces.max()) + 1 if len(faces) else 1
    return np.minimum(a, b) * n + np.maximum(a, b), a < b


def _without_crowded_edges(faces: np.ndarray) -> np.ndarray:
    """Faces less those on an edge of three faces or more, or of two faces that run it the same way."""
    key, up = _edge_keys(faces)
    _, where = np.unique(key, return_inverse=True)
    upward = np.bincount(where, weights=up)
    downward = np.bincount(where, weights=~up)
    bad = (upward > 1) | (downward > 1)
    return faces[~bad[where].reshape(-1, 3).any(1)]


def _part_fans(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give every fan of faces around a vertex a vertex of its own; unused vertices go."""
    key, _ = _edge_keys(faces)
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    e, f = order[same], order[same + 1]  # the two half edges: e starts where f ends
    after = lambda c: c - c % 3 + (c % 3 + 1) % 3  # noqa: E731
    rows, columns = np.concatenate([e, after(e)]), np.concatenate([after(f), f])
    corners = faces.size
    graph = sp.csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(corners, corners))
    _, fan = connected_components(graph, directed=False)
    _, first, new = np.unique(fan, return_index=True, return_inverse=True)
    old = faces.ravel()[first]
    parted = vertices[old].astype(np.float64)
    new_faces = new.reshape(-1, 3).astype(np.int32)
    twin = np.bincount(old, minlength=len(vertices))[old] > 1
    if twin.any():  # apart in space too, or a reader that merges equal vertices joins them again
        total, count = np.zeros_like(parted), np.zeros(len(parted))
        np.add.at(total, new_faces.ravel(), np.repeat(parted[new_faces].mean(1), 3, axis=0))
        np.add.at(count, new_faces.ravel(), 1)
        parted[twin] += 0.05 * (total[twin] / count[twin, None] - parted[twin])
    return parted, new_faces


def boundary_loops(faces: np.ndarray) -> list[np.ndarray]:
    """Vertex indices around each hole, in the direction a filling face would need.  Fans must be parted."""
    key, _ = _edge_keys(faces)
    _, where, count = np.unique(key, return_inverse=True, return_counts=True)
    open_edge = count[where] == 1
    start = faces.ravel()[open_edge]
    end = np.roll(faces, -1, axis=1).ravel()[open_edge]
    following = dict(zip(end.tolist(), start.tolist(), strict=True))  # against the faces' own direction
    loops = []
    while following:
        first, here = following.popitem()
        loop = [first]
        while here != first:
            loop.append(here)
            if here not in following:
                break
            here = following.pop(here)
        else:
            loops.append(np.array(loop))
    return loops


def _small_hole_fans(vertices: np.ndarray, faces: np.ndarray, most: int) -> np.ndarray:
    """Faces that close holes of up to `most` edges, each a fan from the corner that makes the shortest diagonals."""
    edges = set(_edge_keys(faces)[0].tolist())
    n = int(faces.max()) + 1
    added: list[tuple[int, int, int]] = []
    for loop in boundary_loops(faces):
        if not 3 <= len(loop) <= most:
            continue
        ring = vertices[loop]
        for tip in np.linalg.norm(ring[:, None] - ring[None], axis=-1).max(1).argsort(kind="stable"):
            fan = np.roll(loop, -int(tip)).tolist()
            diagonals = {min(fan[0], k) * n + max(fan[0], k) for k in fan[2:-1]}
            if not diagonals & edges:  # an edge that exists already would get four faces
                edges |= diagonals
                added += [(fan[0], fan[k], fan[k + 1]) for k in range(1, len(fan) - 1)]
                break
    return np.array(added, np.int32).reshape(-1, 3)
