"""Correlation of one photograph with its neighbours along a moving surface: the hot loop of the depth stage.

Every window follows the current surface: source photographs are sampled through that surface moved along the
reference rays by a few offsets, so slant costs nothing and a window sum is a running sum.  Only pixels of the
subject count, in both photographs.

Arrays are float32; a pixel of an image that is not the subject is NaN, which is how masks travel.
"""

from __future__ import annotations

import numba
import numpy as np

_FAST = {"contract", "reassoc", "arcp", "nsz"}  # NaN must keep its meaning: neither 'nnan' nor 'fast'
_SUMS = 6  # count, a, b, aa, bb, ab


# Loops are kept apart so that LLVM vectorises each: on a 2025 EPYC one fused loop costs twice as much, because a
# gather stops its vectoriser.
@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _warp_row(depth_row, flat, hs, ws, m, offset, y, index, fu, fv, out):
    """Source values of one reference row through the surface moved by `offset`; NaN outside the source."""
    yc = np.float32(y) + np.float32(0.5)
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    c0 = m[0, 0] * half + m[0, 1] * yc + m[0, 2]
    c1 = m[1, 0] * half + m[1, 1] * yc + m[1, 2]
    c2 = m[2, 0] * half + m[2, 1] * yc + m[2, 2]
    a0, a1, a2 = m[0, 0], m[1, 0], m[2, 0]
    b0, b1, b2 = m[0, 3], m[1, 3], m[2, 3]
    umax, vmax = np.float32(ws - 1.001), np.float32(hs - 1.001)
    width = depth_row.size
    for x in range(width):
        fx = np.float32(x)
        z = depth_row[x] + offset
        inv = one / ((a2 * fx + c2) * z + b2)
        u = ((a0 * fx + c0) * z + b0) * inv - half
        v = ((a1 * fx + c1) * z + b1) * inv - half
        inside = (u >= zero) & (u <= umax) & (v >= zero) & (v <= vmax)  # false for NaN too
        uc = u if inside else zero
        vc = v if inside else zero
        iu, iv = np.int32(uc), np.int32(vc)
        fu[x], fv[x] = uc - np.float32(iu), vc - np.float32(iv)
        index[x] = iv * ws + iu
        out[x] = zero if inside else np.float32(np.nan)
    stride, right = np.uint64(ws), np.uint64(1)
    for x in range(width):
        i = np.uint64(index[x])
        p00, p01 = flat[i], flat[i + right]
        p10, p11 = flat[i + stride], flat[i + stride + right]
        f = fu[x]
        top = p00 + (p01 - p00) * f
        out[x] += top + (p10 + (p11 - p10) * f - top) * fv[x]


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _products_row(ref_row, src_row, row, pad):
    """Validity, values and products of one row into row[:, pad:], and nothing (zero) where either is NaN."""
    zero, one = np.float32(0), np.float32(1)
    for x in range(ref_row.size):
        a, b = ref_row[x], src_row[x]
        s = a + b
        ok = s == s
        a = a if ok else zero
        b = b if ok else zero
        row[0, x + pad] = one if ok else zero
        row[1, x + pad] = a
        row[2, x + pad] = b
        row[3, x + pad] = a * a
        row[4, x + pad] = b * b
        row[5, x + pad] = a * b


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _box_row(column, size, t2, t4, out):
    """Sum of `size` (3 to 15) neighbours along a padded row, by doubling: out[x] = sum column[x:x+size]."""
    n, width = column.size, out.size
    for x in range(n - 1):
        t2[x] = column[x] + column[x + 1]
    for x in range(n - 3):
        t4[x] = t2[x] + t2[x + 2]
    at = 0
    if size & 8:
        for x in range(width):
            out[x] = t4[x] + t4[x + 4]
        at = 8
    else:
        for x in range(width):
            out[x] = np.float32(0)
    if size & 4:
        for x in range(width):
            out[x] += t4[x + at]
        at += 4
    if size & 2:
        for x in range(width):
            out[x] += t2[x + at]
        at += 2
    for x in range(width):
        out[x] += column[x + at]


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _ncc_row(sums, least, floor, out):
    s_n, s_a, s_b, s_aa, s_bb, s_ab = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    nan = np.float32(np.nan)
    one = np.float32(1)
    for x in range(out.size):
        n = s_n[x]
        inv = one / max(n, one)
        ma, mb = s_a[x] * inv, s_b[x] * inv
        va = max(s_aa[x] * inv - ma * ma, np.float32(0)) + floor
        vb = max(s_bb[x] * inv - mb * mb, np.float32(0)) + floor
        c = (s_ab[x] * inv - ma * mb) / np.sqrt(va * vb)
        out[x] = c if n >= least else nan


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _add(column, row, sign):
    for q in range(_SUMS):
        c, r = column[q], row[q]
        for x in range(c.size):
            c[x] += sign * r[x]


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def sweep_source(ref, depth, row0, src, m, offsets, y0, y1, x0, x1, radius, floor, out):
    """NCC of reference pixels with one source through the surface moved by each offset along the rays.

    ref (H, W), depth (H, W) z of the surface in the reference camera (NaN: none); both may be a band of the image
    that starts at its row `row0`.  src (Hs, Ws), m (3, 4) float32 with source pixel ~ m[:, :3] @ (x, y, 1) * z +
    m[:, 3]; offsets (D,) in metres of z; rows y0:y1 of the band, columns x0:x1 are computed into out (D, y1 - y0,
    x1 - x0).  `floor` is the noise variance added to both variances, so that what is
    noise correlates with nothing.  A window needs 35% of its pixels in both photographs.
    """
    height, width = depth.shape
    hs, ws = src.shape
    flat = src.reshape(-1)
    size = 2 * radius + 1
    xa, xb = max(0, x0 - radius), min(width, x1 + radius)
    wide = x1 - x0
    padded = wide + 2 * radius
    pad = xa - (x0 - radius)
    ring = np.zeros((size, _SUMS, padded), np.float32)
    column = np.zeros((_SUMS, padded), np.float32)
    tmp = np.zeros((2, padded), np.float32)
    sums = np.empty((_SUMS, wide), np.float32)
    index = np.empty(xb - xa, np.int32)
    warped, fu, fv = np.empty((3, xb - xa), np.float32)
    least = np.float32(0.35 * size * size)
    shifted = m.copy()
    for k in range(3):
        shifted[k, 2] += m[k, 0] * np.float32(xa)
    for d in range(offsets.size):
        column[:] = 0
        ring[:] = 0
        for y in range(y0 - radius, y1 + radius):
            row = ring[(y - y0 + radius) % size]
            _add(column, row, np.float32(-1))
            if 0 <= y < height:
                _warp_row(depth[y, xa:xb], flat, hs, ws, shifted, offsets[d], y + row0, index, fu, fv, warped)
                _products_row(ref[y, xa:xb], warped, row, pad)
                _add(column, row, np.float32(1))
            else:
                row[:] = 0
            if y >= y0 + radius:
                for q in range(_SUMS):
                    _box_row(column[q], size, tmp[0], tmp[1], sums[q])
                _ncc_row(sums, least, floor, out[d, y - radius - y0])
