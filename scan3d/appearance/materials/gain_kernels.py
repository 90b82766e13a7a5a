"""Two known lobes of gloss at single texels: the sums of `gloss_kernels`, laid out for the processor's vectors.

Texels times views times lamps times patches are many: here a lamp's patches are one loop without branches, in single
precision, and arithmetic may be reordered. It costs a sixth of `gloss_kernels.lobes`, and differs by parts in 100,000.
"""

from __future__ import annotations

import numba
import numpy as np

_F = np.float32
# Numbers stay finite here; sums may be taken in any order.
_FAST = {"reassoc", "contract", "arcp", "nsz", "nnan", "ninf", "afn"}


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=_FAST)
def shine(p, n, view, bary, first, second, third, at, ahead, power, spread, squares, share, eta):
    """Gloss of a lamp at a point for two lobes of alpha squared `squares` with `share` of the second one, at a gain of
    1, and what `gloss_kernels.burley` says of its light.

    first, second, third: (P,) patches that the corners around see. at, ahead: (3, P). All float32.
    """
    one, two, zero = _F(1), _F(2), _F(0)
    s1, s2 = squares[0], squares[1]
    b0, b1, b2 = bary[0], bary[1], bary[2]
    cos_o = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
    tan_o = (one - cos_o * cos_o) / max(cos_o * cos_o, _F(1e-9))
    out1, out2 = two / (one + np.sqrt(one + s1 * tan_o)), two / (one + np.sqrt(one + s2 * tan_o))
    graze_o = one - min(max(cos_o, zero), one)
    graze_o = (graze_o * graze_o) ** 2 * graze_o
    scale = one / (((eta - one) / (eta + one)) ** 2 * _F(4) * cos_o * _F(np.pi))
    g1, g2, added = zero, zero, zero
    for k in range(power.size):
        x, y, z = at[0, k] - p[0], at[1, k] - p[1], at[2, k] - p[2]
        near = one / (x * x + y * y + z * z)
        length = np.sqrt(near)
        x, y, z = x * length, y * length, z * length
        facing = -(x * ahead[0, k] + y * ahead[1, k] + z * ahead[2, k])
        seen = b0 * first[k] + b1 * second[k] + b2 * third[k]
        light = seen * max(facing, zero) * power[k] * near
        cos_i = n[0] * x + n[1] * y + n[2] * z
        cos_d2 = _F(0.5) * (one + x * view[0] + y * view[1] + z * view[2])
        cos_d = np.sqrt(max(cos_d2, _F(1e-9)))
        cos_h = (cos_i + cos_o) / (two * cos_d)
        below = np.sqrt(max(zero, one - (one - cos_d2) / (eta * eta)))
        s, t = (cos_d - eta * below) / (cos_d + eta * below), (eta * cos_d - below) / (eta * cos_d + below)
        lit = light if cos_i > _F(0.01) else zero
        common = lit * _F(0.5) * (s * s + t * t) * scale
        wide = _F(0.5) * spread[k] * near
        tan_i = (one - cos_i * cos_i) / max(cos_i * cos_i, _F(1e-9))
        flat1, flat2 = cos_h * cos_h * (s1 + wide - one) + one, cos_h * cos_h * (s2 + wide - one) + one
        g1 += common * (s1 + wide) / (flat1 * flat1) * (two / (one + np.sqrt(one + s1 * tan_i)))
        g2 += common * (s2 + wide) / (flat2 * flat2) * (two / (one + np.sqrt(one + s2 * tan_i)))
        graze = one - min(cos_i, one)
        graze = (graze * graze) ** 2 * graze
        spared = (one - _F(0.5) * graze) * (one - _F(0.5) * graze_o)
        back = cos_d2 * (graze_o + graze + graze_o * graze * (cos_d2 - one))
        added += max(cos_i, zero) * light * (spared + back - one)
    both = (one - share) * g1 * out1 + share * g2 * out2 if cos_o > _F(0.05) else zero
    return both, added / _F(np.pi)


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def turn_to(p, centre, view):
    """Writes the unit direction from a point to a camera."""
    x, y, z = centre[0] - p[0], centre[1] - p[1], centre[2] - p[2]
    length = np.sqrt(x * x + y * y + z * z)
    view[0], view[1], view[2] = x / length, y / length, z / length


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_gain(
    first, last, position, normal, grey, corner, bary, share, centre, value, seen, at, ahead, power, spread,
    lamp, rough, second, part, leak, eta, least, up, down,
):  # fmt: skip
    """Adds one view under one lamp to the per-point least squares of the gain over a lobe that is known.

    rough: (N,) roughness of the first lobe; second, part: of the second lobe, and its share. grey: (N,) albedo; leak:
    how much of what `burley` says is in the samples.
    """
    places, ways = np.ascontiguousarray(at[lamp].T), np.ascontiguousarray(ahead[lamp].T)
    strength, wide = power[lamp], spread[lamp]
    view, squares = np.empty(3, np.float32), np.empty(2, np.float32)
    for t in range(first, last):
        if share[t] <= 0:
            continue
        turn_to(position[t], centre, view)
        if normal[t, 0] * view[0] + normal[t, 1] * view[1] + normal[t, 2] * view[2] < least:
            continue
        squares[0], squares[1] = rough[t] ** 4, second**4
        a, b, c = corner[t, 0], corner[t, 1], corner[t, 2]
        predicted, diffuse = shine(
            position[t], normal[t], view, bary[t], seen[a, lamp], seen[b, lamp], seen[c, lamp], places, ways,
            strength, wide, squares, _F(part), _F(eta),
        )  # fmt: skip
        up[t] += share[t] * predicted * (value[t] - leak * grey[t] * diffuse)
        down[t] += share[t] * predicted * predicted


@numba.njit(nogil=True, cache=True, error_model="numpy")
def predict(
    first, last, position, normal, corner, bary, share, centre, seen, at, ahead, power, spread, lamp, rough, second,
    part, gain, eta, out,
):  # fmt: skip
    """(N,) gloss that the points show to a view under one lamp."""
    places, ways = np.ascontiguousarray(at[lamp].T), np.ascontiguousarray(ahead[lamp].T)
    strength, wide = power[lamp], spread[lamp]
    view, squares = np.empty(3, np.float32), np.empty(2, np.float32)
    for t in range(first, last):
        out[t] = 0.0
        if share[t] <= 0:
            continue
        turn_to(position[t], centre, view)
        squares[0], squares[1] = rough[t] ** 4, second**4
        a, b, c = corner[t, 0], corner[t, 1], corner[t, 2]
        shown, _ = shine(
            position[t], normal[t], view, bary[t], seen[a, lamp], seen[b, lamp], seen[c, lamp], places, ways,
            strength, wide, squares, _F(part), _F(eta),
        )  # fmt: skip
        out[t] = gain[t] * shown
