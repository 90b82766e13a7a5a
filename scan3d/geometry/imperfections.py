"""Moles, scars and freckles as data: what a twin must keep, and what simulated skin has for certain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Imperfection:
    """A mark on the skin that a twin must keep.

    kind: "mole", "freckle", "scar", "blemish" or "vein". position_m: (3,) on the posed subject, world. uv: (2,) on its
    part's uv. size_mm: largest extent. contrast: how much darker (or lighter, negative) its middle is than the skin
    around, as a share of the skin's linear luminance. relief_mm: how far it stands out.
    """

    kind: str
    part: str
    position_m: tuple[float, float, float]
    uv: tuple[float, float]
    size_mm: float
    contrast: float
    relief_mm: float = 0.0
