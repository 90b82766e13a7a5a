"""Lays unrolled charts out in square tiles, at the largest scale at which they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.appearance.packing import Placement, pack_bitmaps
from scan3d.errors import InputError
from scan3d.geometry.texels import rasterise_faces, shared_texels

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]
Bitmap = npt.NDArray[np.bool_]

_FIRST_FILL = 0.82
_SHRINK = 0.975
_MAX_TRIES = 120
_GRID_SIDE = 512
_SAME_PLACE_TEXELS = 4.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """texel_uv: (F, 3, 2) corners in texels of their tile, y down. tile_of_chart: (N,).

    texel_m: side of a texel on the surface, metres. occupied: fraction of texels covered.
    """

    texel_uv: FloatArray
    tile_of_chart: IntArray
    texel_m: float
    occupied: float


def lay_out_charts(flat_m: FloatArray, chart: IntArray, *, texture_size: int, padding_px: int, tiles: int) -> Layout:
    """Packs charts of corners flat_m (F, 3, 2), metres. Raises InputError when they do not fit at any scale."""
    cell = max(1, (padding_px + 1) // 2, texture_size // _GRID_SIDE)
    side = texture_size // cell
    order = np.argsort(chart, kind="stable")
    ends = np.searchsorted(chart[order], np.arange(int(chart.max()) + 2))
    turned = _turn_to_least_box(flat_m, order, ends)
    area = float(_plane_areas(turned).sum())
    fill = _FIRST_FILL
    for _ in range(_MAX_TRIES):
        texels_per_m = texture_size * np.sqrt(tiles * fill / area)
        bitmaps = [
            chart_cells(turned[order[ends[c] : ends[c + 1]]] * texels_per_m, cell=cell, padding_px=padding_px)
            for c in range(len(ends) - 1)
        ]
        placements = pack_bitmaps(bitmaps, side=side, tiles=tiles)
        if placements is not None:
            margin = cell * _reach(cell, padding_px)
            return Layout(
                texel_uv=_place(turned * texels_per_m, chart, bitmaps, placements, cell, margin),
                tile_of_chart=np.array([p.tile for p in placements], dtype=np.int32),
                texel_m=float(1 / texels_per_m),
                occupied=float(area * texels_per_m**2 / (tiles * texture_size**2)),
            )
        fill *= _SHRINK
    raise InputError(
        f"{len(ends) - 1} charts do not fit into {tiles} tiles of {texture_size} texels.",
        "atlas",
        "Use a larger texture, more tiles, or a smoother mesh.",
    )


def overlapping_charts(
    flat_m: FloatArray, chart: IntArray, corners_m: FloatArray, *, texel_m: float
) -> npt.NDArray[np.bool_]:
    """(N,) whether two distant places of the surface share a texel of a chart, at that size of a texel.

    flat_m: (F, 3, 2) unrolled corners; corners_m: (F, 3, 3) the same corners in space. Each chart is rasterised.
    """
    order = np.argsort(chart, kind="stable")
    ends = np.searchsorted(chart[order], np.arange(int(chart.max()) + 2))
    bad = np.zeros(len(ends) - 1, dtype=bool)
    for c in range(len(bad)):
        members = order[ends[c] : ends[c + 1]]
        faces = flat_m[members] / texel_m
        faces = faces - faces.min(axis=(0, 1))
        width, height = np.ceil(faces.max(axis=(0, 1))).astype(int) + 1
        owner = np.full((height, width), -1, dtype=np.int32)
        bad[c] = shared_texels(faces, corners_m[members], _SAME_PLACE_TEXELS * texel_m, owner) > 0
    return bad


def chart_cells(texel_uv: FloatArray, *, cell: int, padding_px: int) -> Bitmap:
    """The cells a chart needs: those it covers, and half the padding around them.

    texel_uv: (F, 3, 2) with its least corner at (0, 0).
    """
    import cv2

    reach = _reach(cell, padding_px)
    width, height = (np.ceil(texel_uv.max(axis=(0, 1)) / cell).astype(int) + 1 + 2 * reach).tolist()
    # Half a cell is fine enough: what it misses at the border is less than the padding.
    finer = 2 if cell > 1 else 1
    local = texel_uv * (finer / cell) + reach * finer
    owner = np.full((height * finer, width * finer), -1, dtype=np.int32)
    rasterise_faces(local, owner)
    covered = np.asarray((owner >= 0).reshape(height, finer, width, finer).any(axis=(1, 3)))
    # Slivers may cover no centre at all, but their corners count.
    corner = (local / finer).astype(np.int64).reshape(-1, 2)
    covered[corner[:, 1], corner[:, 0]] = True
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    return np.asarray(cv2.dilate(covered.astype(np.uint8), kernel).astype(bool))


def _reach(cell: int, padding_px: int) -> int:
    """Cells around each chart that together keep two charts `padding_px` apart."""
    return -(-padding_px // (2 * cell))


def _turn_to_least_box(flat_m: FloatArray, order: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]) -> FloatArray:
    """Each chart turned so that its bounding box is smallest, with the box's corner at (0, 0); y is turned down."""
    import cv2

    out = np.empty_like(flat_m)
    for c in range(len(ends) - 1):
        faces = order[ends[c] : ends[c + 1]]
        # Seen from outside, v runs up; rows of a texture run down.
        points = (flat_m[faces] * (1.0, -1.0)).reshape(-1, 2)
        scale = max(float(np.ptp(points, axis=0).max()), 1e-12)
        (_, _, angle_deg) = cv2.minAreaRect(((points - points.mean(axis=0)) / scale).astype(np.float32))
        angle = np.radians(angle_deg)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = points @ turn
        out[faces] = (points - points.min(axis=0)).reshape(-1, 3, 2)
    return out


def _place(
    texel_uv: FloatArray,
    chart: IntArray,
    bitmaps: list[Bitmap],
    placements: list[Placement],
    cell: int,
    margin: int,
) -> FloatArray:
    """(F, 3, 2) corners in texels of their tile. margin: texels between a bitmap's corner and its chart's."""
    width = np.array([b.shape[1] for b in bitmaps], dtype=np.float64)[chart, None] * cell
    height = np.array([b.shape[0] for b in bitmaps], dtype=np.float64)[chart, None] * cell
    turns = np.array([p.quarter_turns for p in placements])[chart, None]
    corner = np.array([(p.column, p.row) for p in placements], dtype=np.float64)[chart, None] * cell
    x, y = texel_uv[..., 0] + margin, texel_uv[..., 1] + margin
    # What np.rot90 does to the bitmap: element (row, column) goes to (width - 1 - column, row).
    turned_x = np.choose(turns, [x, y, width - x, height - y])
    turned_y = np.choose(turns, [y, width - x, height - y, x])
    return np.stack([turned_x, turned_y], axis=-1) + corner


def _plane_areas(points: FloatArray) -> FloatArray:
    a, b = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    return np.asarray(0.5 * np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]))
