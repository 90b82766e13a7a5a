"""A motion of another skeleton on our body: turns by what the joints are, less the difference of the rest poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scan3d.body.alignment import FINGERS, UPRIGHT, alignment, local_pose
from scan3d.body.bone_names import chain, joints_by_name
from scan3d.body.bvh import BvhMotion
from scan3d.body.model import BodyModel
from scan3d.body.motion import Motion
from scan3d.body.rotations import Array, matrices, vectors
from scan3d.body.skeleton import joint_names
from scan3d.body.skinning import shaped
from scan3d.errors import InputError

_NEEDED = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")


def retargeted(motion: BvhMotion, model: BodyModel, path: Path, shape: Array | None = None) -> Motion:
    """The motion for a body of this model and shape, in the world (Z up, metres).

    Bones of arms, legs and fingers point as theirs do; trunk, neck, head and feet turn from our rest pose as theirs
    turn from theirs. The middle of the hips goes where theirs goes, scaled by the length of the legs. path: where the
    motion came from, for errors. Raises InputError where limbs are not found by their names.
    """
    found = joints_by_name(motion.names, motion.parents)
    missing = [f"{side}_{part}" for side in ("left", "right") for part in _NEEDED if f"{side}_{part}" not in found]
    if missing:
        raise InputError(
            f"These joints are not in the motion's skeleton under any name known here: {', '.join(missing)}.",
            str(path),
            "Name them as Mixamo, CMU, Rigify, Unreal or SMPL do, such as LeftUpLeg, LeftLeg, LeftFoot, LeftArm, "
            "LeftForeArm, LeftHand.",
        )
    names, rest = joint_names(model.joints), shaped(model, np.zeros(0) if shape is None else shape).joints
    theirs = motion.rest()
    to_ours = _model_from_file(theirs, found)
    directions = _directions(theirs @ to_ours.T, found)
    aligned = alignment(rest, model.parents, names, directions)
    turns, places = motion.world()
    seen = to_ours @ _spread(turns, found, motion) @ to_ours.T
    known = [name for name in names if name in _ours(found)]
    column = {name: number for number, name in enumerate(_ours(found))}
    poses = np.empty((len(turns), model.joints, 3))
    whole = np.empty((len(turns), model.joints, 3, 3))
    for number, name in enumerate(names):
        # A joint that they have not goes with its parent.
        above = int(model.parents[number])
        if name in known:
            whole[:, number] = seen[:, column[name]]
        else:
            whole[:, number] = whole[:, above] if above >= 0 else seen[:, column["pelvis"]]
    whole = whole @ aligned
    for frame in range(len(turns)):
        poses[frame] = local_pose(whole[frame], model.parents)
    root = UPRIGHT @ whole[:, 0]
    poses[:, 0] = vectors(root)
    translation = _translation(rest, theirs, places, found, to_ours, root, names)
    return Motion(fps=motion.fps, pose=poses, translation=translation)


def _ours(found: dict[str, int]) -> list[str]:
    """Joints of ours that get a turn of theirs: those found, and trunk and neck between them."""
    extra = [name for name in ("spine1", "spine2", "neck") if name not in found and {"pelvis", "spine3"} <= set(found)]
    return [*found, *(name for name in extra if name != "neck" or "head" in found)]


def _spread(turns: Array, found: dict[str, int], motion: BvhMotion) -> Array:
    """(N, K, 3, 3) their turns for `_ours`, however many joints their spine and neck have."""
    columns = []
    for name in _ours(found):
        if name in found:
            columns.append(turns[:, found[name]])
        elif name == "neck":
            neck = chain(found["spine3"], found["head"], motion.parents)[:-1]
            columns.append(
                turns[:, neck[-1]] if neck else _between(turns[:, found["spine3"]], turns[:, found["head"]], 0.5)
            )
        else:
            spine = [found["pelvis"], *chain(found["pelvis"], found["spine3"], motion.parents)]
            at = (len(spine) - 1) * int(name[-1]) / 3
            low = min(int(at), len(spine) - 1)
            high = min(low + 1, len(spine) - 1)
            columns.append(_between(turns[:, spine[low]], turns[:, spine[high]], at - low))
    return np.stack(columns, axis=1)


def _between(first: Array, second: Array, share: float) -> Array:
    return np.asarray(first @ matrices(vectors(np.swapaxes(first, -1, -2) @ second) * share))


def _model_from_file(rest: Array, found: dict[str, int]) -> Array:
    """(3, 3) from the file's axes to the model's (Y up, facing +Z), from how the skeleton stands at rest."""
    hips = [rest[found[f"{side}_hip"]] for side in ("left", "right")]
    arms = [rest[found[f"{side}_shoulder"]] for side in ("left", "right")]
    up = _snapped(np.mean(arms, axis=0) - np.mean(hips, axis=0), 0.7)
    left = hips[0] - hips[1] + arms[0] - arms[1]
    left = _snapped(left - up * (left @ up), 0.97)
    left = left - up * (left @ up)
    left /= np.linalg.norm(left)
    return np.stack([left, up, np.cross(left, up)])


def _snapped(direction: Array, nearest: float) -> Array:
    """The axis that a direction is nearest to, where the cosine between them is large enough; else the direction."""
    unit = direction / np.linalg.norm(direction)
    axis = int(np.argmax(np.abs(unit)))
    return np.eye(3)[axis] * np.sign(unit[axis]) if abs(unit[axis]) >= nearest else unit


def _directions(rest: Array, found: dict[str, int]) -> dict[str, Array]:
    """Where bones point at rest, in the model's axes, as `alignment` takes it."""
    ends = {"shoulder": "elbow", "elbow": "wrist", "wrist": "middle1", "hip": "knee", "knee": "ankle"}
    ends |= {f"{finger}{number}": f"{finger}{number + 1}" for finger in FINGERS for number in (1, 2)}
    wanted = {}
    for side in ("left", "right"):
        for start, end in ends.items():
            pair = [found.get(f"{side}_{joint}") for joint in (start, end)]
            if pair[0] is not None and pair[1] is not None:
                bone = rest[pair[1]] - rest[pair[0]]
                if np.linalg.norm(bone) > 1e-9:
                    wanted[f"{side}_{start}"] = bone
        if f"{side}_index1" in found and f"{side}_pinky1" in found:
            wanted[f"{side}_palm"] = rest[found[f"{side}_index1"]] - rest[found[f"{side}_pinky1"]]
    return wanted


def _translation(
    rest: Array,
    theirs: Array,
    places: Array,
    found: dict[str, int],
    to_ours: Array,
    root: Array,
    names: tuple[str, ...],
) -> Array:
    """(N, 3) that brings the middle of the hips where theirs is, scaled by the length of the legs."""

    def leg(joints: Array, numbers: list[int]) -> float:
        return float(np.linalg.norm(np.diff(joints[numbers], axis=0), axis=1).sum())

    parts = ("hip", "knee", "ankle")
    sides = ("left", "right")
    own = sum(leg(rest, [names.index(f"{side}_{part}") for part in parts]) for side in sides)
    other = sum(leg(theirs, [found[f"{side}_{part}"] for part in parts]) for side in sides)
    middle = places[:, [found[f"{side}_hip"] for side in sides]].mean(axis=1)
    target = (own / other) * middle @ (UPRIGHT @ to_ours).T
    hips = rest[[names.index(f"{side}_hip") for side in sides]].mean(axis=0)
    return np.asarray(target - rest[0] - root @ (hips - rest[0]))
