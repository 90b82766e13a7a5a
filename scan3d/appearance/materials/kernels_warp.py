"""What a view shows of texels, as in `kernels`, for a GPU, in NVIDIA Warp; and what such kernels are given.

A thread has one texel. Places in pictures are worked out in float64, all else is float32. Importing this module needs
Warp; `pipeline.device.choose_device` says whether it can be used.
"""

from __future__ import annotations

import warp as wp

wp.set_module_options({"enable_backward": False})


@wp.struct
class Texels:
    """`surface.Points` on a device, N of them: corner are vertices, bary their shares."""

    position: wp.array[wp.vec3f]
    normal: wp.array[wp.vec3f]
    corner: wp.array[wp.vec3i]
    bary: wp.array[wp.vec3f]


@wp.struct
class Light:
    """`lighting.Lighting` on a device: L lamps of P patches over V vertices.

    seen: (V, L, P). thrown: (V, L). at, ahead, power, spread: (L, P). colour: (L,).
    """

    seen: wp.array3d[wp.uint8]
    thrown: wp.array2d[wp.vec3f]
    at: wp.array2d[wp.vec3f]
    ahead: wp.array2d[wp.vec3f]
    power: wp.array2d[wp.float32]
    spread: wp.array2d[wp.float32]
    colour: wp.array[wp.vec3f]


@wp.struct
class Pinhole:
    """A view: rows of the matrix that takes world points to pixels, centre, focal length in pixels; least cosine."""

    m0: wp.vec4d
    m1: wp.vec4d
    m2: wp.vec4d
    centre: wp.vec3d
    focal: wp.float64
    least: wp.float64


@wp.struct
class Exposure:
    """`agreement.Agreement` for a view: exp(-(a r2 + b r2^2)) times gain, r2 around middle, 1 at corner2."""

    gain: wp.vec3f
    a: wp.float32
    b: wp.float32
    middle: wp.vec2f
    corner2: wp.float32


@wp.func
def wide3(v: wp.vec3f) -> wp.vec3d:
    return wp.vec3d(wp.float64(v[0]), wp.float64(v[1]), wp.float64(v[2]))


@wp.func
def mean3(v: wp.vec3f) -> wp.float32:
    return (v[0] + v[1] + v[2]) / 3.0


@wp.func
def over_colour(v: wp.vec3f, colour: wp.vec3f) -> wp.float32:
    """What light of a lamp's colour is in grey."""
    return mean3(wp.cw_div(v, wp.max(colour, wp.vec3f(1.0e-3, 1.0e-3, 1.0e-3))))


@wp.func
def between(values: wp.array2d[wp.vec3f], corner: wp.vec3i, bary: wp.vec3f, lamp: wp.int32) -> wp.vec3f:
    """Of what vertices carry for each lamp, at a texel."""
    return bary[0] * values[corner[0], lamp] + bary[1] * values[corner[1], lamp] + bary[2] * values[corner[2], lamp]


@wp.func
def visible(light: Light, corner: wp.vec3i, bary: wp.vec3f, lamp: wp.int32, patch: wp.int32) -> wp.float32:
    """How much of a lamp's patch is seen from a texel."""
    return (
        bary[0] * wp.float32(light.seen[corner[0], lamp, patch])
        + bary[1] * wp.float32(light.seen[corner[1], lamp, patch])
        + bary[2] * wp.float32(light.seen[corner[2], lamp, patch])
    )


@wp.func
def project(row: wp.vec4d, p: wp.vec3d) -> wp.float64:
    return row[0] * p[0] + row[1] * p[1] + row[2] * p[2] + row[3]


@wp.kernel
def look(
    texels: Texels,
    view: Pinhole,
    depth: wp.array2d[wp.float32],
    trust: wp.array2d[wp.float32],
    place: wp.array[wp.vec2f],
    share: wp.array[wp.float32],
    some: wp.array[wp.int32],
) -> None:
    """`kernels.look`; some[0] becomes 1 where any texel is seen."""
    t = wp.tid()
    share[t] = wp.float32(0.0)
    p, n = wide3(texels.position[t]), wide3(texels.normal[t])
    towards = view.centre - p
    cosine = wp.dot(towards, n) / wp.length(towards)
    w = project(view.m2, p)
    if cosine <= wp.float64(0.0) or cosine < view.least or w <= wp.float64(0.0):
        return
    half = wp.float64(0.5)
    u, v = project(view.m0, p) / w - half, project(view.m1, p) / w - half
    width, height = wp.float64(depth.shape[1] - 3), wp.float64(depth.shape[0] - 3)
    two = wp.float64(2.0)
    if not (u >= two and v >= two and u < width and v < height):
        return
    i, j = wp.int32(u + half), wp.int32(v + half)
    one = wp.float64(1.0)
    slope = wp.sqrt(wp.max(wp.float64(0.0), one - cosine * cosine)) / cosine
    # False for NaN, where no surface is.
    if w < wp.float64(depth[j, i]) + w / view.focal * (one + wp.float64(1.5) * slope):
        place[t] = wp.vec2f(wp.float32(u), wp.float32(v))
        found = wp.float32(cosine * wp.float64(trust[j, i]) * cosine * cosine * cosine)
        share[t] = found
        if found > 0.0:
            some[0] = 1


