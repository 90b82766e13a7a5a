"""A twin folder: the avatar as arrays, a table and maps, from which Blender builds it and the add-on reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar, Material, quaternions
from scan3d.avatar.pictures import map_bytes
from scan3d.avatar.rig import Rig
from scan3d.avatar.skin_weights import strongest
from scan3d.avatar.tiles import Tiled, tiled, udim

Floats = npt.NDArray[np.floating]
Sparse = tuple[npt.NDArray[np.int32], Floats]

FORMAT, VERSION = "scan3d-twin", 1
_SLIGHTEST_M = 1e-6
_SIXTEEN = ("displacement", "specular")
# Blender stores every shape in full: so many vertices in all correctives together, 12 bytes each, are bearable.
_MOST_CORRECTED = 30_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinOptions:
    """weights: joints a vertex. texture_size: the longest side of a map. correctives: whether they come along, which
    they do not where the mesh is so fine that Blender could not bear it: a coarser one has them.

    udim: whether tiles of one material stay one, with UDIM's pictures; else each is a material of its own, for FBX.
    presets: name -> local turns (J, 3, 3) that the add-on offers. model_type, model_hash: as body.npz has them.
    """

    weights: int = 8
    texture_size: int | None = None
    correctives: bool = True
    udim: bool = True
    presets: Mapping[str, Floats] | None = None
    model_type: str = "smplx"
    model_hash: str = ""


def write_twin(
    avatar: Avatar,
    rig: Rig,
    folder: Path,
    options: TwinOptions,
    *,
    turns: Floats | None = None,
    translation: Floats | None = None,
    strengths: Mapping[str, float] | None = None,
) -> None:
    """Write twin.json, twin.npz and maps/ into a folder that is there. The pose is the one it opens in."""
    shapes = {name: avatar.shapes[name] for name in avatar.shapes}
    correctives = bone_correctives(avatar, rig) if options.correctives else {}
    if not bears_correctives(avatar):
        correctives = {}
    presets = dict(options.presets or {})
    bones, values = strongest(avatar.weights, options.weights)
    own, above = rig.bone_rest_turns(avatar)
    materials, of_material = _materials(avatar.materials, options)
    pose = avatar.rest_turns if turns is None else turns
    arrays: dict[str, npt.NDArray[Any]] = {
        "vertices": avatar.vertices, "faces": avatar.faces, "uv": avatar.uv, "face_uv": avatar.face_uv,
        "face_material": of_material[avatar.face_material], "heads": rig.heads, "tails": rig.tails, "axes": rig.axes,
        "bone_parents": rig.parents, "bone_joint": rig.joint, "own_turns": own, "above_turns": above,
        "weight_bones": rig.bone_of_joint()[bones], "weight_values": values,
        "pose_turns": quaternions(rig.bone_turns(avatar, pose)),
        "pose_place": np.zeros(3) if translation is None else np.asarray(translation),
        "pose_strengths": np.array([float((strengths or {}).get(name, 0.0)) for name in shapes]),
        "expression_of_shapes": avatar.expression_of_shapes, "shape": avatar.shape, "expression": avatar.expression,
        "root_shift": avatar.root_shift_m,
        "preset_turns": _quaternions_of(avatar, rig, list(presets.values())),
        **_one_after_the_other("shape", [_of_full(move) for move in shapes.values()]),
        **_one_after_the_other("corrective", [move for moves in correctives.values() for move in moves]),
    }  # fmt: skip
    if avatar.animation is not None:
        arrays["motion_turns"] = quaternions(rig.bone_turns(avatar, avatar.animation.rotations))
        arrays["motion_places"] = avatar.animation.translations
        if avatar.animation.strengths is not None:
            arrays["motion_strengths"] = avatar.animation.strengths
    np.savez(folder / "twin.npz", **arrays)  # type: ignore[arg-type]
    table = {
        "format": FORMAT,
        "version": VERSION,
        "name": avatar.name,
        "licence": avatar.licence,
        "model_name": avatar.model_name,
        "model_type": options.model_type,
        "model_hash": options.model_hash,
        "naming": rig.naming.name,
        "bones": list(rig.names),
        "joints": list(avatar.joint_names),
        "shapes": list(shapes),
        "corrective_bones": list(correctives),
        "presets": list(presets),
        "fps": None if avatar.animation is None else avatar.animation.fps,
        "rigify_types": dict(rig.naming.rigify_types or {}),
        "materials": [_material(m, folder, options.texture_size) for m in materials],
    }
    (folder / "twin.json").write_text(json.dumps(table, indent=1))


def bears_correctives(avatar: Avatar) -> bool:
    """Whether Blender can hold a shape of the whole mesh for each corrective."""
    joints = 0 if avatar.correctives is None else len(np.unique(avatar.correctives.joint))
    return 9 * joints * len(avatar.vertices) <= _MOST_CORRECTED


def bone_correctives(avatar: Avatar, rig: Rig) -> dict[str, list[Sparse]]:
    """Bone -> nine (vertices (n,), moves (n, 3)) by the entries, row by row, of the bone's own turn less the identity.

    In the bone's axes, where Blender's drivers read it: with R = L (basis) M, the weights of R's entries go over L, M.
    """
    c = avatar.correctives
    if c is None:
        return {}
    own, above = rig.bone_rest_turns(avatar)
    found: dict[str, list[Sparse]] = {}
    for joint in np.unique(c.joint).tolist():
        bone = int(rig.bone_of_joint()[joint])
        left, right = above[bone].T @ rig.axes[bone], rig.axes[bone].T @ own[bone]
        mine = np.flatnonzero(c.joint == joint)
        vertices = np.unique(np.concatenate([c.vertices[k] for k in mine]))
        total = np.zeros((9, len(vertices), 3))
        for k in mine:
            share = np.outer(left[c.row[k]], right[:, c.column[k]]).reshape(9, 1, 1)
            total[:, np.searchsorted(vertices, c.vertices[k])] += share * c.moves[k]
        found[rig.names[bone]] = [(vertices.astype(np.int32), moves) for moves in total]
    return found


def _quaternions_of(avatar: Avatar, rig: Rig, poses: Sequence[Floats]) -> Floats:
    """(P, B, 4) the bones' turns in some poses."""
    if not poses:
        return np.zeros((0, len(rig.names), 4))
    return quaternions(rig.bone_turns(avatar, np.stack(poses)))


