"""correlation.sweep_source for a GPU, in NVIDIA Warp: the same windows, masks and rules on the same float32 values.

Two launches do all offsets of a source.  The first samples the source through the surface at every offset, the
second sums windows: a thread goes down a strip of a column with running sums, so that a window of n x n costs 2 n
reads and threads beside each other read beside each other.

Importing this module needs Warp; `device.choose_device` says whether it can be used.
"""

from __future__ import annotations

import numpy as np
import warp as wp

STRIP_ROWS = 16  # rows a thread goes down: 2 r more are read before the first result

wp.set_module_options({"enable_backward": False})


@wp.kernel
def _sample(
    ref: wp.array2d[wp.float32],
    depth: wp.array2d[wp.float32],
    row0: wp.int32,
    src: wp.array2d[wp.float32],
    m0: wp.vec4f,
    m1: wp.vec4f,
    m2: wp.vec4f,
    offsets: wp.array1d[wp.float32],
    ya: wp.int32,
    xa: wp.int32,
    out: wp.array3d[wp.float32],
) -> None:
    """Source values of the reference's pixels through the surface moved by each offset; NaN where either has none."""
    d, j, i = wp.tid()
    y, x = ya + j, xa + i
    half = wp.float32(0.5)
    fx = wp.float32(x) + half
    fy = wp.float32(y + row0) + half
    z = depth[y, x] + offsets[d]
    inv = wp.float32(1.0) / ((m2[0] * fx + m2[1] * fy + m2[2]) * z + m2[3])
    u = ((m0[0] * fx + m0[1] * fy + m0[2]) * z + m0[3]) * inv - half
    v = ((m1[0] * fx + m1[1] * fy + m1[2]) * z + m1[3]) * inv - half
    value = wp.float32(wp.nan)
    umax = wp.float32(src.shape[1]) - wp.float32(1.001)
    vmax = wp.float32(src.shape[0]) - wp.float32(1.001)
    a = ref[y, x]
    if a == a and u >= 0.0 and u <= umax and v >= 0.0 and v <= vmax:  # false for NaN too
        iu, iv = wp.int32(u), wp.int32(v)
        f, g = u - wp.float32(iu), v - wp.float32(iv)
        top = src[iv, iu] + (src[iv, iu + 1] - src[iv, iu]) * f
        low = src[iv + 1, iu] + (src[iv + 1, iu + 1] - src[iv + 1, iu]) * f
        value = top + (low - top) * g
    out[d, j, i] = value


@wp.func
def _row_sums(
    ref: wp.array2d[wp.float32],
    sampled: wp.array3d[wp.float32],
    d: wp.int32,
    j: wp.int32,
    ya: wp.int32,
    xa: wp.int32,
    first: wp.int32,
    end: wp.int32,
) -> wp.spatial_vectorf:
    """Count and sums of a, b, aa, bb, ab over columns first:end of row j of the samples; none of a row not there."""
    sums = wp.spatial_vectorf()
    if j >= 0 and j < sampled.shape[1]:
        for i in range(first, end):
            b = sampled[d, j, i]
            if b == b:
                a = ref[ya + j, xa + i]
                sums += wp.spatial_vectorf(wp.float32(1.0), a, b, a * a, b * b, a * b)
    return sums


@wp.kernel
def _correlate(
    ref: wp.array2d[wp.float32],
    sampled: wp.array3d[wp.float32],
    ya: wp.int32,
    xa: wp.int32,
    y0: wp.int32,
    x0: wp.int32,
    radius: wp.int32,
    least: wp.float32,
    floor: wp.float32,
    out: wp.array3d[wp.float32],
) -> None:
    """NCC of the windows of a strip of a column of out (D, y1 - y0, x1 - x0) at one offset."""
    d, strip, k = wp.tid()
    x = x0 + k - xa
    first = wp.max(x - radius, 0)
    end = wp.min(x + radius + 1, sampled.shape[2])
    begin = strip * STRIP_ROWS
    stop = wp.min(begin + STRIP_ROWS, out.shape[1])
    shift = y0 - ya
    sums = wp.spatial_vectorf()
    for j in range(begin - radius, begin + radius):
        sums += _row_sums(ref, sampled, d, j + shift, ya, xa, first, end)
    for j in range(begin, stop):
        sums += _row_sums(ref, sampled, d, j + radius + shift, ya, xa, first, end)
        n = sums[0]
        inv = wp.float32(1.0) / wp.max(n, wp.float32(1.0))
        ma, mb = sums[1] * inv, sums[2] * inv
        va = wp.max(sums[3] * inv - ma * ma, wp.float32(0.0)) + floor
        vb = wp.max(sums[4] * inv - mb * mb, wp.float32(0.0)) + floor
        c = (sums[5] * inv - ma * mb) / wp.sqrt(va * vb)
        if n < least:
            c = wp.float32(wp.nan)
        out[d, j, k] = c
        sums -= _row_sums(ref, sampled, d, j - radius + shift, ya, xa, first, end)


def sweep(
    ref: wp.array, depth: wp.array, row0: int, src: wp.array, m: np.ndarray, offsets: wp.array, y0: int, y1: int,
    x0: int, x1: int, radius: int, floor: float, out: wp.array,
) -> None:  # fmt: skip
    """`sweep_source` with everything but m (3, 4) already on a device; out (D, y1 - y0, x1 - x0) is filled there."""
    height, width = depth.shape
    ya, yb = max(0, y0 - radius), min(height, y1 + radius)
    xa, xb = max(0, x0 - radius), min(width, x1 + radius)
    count, rows, columns = out.shape
    sampled = wp.empty((count, yb - ya, xb - xa), dtype=wp.float32, device=out.device)
    m0, m1, m2 = (wp.vec4f(*row) for row in np.asarray(m, np.float32).tolist())
    wp.launch(
        _sample,
        dim=sampled.shape,
        inputs=[ref, depth, row0, src, m0, m1, m2, offsets, ya, xa, sampled],
        device=out.device,
    )
    least = float(np.float32(0.35 * (2 * radius + 1) ** 2))
    wp.launch(
        _correlate,
        dim=(count, -(-rows // STRIP_ROWS), columns),
        inputs=[ref, sampled, ya, xa, y0, x0, radius, least, float(floor), out],
        device=out.device,
    )


def sweep_source(
    ref: np.ndarray, depth: np.ndarray, row0: int, src: np.ndarray, m: np.ndarray, offsets: np.ndarray, y0: int,
    y1: int, x0: int, x1: int, radius: int, floor: float, out: np.ndarray, *, device: str = "cpu",
) -> None:  # fmt: skip
    """`correlation.sweep_source` on a device of Warp ("cpu", "cuda:0"): the same arguments, the same result.

    Results differ by rounding only.  Everything is carried to the device and back: `band_warp` keeps it there.
    """
    ref_there, depth_there, src_there, offsets_there = (
        wp.array(np.ascontiguousarray(a, np.float32), dtype=wp.float32, device=device)
        for a in (ref, depth, src, offsets)
    )
    out_there = wp.empty(out.shape, dtype=wp.float32, device=device)
    sweep(
        ref_there, depth_there, row0, src_there, m, offsets_there, y0, y1, x0, x1, radius, floor, out_there
    )  # fmt: skip
    out[...] = out_there.numpy()
