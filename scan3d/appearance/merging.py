"""Joins small patches of a surface into charts, as long as the result can still be unrolled."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from scan3d.geometry import Mesh

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]

# A patch's spread is the angle that this share of its area stays within: single noisy faces do not count.
_SPREAD_SHARE = 0.97


def merge_patches(
    mesh: Mesh,
    patch: IntArray,
    normals: FloatArray,
    neighbours: IntArray,
    *,
    max_angle_rad: float,
    max_area_m2: float,
) -> IntArray:
    """(F,) the chart of each face after joining patches greedily.

    patch: (F,) labels 0..N-1 of connected patches. normals: (F, 3) smoothed unit normals. neighbours: (F, 3).
    Two neighbours may join when every patch of the union stays within max_angle_rad of the union's mean normal
    and the union is no larger than max_area_m2. First come those whose common border is the longest part of
    the shorter of their two perimeters: that removes slivers, and keeps what remains compact.
    """
    areas = mesh.face_areas().astype(np.float64)
    graph = _PatchGraph(mesh, patch, normals, areas, neighbours)
    heap = [graph.candidate(a, b) for a, others in enumerate(graph.border) for b in others if a < b]
    heapq.heapify(heap)
    limit_cos = float(np.cos(max_angle_rad))
    while heap:
        _, a, b, version_a, version_b = heapq.heappop(heap)
        if graph.version[a] != version_a or graph.version[b] != version_b:
            continue
        if graph.area[a] + graph.area[b] > max_area_m2 or not graph.stays_flat(a, b, limit_cos):
            continue
        graph.join(a, b)
        for other in graph.border[a]:
            heapq.heappush(heap, graph.candidate(min(a, other), max(a, other)))
    _, chart = np.unique(graph.owner[patch], return_inverse=True)
    return chart.astype(np.int32)


class _PatchGraph:
    """Patches, their common borders, and what has been joined so far."""

    def __init__(
        self, mesh: Mesh, patch: IntArray, normals: FloatArray, areas: FloatArray, neighbours: IntArray
    ) -> None:
        count = int(patch.max()) + 1
        self.owner = np.arange(count)
        self.version = [0] * count
        self.area = np.bincount(patch, areas, minlength=count)
        self.normal_sum: FloatArray = np.stack(
            [np.bincount(patch, normals[:, i] * areas, minlength=count) for i in range(3)], axis=1
        )
        self.members: list[IntArray] = [np.array([i], dtype=np.int32) for i in range(count)]
        self.patch_normal = _unit(self.normal_sum)
        self.patch_spread = _spread(patch, normals, areas, self.patch_normal)
        self.border: list[dict[int, float]] = [{} for _ in range(count)]
        self.perimeter = np.zeros(count)
        self._measure_borders(mesh, patch, neighbours)

    def _measure_borders(self, mesh: Mesh, patch: IntArray, neighbours: IntArray) -> None:
        corners = mesh.corners().astype(np.float64)
        length = np.linalg.norm(corners[:, [1, 2, 0]] - corners, axis=2)
        other = np.where(neighbours >= 0, patch[neighbours], -1)
        face, side = np.nonzero(other != patch[:, None])
        here, there, edge = patch[face], other[face, side], length[face, side]
        self.perimeter += np.bincount(here, edge, minlength=len(self.perimeter))
        inner = there >= 0
        key = here[inner].astype(np.int64) * len(self.perimeter) + there[inner]
        unique, inverse = np.unique(key, return_inverse=True)
        total = np.bincount(inverse, edge[inner])
        for k, border in zip(unique.tolist(), total.tolist(), strict=True):
            self.border[k // len(self.perimeter)][k % len(self.perimeter)] = border

    def candidate(self, a: int, b: int) -> tuple[float, int, int, int, int]:
        shorter = max(min(self.perimeter[a], self.perimeter[b]), 1e-12)
        return -self.border[a][b] / shorter, a, b, self.version[a], self.version[b]

    def stays_flat(self, a: int, b: int, limit_cos: float) -> bool:
        axis = self.normal_sum[a] + self.normal_sum[b]
        axis /= max(float(np.linalg.norm(axis)), 1e-300)
        members = np.concatenate([self.members[a], self.members[b]])
        turn = np.arccos(np.clip(self.patch_normal[members] @ axis, -1, 1)) + self.patch_spread[members]
        return bool(np.cos(min(float(turn.max()), np.pi)) >= limit_cos)

    def join(self, a: int, b: int) -> None:
        """b becomes part of a."""
        self.perimeter[a] += self.perimeter[b] - 2 * self.border[a][b]
        self.area[a] += self.area[b]
        self.normal_sum[a] += self.normal_sum[b]
        self.members[a] = np.concatenate([self.members[a], self.members[b]])
        self.owner[self.members[b]] = a
        self.version[a] += 1
        self.version[b] = -1
        del self.border[a][b], self.border[b][a]
        for other, length in self.border[b].items():
            del self.border[other][b]
            joined = self.border[a].get(other, 0.0) + length
            self.border[a][other] = self.border[other][a] = joined


def _spread(patch: IntArray, normals: FloatArray, areas: FloatArray, axes: FloatArray) -> FloatArray:
    """(N,) the angle around the patch's mean normal that most of its area stays within."""
    angle = np.arccos(np.clip((normals * axes[patch]).sum(axis=1), -1, 1))
    order = np.lexsort((angle, patch))
    running = np.cumsum(areas[order])
    ends = np.searchsorted(patch[order], np.arange(len(axes)), side="right")
    before = np.concatenate([[0.0], running])[np.concatenate([[0], ends[:-1]])]
    wanted = before + _SPREAD_SHARE * (running[ends - 1] - before)
    return np.asarray(angle[order][np.minimum(np.searchsorted(running, wanted), ends - 1)])


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))
