"""The difference between two rest poses: turns that bring a model's bones to where another skeleton has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from scan3d.body.rotations import Array, about, between, vectors

FINGERS = ("index", "middle", "ring", "pinky")
# World from the model's frame (Y up, facing +Z): Z up, facing -Y.
UPRIGHT: Array = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])

# The joint a bone points to. Trunk, head, collars, thumbs and feet keep the direction they have in the model.
_TOWARDS = {
    f"{side}_{bone}": f"{side}_{end}"
    for side in ("left", "right")
    for bone, end in {
        "shoulder": "elbow", "elbow": "wrist", "wrist": "middle1", "hip": "knee", "knee": "ankle",
        **{f"{finger}{number}": f"{finger}{number + 1}" for finger in FINGERS for number in (1, 2)},
    }.items()
}  # fmt: skip


def t_pose(joints: Array, names: Sequence[str]) -> dict[str, Array]:
    """Directions (3,) of a T pose in the model's frame: arms level to the sides, fingers straight, ankles
    plumb below the hips, the knees bent as they are at rest.

    Fingers keep the spread that they have in the model: they are only brought into the plane of the palm. "palm" of
    each side: from the knuckle of the little finger to that of the index, forwards with the palms down.
    """
    wanted: dict[str, Array] = {}
    for side, x in (("left", 1.0), ("right", -1.0)):
        out = np.array([x, 0, 0])
        wanted |= {f"{side}_{bone}": out for bone in ("shoulder", "elbow", "wrist")}
        hip, knee, ankle = (joints[names.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        plumb = between(ankle - hip, [0, -1.0, 0])
        wanted |= {f"{side}_hip": plumb @ (knee - hip), f"{side}_knee": plumb @ (ankle - knee)}
        if f"{side}_middle1" not in names:
            continue
        wanted[f"{side}_palm"] = np.array([0, 0, 1.0])
        flat = _hand_frame([x, 0, 0], [0, 0, 1.0]) @ _hand(joints, names, side).T
        for finger in FINGERS:
            first, second = (joints[names.index(f"{side}_{finger}{number}")] for number in (1, 2))
            direction = flat @ (second - first)
            direction[1] = 0
            for number in (1, 2):
                wanted[f"{side}_{finger}{number}"] = direction / np.linalg.norm(direction)
    return wanted


def alignment(
    joints: Array, parents: npt.NDArray[np.int32], names: Sequence[str], wanted: Mapping[str, Array]
) -> Array:
    """(J, 3, 3) turns of the model's bones, in its frame, after which they point where `wanted` says.

    joints: (J, 3) at rest. wanted: joint -> direction of its bone, of any length; "left_palm" and "right_palm" as in
    `t_pose`. A bone that is not named follows its parent; feet stay as they are. The forearm takes half of what
    the hand is turned about it.
    """
    turns = np.tile(np.eye(3), (len(names), 1, 1))
    for number, name in enumerate(names):
        above = int(parents[number])
        turn = np.eye(3) if above < 0 else turns[above]
        end = _TOWARDS.get(name)
        side = name.split("_")[0]
        if name.endswith("_wrist") and f"{side}_palm" in wanted and end in names and name in wanted:
            turn = _hand_frame(wanted[name], wanted[f"{side}_palm"]) @ _hand(joints, names, side).T
            plain = between(turns[above] @ turn.T @ wanted[name], wanted[name]) @ turns[above]
            twist = vectors(turn @ plain.T) / 2
            along = wanted[name] / np.linalg.norm(wanted[name])
            turns[above] = about(along, float(twist @ along)) @ turns[above]
        elif end in names and name in wanted:
            bone = joints[names.index(end)] - joints[number]
            turn = between(turn @ bone, wanted[name]) @ turn
        elif name.endswith("_ankle"):
            turn = np.eye(3)
        turns[number] = turn
    return turns


def local_pose(turns: Array, parents: npt.NDArray[np.int32]) -> Array:
    """(J, 3) axis-angles in the parents' frames of joints whose turns (J, 3, 3) are in one common frame."""
    local = turns.copy()
    for number in range(1, len(turns)):
        local[number] = turns[parents[number]].T @ turns[number]
    return vectors(local)


def _hand(joints: Array, names: Sequence[str], side: str) -> Array:
    """(3, 3) the frame of a hand at rest: along it, square to it towards the index finger, and their product."""
    wrist, middle, index, pinky = (
        joints[names.index(f"{side}_{part}")] for part in ("wrist", "middle1", "index1", "pinky1")
    )
    return _hand_frame(middle - wrist, index - pinky)


def _hand_frame(along: npt.ArrayLike, across: npt.ArrayLike) -> Array:
    return frame(np.asarray(along, np.float64), np.asarray(across, np.float64))


def frame(first: Array, second: Array) -> Array:
    """(3, 3) axes as columns: the first direction, the second made square to it, and their product."""
    x = first / np.linalg.norm(first)
    y = second - x * (second @ x)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)