def _of_full(moves: Floats) -> Sparse:
    rows = np.flatnonzero(np.abs(moves).max(axis=1) > _SLIGHTEST_M)
    return rows.astype(np.int32), moves[rows]


def _one_after_the_other(name: str, moves: Sequence[Sparse]) -> dict[str, npt.NDArray[Any]]:
    """Vertices and moves of some shapes in one array each, and where the next begins."""
    kept = [(rows[keep], move[keep]) for rows, move in moves for keep in [np.abs(move).max(axis=1) > _SLIGHTEST_M]]
    return {
        f"{name}_rows": np.concatenate([np.zeros(0, np.int32), *(rows for rows, _ in kept)]).astype(np.int32),
        f"{name}_moves": np.concatenate([np.zeros((0, 3)), *(move for _, move in kept)]).astype(np.float32),
        f"{name}_starts": np.cumsum([0, *(len(rows) for rows, _ in kept)]),
    }


def _materials(materials: Sequence[Material], options: TwinOptions) -> tuple[tuple[Tiled, ...], npt.NDArray[np.int32]]:
    """As `tiled` has them, or each by itself, on the usual tile: pictures repeat."""
    if options.udim:
        return tiled(materials)
    alone = tuple(Tiled(name=one.name, tiles=(replace(one, tile=(0, 0)),)) for one in materials)
    return alone, np.arange(len(alone), dtype=np.int32)


def _material(tiles: Tiled, folder: Path, largest: int | None) -> dict[str, Any]:
    """Copies the maps; a picture that several materials share is written once. UDIM's are named by their pattern."""
    names = {}
    first = tiles.first
    for kind in first.maps:
        pictures = tiles.pictures(kind)
        jpeg = all(path.suffix.lower() in (".jpg", ".jpeg") for path in pictures.values())
        suffix = ".jpg" if jpeg else ".png"
        for number, path in pictures.items():
            names[kind] = f"maps/{kind}.<UDIM>{suffix}" if tiles.several else f"maps/{path.stem}{suffix}"
            target = folder / names[kind].replace("<UDIM>", str(number))
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(map_bytes(path, largest=largest, jpeg=jpeg, sixteen=kind in _SIXTEEN))
    return {
        "name": tiles.name, "kind": first.kind, "maps": names, "colour": first.colour,
        "roughness": first.roughness, "specular": first.specular, "tiles": [udim(one.tile) for one in tiles.tiles],
        "displacement_m": first.displacement_m,
    }  # fmt: skip
