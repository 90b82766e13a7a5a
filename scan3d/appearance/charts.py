"""Cuts a surface into charts: compact pieces, each flat enough to be unrolled without folding.

First many small patches grow from seeds over the graph of faces, as in variational shape approximation
(Cohen-Steiner, Alliez and Desbrun 2004): every face goes to the seed it is nearest to, seeds move to the middle
of their patch, and a patch that bends too much gets one more seed where it bends most. Distances are measured
along the surface, so that patches are compact, and made longer where a face turns away from its patch's mean
normal, so that borders come to lie along creases. Then neighbouring patches are joined, those with the longest
common border first, for as long as the result is flat enough (see `merging`).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from scan3d.appearance.merging import merge_patches
from scan3d.geometry import Mesh

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]

_ROUNDS = 5
_FIRST_PATCHES = 300
_BORDER_ROUNDS = 4
_PATCH_ANGLE_RAD = np.radians(30.0)
_NORMAL_SMOOTHING_ROUNDS = 4


def face_neighbours(faces: IntArray) -> IntArray:
    """(F, 3) the face across each edge (corner i to corner i + 1); -1 at a boundary or where three faces meet."""
    count = len(faces)
    start = faces.ravel().astype(np.int64)
    end = faces[:, [1, 2, 0]].ravel().astype(np.int64)
    keys = np.minimum(start, end) * (int(faces.max(initial=0)) + 1) + np.maximum(start, end)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = ordered[1:] == ordered[:-1]
    alone_before = np.concatenate([[True], ~same[:-1]]) if len(same) else same
    alone_after = np.concatenate([~same[1:], [True]]) if len(same) else same
    pair = np.flatnonzero(same & alone_before & alone_after)
    neighbours = np.full(3 * count, -1, dtype=np.int32)
    neighbours[order[pair]] = order[pair + 1] // 3
    neighbours[order[pair + 1]] = order[pair] // 3
    return neighbours.reshape(count, 3)


def smooth_face_normals(mesh: Mesh, neighbours: IntArray, rounds: int = _NORMAL_SMOOTHING_ROUNDS) -> FloatArray:
    """(F, 3) unit normals averaged over neighbouring faces by area, so that noise does not cut the surface."""
    normals = mesh.face_cross().astype(np.float64)
    for _ in range(rounds):
        total = normals.copy()
        for side in range(3):
            other = neighbours[:, side]
            total += np.where(other[:, None] >= 0, normals[other], normals)
        normals = total / 4
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.where(length > 0, length, 1))


def cluster_faces(mesh: Mesh, neighbours: IntArray, *, max_angle_rad: float, max_area_m2: float) -> IntArray:
    """(F,) the chart of each face, 0..N-1; every chart is connected.

    neighbours: (F, 3) of face_neighbours(). max_angle_rad: how far a face may turn from the mean normal of its
    chart, below pi / 2. max_area_m2: no chart becomes much larger than this. Deterministic.
    """
    centres = mesh.corners().mean(axis=1).astype(np.float64)
    areas = mesh.face_areas().astype(np.float64)
    normals = smooth_face_normals(mesh, neighbours)
    label = connected_labels(_voxel_labels(centres, areas), neighbours)
    seeds = _middle_faces(label, centres, areas)
    limit = 1 - np.cos(min(_PATCH_ANGLE_RAD, 0.5 * max_angle_rad))
    for last in (*(False,) * _ROUNDS, True):
        axes = _axes(label, normals, areas)
        label = _grow(seeds, axes, centres, normals, neighbours, limit)
        axes = _axes(label, normals, areas)
        if last:
            break
        bend = 1 - (normals * axes[label]).sum(axis=1)
        extra = _worst_faces(label, bend, areas, limit, max_area_m2, centres)
        seeds = np.concatenate([_middle_faces(label, centres, areas), extra]).astype(np.int32)
    label = connected_labels(label, neighbours)
    chart = merge_patches(mesh, label, normals, neighbours, max_angle_rad=max_angle_rad, max_area_m2=max_area_m2)
    _smooth_borders(chart, neighbours, _BORDER_ROUNDS)
    return connected_labels(chart, neighbours)


def _voxel_labels(centres: FloatArray, areas: FloatArray) -> IntArray:
    """(F,) the cube of a coarse grid that each face lies in: where the first patches start from."""
    side = max(float(np.sqrt(areas.sum() / _FIRST_PATCHES)), 1e-12)
    cell = np.floor((centres - centres.min(axis=0)) / side).astype(np.int64)
    _, label = np.unique(cell, axis=0, return_inverse=True)
    return label.reshape(-1).astype(np.int32)


def _axes(label: IntArray, normals: FloatArray, areas: FloatArray) -> FloatArray:
    """(N, 3) the mean normal of each chart."""
    total = np.stack([np.bincount(label, normals[:, i] * areas) for i in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.where(length > 0, length, 1))


def _middle_faces(label: IntArray, centres: FloatArray, areas: FloatArray) -> IntArray:
    """(N,) the face nearest to the centroid of each chart."""
    weight = np.maximum(np.bincount(label, areas), 1e-300)
    centroid = np.stack([np.bincount(label, centres[:, i] * areas) / weight for i in range(3)], axis=1)
    distance = ((centres - centroid[label]) ** 2).sum(axis=1)
    order = np.lexsort((distance, label))
    first = np.searchsorted(label[order], np.arange(label.max() + 1))
    return order[first].astype(np.int32)


def _worst_faces(
    label: IntArray,
    bend: FloatArray,
    areas: FloatArray,
    limit: float,
    max_area_m2: float,
    centres: FloatArray,
) -> IntArray:
    """One more seed for each chart that bends too much, where it bends most; or that is too large, at its far end."""
    chart_area = np.bincount(label, areas)
    # A handful of noisy faces is no reason to cut: a hundredth of the chart must be beyond the limit.
    bent_area = np.bincount(label, areas * (bend > limit), minlength=len(chart_area))
    bent = bent_area > 0.01 * chart_area
    large = chart_area > max_area_m2
    middle = centres[_middle_faces(label, centres, areas)]
    distance = ((centres - middle[label]) ** 2).sum(axis=1)
    score = np.where(bent[label], bend * 1e6, np.where(large[label], distance, -1.0))
    order = np.lexsort((-score, label))
    first = order[np.searchsorted(label[order], np.arange(len(chart_area)))]
    return first[bent | large].astype(np.int32)


def connected_labels(label: IntArray, neighbours: IntArray) -> IntArray:
    """Labels renumbered so that each connected piece of a label has its own, in order of its first face."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(label)
    face, side = np.nonzero(neighbours >= 0)
    other = neighbours[face, side]
    keep = label[face] == label[other]
    graph = coo_array((np.ones(keep.sum(), dtype=np.int8), (face[keep], other[keep])), shape=(count, count))
    _, piece = connected_components(graph, directed=False)
    _, first, inverse = np.unique(piece, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]


