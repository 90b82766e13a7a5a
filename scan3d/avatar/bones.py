"""What other programs call the bones, and which bones they want besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scan3d.body.skeleton import JOINTS

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A bone without skin. parent, child: bones by their names in that skeleton.

    It runs from `start` to `end`: "floor" (the origin), "head:BONE" or "tail:BONE"; with no end it goes on in the
    direction of its parent. adopts: bones that hang on it instead of on its parent.
    """

    name: str
    parent: str
    start: str
    end: str = ""
    adopts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BoneNames:
    """A naming: joint of SMPL-X -> bone; extras in an order in which parents come first; rigify_types: bone -> type."""

    name: str
    bones: Mapping[str, str]
    extras: tuple[Extra, ...] = ()
    rigify_types: Mapping[str, str] | None = None


def bone_names(name: str) -> BoneNames:
    """The naming called "smplx", "rigify", "mixamo", "unreal" or "vrm". Raises KeyError."""
    return {"smplx": _smplx, "rigify": _rigify, "mixamo": _mixamo, "unreal": _unreal, "vrm": _vrm}[name]()


NAMINGS = ("smplx", "rigify", "mixamo", "unreal", "vrm")

_SPINE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "jaw")
_LIMBS = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")


def _smplx() -> BoneNames:
    return BoneNames(name="smplx", bones={joint: joint for joint in JOINTS})


def _sided(limbs: tuple[str, ...], finger: str, eye: str, side: str, label: str) -> dict[str, str]:
    """Bones of one side. limbs: as in _LIMBS; finger: a pattern of {finger}, {Finger}, {n}; {s} is the label."""
    named = {f"{side}_{joint}": bone.format(s=label) for joint, bone in zip(_LIMBS, limbs, strict=True)}
    named[f"{side}_eye"] = eye.format(s=label)
    for name in _FINGERS:
        for number in (1, 2, 3):
            bone = finger.format(finger=name, Finger=name.capitalize(), n=number, s=label)
            named[f"{side}_{name}{number}"] = bone
    return named


def _mixamo() -> BoneNames:
    """Adobe Mixamo's auto-rigger, the ends of its chains included; it knows no jaw and no eyes: they keep its style."""
    p = "mixamorig:"
    spine = ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head", "Jaw")
    bones = {joint: p + bone for joint, bone in zip(_SPINE, spine, strict=True)}
    extras = [Extra(name=f"{p}HeadTop_End", parent=f"{p}Head", start=f"tail:{p}Head")]
    limbs = ("UpLeg", "Leg", "Foot", "ToeBase", "Shoulder", "Arm", "ForeArm", "Hand")
    for side, label in (("left", "Left"), ("right", "Right")):
        pattern = tuple(p + "{s}" + bone for bone in limbs)
        bones |= _sided(pattern, p + "{s}Hand{Finger}{n}", p + "{s}Eye", side, label)
        toe = f"{p}{label}ToeBase"
        extras.append(Extra(name=f"{p}{label}Toe_End", parent=toe, start=f"tail:{toe}"))
        for finger in _FINGERS:
            last = f"{p}{label}Hand{finger.capitalize()}"
            extras.append(Extra(name=f"{last}4", parent=f"{last}3", start=f"tail:{last}3"))
    return BoneNames(name="mixamo", bones=bones, extras=tuple(extras))


def _unreal() -> BoneNames:
    """Epic's mannequin of Unreal Engine 4, with a root on the floor; jaw and eyes in its style."""
    spine = ("pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "head", "jaw")
    bones = dict(zip(_SPINE, spine, strict=True))
    limbs = ("thigh", "calf", "foot", "ball", "clavicle", "upperarm", "lowerarm", "hand")
    for side, label in (("left", "l"), ("right", "r")):
        bones |= _sided(tuple(bone + "_{s}" for bone in limbs), "{finger}_0{n}_{s}", "eye_{s}", side, label)
    return BoneNames(
        name="unreal", bones=bones, extras=(Extra(name="root", parent="", start="floor", adopts=("pelvis",)),)
    )


def _vrm() -> BoneNames:
    """The humanoid bones of VRM 1.0."""
    spine = ("hips", "spine", "chest", "upperChest", "neck", "head", "jaw")
    bones = dict(zip(_SPINE, spine, strict=True))
    limbs = ("UpperLeg", "LowerLeg", "Foot", "Toes", "Shoulder", "UpperArm", "LowerArm", "Hand")
    for side in ("left", "right"):
        bones |= _sided(tuple("{s}" + bone for bone in limbs), "", "{s}Eye", side, side)
        for finger in _FINGERS:
            parts = ("Metacarpal", "Proximal", "Distal") if finger == "thumb" else _VRM_FINGER
            called = "Little" if finger == "pinky" else finger.capitalize()
            for number, part in enumerate(parts, start=1):
                bones[f"{side}_{finger}{number}"] = f"{side}{called}{part}"
    return BoneNames(name="vrm", bones=bones)


_VRM_FINGER = ("Proximal", "Intermediate", "Distal")


def _rigify() -> BoneNames:
    """The human metarig of Blender's Rigify, palms and heels included, and which of its parts each chain is."""
    spine = ("spine", "spine.001", "spine.002", "spine.003", "spine.004", "spine.006", "jaw")
    bones = dict(zip(_SPINE, spine, strict=True))
    types = {"spine": "spines.basic_spine", "spine.004": "spines.super_head", "jaw": "basic.super_copy"}
    extras: list[Extra] = []
    limbs = ("thigh", "shin", "foot", "toe", "shoulder", "upper_arm", "forearm", "hand")
    for side, label in (("left", "L"), ("right", "R")):
        pattern = tuple(bone + ".{s}" for bone in limbs)
        bones |= _sided(pattern, "f_{finger}.0{n}.{s}", "eye.{s}", side, label)
        bones |= {f"{side}_thumb{n}": f"thumb.0{n}.{label}" for n in (1, 2, 3)}
        types |= {f"thigh.{label}": "limbs.leg", f"upper_arm.{label}": "limbs.arm"}
        types |= {f"shoulder.{label}": "basic.super_copy", f"eye.{label}": "basic.super_copy"}
        types |= {f"thumb.01.{label}": "limbs.super_finger", f"palm.01.{label}": "limbs.super_palm"}
        hand, foot = f"hand.{label}", f"foot.{label}"
        for number, finger in enumerate(("index", "middle", "ring", "pinky"), start=1):
            first = f"f_{finger}.01.{label}"
            adopts = (first, f"thumb.01.{label}") if number == 1 else (first,)
            types[first] = "limbs.super_finger"
            extras.append(
                Extra(
                    name=f"palm.0{number}.{label}",
                    parent=hand,
                    start=f"head:{hand}",
                    end=f"head:{first}",
                    adopts=adopts,
                )
            )
        extras.append(Extra(name=f"heel.02.{label}", parent=foot, start=f"heel:{foot}"))
    return BoneNames(name="rigify", bones=bones, extras=tuple(extras), rigify_types=types)
