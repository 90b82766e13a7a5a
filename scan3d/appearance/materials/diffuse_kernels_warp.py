"""The light on texels and the closed form of `kernels.solve_diffuse`, for a GPU, in NVIDIA Warp.

A thread has one texel. What several lamps say of it lies lamp by lamp, so that threads beside each other read beside
each other. Sums over patches and lamps are float32, the 3 x 3 systems float64. Importing this module needs Warp.
"""

from __future__ import annotations

import warp as wp

from scan3d.appearance.materials.kernels_warp import Light, Texels, between, over_colour, visible, wide3

wp.set_module_options({"enable_backward": False})


@wp.struct
class Scratch:
    """Room for C texels while they are solved, (L, C): light added up to a vector, weight, grey radiance, and the part
    of the light that the surface throws on itself, grey."""

    vector: wp.array2d[wp.vec3f]
    robust: wp.array2d[wp.float32]
    grey: wp.array2d[wp.float32]
    back: wp.array2d[wp.float32]


@wp.func
def arriving(p: wp.vec3f, corner: wp.vec3i, bary: wp.vec3f, light: Light, lamp: wp.int32, patch: wp.int32) -> wp.vec3f:
    """`kernels.arriving` of one patch: direction times irradiance over pi, zero where it does not shine."""
    flow = wp.vec3f()
    power = light.power[lamp, patch]
    if power > 0.0:
        v = visible(light, corner, bary, lamp, patch)
        towards = light.at[lamp, patch] - p
        shine = -wp.dot(towards, light.ahead[lamp, patch])
        if v > 0.0 and shine > 0.0:
            square = wp.dot(towards, towards)
            # towards carries one length too many, and so does shine: the fourth power of the distance in all.
            flow = (v * shine * power / (square * square * wp.PI)) * towards
    return flow


@wp.func
def gathered(texels: Texels, t: wp.int32, light: Light, lamp: wp.int32, n: wp.vec3f) -> wp.vec3f:
    """Light of the patches above a normal's horizon, added up: its product with the normal is irradiance over pi."""
    vector = wp.vec3f()
    p, corner, bary = texels.position[t], texels.corner[t], texels.bary[t]
    for patch in range(light.power.shape[1]):
        flow = arriving(p, corner, bary, light, lamp, patch)
        if wp.dot(flow, n) > 0.0:
            vector += flow
    return vector


@wp.func
def start(
    texels: Texels, t: wp.int32, i: wp.int32, light: Light, value: wp.array2d[wp.vec3f],
    weight: wp.array2d[wp.float32], room: Scratch,
) -> wp.float32:  # fmt: skip
    """Writes grey radiances, light thrown back and weights of the lamps; the brightest radiance."""
    brightest = wp.float32(0.0)
    for lamp in range(weight.shape[0]):
        grey, back = wp.float32(0.0), wp.float32(0.0)
        if weight[lamp, t] > 0.0:
            grey = over_colour(value[lamp, t], light.colour[lamp])
            back = over_colour(between(light.thrown, texels.corner[t], texels.bary[t], lamp), light.colour[lamp])
            brightest = wp.max(brightest, grey)
        room.grey[lamp, i] = grey
        room.back[lamp, i] = back
        room.robust[lamp, i] = wp.max(weight[lamp, t], 0.0)
    return brightest


@wp.func
def strength_of(i: wp.int32, n: wp.vec3f, floor: wp.float32, room: Scratch) -> wp.float32:
    """Of grey light for this normal, by the weights; 0 where no light falls."""
    up, down = wp.float32(0.0), wp.float32(0.0)
    for lamp in range(room.robust.shape[0]):
        if room.robust[lamp, i] > 0.0:
            grey = room.grey[lamp, i]
            e = wp.dot(room.vector[lamp, i], n) + room.back[lamp, i]
            w = room.robust[lamp, i] / ((grey + floor) * (grey + floor))
            up += w * e * grey
            down += w * e * e
    return wp.max(up / down, 1.0e-4) if down > 0.0 else wp.float32(0.0)


@wp.func
def reweigh(
    t: wp.int32, i: wp.int32, n: wp.vec3f, strength: wp.float32, floor: wp.float32, weight: wp.array2d[wp.float32],
    room: Scratch,
) -> None:  # fmt: skip
    """Lamps that the normal does not explain count little."""
    for lamp in range(room.robust.shape[0]):
        if room.robust[lamp, i] > 0.0:
            grey = room.grey[lamp, i]
            e = wp.dot(room.vector[lamp, i], n) + room.back[lamp, i]
            off = (grey - strength * e) / ((grey + floor) * 0.08)
            room.robust[lamp, i] = weight[lamp, t] / (1.0 + off * off)


