"""Bones under Rigify's names as a metarig that generates, and the skin on what was generated. Runs inside Blender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Rows of buttons in Rigify's panel, as its own human metarig has them; the first words of bones' names.
_LIMBS = {"Arm": ("shoulder", "upper_arm", "forearm", "hand"), "Leg": ("thigh", "shin", "foot", "toe", "heel")}
_FINGERS = ("palm", "f_", "thumb")


def prepare_metarig(rig: Any, types: Mapping[str, str]) -> None:
    """Rigify's types, and the collections that it wants, on the bones of an armature; its add-on need not be on."""
    for bone, kind in types.items():
        posed = rig.pose.bones[bone]
        if hasattr(posed, "rigify_type"):
            posed.rigify_type = kind
            if kind in ("limbs.arm", "limbs.leg"):
                # One bone that bends the skin for each of ours, not two: weights stay what they are.
                posed.rigify_parameters.segments = 1
        else:
            posed["rigify_type"] = kind
    rows = {"Torso": 1, "Fingers": 2, "Arm.L": 3, "Arm.R": 3, "Leg.L": 4, "Leg.R": 4, "Root": 5}
    collections = {name: rig.data.collections.new(name) for name in rows}
    for name, made in collections.items():
        if hasattr(made, "rigify_ui_row"):
            made.rigify_ui_row = rows[name]
    for bone in rig.data.bones:
        collections[_collection(bone.name)].assign(bone)


def _collection(bone: str) -> str:
    side = bone[-1:]
    for limb, beginnings in _LIMBS.items():
        if bone.startswith(beginnings):
            return f"{limb}.{side}"
    return "Fingers" if bone.startswith(_FINGERS) else "Torso"


def bind_to_generated(rig: Any) -> int:
    """The skin of a metarig goes over to the rig that was generated of it; returns how many groups follow its bones.

    Raises ValueError where nothing was generated yet.
    """
    target = getattr(rig.data, "rigify_target_rig", None)
    if target is None:
        raise ValueError("Generate the rig first: Armature properties, Rigify, Generate Rig.")
    bodies = [child for child in rig.children if child.type == "MESH"]
    followed = 0
    for body in bodies:
        for group in body.vertex_groups:
            if f"DEF-{group.name}" in target.data.bones:
                group.name = f"DEF-{group.name}"
                followed += 1
        body.parent = target
        for modifier in body.modifiers:
            if modifier.type == "ARMATURE":
                modifier.object = target
    return followed
