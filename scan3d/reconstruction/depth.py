"""Depth maps by sweeping the current surface: one reference view, its sources, a volume of correlations, a depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from scan3d.pipeline.device import CPU
from scan3d.reconstruction.correlation import sweep_source
from scan3d.reconstruction.sgm import aggregate
from scan3d.reconstruction.views import Level

BAND_ROWS = 64  # rows of a reference that a core works on at once: its volumes stay near the cache


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """How one level sweeps.  Lengths in metres along the reference ray (camera z)."""

    offsets_m: np.ndarray  # (D,) equidistant, increasing
    radius_px: int  # correlation window is 2 r + 1
    best: int  # how many sources count at a pixel
    choose_per_offset: bool  # best sources at each offset (coarse: peaks lie), or by their peak over offsets (fine)
    smoothing: tuple[float, float] | None  # SGM penalties P1, P2 in units of correlation; None: winner takes all
    jump_m: float  # neighbours whose surface differs by more are different surfaces
    occlusion_m: float  # a source whose own surface is nearer by more does not see the point
    noise_variance: float  # of the grey values, high-passed
    device: str = CPU  # or Warp's name of a GPU, as `device.choose_device` gives it


@dataclass(frozen=True, kw_only=True)
class DepthEstimate:
    """Depth (H, W) float32 metres of camera z, NaN where unknown; score (H, W) correlation at it, -1 where unknown."""

    depth: np.ndarray
    score: np.ndarray


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _hide_occluded(ref, depth, row0, source_depth, m, tolerance, out):
    """Reference values of a band that the source sees: NaN where its own surface lies in front, or its image ends."""
    hs, ws = source_depth.shape
    seen = 0
    for y in range(ref.shape[0]):
        for x in range(ref.shape[1]):
            z = depth[y, x]
            out[y, x] = np.nan
            if not (z == z):
                continue
            px, py = x + 0.5, y + row0 + 0.5
            w = (m[2, 0] * px + m[2, 1] * py + m[2, 2]) * z + m[2, 3]
            if w <= 0:
                continue
            u = ((m[0, 0] * px + m[0, 1] * py + m[0, 2]) * z + m[0, 3]) / w
            v = ((m[1, 0] * px + m[1, 1] * py + m[1, 2]) * z + m[1, 3]) / w
            if not (0 <= u < ws and 0 <= v < hs):
                continue
            near = source_depth[int(v), int(u)]
            if near == near and near < w - tolerance:
                continue
            out[y, x] = ref[y, x]
            seen += 1
    return seen


# Rows of one offset at a time, so that LLVM vectorises over pixels; gathering a pixel's own curve costs 3 times more.
@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _best_per_offset(volume, best, y, top, total, count, out):
    """Mean of the `best` highest correlations of each offset separately: row y of (S, D, R, W) -> out (W, D)."""
    sources, n, _, width = volume.shape
    for d in range(n):
        for k in range(best):
            for x in range(width):
                top[k, x] = np.float32(-9)
        for s in range(sources):
            row = volume[s, d, y]
            for x in range(width):
                c = row[x]
                total[x] = c if c == c else np.float32(-9)
            for k in range(best):
                rank = top[k]
                for x in range(width):
                    high = max(rank[x], total[x])
                    total[x] = min(rank[x], total[x])
                    rank[x] = high
        for x in range(width):
            total[x], count[x] = np.float32(0), np.float32(0)
        for k in range(best):
            rank = top[k]
            for x in range(width):
                known = rank[x] > np.float32(-8)
                total[x] += rank[x] if known else np.float32(0)
                count[x] += np.float32(1) if known else np.float32(0)
        for x in range(width):
            out[x, d] = total[x] / count[x] if count[x] > 0 else np.float32(-1)


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _best_by_peak(volume, best, y, peak, rank, total, weight, out):
    """Mean over the `best` sources by their highest correlation, weighted by its square, of row y -> out (W, D)."""
    sources, n, _, width = volume.shape
    for s in range(sources):
        high = peak[s]
        for x in range(width):
            high[x] = np.float32(-2)
        for d in range(n):
            row = volume[s, d, y]
            for x in range(width):
                high[x] = row[x] if row[x] > high[x] else high[x]
    for s in range(sources):
        place = rank[s]
        for x in range(width):
            place[x] = np.float32(0)
        for t in range(sources):
            if t != s:
                earlier = np.float32(1) if t < s else np.float32(0)
                for x in range(width):
                    ahead = peak[t, x] > peak[s, x]
                    level = peak[t, x] == peak[s, x]
                    place[x] += np.float32(1) if ahead else (earlier if level else np.float32(0))
        for x in range(width):
            w = max(peak[s, x], np.float32(0.01))
            place[x] = w * w if (place[x] < best) & (peak[s, x] > np.float32(-2)) else np.float32(0)
    for d in range(n):
        for x in range(width):
            total[x], weight[x] = np.float32(0), np.float32(0)
        for s in range(sources):
            row, share = volume[s, d, y], rank[s]
            for x in range(width):
                known = row[x] == row[x]
                total[x] += share[x] * row[x] if known else np.float32(0)
                weight[x] += share[x] if known else np.float32(0)
        for x in range(width):
            out[x, d] = total[x] / weight[x] if weight[x] > 0 else np.float32(-1)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _combine(volume, best, per_offset, out):
    """Mean correlation of the best sources: volume (S, D, R, W) -> out (R, W, D), NaN where no source knows."""
    sources, n, rows, width = volume.shape
    peak = np.empty((sources, width), np.float32)
    rank = np.empty((max(sources, best), width), np.float32)
    total, weight = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(rows):
        if per_offset:
            _best_per_offset(volume, best, y, rank, total, weight, out[y])
        else:
            _best_by_peak(volume, best, y, peak, rank, total, weight, out[y])
        for x in range(width):
            known = False
            for s in range(sources):
                for d in range(n):
                    known = known or volume[s, d, y, x] == volume[s, d, y, x]
                if known:
                    break
            if not known:
                for d in range(n):
                    out[y, x, d] = np.nan


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _peak(cost, score, surface, offsets, depth, quality):
    """Sub-sample minimum of cost (H, W, D) by a parabola; quality is the score (H, W, D) there."""
    step = offsets[1] - offsets[0]
    n = offsets.size
    for y in range(surface.shape[0]):
        for x in range(surface.shape[1]):
            depth[y, x] = np.nan
            quality[y, x] = -1
            if not (score[y, x, 0] == score[y, x, 0]):
                continue
            c = cost[y, x]
            k = 0
            for d in range(1, n):
                if c[d] < c[k]:
                    k = d
            shift = np.float32(0)
            if 0 < k < n - 1:
                bend = c[k - 1] - 2 * c[k] + c[k + 1]
                if bend > 0:
                    shift = np.float32(0.5) * (c[k - 1] - c[k + 1]) / bend
            else:
                continue  # a minimum at the end of the range is no minimum
            depth[y, x] = surface[y, x] + offsets[k] + shift * step
            quality[y, x] = score[y, x, k]


def source_from_reference(reference: np.ndarray, source: np.ndarray) -> np.ndarray:
    """(3, 4) m with source pixel ~ m[:, :3] @ (x, y, 1) * z + m[:, 3], from the views' (3, 4) K @ cam_from_world."""
    inverse = np.linalg.inv(reference[:, :3])
    a = source[:, :3] @ inverse
    return np.hstack([a, (source[:, 3] - a @ reference[:, 3])[:, None]])


