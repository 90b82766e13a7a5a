"""The surface of skin for Mitsuba: diffuse below two lobes of gloss, which together return no more light than falls.

Mitsuba's principled surface adds gloss on top of the diffuse: in a white furnace it shines. Here the diffuse takes at
most what the gloss leaves; see `gloss_tables`. It is Lambert's with the albedo as it is wherever the gloss leaves that
much, because that is what `scan3d appearance` solves for: a picture of solved skin shows the diffuse light that the
photographs show. For skin that is everywhere but at the rim.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np

from scan3d.geometry.materials import Material
from scan3d.render.gloss_tables import LOWEST_ALPHA, NEAR_WHITE, gloss_tables
from scan3d.simulate.path_tracer import bumped, texture

Lobes = Literal["all", "diffuse"]
_PLUGIN = "scan3d_skin"


def skin_surface(mi: Any, material: Material, gloss: bool) -> Any:
    """The surface of a material for `path_tracer.Scene`. gloss: False leaves out the gloss and keeps the share of the
    light that it takes, so that the rest is the diffuse part of the same picture."""
    _register(mi)
    record = {
        "type": _PLUGIN,
        "albedo": texture(mi, material.albedo),
        "roughness": texture(mi, material.roughness),
        "specular": texture(mi, np.atleast_2d(np.asarray(material.specular, np.float32))),
        "second_roughness": float(material.second_roughness),
        "second_share": float(material.second_share),
        "gloss": gloss,
    }
    return bumped(mi, material, record)


def can_shade(mi: Any) -> bool:
    """Whether the variant runs surfaces written in Python at a useful speed: those that compile what they run do."""
    return not str(mi.variant()).startswith("scalar")


def _register(mi: Any) -> None:
    mi.register_bsdf(_PLUGIN, _plugin(mi.variant()))


@functools.cache
def _plugin(variant: str) -> type:
    """The class of surface for a variant: its types are the variant's."""
    import drjit
    import mitsuba

    # Their annotations are those of one variant.
    dr: Any = drjit
    mi: Any = mitsuba
    tables = mi.Texture2f(mi.TensorXf(gloss_tables()))
    size = gloss_tables().shape[0]

    class Skin(mi.BSDF):
        """Kelemen's coupled diffuse below two GGX lobes with Schlick's Fresnel and Kulla and Conty's return."""

        def __init__(self, props: Any) -> None:
            mi.BSDF.__init__(self, props)
            self.albedo, self.roughness, self.specular = props["albedo"], props["roughness"], props["specular"]
            self.second_roughness = mi.Float(props["second_roughness"])
            self.share = float(props["second_share"])
            self.gloss = bool(props["gloss"])
            front = mi.BSDFFlags.FrontSide
            self.m_components = [mi.BSDFFlags.DiffuseReflection | front, mi.BSDFFlags.GlossyReflection | front]
            self.m_flags = mi.BSDFFlags.DiffuseReflection | mi.BSDFFlags.GlossyReflection | front

        def _lobes(self, si: Any, active: Any) -> tuple[Any, list[tuple[Any, Any]]]:
            """Reflectance at normal incidence, and (share, roughness) of each lobe."""
            lobes = [(1 - self.share, dr.clip(self.roughness.eval_1(si, active), 0.02, 1))]
            if self.share > 0:
                lobes.append((self.share, self.second_roughness))
            return self.specular.eval_1(si, active), lobes

        def _shares(self, f0: Any, roughness: Any, mu: Any) -> tuple[Any, Any, Any, Any, Any]:
            """Of one lobe: the share returned at mu and its mean, what one bounce loses of white at mu and its mean,
            and the colour of what comes back after more bounces."""
            x = (dr.clip(mu, 0, 1) * (size - 1) + 0.5) / size
            y = (roughness * (size - 1) + 0.5) / size
            scale, bias, mean_scale, mean_bias = tables.eval(mi.Point2f(x, y))
            lost, mean_lost = 1 - scale - bias, dr.maximum(1 - mean_scale - mean_bias, 1e-6)
            mean_fresnel = f0 + (1 - f0) / 21
            back = dr.square(mean_fresnel) * (1 - mean_lost) / (1 - mean_fresnel * mean_lost)
            total = f0 * scale + bias + back * lost
            mean_total = f0 * mean_scale + mean_bias + back * mean_lost
            return total, mean_total, lost, mean_lost, back

        def _gloss_share(self, f0: Any, lobes: list[tuple[Any, Any]], mu: Any) -> tuple[Any, Any]:
            total, mean = mi.Float(0), mi.Float(0)
            for share, roughness in lobes:
                one, one_mean, *_ = self._shares(f0, roughness, mu)
                total, mean = total + share * one, mean + share * one_mean
            return total, mean

        def _value(self, si: Any, f0: Any, lobes: list[tuple[Any, Any]], wo: Any, active: Any) -> Any:
            mu_i, mu_o = mi.Frame3f.cos_theta(si.wi), mi.Frame3f.cos_theta(wo)
            taken_i, mean = self._gloss_share(f0, lobes, mu_i)
            taken_o, _ = self._gloss_share(f0, lobes, mu_o)
            albedo = self.albedo.eval(si, active)
            # White takes all that the gloss leaves (Kelemen and Szirmay-Kalos), and what that loses comes back; darker
            # skin is held to what is left.
            most_i, most_o = (dr.minimum(1, (1 - taken) / dr.maximum(albedo, 1e-3)) for taken in (taken_i, taken_o))
            value = albedo * most_i * most_o * (dr.inv_pi / dr.maximum(1 - mean * dr.power(albedo, NEAR_WHITE), 1e-4))
            if self.gloss:
                half = dr.normalize(si.wi + wo)
                fresnel = f0 + (1 - f0) * dr.power(1 - dr.clip(dr.dot(si.wi, half), 0, 1), 5)
                for share, roughness in lobes:
                    facets = _facets(roughness)
                    once = facets.eval(half) * facets.G(si.wi, wo, half) * fresnel / (4 * mu_i * mu_o)
                    _, _, lost_i, mean_lost, back = self._shares(f0, roughness, mu_i)
                    _, _, lost_o, _, _ = self._shares(f0, roughness, mu_o)
                    value += share * (once + back * lost_i * lost_o / mean_lost * dr.inv_pi)
            return value * mu_o

        def _choice(self, si: Any, f0: Any, lobes: list[tuple[Any, Any]], active: Any) -> Any:
            """How likely the gloss is sampled."""
            if not self.gloss:
                return mi.Float(0)
            taken, _ = self._gloss_share(f0, lobes, mi.Frame3f.cos_theta(si.wi))
            matt = mi.luminance(self.albedo.eval(si, active)) * (1 - taken)
            return dr.clip(taken / dr.maximum(taken + matt, 1e-6), 0.1, 0.9)

        def _density(self, si: Any, lobes: list[tuple[Any, Any]], glossy: Any, wo: Any) -> Any:
            density = (1 - glossy) * mi.warp.square_to_cosine_hemisphere_pdf(wo)
            half = dr.normalize(si.wi + wo)
            for share, roughness in lobes:
                one = _facets(roughness).pdf(si.wi, half) / (4 * dr.maximum(dr.dot(wo, half), 1e-6))
                density += glossy * share * one
            return density

        def sample(self, ctx: Any, si: Any, sample1: Any, sample2: Any, active: Any) -> tuple[Any, Any]:
            active &= mi.Frame3f.cos_theta(si.wi) > 0
            f0, lobes = self._lobes(si, active)
            glossy = self._choice(si, f0, lobes, active)
            to_gloss = sample1 < glossy
            roughness = lobes[0][1]
            if len(lobes) > 1:
                roughness = dr.select(sample1 < glossy * self.share, lobes[1][1], roughness)
            normal, _ = _facets(roughness).sample(si.wi, sample2)
            wo = dr.select(to_gloss, mi.reflect(si.wi, normal), mi.warp.square_to_cosine_hemisphere(sample2))
            active &= mi.Frame3f.cos_theta(wo) > 0
            sampled = mi.BSDFSample3f()
            sampled.wo, sampled.eta = wo, 1.0
            sampled.sampled_component = dr.select(to_gloss, mi.UInt32(1), mi.UInt32(0))
            sampled.sampled_type = dr.select(
                to_gloss, mi.UInt32(+mi.BSDFFlags.GlossyReflection), mi.UInt32(+mi.BSDFFlags.DiffuseReflection)
            )
            sampled.pdf = self._density(si, lobes, glossy, wo)
            active &= sampled.pdf > 0
            weight = self._value(si, f0, lobes, wo, active) / sampled.pdf
            return sampled, dr.select(active, weight, 0)

        def eval(self, ctx: Any, si: Any, wo: Any, active: Any) -> Any:
            active &= (mi.Frame3f.cos_theta(si.wi) > 0) & (mi.Frame3f.cos_theta(wo) > 0)
            f0, lobes = self._lobes(si, active)
            return dr.select(active, self._value(si, f0, lobes, wo, active), 0)

        def pdf(self, ctx: Any, si: Any, wo: Any, active: Any) -> Any:
            active &= (mi.Frame3f.cos_theta(si.wi) > 0) & (mi.Frame3f.cos_theta(wo) > 0)
            f0, lobes = self._lobes(si, active)
            return dr.select(active, self._density(si, lobes, self._choice(si, f0, lobes, active), wo), 0)

        def eval_pdf(self, ctx: Any, si: Any, wo: Any, active: Any) -> tuple[Any, Any]:
            active &= (mi.Frame3f.cos_theta(si.wi) > 0) & (mi.Frame3f.cos_theta(wo) > 0)
            f0, lobes = self._lobes(si, active)
            value = self._value(si, f0, lobes, wo, active)
            density = self._density(si, lobes, self._choice(si, f0, lobes, active), wo)
            return dr.select(active, value, 0), dr.select(active, density, 0)

        def traverse(self, callback: Any) -> None:
            for name in ("albedo", "roughness", "specular"):
                callback.put(name, getattr(self, name), mi.ParamFlags.Differentiable)

        def to_string(self) -> str:
            return f"Skin[share={self.share}]"

    def _facets(roughness: Any) -> Any:
        alpha = dr.maximum(dr.square(roughness), LOWEST_ALPHA)
        return mi.MicrofacetDistribution(mi.MicrofacetType.GGX, alpha, True)

    return Skin
