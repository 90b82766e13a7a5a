"""What the parts of a body are made of, and which faces are which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar, Material
from scan3d.avatar.skin import specular_of
from scan3d.avatar.tiles import udim
from scan3d.body.model import BodyModel
from scan3d.geometry.tile_cuts import tile_of

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

# Parts of the body that are made of something else than skin; where they overlap, the first holds.
_KINDS = {"eyeball": "eyes", "teeth": "teeth", "tongue": "mouth", "mouth_inside": "mouth", "eyelashes": "eyelashes"}
_PLAIN = {
    "skin": Material(name="skin"),
    "eyes": Material(name="eyes", kind="eyes", colour=(0.8, 0.78, 0.76), roughness=0.08, specular=specular_of(1.376)),
    "mouth": Material(name="mouth", kind="mouth", colour=(0.35, 0.12, 0.1), roughness=0.3, specular=specular_of(1.33)),
    "teeth": Material(name="teeth", kind="teeth", colour=(0.75, 0.7, 0.6), roughness=0.15, specular=specular_of(1.62)),
    "eyelashes": Material(name="eyelashes", kind="eyelashes", colour=(0.02, 0.015, 0.01), roughness=0.6),
}


def materials_of(
    model: BodyModel, face_uv: Ints, uv: Floats, given: Sequence[Material], children: int
) -> tuple[Ints, tuple[Material, ...]]:
    """(F',) which material each face is of, and the materials that are used. children: faces of one of the model's."""
    base = model.faces if model.quads is None else model.quads
    kind_of = np.zeros(len(base), np.int64)
    kinds = list(_PLAIN)
    for part, kind in reversed(_KINDS.items()):
        if part in model.parts:
            inside = np.all(np.asarray(model.parts[part])[base[:, :3]] > 0.5, axis=1)
            kind_of[inside] = kinds.index(kind)
    tile = tile_of(uv, face_uv).clip(0)
    keys, row = np.unique(np.column_stack([np.repeat(kind_of, children), tile]), axis=0, return_inverse=True)
    order = [(kinds[kind], (u, v)) for kind, u, v in keys.tolist()]
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
        wanted.append(replace(found, name=f"{kind}_{udim(at)}" if several else kind, tile=at))
    return row.reshape(-1).astype(np.int32), tuple(wanted)


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