def score_band(
    level: Level, reference: int, sources: Sequence[int], rows: tuple[int, int], options: SweepOptions
) -> tuple[np.ndarray, int] | None:
    """Correlations of a band of rows of a reference with its sources, along the level's surface.

    Returns (R, W', D) float32, NaN where nothing is known, and the column it starts at; None where the band holds
    nothing of the subject.
    """
    image, surface = level.get(reference)
    height = image.shape[0]
    y0, y1 = rows
    top, bottom = max(0, y0 - options.radius_px), min(height, y1 + options.radius_px)
    valid = np.isfinite(surface[y0:y1]) & np.isfinite(image[y0:y1])
    columns = np.flatnonzero(valid.any(0))
    if not columns.size:
        return None
    x0, x1 = int(columns[0]), int(columns[-1]) + 1
    if options.device != CPU:
        return _score_on_device(level, reference, sources, rows, (x0, x1), options), x0
    offsets = options.offsets_m.astype(np.float32)
    volume = np.full((len(sources), offsets.size, y1 - y0, x1 - x0), np.nan, np.float32)
    ref, depth = image[top:bottom], surface[top:bottom]
    visible = np.empty_like(ref)
    for s, source in enumerate(sources):
        source_image, source_depth = level.get(source)
        m = source_from_reference(level.matrices[reference], level.matrices[source])
        if _hide_occluded(ref, depth, top, source_depth, m, options.occlusion_m, visible):
            sweep_source(
                visible, depth, top, source_image, m.astype(np.float32), offsets, y0 - top, y1 - top, x0, x1,
                options.radius_px, np.float32(options.noise_variance), volume[s],
            )  # fmt: skip
    out = np.empty((y1 - y0, x1 - x0, offsets.size), np.float32)
    _combine(volume, options.best, options.choose_per_offset, out)
    out[~valid[:, x0:x1]] = np.nan
    return out, x0