@wp.func
def turned(
    i: wp.int32, base: wp.vec3f, strength: wp.float32, floor: wp.float32, tilt: wp.float32, error: wp.float32,
    room: Scratch,
) -> wp.vec3f:  # fmt: skip
    """The normal that explains the lamps best, held by the mesh's; zero where there is none near it."""
    b = wide3(base)
    hold = wp.float64(1.0) / wp.float64(strength * tilt * strength * tilt)
    a = hold * (wp.identity(n=3, dtype=wp.float64) - wp.outer(b, b))
    right = wp.vec3d()
    for lamp in range(room.robust.shape[0]):
        if room.robust[lamp, i] > 0.0:
            grey, vector = room.grey[lamp, i], wide3(room.vector[lamp, i])
            size = error * (grey + floor)
            w = wp.float64(room.robust[lamp, i] / (size * size))
            right += w * wp.float64(grey - strength * room.back[lamp, i]) * vector
            a += w * wp.outer(vector, vector)
    # Cramer's rule: the determinant's sign says whether there is a solution.
    across = wp.mat33d()
    across[0] = wp.cross(a[1], a[2])
    across[1] = wp.cross(a[2], a[0])
    across[2] = wp.cross(a[0], a[1])
    found = wp.vec3f()
    if wp.dot(a[0], across[0]) > wp.float64(0.0):
        x = across * right / wp.dot(a[0], across[0])
        length = wp.length(x)
        if length > wp.float64(1.0e-9) and wp.dot(x, b) > wp.float64(0.5) * length:
            x = x / length
            found = wp.vec3f(wp.float32(x[0]), wp.float32(x[1]), wp.float32(x[2]))
    return found


@wp.func
def albedo_of(
    texels: Texels, t: wp.int32, i: wp.int32, n: wp.vec3f, floor: wp.float32, light: Light,
    value: wp.array2d[wp.vec3f], room: Scratch,
) -> wp.vec3f:  # fmt: skip
    """Least squares of each channel, by the weights."""
    up, down = wp.vec3f(), wp.vec3f()
    for lamp in range(room.robust.shape[0]):
        if room.robust[lamp, i] > 0.0:
            own = between(light.thrown, texels.corner[t], texels.bary[t], lamp)
            e = wp.dot(room.vector[lamp, i], n) * light.colour[lamp] + own
            size = room.grey[lamp, i] + floor
            w = room.robust[lamp, i] / (size * size)
            up += w * wp.cw_mul(e, value[lamp, t])
            down += w * wp.cw_mul(e, e)
    out = wp.vec3f()
    for c in range(3):
        out[c] = up[c] / down[c] if down[c] > 0.0 else wp.float32(0.0)
    return out


@wp.func
def told(
    t: wp.int32, i: wp.int32, n: wp.vec3f, strength: wp.float32, floor: wp.float32, weight: wp.array2d[wp.float32],
    room: Scratch,
) -> wp.vec2f:  # fmt: skip
    """How much light told of the texel, and the share of it that is left."""
    total, square, many = wp.float32(0.0), wp.float32(0.0), wp.float32(0.0)
    for lamp in range(room.robust.shape[0]):
        if room.robust[lamp, i] > 0.0:
            grey = room.grey[lamp, i]
            e = wp.dot(room.vector[lamp, i], n)
            total += room.robust[lamp, i] * e / (e + 0.02)
            off = (grey - strength * (e + room.back[lamp, i])) / (grey + floor)
            square += weight[lamp, t] * off * off
            many += weight[lamp, t]
    return wp.vec2f(total, wp.sqrt(square / many) if many > 0.0 else wp.float32(0.0))


@wp.kernel
def solve_diffuse(
    first: wp.int32, texels: Texels, light: Light, value: wp.array2d[wp.vec3f], weight: wp.array2d[wp.float32],
    tilt: wp.float32, error: wp.float32, turns: wp.int32, room: Scratch, albedo: wp.array[wp.vec3f],
    normal: wp.array[wp.vec3f], trusted: wp.array[wp.float32], residual: wp.array[wp.float32],
) -> None:  # fmt: skip
    """`kernels.solve_diffuse` of texels from `first` on, value and weight (L, N); turns: times that normals are turned,
    0 keeps the mesh's."""
    i = wp.tid()
    t = first + i
    base = texels.normal[t]
    albedo[t] = wp.vec3f()
    normal[t] = base
    trusted[t] = wp.float32(0.0)
    residual[t] = wp.float32(0.0)
    brightest = start(texels, t, i, light, value, weight, room)
    if brightest <= 0.0:
        return
    floor = 0.3 * brightest
    n = base
    strength = wp.float32(0.0)
    turn = wp.int32(0)
    while turn <= turns:
        for lamp in range(room.robust.shape[0]):
            if room.robust[lamp, i] > 0.0:
                room.vector[lamp, i] = gathered(texels, t, light, lamp, n)
        found = strength_of(i, n, floor, room)
        if found <= 0.0:
            break
        strength = found
        reweigh(t, i, n, strength, floor, weight, room)
        if turn == turns:
            break
        better = turned(i, base, strength, floor, tilt, error, room)
        if wp.dot(better, better) <= 0.0:
            break
        n = better
        turn += 1
    albedo[t] = albedo_of(texels, t, i, n, floor, light, value, room)
    both = told(t, i, n, strength, floor, weight, room)
    trusted[t] = both[0]
    residual[t] = both[1]
    normal[t] = n


@wp.kernel
def show(
    texels: Texels, light: Light, albedo: wp.array[wp.vec3f], normal: wp.array[wp.vec3f], out: wp.array2d[wp.vec3f]
) -> None:
    """`lighting.Lighting.shown`, (L, N): diffuse radiance that the texels would show."""
    lamp, t = wp.tid()
    straight = wp.dot(gathered(texels, t, light, lamp, normal[t]), normal[t])
    own = between(light.thrown, texels.corner[t], texels.bary[t], lamp)
    out[lamp, t] = wp.cw_mul(albedo[t], straight * light.colour[lamp] + own)
