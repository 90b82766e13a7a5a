"""Coarser avatars: every vertex is one of the finer mesh, so that texture, weights and shapes stay exact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.surface import corners_as_vertices

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

# How much of an edge's length an unlike skinning and an unlike move of a shape count for, beside the surface's own.
_WEIGHT_SHARE, _SHAPE_SHARE, _SHAPE_M = 0.05, 0.05, 0.005
_FLATTEST_COSINE = 0.3
_CHEAPEST_SHARE = 0.3
_MOST_ROUNDS = 400


def reduced(avatar: Avatar, share: float) -> Avatar:
    """The avatar with about this share of its triangles; fewer cannot be had than the texture's seams need.

    Vertices are merged into neighbours by quadric error (Garland and Heckbert 1997), those of seams stay.
    """
    corners = corners_as_vertices(avatar)
    points = np.asarray(avatar.vertices, np.float64)[corners.vertex]
    traits = _traits(avatar)[corners.vertex]
    goal = round(share * len(corners.triangles))
    faces, owner = _collapsed(points, traits, corners.triangles, corners.owner, goal)
    used, inverse = np.unique(corners.vertex[faces], return_inverse=True)
    padding = np.full((len(faces), 1), -1, np.int32)
    uv_used, uv_inverse = np.unique(faces, return_inverse=True)
    return replace(
        avatar.with_vertices(used),
        faces=np.hstack([inverse.reshape(-1, 3).astype(np.int32), padding]),
        uv=corners.uv[uv_used],
        face_uv=np.hstack([uv_inverse.reshape(-1, 3).astype(np.int32), padding]),
        face_material=avatar.face_material[owner],
        lod=avatar.lod + 1,
    )


def _traits(avatar: Avatar) -> Floats:
    """(V, D) what else should be alike in vertices that merge: distances in it are shares of an edge's length."""
    weights = np.sqrt(_WEIGHT_SHARE) * np.asarray(avatar.weights, np.float32)
    if not avatar.shapes:
        return np.asarray(weights)
    # Of all moves of all shapes, the few directions in which they differ most.
    moves = np.concatenate(list(avatar.shapes.values()), axis=1, dtype=np.float32)
    _, vectors = np.linalg.eigh(moves.T @ moves)
    few = moves @ vectors[:, -12:] * (np.sqrt(_SHAPE_SHARE) / _SHAPE_M)
    return np.concatenate([weights, few], axis=1)


