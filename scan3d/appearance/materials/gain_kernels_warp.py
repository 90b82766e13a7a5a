"""Gloss of single texels, as in `gain_kernels`, for a GPU, in NVIDIA Warp. Importing this module needs Warp."""

from __future__ import annotations

import warp as wp

from scan3d.appearance.materials.kernels_warp import Exposure, Light, Texels, factor, mean3, over_colour, visible

wp.set_module_options({"enable_backward": False})


@wp.struct
class Lobes:
    """`lighting.Lobe` on a device: roughness, gain (N,); the second lobe's alpha squared and share; leak. eta: index of
    refraction."""

    roughness: wp.array[wp.float32]
    gain: wp.array[wp.float32]
    second: wp.float32
    share: wp.float32
    leak: wp.float32
    eta: wp.float32


@wp.func
def fourth(x: wp.float32) -> wp.float32:
    return x * x * x * x


@wp.func
def grazing(cosine: wp.float32) -> wp.float32:
    """Schlick's fifth power."""
    away = 1.0 - cosine
    return fourth(away) * away


@wp.func
def masked(cosine: wp.float32, square: wp.float32) -> wp.float32:
    """Smith's share of facets that are not hidden."""
    c2 = cosine * cosine
    return 2.0 / (1.0 + wp.sqrt(1.0 + square * (1.0 - c2) / wp.max(c2, 1.0e-9)))


@wp.func
def facets(cos_h2: wp.float32, square: wp.float32) -> wp.float32:
    """GGX, times pi."""
    flat = cos_h2 * (square - 1.0) + 1.0
    return square / (flat * flat)


@wp.func
def fresnel(cos_d2: wp.float32, eta: wp.float32) -> wp.float32:
    """Unpolarised reflectance of a dielectric, by the squared cosine between light and facet."""
    c = wp.sqrt(wp.max(cos_d2, 1.0e-9))
    below = wp.sqrt(wp.max(0.0, 1.0 - (1.0 - cos_d2) / (eta * eta)))
    s, p = (c - eta * below) / (c + eta * below), (eta * c - below) / (eta * c + below)
    return 0.5 * (s * s + p * p)


@wp.func
def shine(
    texels: Texels, t: wp.int32, n: wp.vec3f, view: wp.vec3f, light: Light, lamp: wp.int32, lobes: Lobes
) -> wp.vec2f:
    """`gain_kernels.shine`: gloss of a lamp at a gain of 1, and what `gloss_kernels.burley` says of its light."""
    p, corner, bary = texels.position[t], texels.corner[t], texels.bary[t]
    first = fourth(lobes.roughness[t])
    cos_o = wp.dot(n, view)
    out1, out2 = masked(cos_o, first), masked(cos_o, lobes.second)
    graze_o = grazing(wp.clamp(cos_o, 0.0, 1.0))
    usual = (lobes.eta - 1.0) / (lobes.eta + 1.0)
    g1, g2, added = wp.float32(0.0), wp.float32(0.0), wp.float32(0.0)
    for k in range(light.power.shape[1]):
        power = light.power[lamp, k]
        if power > 0.0:
            towards = light.at[lamp, k] - p
            near = 1.0 / wp.dot(towards, towards)
            way = wp.sqrt(near) * towards
            facing = -wp.dot(way, light.ahead[lamp, k])
            received = visible(light, corner, bary, lamp, k) * wp.max(facing, 0.0) * power * near
            cos_i = wp.dot(n, way)
            cos_d2 = 0.5 * (1.0 + wp.dot(way, view))
            if cos_i > 0.01:
                cos_h = cos_i + cos_o
                cos_h2 = cos_h * cos_h / (4.0 * wp.max(cos_d2, 1.0e-9))
                wide = 0.5 * light.spread[lamp, k] * near
                common = received * fresnel(cos_d2, lobes.eta)
                g1 += common * facets(cos_h2, first + wide) * masked(cos_i, first)
                g2 += common * facets(cos_h2, lobes.second + wide) * masked(cos_i, lobes.second)
            graze = grazing(wp.min(cos_i, 1.0))
            spared = (1.0 - 0.5 * graze) * (1.0 - 0.5 * graze_o)
            back = cos_d2 * (graze_o + graze + graze_o * graze * (cos_d2 - 1.0))
            added += wp.max(cos_i, 0.0) * received * (spared + back - 1.0)
    both = wp.float32(0.0)
    if cos_o > 0.05:
        both = ((1.0 - lobes.share) * g1 * out1 + lobes.share * g2 * out2) / (usual * usual * 4.0 * cos_o * wp.PI)
    return wp.vec2f(both, added / wp.PI)


@wp.kernel
def take_off_gloss(
    texels: Texels, share: wp.array[wp.float32], centre: wp.vec3f, light: Light, lamp: wp.int32, lobes: Lobes,
    value: wp.array[wp.vec3f],
) -> None:  # fmt: skip
    """Takes off values what `gain_kernels.predict` says, on the mesh's normals."""
    t = wp.tid()
    if share[t] > 0.0:
        view = wp.normalize(centre - texels.position[t])
        shown = shine(texels, t, texels.normal[t], view, light, lamp, lobes)
        value[t] = value[t] - (lobes.gain[t] * shown[0]) * light.colour[lamp]


@wp.kernel
def grey_above(
    share: wp.array[wp.float32], value: wp.array[wp.vec3f], base: wp.array[wp.vec3f], colour: wp.vec3f,
    out: wp.array[wp.float32],
) -> None:  # fmt: skip
    """By how much values lie above others, in grey."""
    t = wp.tid()
    if share[t] > 0.0:
        out[t] = over_colour(value[t] - base[t], colour)


@wp.kernel
def expose_grey(
    place: wp.array[wp.vec2f], share: wp.array[wp.float32], exposure: Exposure, value: wp.array[wp.float32]
) -> None:
    """Multiplies grey values with what makes the view agree with the others."""
    t = wp.tid()
    if share[t] > 0.0:
        value[t] = value[t] * mean3(factor(place[t], exposure))


@wp.kernel
def add_gain(
    texels: Texels, normal: wp.array[wp.vec3f], albedo: wp.array[wp.vec3f], share: wp.array[wp.float32],
    centre: wp.vec3f, value: wp.array[wp.float32], light: Light, lamp: wp.int32, lobes: Lobes, least: wp.float32,
    up: wp.array[wp.float32], down: wp.array[wp.float32],
) -> None:  # fmt: skip
    """`gain_kernels.add_gain`."""
    t = wp.tid()
    if share[t] <= 0.0:
        return
    view = wp.normalize(centre - texels.position[t])
    if wp.dot(normal[t], view) < least:
        return
    both = shine(texels, t, normal[t], view, light, lamp, lobes)
    predicted, diffuse = both[0], both[1]
    up[t] = up[t] + share[t] * predicted * (value[t] - lobes.leak * mean3(albedo[t]) * diffuse)
    down[t] = down[t] + share[t] * predicted * predicted