@numba.njit(cache=True, nogil=True)
def _smooth_borders(label, neighbours, rounds):
    """A face that has two neighbours in another chart goes there: teeth vanish from the borders, in place."""
    for _ in range(rounds):
        for face in range(len(label)):
            own = label[face]
            for side in range(3):
                a, b = neighbours[face, side], neighbours[face, (side + 1) % 3]
                if a >= 0 and b >= 0 and label[a] == label[b] and label[a] != own:
                    label[face] = label[a]
                    break


@numba.njit(cache=True, nogil=True)
def _grow(seeds, axes, centres, normals, neighbours, limit):
    """Dijkstra from all seeds at once with a binary heap; returns the seed that reaches each face first."""
    count = len(centres)
    label = np.full(count, -1, np.int32)
    best = np.full(count, np.inf)
    seed_axes = np.empty((len(seeds), 3))
    for i in range(len(seeds)):
        seed_axes[i] = axes[i] if i < len(axes) else normals[seeds[i]]
    capacity = 4 * count + len(seeds) + 16
    heap_cost = np.empty(capacity)
    heap_face = np.empty(capacity, np.int32)
    heap_label = np.empty(capacity, np.int32)
    size = 0
    for i in range(len(seeds)):
        best[seeds[i]] = 0.0
        size = _push(heap_cost, heap_face, heap_label, size, 0.0, seeds[i], i)
    while size > 0:
        cost, face, chart = heap_cost[0], heap_face[0], heap_label[0]
        size = _pop(heap_cost, heap_face, heap_label, size)
        if label[face] >= 0:
            continue
        label[face] = chart
        for side in range(3):
            other = neighbours[face, side]
            if other < 0 or label[other] >= 0:
                continue
            step = 0.0
            turn = 1.0
            for axis in range(3):
                step += (centres[other, axis] - centres[face, axis]) ** 2
                turn -= normals[other, axis] * seed_axes[chart, axis]
            bend = turn / limit
            reached = cost + np.sqrt(step) * (1.0 + 4.0 * bend * bend)
            if reached < best[other]:
                best[other] = reached
                size = _push(heap_cost, heap_face, heap_label, size, reached, other, chart)
    for face in range(count):  # a part of the surface without a seed cannot be: every part starts with one
        if label[face] < 0:
            label[face] = 0
    return label


@numba.njit(cache=True, nogil=True, inline="always")
def _push(heap_cost, heap_face, heap_label, size, cost, face, chart):
    position = size
    while position > 0:
        parent = (position - 1) >> 1
        if heap_cost[parent] <= cost:
            break
        heap_cost[position] = heap_cost[parent]
        heap_face[position] = heap_face[parent]
        heap_label[position] = heap_label[parent]
        position = parent
    heap_cost[position], heap_face[position], heap_label[position] = cost, face, chart
    return size + 1


@numba.njit(cache=True, nogil=True, inline="always")
def _pop(heap_cost, heap_face, heap_label, size):
    size -= 1
    cost, face, chart = heap_cost[size], heap_face[size], heap_label[size]
    position = 0
    while True:
        child = 2 * position + 1
        if child >= size:
            break
        if child + 1 < size and heap_cost[child + 1] < heap_cost[child]:
            child += 1
        if heap_cost[child] >= cost:
            break
        heap_cost[position] = heap_cost[child]
        heap_face[position] = heap_face[child]
        heap_label[position] = heap_label[child]
        position = child
    heap_cost[position], heap_face[position], heap_label[position] = cost, face, chart
    return size
