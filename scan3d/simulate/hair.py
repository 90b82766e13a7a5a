"""Hair as a cap: the scalp lifted by the hair's thickness, thin at the hairline."""

from __future__ import annotations

from functools import cache

import numpy as np

from scan3d.geometry import Mesh
from scan3d.simulate.body_surface import body_surface, hairline_m
from scan3d.simulate.layers import Layer, cut_layer, lay

STYLES = ("bald", "buzz", "short", "full")
_THICKNESS_M = {"buzz": 0.004, "short": 0.014, "full": 0.026}
_FOLD_M = 0.002


@cache
def _scalp() -> Layer:
    body = body_surface()
    inside = hairline_m(body.reference, body.joints, np.asarray(body.surface.matrix @ body.human.masks["ear"]))
    inside = np.where(body.limb["head"] + body.limb["neck"] > 0.5, inside, -1.0)
    return cut_layer(body.surface, inside, fold_m=_FOLD_M)


def hair_cap(skin: Mesh, style: str) -> Mesh | None:
    """The cap over a posed skin, None for "bald". Raises KeyError for a style that is not in STYLES."""
    if style == "bald":
        return None
    layer = _scalp()
    thickness = _THICKNESS_M[style]
    rise = np.clip(layer.inside_m / (1.6 * thickness + 0.01), 0, 1)
    height = 0.0015 + thickness * np.sin(0.5 * np.pi * rise)
    return lay(layer, skin, height_m=height, least_m=0.001, fold_m=_FOLD_M, smooth=12)
