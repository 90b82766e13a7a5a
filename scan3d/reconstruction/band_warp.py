"""A band of correlations on a GPU: what depth.score_band does on the cores, with the photographs kept on the device.

Hiding what a source does not see, sweeping and choosing the best sources all happen there; only the finished band
comes back.  Importing this module needs Warp.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import warp as wp

from scan3d.errors import ReconstructionError
from scan3d.reconstruction.correlation_warp import sweep

wp.set_module_options({"enable_backward": False})

_UNKNOWN = wp.constant(wp.float32(-2.0))  # below any correlation
_BAND_BYTES = 1 << 30  # of volumes on the device at a time, where it has eight times as much
_MIN_ROWS = 16


@wp.kernel
def _hide(
    ref: wp.array2d[wp.float32],
    depth: wp.array2d[wp.float32],
    row0: wp.int32,
    source_depth: wp.array2d[wp.float32],
    m0: wp.vec4d,
    m1: wp.vec4d,
    m2: wp.vec4d,
    tolerance: wp.float64,
    out: wp.array2d[wp.float32],
) -> None:
    """depth._hide_occluded: reference values of a band that the source sees, NaN elsewhere."""
    y, x = wp.tid()
    value = wp.float32(wp.nan)
    z = wp.float64(depth[y, x])
    px = wp.float64(x) + wp.float64(0.5)
    py = wp.float64(y + row0) + wp.float64(0.5)
    w = (m2[0] * px + m2[1] * py + m2[2]) * z + m2[3]
    if w > wp.float64(0.0):  # false for NaN too
        u = ((m0[0] * px + m0[1] * py + m0[2]) * z + m0[3]) / w
        v = ((m1[0] * px + m1[1] * py + m1[2]) * z + m1[3]) / w
        width, height = wp.float64(source_depth.shape[1]), wp.float64(source_depth.shape[0])
        if u >= wp.float64(0.0) and u < width and v >= wp.float64(0.0) and v < height:
            near = wp.float64(source_depth[wp.int32(v), wp.int32(u)])
            if not (near < w - tolerance):
                value = ref[y, x]
    out[y, x] = value


@wp.kernel
def _peaks(volume: wp.array4d[wp.float32], out: wp.array3d[wp.float32]) -> None:
    """Highest correlation of every source at every pixel: volume (S, D, R, W) -> out (S, R, W), _UNKNOWN if none."""
    s, y, x = wp.tid()
    high = _UNKNOWN
    for d in range(volume.shape[1]):
        c = volume[s, d, y, x]
        if c > high:
            high = c
    out[s, y, x] = high


@wp.kernel
def _mean_of_best(
    volume: wp.array4d[wp.float32],
    peaks: wp.array3d[wp.float32],
    best: wp.int32,
    per_offset: wp.int32,
    ref: wp.array2d[wp.float32],
    depth: wp.array2d[wp.float32],
    x0: wp.int32,
    out: wp.array3d[wp.float32],
) -> None:
    """depth._combine of volume (S, D, R, W) into out (R, W, D), for the band's ref and depth (R, columns).

    The best sources are those with the highest correlation at this offset, or with the highest peak over all offsets
    and then weighted by its square.  NaN where no source knows, or the reference has no value or no surface.
    """
    d, y, x = wp.tid()
    total = wp.float32(0.0)
    weight = wp.float32(0.0)
    known = wp.int32(0)
    for s in range(volume.shape[0]):
        if peaks[s, y, x] > _UNKNOWN:
            known = 1
        c = volume[s, d, y, x]
        if c == c:
            mine = c if per_offset == 1 else peaks[s, y, x]
            ahead = wp.int32(0)
            for t in range(volume.shape[0]):
                other = volume[t, d, y, x] if per_offset == 1 else peaks[t, y, x]
                if other > mine or (other == mine and t < s):
                    ahead += 1
            if ahead < best:
                share = wp.float32(1.0)
                if per_offset == 0:
                    share = wp.max(mine, wp.float32(0.01))
                    share = share * share
                total += share * c
                weight += share
    score = wp.float32(-1.0)
    if weight > 0.0:
        score = total / weight
    if known == 0 or not wp.isfinite(ref[y, x0 + x]) or not wp.isfinite(depth[y, x0 + x]):
        score = wp.float32(wp.nan)
    out[y, x, d] = score


def combine(
    volume: wp.array, best: int, per_offset: bool, ref: wp.array, depth: wp.array, x0: int, out: wp.array
) -> None:
    """Fill out (R, W, D) with the mean correlation of the best sources; all arrays on one device."""
    sources, count, rows, width = volume.shape
    peaks = wp.empty((sources, rows, width), dtype=wp.float32, device=volume.device)
    wp.launch(_peaks, dim=peaks.shape, inputs=[volume, peaks], device=volume.device)
    wp.launch(
        _mean_of_best,
        dim=(count, rows, width),
        inputs=[volume, peaks, best, int(per_offset), ref, depth, x0, out],
        device=volume.device,
    )


class Uploads:
    """Arrays of the host on a device, by identity, within `budget_bytes`: least recently used go first.

    An upload lives no longer than its array, which nobody may write to meanwhile.  Not safe for threads.
    """

    def __init__(self, device: wp.Device, budget_bytes: int) -> None:
        self.device = device
        self.budget_bytes = budget_bytes
        self._kept: OrderedDict[int, tuple[weakref.ref[np.ndarray], wp.array]] = OrderedDict()

    def get(self, array: np.ndarray) -> wp.array:
        """The array as float32 on the device."""
        kept = self._kept.get(id(array))
        if kept is not None and kept[0]() is array:
            self._kept.move_to_end(id(array))
            return kept[1]
        for key in [key for key, (alive, _) in self._kept.items() if alive() is None]:
            del self._kept[key]
        while self._kept and self.size_bytes() + 4 * array.size > self.budget_bytes:
            self._kept.popitem(last=False)
        there = wp.array(np.ascontiguousarray(array, np.float32), dtype=wp.float32, device=self.device)
        self._kept[id(array)] = (weakref.ref(array), there)
        return there

    def size_bytes(self) -> int:
        """What the uploads take on the device."""
        return sum(there.capacity for _, there in self._kept.values())


class Scorer:
    """Scores bands on one device; threads take turns, so that their volumes never add up."""

    def __init__(self, device: str, budget_bytes: int | None = None) -> None:
        self.device = wp.get_device(device)
        total = self.device.total_memory if self.device.is_cuda else 8 * _BAND_BYTES
        self.band_bytes = min(_BAND_BYTES, total // 8)
        self._uploads = Uploads(self.device, total // 4 if budget_bytes is None else budget_bytes)
        self._lock = threading.Lock()
        if self.device.is_cuda and self.device.is_mempool_supported:
            wp.set_mempool_release_threshold(self.device, self.band_bytes)  # else every band allocates anew

    def band_rows(self, width: int, sources: int, offsets: int) -> int:
        """Rows of a reference of this width whose volumes fit."""
        row_bytes = 4 * width * offsets * (sources + 2)
        return max(_MIN_ROWS, self.band_bytes // row_bytes)

    def score(
        self, reference: tuple[np.ndarray, np.ndarray], sources: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
        rows: tuple[int, int], columns: tuple[int, int], offsets: np.ndarray, *, radius: int, best: int,
        per_offset: bool, occlusion: float, floor: float,
    ) -> np.ndarray:  # fmt: skip
        """Correlations (R, W', D) float32 of rows and columns of a reference (image, surface) with its sources.

        sources: (image, surface, m (3, 4)) each, m as in `depth.source_from_reference`; the rest as in SweepOptions.
        Raises ReconstructionError when the device cannot.
        """
        try:
            with self._lock, wp.ScopedDevice(self.device):
                return self._score(
                    reference, sources, rows, columns, offsets, radius, best, per_offset, occlusion, floor
                )
        except RuntimeError as error:
            raise ReconstructionError(
                f"The GPU could not go on: {error}",
                str(self.device),
                "Close other programs that use its memory, or run again with --device cpu; what is done is kept.",
            ) from error

    def _score(self, reference, sources, rows, columns, offsets, radius, best, per_offset, occlusion, floor):
        (y0, y1), (x0, x1) = rows, columns
        image, surface = (self._uploads.get(array) for array in reference)
        top, bottom = max(0, y0 - radius), min(image.shape[0], y1 + radius)
        ref, depth = image[top:bottom], surface[top:bottom]
        offsets_there = wp.array(np.asarray(offsets, np.float32), dtype=wp.float32)
        volume = wp.empty((len(sources), offsets.size, y1 - y0, x1 - x0), dtype=wp.float32)
        visible = wp.empty(ref.shape, dtype=wp.float32)
        for s, (source_image, source_surface, m) in enumerate(sources):
            hidden_by = self._uploads.get(source_surface)
            m0, m1, m2 = (wp.vec4d(*row) for row in m.tolist())
            wp.launch(_hide, dim=ref.shape, inputs=[ref, depth, top, hidden_by, m0, m1, m2, occlusion, visible])
            sweep(
                visible, depth, top, self._uploads.get(source_image), m, offsets_there, y0 - top, y1 - top, x0, x1,
                radius, floor, volume[s],
            )  # fmt: skip
        out = wp.empty((y1 - y0, x1 - x0, offsets.size), dtype=wp.float32)
        combine(volume, best, per_offset, image[y0:y1], surface[y0:y1], x0, out)
        return out.numpy()


@functools.cache
def scorer_on(device: str) -> Scorer:
    """The one scorer of a device of Warp, e.g. "cuda:0"."""
    return Scorer(device)
