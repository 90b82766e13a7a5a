"""What a surface is made of, and a surface with it: what the virtual studio and renders show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scan3d.geometry.mesh import Mesh

Kind = Literal["skin", "cloth", "eye", "hair", "plain"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """How a surface looks; every map covers the unit square of its mesh's uv, row 0 at v = 1, (H, W[, 3]).

    albedo: float32 linear Rec.709 diffuse albedo in 0..1. roughness: float32 (H, W) GGX alpha of the main gloss lobe
    before squaring, 0..1. specular: normal-incidence reflectance of the gloss (skin: 0.028), one for
    all or a float32 map (H, W). second_roughness and
    second_share: the second, sharper lobe of skin, and how much of the gloss it takes (0: one lobe). normal: uint16
    (H, W, 3) tangent-space normal map, OpenGL convention (x along u, y along v, z out), None for none.
    displacement: float32 (H, W) metres above the mesh along its normals, None for none: finer than the mesh, in the
    normal map already. scatter_m: mean free path of red, green and blue light below the surface, metres; zeros: none.
    """

    kind: Kind
    albedo: np.ndarray
    roughness: np.ndarray
    specular: float | np.ndarray = 0.028
    second_roughness: float = 0.25
    second_share: float = 0.0
    normal: np.ndarray | None = None
    displacement: np.ndarray | None = None
    scatter_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One surface of a subject: mesh in metres, world frame, with per-corner uv (F, 3, 2), and its material."""

    name: str
    mesh: Mesh
    material: Material
