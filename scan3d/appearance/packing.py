"""Packs chart silhouettes into square tiles as tightly as a grid of cells allows.

Each chart is a bitmap, not a box, so that small charts fill the bays of large ones. The largest goes first;
each takes the lowest free place, then the leftmost, over four turns by a right angle and all tiles in order.
Rows of bitmaps are 64-bit words, so that most places are rejected by one comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Bitmap = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a bitmap went: tile, row and column of its corner after `quarter_turns` by np.rot90."""

    tile: int
    row: int
    column: int
    quarter_turns: int


def pack_bitmaps(bitmaps: Sequence[Bitmap], *, side: int, tiles: int) -> list[Placement] | None:
    """Places for all bitmaps in `tiles` grids of side x side cells, or None when they do not fit."""
    if sum(int(b.sum()) for b in bitmaps) > tiles * side * side:
        return None
    words = side // 64 + 2
    grids = np.zeros((tiles, side, words), dtype=np.uint64)
    # Where the search for a chart starts: nothing as small as the last that failed below this row fits there.
    order = sorted(range(len(bitmaps)), key=lambda i: (-int(bitmaps[i].sum()), i))
    placements: list[Placement | None] = [None] * len(bitmaps)
    for i in order:
        found = _first_place(grids, bitmaps[i], side)
        if found is None:
            return None
        placements[i] = found
    return [p for p in placements if p is not None]


def _first_place(grids: npt.NDArray[np.uint64], bitmap: Bitmap, side: int) -> Placement | None:
    # Equal silhouettes need not be tried twice: a square full of ones looks the same from all sides.
    for tile in range(len(grids)):
        best: tuple[int, int, int, int] | None = None
        for turns in range(4):
            turned = np.rot90(bitmap, turns)
            height, width = turned.shape
            if height > side or width > side:
                continue
            rows = _to_words(turned)
            limit = side - height if best is None else min(side - height, best[0] - height)
            row, column = _search(grids[tile], rows, width, limit, side)
            if row >= 0 and (best is None or (row + height, column, turns) < best[:3]):
                best = (row + height, column, turns, row)
        if best is not None:
            _, column, turns, row = best
            _occupy(grids[tile], _to_words(np.rot90(bitmap, turns)), row, column)
            return Placement(tile=tile, row=row, column=column, quarter_turns=turns)
    return None


def _to_words(bitmap: Bitmap) -> npt.NDArray[np.uint64]:
    """(H, words) bits of each row, the first column in the lowest bit."""
    height, width = bitmap.shape
    words = (width + 63) // 64
    padded = np.zeros((height, words * 64), dtype=np.uint8)
    padded[:, :width] = bitmap
    packed = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64)


@numba.njit(cache=True, nogil=True)
def _search(grid, rows, width, last_row, side):
    """First (row, column) where the bitmap meets nothing; (-1, -1) when there is none."""
    height, words = rows.shape
    one = np.uint64(1)
    for row in range(last_row + 1):
        for column in range(side - width + 1):
            word, shift = column >> 6, np.uint64(column & 63)
            back = np.uint64(63) - shift
            free = True
            # Rows from the middle outwards would reject sooner in theory; in order is faster in the cache.
            for y in range(height):
                for k in range(words):
                    bits = rows[y, k]
                    if (grid[row + y, word + k] & (bits << shift)) != 0:
                        free = False
                        break
                    if (grid[row + y, word + k + 1] & ((bits >> one) >> back)) != 0:
                        free = False
                        break
                if not free:
                    break
            if free:
                return row, column
    return -1, -1


@numba.njit(cache=True, nogil=True)
def _occupy(grid, rows, row, column):
    height, words = rows.shape
    one = np.uint64(1)
    word, shift = column >> 6, np.uint64(column & 63)
    back = np.uint64(63) - shift
    for y in range(height):
        for k in range(words):
            grid[row + y, word + k] |= rows[y, k] << shift
            grid[row + y, word + k + 1] |= (rows[y, k] >> one) >> back
