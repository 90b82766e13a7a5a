"""What the parts of a body are made of, and which faces are which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar, Material
from scan3d.body.model import BodyModel

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

# Parts of the body that are made of something else than skin; where they overlap, the first holds.
_KINDS = {"eyeball": "eyes", "teeth": "teeth", "tongue": "mouth", "mouth_inside": "mouth", "eyelashes": "eyelashes"}
_PLAIN = {
    "skin": Material(name="skin"),
    "eyes": Material(name="eyes", kind="eyes", colour=(0.8, 0.78, 0.76), roughness=0.08),
    "mouth": Material(name="mouth", kind="mouth", colour=(0.35, 0.12, 0.1), roughness=0.3),
    "teeth": Material(name="teeth", kind="teeth", colour=(0.75, 0.7, 0.6), roughness=0.15),
    "eyelashes": Material(name="eyelashes", kind="eyelashes", colour=(0.02, 0.015, 0.01), roughness=0.6),
}


def materials_of(
    model: BodyModel, face_uv: Ints, uv: Floats, given: Sequence[Material], children: int
) -> tuple[Ints, tuple[Material, ...]]:
    """(F',) which material each face is of, and the materials that are used. children: faces of one of the model's."""
    base = model.faces if model.quads is None else model.quads
    tile = np.floor(uv[face_uv[::children, :3]].mean(axis=1) - 1e-6).astype(int).clip(0)
    kind_of = np.zeros(len(base), np.int64)
    kinds = list(_PLAIN)
    for part, kind in reversed(_KINDS.items()):
        if part in model.parts:
            inside = np.all(np.asarray(model.parts[part])[base[:, :3]] > 0.5, axis=1)
            kind_of[inside] = kinds.index(kind)
    numbers = np.column_stack([kind_of, tile]).tolist()
    keys = [(kinds[kind], (u, v)) for kind, u, v in numbers]
    order = sorted(set(keys), key=lambda key: (kinds.index(key[0]), key[1]))
    wanted = []
    for kind, at in order:
        found = next((m for m in given if m.kind == kind and m.tile == at), None)
        plain = _PLAIN[kind]
        # A scan sees eyes: they are in the skin's pictures. It does not see into the mouth.
        skin = next((m for m in given if m.kind == "skin" and m.tile == at), None)
        if found is None:
            found = (
                plain if skin is None else replace(plain, maps={k: v for k, v in skin.maps.items() if k == "albedo"})
            )
        several = sum(other == kind for other, _ in order) > 1
        suffix = f"_{1001 + at[0] + 10 * at[1]}" if several else ""
        wanted.append(replace(found, name=f"{kind}{suffix}", tile=at))
    row = {key: number for number, key in enumerate(order)}
    return np.repeat(np.array([row[key] for key in keys], np.int32), children), tuple(wanted)


def without(avatar: Avatar, kind: str) -> Avatar:
    """The avatar without the faces of one kind of material, and the vertices that only they use."""
    drop = np.array([material.kind == kind for material in avatar.materials])[avatar.face_material]
    if not drop.any():
        return avatar
    faces = avatar.faces[~drop]
    used = np.unique(faces[faces >= 0])
    row = np.full(len(avatar.vertices) + 1, -1, np.int32)
    row[used] = np.arange(len(used), dtype=np.int32)
    kept = [number for number, material in enumerate(avatar.materials) if material.kind != kind]
    renumbered = np.searchsorted(kept, avatar.face_material[~drop]).astype(np.int32)
    return replace(
        avatar.with_vertices(used),
        faces=row[faces],
        face_uv=avatar.face_uv[~drop],
        face_material=renumbered,
        materials=tuple(avatar.materials[number] for number in kept),
    )
