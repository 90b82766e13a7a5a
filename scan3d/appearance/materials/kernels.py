"""Kernels of the solve, point by point: what a view shows, what light falls on a point, and the closed forms."""

from __future__ import annotations

import numba
import numpy as np

from scan3d.appearance.sampling import cubic, see


@numba.njit(nogil=True, cache=True, error_model="numpy")
def look(first, last, position, normal, m, centre, focal, depth, trust, least, place, share, cosine):
    """Where the points lie in a view, and how much the view counts, 0 where hidden.

    Trust times the fourth power of the cosine: views from aside are blurred, and there are others."""
    for t in range(first, last):
        u, v, c, s = see(position[t], normal[t], m, centre, depth, trust, focal, least)
        place[t, 0], place[t, 1], cosine[t], share[t] = u, v, c, s * max(c, 0.0) ** 3


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def pick(picture, u, v, wx, wy, out):
    """Channels of a picture at (u, v), cubic."""
    i, j = int(u), int(v)
    cubic(np.float32(u - i), wx)
    cubic(np.float32(v - j), wy)
    for c in range(out.size):
        value = np.float32(0)
        for b in range(4):
            row = np.float32(0)
            for a in range(4):
                row += wx[a] * picture[j + b - 1, i + a - 1, c]
            value += wy[b] * row
        out[c] = value


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sample(first, last, place, share, picture, out):
    """(N, C) values of a picture at the points that the view sees."""
    wx, wy = np.empty(4, np.float32), np.empty(4, np.float32)
    for t in range(first, last):
        if share[t] > 0:
            pick(picture, place[t, 0], place[t, 1], wx, wy, out[t])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def expose(first, last, share, factor, times, value):
    """Multiplies value (N, 3) of the points that the view sees with factor (N, 3) and a number."""
    for t in range(first, last):
        if share[t] > 0:
            for c in range(3):
                value[t, c] *= times * factor[t, c]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def grey_above(first, last, share, value, base, colour, out):
    """(N,) mean over the channels of value - base (N, 3) over the lamp's colour (3,); 0 where the view sees nothing."""
    for t in range(first, last):
        out[t] = 0.0
        if share[t] > 0:
            for c in range(3):
                out[t] += (value[t, c] - base[t, c]) / max(colour[c], np.float32(1e-3)) / 3


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_view(first, last, share, value, corner, bary, guess, scale, total, weight):
    """Adds what a view shows of the points under one light, value (N, 3), to totals (N, 3).

    guess: (V, 3) of the mesh's vertices: what differs from it by much more than `scale` of it counts little.
    """
    for t in range(first, last):
        if share[t] <= 0:
            continue
        away, size = 0.0, 1e-8
        for c in range(3):
            g = (
                bary[t, 0] * guess[corner[t, 0], c]
                + bary[t, 1] * guess[corner[t, 1], c]
                + bary[t, 2] * guess[corner[t, 2], c]
            )
            away += (value[t, c] - g) ** 2
            size += g * g
        robust = share[t] / (1.0 + away / (size * scale * scale)) ** 2
        for c in range(3):
            total[t, c] += robust * value[t, c]
        weight[t] += robust


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def arriving(p, corner, bary, seen, at, ahead, power, lamp, flow):
    """Light from each patch of a lamp at a point, shadows included: (P, 3) direction times irradiance over pi."""
    some = 0
    for k in range(power.shape[1]):
        flow[k, 0] = flow[k, 1] = flow[k, 2] = 0.0
        if power[lamp, k] <= 0:
            continue
        v = bary[0] * seen[corner[0], lamp, k] + bary[1] * seen[corner[1], lamp, k] + bary[2] * seen[corner[2], lamp, k]
        if v <= 0:
            continue
        x, y, z = at[lamp, k, 0] - p[0], at[lamp, k, 1] - p[1], at[lamp, k, 2] - p[2]
        square = x * x + y * y + z * z
        shine = -(x * ahead[lamp, k, 0] + y * ahead[lamp, k, 1] + z * ahead[lamp, k, 2])
        if shine <= 0:
            continue
        # x carries one length too many, and so does shine: the fourth power of the distance in all.
        s = v * shine * power[lamp, k] / (square * square * np.pi)
        flow[k, 0], flow[k, 1], flow[k, 2] = s * x, s * y, s * z
        some += 1
    return some


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def gathered(flow, n, vector):
    """Irradiance over pi of a normal; the patches above its horizon are added up in `vector`."""
    vector[0] = vector[1] = vector[2] = 0.0
    for k in range(flow.shape[0]):
        if flow[k, 0] * n[0] + flow[k, 1] * n[1] + flow[k, 2] * n[2] > 0:
            for d in range(3):
                vector[d] += flow[k, d]
    return vector[0] * n[0] + vector[1] * n[1] + vector[2] * n[2]


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def solve3(a, b, x):
    """x of a symmetric positive 3 x 3 system a x = b; False where it has none."""
    c00 = a[1, 1] * a[2, 2] - a[1, 2] * a[1, 2]
    c01 = a[0, 2] * a[1, 2] - a[0, 1] * a[2, 2]
    c02 = a[0, 1] * a[1, 2] - a[0, 2] * a[1, 1]
    det = a[0, 0] * c00 + a[0, 1] * c01 + a[0, 2] * c02
    if not det > 0:
        return False
    c11 = a[0, 0] * a[2, 2] - a[0, 2] * a[0, 2]
    c12 = a[0, 1] * a[0, 2] - a[0, 0] * a[1, 2]
    c22 = a[0, 0] * a[1, 1] - a[0, 1] * a[0, 1]
    x[0] = (c00 * b[0] + c01 * b[1] + c02 * b[2]) / det
    x[1] = (c01 * b[0] + c11 * b[1] + c12 * b[2]) / det
    x[2] = (c02 * b[0] + c12 * b[1] + c22 * b[2]) / det
    return True


