"""Semi-global smoothing of a cost volume (Hirschmueller 2008), four paths, over irregular valid regions."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "arcp", "nsz"}, error_model="numpy")
def _step(cost, previous, p1, p2, out):
    """One step of a path: out[d] = cost[d] + min(prev[d], prev[d+-1] + p1, min prev + p2) - min prev."""
    n = cost.size
    low = previous[0]
    for d in range(1, n):
        low = min(low, previous[d])
    cap = low + p2
    for d in range(1, n - 1):
        best = min(previous[d], min(previous[d - 1], previous[d + 1]) + p1)
        out[d] = cost[d] + min(best, cap) - low
    out[0] = cost[0] + min(min(previous[0], previous[1] + p1), cap) - low
    out[n - 1] = cost[n - 1] + min(min(previous[n - 1], previous[n - 2] + p1), cap) - low


@numba.njit(nogil=True, cache=True, error_model="numpy")
def aggregate(cost, surface, jump, p1, p2):
    """Sum of path costs from left, right, above and below.

    cost (H, W, D) float32, 0 where nothing is known; surface (H, W) float32 depth the offsets are measured from (NaN:
    no pixel).  A path restarts at a pixel without surface and where the surface jumps by more than `jump`, because
    offsets of two different surfaces need not agree.  Returns (H, W, D) float32.
    """
    height, width, n = cost.shape
    total = np.zeros_like(cost)
    line = np.zeros((width, n), np.float32)
    here = np.zeros(n, np.float32)
    prev = np.zeros(n, np.float32)
    for direction in range(2):
        # rows: one running path; columns: a line of paths, so that memory is walked along rows in both cases
        line[:] = 0
        for yy in range(height):
            y = yy if direction == 0 else height - 1 - yy
            last = np.float32(np.nan)
            for xx in range(width):
                x = xx if direction == 0 else width - 1 - xx
                s = surface[y, x]
                if not (s == s):
                    last = s
                    line[x] = 0
                    continue
                if not (abs(s - last) <= jump):
                    prev[:] = 0
                _step(cost[y, x], prev, p1, p2, here)
                total[y, x] += here
                prev[:] = here
                last = s
                up = y - 1 if direction == 0 else y + 1
                if not (0 <= up < height and abs(s - surface[up, x]) <= jump):
                    line[x] = 0
                _step(cost[y, x], line[x], p1, p2, here)
                total[y, x] += here
                line[x] = here
    return total