def _collapsed(points: Floats, traits: Floats, faces: Ints, owner: Ints, goal: int) -> tuple[Ints, Ints]:
    """Triangles after merging, and the face that each was part of; rounds of merges that do not touch each other."""
    quadrics = _quadrics(points, faces)
    locked = _boundary(faces, len(points))
    for _ in range(_MOST_ROUNDS):
        if len(faces) <= goal:
            break
        start, end = _cheapest(points, traits, faces, quadrics, locked, (len(faces) - goal) // 2 + 1)
        if not len(start):
            break
        into = np.arange(len(points), dtype=np.int32)
        into[start] = end
        np.add.at(quadrics, end, quadrics[start])
        faces = into[faces]
        kept = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
        faces, owner = faces[kept], owner[kept]
    return faces, owner


def _quadrics(points: Floats, faces: Ints) -> Floats:
    """(V, 4, 4) sums of squared distances from the planes of the faces around, by their area."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1)
    normal = cross / np.where(area > 0, area, 1)[:, None]
    plane = np.concatenate([normal, -np.sum(normal * a, axis=1, keepdims=True)], axis=1)
    each = np.einsum("fi,fj,f->fij", plane, plane, area / 6)
    total = np.zeros((len(points), 4, 4))
    for corner in range(3):
        np.add.at(total, faces[:, corner], each)
    return total


def _boundary(faces: Ints, count: int) -> npt.NDArray[np.bool_]:
    """(V,) vertices at edges that have not two faces: seams of the texture and openings of the body."""
    ends = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1).astype(np.int64)
    keys, faces_at = np.unique(ends[:, 0] * count + ends[:, 1], return_counts=True)
    open_ = keys[faces_at != 2]
    locked = np.zeros(count, bool)
    locked[open_ // count] = locked[open_ % count] = True
    return locked


def _cheapest(
    points: Floats, traits: Floats, faces: Ints, quadrics: Floats, locked: npt.NDArray[np.bool_], most: int
) -> tuple[Ints, Ints]:
    """Vertices that go, and those they merge into: cheap, far enough from each other, without folding the surface."""
    start, end = (faces[:, [0, 1, 2, 1, 2, 0]].ravel(), faces[:, [1, 2, 0, 0, 1, 2]].ravel())
    free = ~locked[start]
    start, end = start[free], end[free]
    to = np.concatenate([points[end], np.ones((len(end), 1))], axis=1)
    length2 = np.sum((points[end] - points[start]) ** 2, axis=1)
    unlike = np.sum((traits[end] - traits[start]) ** 2, axis=1)
    area = np.trace(quadrics[start][:, :3, :3], axis1=1, axis2=2)
    cost = np.einsum("ni,nij,nj->n", to, quadrics[start], to) + area * length2 * (1e-3 + unlike)
    order = np.lexsort((end, cost))
    start, end, cost = start[order], end[order], cost[order]
    _, first = np.unique(start, return_index=True)
    first = np.sort(first)[: max(1, int(_CHEAPEST_SHARE * len(first)) + 1)]
    start, end = start[first], end[first]
    around = _neighbours(faces, len(points))
    fits = _one_fan(around, start, end) & _unfolded(points, faces, start, end)
    start, end = start[fits], end[fits]
    apart = _apart(around, start, len(points))
    return start[apart][:most], end[apart][:most]


def _neighbours(faces: Ints, count: int) -> csr_array:
    from scipy.sparse import csr_array

    rows, columns = faces[:, [0, 1, 2, 1, 2, 0]].ravel(), faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    found = csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=(count, count))
    found.data[:] = 1
    return found


def _one_fan(around: csr_array, start: Ints, end: Ints) -> npt.NDArray[np.bool_]:
    """Whether exactly two vertices see both ends, as on a surface that merging keeps one."""
    return np.asarray(around[start].multiply(around[end]).sum(axis=1)).ravel() == 2


def _unfolded(points: Floats, faces: Ints, start: Ints, end: Ints) -> npt.NDArray[np.bool_]:
    """Whether no face around the vertex that goes turns over."""
    goes = np.full(len(points), -1, np.int32)
    goes[start] = np.arange(len(start), dtype=np.int32)
    good = np.ones(len(start), bool)
    for corner in range(3):
        which = goes[faces[:, corner]]
        touched = np.flatnonzero(which >= 0)
        which = which[touched]
        after = faces[touched].copy()
        after[:, corner] = end[which]
        stays = (after != np.roll(after, 1, axis=1)).all(axis=1)
        which, before, after = which[stays], faces[touched[stays]], after[stays]
        old, new = (
            np.cross(points[f[:, 1]] - points[f[:, 0]], points[f[:, 2]] - points[f[:, 0]]) for f in (before, after)
        )
        size = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
        np.logical_and.at(good, which, np.sum(old * new, axis=1) > _FLATTEST_COSINE * size)
    return good


def _apart(around: csr_array, start: Ints, count: int) -> npt.NDArray[np.bool_]:
    """Which of these vertices, the first before the others, share no vertex of the rings around them."""
    rank = np.full(count, len(start), np.int64)
    ring = around[start].tocoo()
    np.minimum.at(rank, ring.col, ring.row)
    np.minimum.at(rank, start, np.arange(len(start)))
    clear = rank[start] == np.arange(len(start))
    np.logical_and.at(clear, ring.row, rank[ring.col] == ring.row)
    return clear
