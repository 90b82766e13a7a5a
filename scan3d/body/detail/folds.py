"""Finds and undoes what a registration must not leave: faces turned over, and a surface that runs through itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.laplacian import neighbour_means
from scan3d.body.detail.scan_surface import NearestOn
from scan3d.geometry import Mesh

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

_LEAST_COSINE = 0.1
_LEAST_AREA = 0.02
_ROUNDS = 12
_CROSSING_ROUNDS = 4


def folded_faces(before: Floats, after: Floats, faces: Ints) -> Flags:
    """(F,) faces that turned by more than about 85 degrees or shrank to next to nothing, between (V, 3) and (V, 3)."""
    old, new = Mesh(vertices=before, faces=faces).face_cross(), Mesh(vertices=after, faces=faces).face_cross()
    length = np.linalg.norm(old, axis=1)
    turned = (old * new).sum(axis=1) < _LEAST_COSINE * length * np.linalg.norm(new, axis=1)
    return np.asarray((turned | (np.linalg.norm(new, axis=1) < _LEAST_AREA * length)) & (length > 0))


def crossing_vertices(vertices: Floats, faces: Ints, edges: Ints) -> Flags:
    """(V,) vertices of those edges (E, 2) that run through a face they have no corner in common with, and of it."""
    start, along = vertices[edges[:, 0]], vertices[edges[:, 1]] - vertices[edges[:, 0]]
    # A thousandth of the edge is left at its ends, where its own faces lie.
    t, face, _ = NearestOn(vertices, faces).first_hit(start + 1e-3 * along, along * 0.998)
    hit = np.flatnonzero(t < 1)
    corners = faces[face[hit]]
    own = (corners[:, :, None] == edges[hit][:, None, :]).any(axis=(1, 2))
    flags = np.zeros(len(vertices), bool)
    flags[edges[hit[~own]].ravel()] = True
    flags[corners[~own].ravel()] = True
    return flags


def without_folds(start: Floats, moves: Floats, faces: Ints) -> Floats:
    """(V, 3) moves of the start (V, 3), changed where they fold or cross the surface, and there only.

    Folds take the mean of the moves around; where the surface newly crosses itself the moves shrink. What the start
    has of both already stays.
    """
    means = neighbour_means(faces, len(start))
    moves = _unfolded(start, moves, faces, means)
    edges = Mesh(vertices=start, faces=faces).edges()
    crossed_before = _grown(crossing_vertices(start, faces, edges), means, 4)
    for _ in range(_CROSSING_ROUNDS):
        crossing = crossing_vertices(start + moves, faces, edges) & ~crossed_before
        if not crossing.any():
            break
        share = _grown(crossing, means, 4).astype(np.float64)
        for _ in range(8):
            share = np.asarray(means @ share)
        changed = share > 0
        moves = moves * (1 - 0.5 * share[:, None])
        near = changed[faces].any(axis=1)
        moves = _unfolded(start, moves, faces[near], means)
        edges = edges[changed[edges].any(axis=1)]
    return moves


def _unfolded(start: Floats, moves: Floats, faces: Ints, means: Any) -> Floats:
    """(V, 3) moves that around folded faces (F, 3) are the mean of their neighbours', ever wider until none is left."""
    moves = np.array(moves)
    for number in range(_ROUNDS):
        folded = folded_faces(start, start + moves, faces)
        if not folded.any():
            break
        flags = np.zeros(len(start), bool)
        flags[faces[folded]] = True
        near = np.flatnonzero(_grown(flags, means, 2 + number))
        rows = means[near]
        for _ in range(4):
            moves[near] = rows @ moves
        if number == 0:
            reach = _grown(flags, means, 2 + _ROUNDS)
            faces = faces[reach[faces].any(axis=1)]
    return moves


def _grown(flags: Flags, means: Any, rings: int) -> Flags:
    for _ in range(rings):
        flags = np.asarray(means @ flags.astype(np.float64)) > 0
    return flags
