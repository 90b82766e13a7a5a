"""Points on a surface in a grid of voxels, and sums over the neighbours of each."""

from __future__ import annotations

import numba
import numpy as np

# Neighbours count only where they face the same way within 72 degrees: light does not jump from finger to finger.
_SAME_WAY = 0.3


class PointGrid:
    """Points (N, 3) with unit normals (N, 3), sorted into voxels. `order` (N,) is where each sorted point was.

    radius_m: how far neighbours reach; the voxels' side.
    """

    def __init__(self, points: np.ndarray, normals: np.ndarray, radius_m: float) -> None:
        self.radius_m = radius_m
        self._low = points.min(axis=0).astype(np.float64) - 1.5 * radius_m
        self._shape = ((points.max(axis=0) - self._low) / radius_m).astype(np.int64) + 2
        keys = self.keys(points)
        self.order = np.argsort(keys, kind="stable")
        self._points = np.ascontiguousarray(points[self.order], np.float32)
        self._normals = np.ascontiguousarray(normals[self.order], np.float32)
        self._voxels, first = np.unique(keys[self.order], return_index=True)
        self._starts = np.append(first, len(points))

    def keys(self, points: np.ndarray) -> np.ndarray:
        """(N,) numbers of the points' voxels; points far outside are taken to the border."""
        cells = np.clip(((points - self._low) / self.radius_m).astype(np.int64), 1, self._shape - 2)
        return np.asarray((cells[:, 0] * self._shape[1] + cells[:, 1]) * self._shape[2] + cells[:, 2])

    def mean(
        self, points: np.ndarray, normals: np.ndarray, values: np.ndarray, weights: np.ndarray, own: np.ndarray
    ) -> np.ndarray:
        """(N, C) float32 weighted means, at any points (N, 3), of values (M, C) of the grid's points; 0 without any.

        weights: (T, C) of neighbours at distances evenly from 0 to the radius. own: (C,) of a point at distance 0.
        """
        keys = self.keys(points)
        order = np.argsort(keys, kind="stable")
        wanted, first = np.unique(keys[order], return_index=True)
        ranges = self._ranges(wanted)
        out = np.empty((len(points), values.shape[1]), np.float32)
        _means(
            np.append(first, len(points)), order, ranges, np.ascontiguousarray(points, np.float32),
            np.ascontiguousarray(normals, np.float32), self._points, self._normals,
            np.ascontiguousarray(values[self.order], np.float32), np.ascontiguousarray(weights, np.float64),
            np.ascontiguousarray(own, np.float64), self.radius_m, out,
        )  # fmt: skip
        return out

    def _ranges(self, wanted: np.ndarray) -> np.ndarray:
        """(K, 9, 2) from where to where the sorted points of the 27 voxels around each of these lie."""
        steps = np.array([x * self._shape[1] + y for x in (-1, 0, 1) for y in (-1, 0, 1)]) * self._shape[2]
        middle = wanted[:, None] + steps
        low = np.searchsorted(self._voxels, middle - 1, side="left")
        high = np.searchsorted(self._voxels, middle + 1, side="right")
        return np.stack([self._starts[low], self._starts[high]], axis=-1)


@numba.njit(parallel=True, nogil=True, cache=True)
def _means(starts, order, ranges, points, normals, around, around_normals, values, weights, own, radius, out):
    """Fill out (N, C): voxel k of `starts` holds the points order[starts[k]:starts[k + 1]]."""
    channels, last = values.shape[1], weights.shape[0] - 1
    for k in numba.prange(len(starts) - 1):
        total, norm = np.empty(channels), np.empty(channels)
        for n in range(starts[k], starts[k + 1]):
            i = order[n]
            total[:] = 0
            norm[:] = 0
            for run in range(9):
                for j in range(ranges[k, run, 0], ranges[k, run, 1]):
                    x, y = points[i, 0] - around[j, 0], points[i, 1] - around[j, 1]
                    z = points[i, 2] - around[j, 2]
                    at = np.sqrt(x * x + y * y + z * z) / radius * last
                    if at >= last:
                        continue
                    facing = normals[i, 0] * around_normals[j, 0] + normals[i, 1] * around_normals[j, 1]
                    if facing + normals[i, 2] * around_normals[j, 2] < _SAME_WAY:
                        continue
                    t = int(at)
                    share = at - t
                    for c in range(channels):
                        w = own[c] if at == 0 else weights[t, c] * (1 - share) + weights[t + 1, c] * share
                        total[c] += w * values[j, c]
                        norm[c] += w
            for c in range(channels):
                out[i, c] = total[c] / norm[c] if norm[c] > 0 else 0.0