@wp.kernel
def note_best(share: wp.array[wp.float32], best: wp.array[wp.float32]) -> None:
    t = wp.tid()
    best[t] = wp.max(best[t], share[t])


@wp.kernel
def favour_best(best: wp.array[wp.float32], power: wp.float32, share: wp.array[wp.float32]) -> None:
    """share^power / best^(power - 1)."""
    t = wp.tid()
    if share[t] > 0.0:
        share[t] = share[t] * wp.pow(share[t] / wp.max(best[t], 1.0e-9), power - 1.0)


@wp.func
def cubic(f: wp.float32) -> wp.vec4f:
    """Catmull-Rom weights of four samples (Keys 1981, a = -0.5)."""
    return wp.vec4f(
        ((-0.5 * f + 1.0) * f - 0.5) * f,
        (1.5 * f - 2.5) * f * f + 1.0,
        ((-1.5 * f + 2.0) * f + 0.5) * f,
        (0.5 * f - 0.5) * f * f,
    )


@wp.kernel
def sample(
    place: wp.array[wp.vec2f], share: wp.array[wp.float32], picture: wp.array2d[wp.vec3f], out: wp.array[wp.vec3f]
) -> None:
    """`kernels.sample`; what the view does not see stays as it is."""
    t = wp.tid()
    if share[t] <= 0.0:
        return
    at = place[t]
    i, j = wp.int32(at[0]), wp.int32(at[1])
    wx, wy = cubic(at[0] - wp.float32(i)), cubic(at[1] - wp.float32(j))
    value = wp.vec3f()
    for b in range(4):
        row = wp.vec3f()
        for a in range(4):
            row += wx[a] * picture[j + b - 1, i + a - 1]
        value += wy[b] * row
    out[t] = value


@wp.func
def factor(at: wp.vec2f, exposure: Exposure) -> wp.vec3f:
    """`Agreement.factor` at a place in the picture."""
    off = at + wp.vec2f(0.5, 0.5) - exposure.middle
    far = wp.dot(off, off) / exposure.corner2
    return wp.exp(-(exposure.a * far + exposure.b * far * far)) * exposure.gain


@wp.kernel
def expose(
    place: wp.array[wp.vec2f], share: wp.array[wp.float32], exposure: Exposure, times: wp.float32,
    value: wp.array[wp.vec3f],
) -> None:  # fmt: skip
    """Multiplies values with what makes the view agree with the others."""
    t = wp.tid()
    if share[t] > 0.0:
        value[t] = wp.cw_mul(times * value[t], factor(place[t], exposure))


@wp.kernel
def add_view(
    texels: Texels, share: wp.array[wp.float32], value: wp.array[wp.vec3f], guess: wp.array2d[wp.vec3f],
    lamp: wp.int32, scale: wp.float32, total: wp.array[wp.vec3f], weight: wp.array[wp.float32],
) -> None:  # fmt: skip
    """`kernels.add_view`, guess (V, L)."""
    t = wp.tid()
    if share[t] <= 0.0:
        return
    g = between(guess, texels.corner[t], texels.bary[t], lamp)
    off = value[t] - g
    lax = 1.0 + wp.dot(off, off) / ((1.0e-8 + wp.dot(g, g)) * scale * scale)
    robust = share[t] / (lax * lax)
    total[t] = total[t] + robust * value[t]
    weight[t] = weight[t] + robust


@wp.kernel
def take_mean(weight: wp.array2d[wp.float32], total: wp.array2d[wp.vec3f]) -> None:
    """Totals (L, N) become means."""
    lamp, t = wp.tid()
    total[lamp, t] = total[lamp, t] / wp.max(weight[lamp, t], 1.0e-9)
