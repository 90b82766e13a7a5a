"""What stands in the virtual studio: surfaces with materials, and a record of what is on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from scan3d.geometry import Mesh

Kind = Literal["skin", "cloth", "eye", "hair", "plain"]
KINDS: tuple[Kind, ...] = ("skin", "cloth", "eye", "hair", "plain")


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """How a surface looks; every map covers the unit square of its mesh's uv, row 0 at v = 1, (H, W[, 3]).

    albedo: float32 linear Rec.709 diffuse albedo in 0..1. roughness: float32 (H, W) GGX alpha of the main gloss lobe
    before squaring, 0..1. specular: normal-incidence reflectance of the gloss (skin: 0.028). second_roughness and
    second_share: the second, sharper lobe of skin, and how much of the gloss it takes (0: one lobe). normal: uint16
    (H, W, 3) tangent-space normal map, OpenGL convention (x along u, y along v, z out), None for none.
    scatter_m: mean free path of red, green and blue light below the surface, metres; zeros: none.
    """

    kind: Kind
    albedo: np.ndarray
    roughness: np.ndarray
    specular: float = 0.028
    second_roughness: float = 0.25
    second_share: float = 0.0
    normal: np.ndarray | None = None
    scatter_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One surface of a subject: mesh in metres, world frame, with per-corner uv (F, 3, 2), and its material."""

    name: str
    mesh: Mesh
    material: Material


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """Somebody in the virtual studio.

    name: of files and reports. parts: what is rendered. imperfections: the truth about the skin. parameters: JSON
    values that made the body (seed, sex, age, height_m, waist_m, hip_m, tone, pose, garment, ...), for the record.
    """

    name: str
    parts: tuple[Part, ...]
    imperfections: tuple[Imperfection, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
