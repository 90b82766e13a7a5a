"""How skin mirrors and scatters, where no map says it, and what a specular map means."""

from __future__ import annotations

import math

# Light goes this deep into skin, red the deepest (metres).
SCATTER_M = (0.0037, 0.0014, 0.0007)
# How much of the diffuse light takes that way.
SKIN_SUBSURFACE = 0.2
# The reflectance straight on that white in a specular map means, as Blender's Principled shader has it.
F0_OF_WHITE = 0.08


def ior_of(f0: float) -> float:
    """The index of refraction whose surface reflects this share of light straight on (Fresnel)."""
    root = math.sqrt(min(max(f0, 0.0), 0.99))
    return (1 + root) / (1 - root)


def specular_of(ior: float) -> float:
    """What a specular map says of a surface with this index of refraction."""
    return ((ior - 1) / (ior + 1)) ** 2 / F0_OF_WHITE
