"""Gives a body its skin, and what it wears, its eyes and its hair their look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.materials import Kind, Material, Part
from scan3d.simulate.skin.body_maps import skin_maps
from scan3d.simulate.skin.cloth import cloth_material, plain_material
from scan3d.simulate.skin.drawing import draw_marks
from scan3d.simulate.skin.eyes import eye_material, iris_name, unroll_eyes
from scan3d.simulate.skin.face import eye_centres, find_face, head_turn
from scan3d.simulate.skin.hair_cap import hair_colour, hair_material
from scan3d.simulate.skin.marks import Mark, place_marks
from scan3d.simulate.skin.pigment import Pigment, mean_free_path_m, pigment_of_tone
from scan3d.simulate.skin.strands import paint_strands
from scan3d.simulate.skin.texels import Chart, chart_of
from scan3d.simulate.skin.zones import body_zones

LARGEST = 8192


def dress_up(
    body_skin: Mesh,
    rest: Mesh,
    regions: Mapping[str, np.ndarray],
    others: Sequence[tuple[str, Kind, Mesh]],
    *,
    seed: int,
    tone: float | None = None,
    size: int = 2048,
    second_lobe: bool = True,
    scatter: bool = False,
    stubble: float = 0.0,
) -> tuple[tuple[Part, ...], tuple[Imperfection, ...]]:
    """Parts with materials, the skin first, and the marks on the skin.

    body_skin: posed, world, with uv. rest: the same topology unposed; detail is placed there, in mm. regions: (V,)
    0..1 by name. others: name, kind and mesh with uv, posed; eyes get new uv. tone: 0 very light .. 1 very dark, None:
    by the seed. size: texels along a side of the skin's map, up to 8192; cloth has at most 4096, other
    maps half the skin's, at most 2048.
    second_lobe: a sharper second gloss. scatter: light enters the skin. stubble: 0 shaved .. 1 dense.
    The same arguments give the same bytes. Raises ValueError for a size or tone out of range, or meshes that disagree.
    """
    if not 64 <= size <= LARGEST:
        raise ValueError(f"size is {size}, not in 64..{LARGEST}")
    if body_skin.uv is None or not np.array_equal(body_skin.faces, rest.faces):
        raise ValueError("body and rest must have the same faces, and the body uv")
    rng = np.random.default_rng([seed, 70])
    tone = float(rng.random()) if tone is None else tone
    pigment = _of_person(pigment_of_tone(tone), rng)
    hair = hair_colour(rng, tone)
    iris = iris_name(rng, tone)
    rest = Mesh(vertices=rest.vertices, faces=rest.faces, uv=body_skin.uv)
    face = find_face(body_skin, rest, regions, others)
    zones = body_zones(rest, regions, face, melanin=pigment.melanin, tan=float(rng.uniform(0.05, 0.35)))
    chart = chart_of(rest, size)
    maps = skin_maps(chart, zones, face, pigment, seed=seed)
    has_hair = any(kind == "hair" for _, kind, _ in others)
    paint_strands(chart, maps, zones, face, hair=hair, stubble=stubble, has_hair=has_hair, seed=seed)
    marks = place_marks(
        body_skin,
        rest,
        zones,
        chart.texel_m,
        [mesh for _, _, mesh in others],
        tone=tone,
        shaved=stubble == 0,
        seed=seed,
    )
    drawn = draw_marks(chart, maps, marks, pigment)
    skin = Material(
        kind="skin",
        albedo=maps.albedo,
        roughness=maps.roughness,
        normal=maps.normal,
        second_roughness=0.3,
        second_share=0.2 if second_lobe else 0.0,
        scatter_m=mean_free_path_m(pigment) if scatter else (0.0, 0.0, 0.0),
    )
    parts = [Part(name="skin", mesh=body_skin, material=skin)]
    centres = eye_centres(others)
    ahead = head_turn(body_skin, rest, centres)[0] @ [0.0, -1.0, 0.0]  # at rest it looks along -Y
    small = min(2048, max(64, size // 2))
    for index, (name, kind, mesh) in enumerate(others):
        if kind == "eye" and centres:
            mesh = unroll_eyes(mesh, centres, ahead)
            material = eye_material(mesh, centres, ahead, iris=iris, size=small, seed=seed)
        else:
            material = _worn(kind, mesh, hair, min(size, 4096) if kind == "cloth" else small, seed + 1000 * (index + 1))
        parts.append(Part(name=name, mesh=mesh, material=material))
    return tuple(parts), tuple(_record(mark, contrast, body_skin, chart) for mark, contrast in drawn)


def _of_person(pigment: Pigment, rng: np.random.Generator) -> Pigment:
    """The pigment of a tone with this person's own share of blood."""
    return Pigment(melanin=pigment.melanin, blood=float(pigment.blood * np.exp(0.18 * rng.standard_normal())))


def _worn(kind: Kind, mesh: Mesh, hair: np.ndarray, size: int, seed: int) -> Material:
    if kind == "cloth":
        return cloth_material(mesh, size=size, seed=seed)
    if kind == "hair":
        return hair_material(mesh, hair, size=size, seed=seed)
    return plain_material(mesh, size=min(size, 512), colour=(0.05, 0.05, 0.055))


def _record(mark: Mark, contrast: float, posed: Mesh, chart: Chart) -> Imperfection:
    assert posed.uv is not None
    position = mark.weights @ posed.vertices[posed.faces[mark.face]].astype(np.float64)
    uv = mark.weights @ posed.uv[mark.face].astype(np.float64)
    x, y, z = (float(v) for v in position)
    return Imperfection(
        kind=mark.kind,
        part="skin",
        position_m=(x, y, z),
        uv=(float(uv[0]), float(uv[1])),
        size_mm=2e3 * mark.half_length_m,
        contrast=contrast,
        relief_mm=1e3 * mark.relief_m,
    )