def _score_on_device(
    level: Level, reference: int, sources: Sequence[int], rows: tuple[int, int], columns: tuple[int, int],
    options: SweepOptions,
) -> np.ndarray:  # fmt: skip
    """What score_band computes, on the GPU that the options name."""
    from scan3d.reconstruction.band_warp import scorer_on

    matrices = [source_from_reference(level.matrices[reference], level.matrices[s]) for s in sources]
    seen = [(*level.get(s), m) for s, m in zip(sources, matrices, strict=True)]
    return scorer_on(options.device).score(
        level.get(reference), seen, rows, columns, options.offsets_m, radius=options.radius_px, best=options.best,
        per_offset=options.choose_per_offset, occlusion=options.occlusion_m, floor=options.noise_variance,
    )  # fmt: skip


def bands(shape: tuple[int, ...], sources: int, options: SweepOptions) -> list[tuple[int, int]]:
    """Consecutive (first, end) row ranges that cover an image (H, W), as large as the device likes them."""
    height, width = shape
    rows = BAND_ROWS
    if options.device != CPU:
        from scan3d.reconstruction.band_warp import scorer_on

        rows = scorer_on(options.device).band_rows(width, sources, options.offsets_m.size)
    return [(y, min(y + rows, height)) for y in range(0, height, rows)]


def sweep_view(level: Level, reference: int, sources: Sequence[int], options: SweepOptions) -> DepthEstimate:
    """Depth of one view of a level: correlate along the surface, smooth if the options ask for it, take the peak."""
    _, surface = level.get(reference)
    scores = np.full((*surface.shape, options.offsets_m.size), np.nan, np.float32)
    for y0, y1 in bands(surface.shape, len(sources), options):
        made = score_band(level, reference, sources, (y0, y1), options)
        if made is not None:
            band, x0 = made
            scores[y0:y1, x0 : x0 + band.shape[1]] = band
    return estimate_depth(scores, surface, options)


def estimate_depth(scores: np.ndarray, surface: np.ndarray, options: SweepOptions) -> DepthEstimate:
    """The depth that a volume of scores says, smoothed if the options ask for it."""
    offsets = options.offsets_m.astype(np.float32)
    known = np.isfinite(scores[..., 0])
    cost = np.where(known[..., None], 1 - scores, 0).astype(np.float32)
    if options.smoothing is not None:
        p1, p2 = (np.float32(p) for p in options.smoothing)
        cost = aggregate(cost, np.where(known, surface, np.nan).astype(np.float32), np.float32(options.jump_m), p1, p2)
    depth, quality = np.empty_like(surface), np.empty_like(surface)
    _peak(cost, scores, surface, offsets, depth, quality)
    return DepthEstimate(depth=depth, score=quality)