@numba.njit(nogil=True, cache=True, error_model="numpy")
def solve_diffuse(
    first, last, position, base, corner, bary, seen, at, ahead, power, colour, thrown, value, weight, tilt, error,
    turn, albedo, normal, trusted, residual,
):  # fmt: skip
    """Albedo and normal of points from their diffuse light under L lamps, by reweighted least squares.

    value: (N, L, 3) diffuse radiance, weight: (N, L). thrown: (V, L, 3) irradiance over pi that the surface throws on
    itself. tilt: standard deviation of normals from the mesh's, radians; error: of a radiance, as a share. turn: False
    keeps the mesh's normals. trusted: (N,) sum of the lamps' weights that counted. residual: (N,) share.
    """
    lamps, patches = power.shape
    flow = np.empty((lamps, patches, 3), np.float32)
    own = np.empty((lamps, 3))
    grey, back = np.empty(lamps), np.empty(lamps)
    vector, n, b = np.empty(3), np.empty(3), np.empty(3)
    a, right = np.empty((3, 3)), np.empty(3)
    robust = np.ones(lamps)
    for t in range(first, last):
        albedo[t] = 0.0
        normal[t] = base[t]
        trusted[t], residual[t] = 0.0, 0.0
        brightest = 0.0
        for lamp in range(lamps):
            grey[lamp], back[lamp], robust[lamp] = 0.0, 0.0, 0.0
            if weight[t, lamp] <= 0:
                continue
            if arriving(position[t], corner[t], bary[t], seen, at, ahead, power, lamp, flow[lamp]) == 0:
                flow[lamp] = 0.0
            for c in range(3):
                own[lamp, c] = (
                    bary[t, 0] * thrown[corner[t, 0], lamp, c]
                    + bary[t, 1] * thrown[corner[t, 1], lamp, c]
                    + bary[t, 2] * thrown[corner[t, 2], lamp, c]
                )
                grey[lamp] += value[t, lamp, c] / max(colour[lamp, c], 1e-3) / 3
                back[lamp] += own[lamp, c] / max(colour[lamp, c], 1e-3) / 3
            robust[lamp] = weight[t, lamp]
            brightest = max(brightest, grey[lamp])
        if brightest <= 0:
            continue
        for d in range(3):
            n[d] = base[t, d]
        strength = 0.0
        for turn_number in range(5):
            # the strength of grey light for this normal
            up, down = 0.0, 0.0
            for lamp in range(lamps):
                if robust[lamp] <= 0:
                    continue
                e = gathered(flow[lamp], n, vector) + back[lamp]
                w = robust[lamp] / (grey[lamp] + 0.3 * brightest) ** 2
                up += w * e * grey[lamp]
                down += w * e * e
            if down <= 0:
                break
            strength = max(up / down, 1e-4)
            largest = 0.0
            for lamp in range(lamps):
                if robust[lamp] > 0:
                    e = gathered(flow[lamp], n, vector) + back[lamp]
                    off = (grey[lamp] - strength * e) / (grey[lamp] + 0.3 * brightest)
                    robust[lamp] = weight[t, lamp] / (1.0 + (off / 0.08) ** 2)
                    largest = max(largest, abs(off))
            if not turn or turn_number == 4:
                break
            hold = (1.0 / (strength * tilt)) ** 2
            for i in range(3):
                right[i] = 0.0
                for j in range(3):
                    a[i, j] = hold * ((1.0 if i == j else 0.0) - base[t, i] * base[t, j])
            for lamp in range(lamps):
                if robust[lamp] <= 0:
                    continue
                e = gathered(flow[lamp], n, vector)
                if e <= 0 and back[lamp] <= 0:
                    continue
                w = robust[lamp] / (error * (grey[lamp] + 0.3 * brightest)) ** 2
                y = grey[lamp] - strength * back[lamp]
                for i in range(3):
                    right[i] += w * y * vector[i]
                    for j in range(3):
                        a[i, j] += w * vector[i] * vector[j]
            if not solve3(a, right, b):
                break
            length = np.sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2])
            if not length > 1e-9:
                break
            facing = (b[0] * base[t, 0] + b[1] * base[t, 1] + b[2] * base[t, 2]) / length
            if not facing > 0.5:
                break
            for d in range(3):
                n[d] = b[d] / length
        total = 0.0
        for c in range(3):
            up, down = 0.0, 0.0
            for lamp in range(lamps):
                if robust[lamp] <= 0:
                    continue
                e = gathered(flow[lamp], n, vector) * colour[lamp, c] + own[lamp, c]
                w = robust[lamp] / (grey[lamp] + 0.3 * brightest) ** 2
                up += w * e * value[t, lamp, c]
                down += w * e * e
            albedo[t, c] = up / down if down > 0 else 0.0
        square, many = 0.0, 0.0
        for lamp in range(lamps):
            if robust[lamp] > 0:
                e = gathered(flow[lamp], n, vector)
                lit = e / (e + 0.02)
                total += robust[lamp] * lit
                off = (grey[lamp] - strength * (e + back[lamp])) / (grey[lamp] + 0.3 * brightest)
                square += weight[t, lamp] * off * off
                many += weight[t, lamp]
        trusted[t] = total
        residual[t] = np.sqrt(square / many) if many > 0 else 0.0
        for d in range(3):
            normal[t, d] = n[d]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def light_on(first, last, position, normal, corner, bary, seen, at, ahead, power, out):
    """(N, L) irradiance over pi of grey light on points with these normals, straight from the lamps."""
    flow, vector = np.empty((power.shape[1], 3), np.float32), np.empty(3)
    for t in range(first, last):
        for lamp in range(power.shape[0]):
            out[t, lamp] = 0.0
            if arriving(position[t], corner[t], bary[t], seen, at, ahead, power, lamp, flow) > 0:
                out[t, lamp] = gathered(flow, normal[t], vector)
