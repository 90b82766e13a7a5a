"""The 55 joints of SMPL-X (Pavlakos et al. 2019), in the order of its files."""

from __future__ import annotations

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def _hand(side: str) -> dict[str, str]:
    """Joint -> parent of one hand, three joints a finger."""
    joints: dict[str, str] = {}
    for finger in _FINGERS:
        above = f"{side}_wrist"
        for number in (1, 2, 3):
            joints[f"{side}_{finger}{number}"] = above
            above = f"{side}_{finger}{number}"
    return joints


_PARENT_OF = {
    "pelvis": "",
    "left_hip": "pelvis", "right_hip": "pelvis", "spine1": "pelvis",
    "left_knee": "left_hip", "right_knee": "right_hip", "spine2": "spine1",
    "left_ankle": "left_knee", "right_ankle": "right_knee", "spine3": "spine2",
    "left_foot": "left_ankle", "right_foot": "right_ankle",
    "neck": "spine3", "left_collar": "spine3", "right_collar": "spine3", "head": "neck",
    "left_shoulder": "left_collar", "right_shoulder": "right_collar",
    "left_elbow": "left_shoulder", "right_elbow": "right_shoulder",
    "left_wrist": "left_elbow", "right_wrist": "right_elbow",
    "jaw": "head", "left_eye": "head", "right_eye": "head",
    **_hand("left"),
    **_hand("right"),
}  # fmt: skip

JOINTS: tuple[str, ...] = tuple(_PARENT_OF)
PARENTS: tuple[int, ...] = tuple(JOINTS.index(parent) if parent else -1 for parent in _PARENT_OF.values())

# Which rows of a full pose (55, 3) the parts of SMPL-X's parameter files are.
BODY = slice(1, 22)
JAW, LEFT_EYE, RIGHT_EYE = 22, 23, 24
LEFT_HAND, RIGHT_HAND = slice(25, 40), slice(40, 55)


def joint(name: str) -> int:
    """Index of a joint. Raises ValueError where there is none of that name."""
    return JOINTS.index(name)


def joint_names(count: int) -> tuple[str, ...]:
    """Names of a model's joints by their number: SMPL-X's 55, SMPL-H's 52, SMPL's 24. Raises ValueError for others."""
    if count == len(JOINTS):
        return JOINTS
    if count == 52:
        return (*JOINTS[:22], *JOINTS[25:])
    if count == 24:
        return (*JOINTS[:22], "left_hand", "right_hand")
    raise ValueError(f"no body model has {count} joints")
