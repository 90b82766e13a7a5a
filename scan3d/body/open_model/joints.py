"""The 55 joints of SMPL-X from the 163 bones of MakeHuman's default rig: where they are, and what they move."""

from __future__ import annotations

import numpy as np

from scan3d.body.skeleton import JOINTS, joint
from scan3d.openhuman import OpenHuman

_CENTRE = {
    "pelvis": ["pelvis.L"], "spine1": ["spine03"], "spine2": ["spine02"], "spine3": ["spine01"],
    "neck": ["neck01"], "head": ["head"], "jaw": ["jaw"],
}  # fmt: skip
_SIDE = {
    "hip": ["upperleg01"], "knee": ["lowerleg01"], "ankle": ["foot"], "foot": ["toe1-1", "toe2-1", "toe3-1"],
    "collar": ["clavicle"], "shoulder": ["upperarm01"], "elbow": ["lowerarm01"], "wrist": ["wrist"], "eye": ["eye"],
}  # fmt: skip
_FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}

# Bones -> joint that carries them, for those that are not a joint themselves and do not follow their parent's joint.
_CARRIED = {"spine05": "pelvis", "spine04": "pelvis", "neck02": "neck", "neck03": "neck"}


def _sources() -> dict[str, list[str]]:
    """Joint -> bones whose heads' mean it is."""
    sources = dict(_CENTRE)
    for side, letter in (("left", "L"), ("right", "R")):
        for name, bones in _SIDE.items():
            sources[f"{side}_{name}"] = [f"{bone}.{letter}" for bone in bones]
        for finger, number in _FINGERS.items():
            for part in (1, 2, 3):
                sources[f"{side}_{finger}{part}"] = [f"finger{number}-{part}.{letter}"]
    return sources


def joint_matrix(human: OpenHuman) -> np.ndarray:
    """(55, C) rows of means: joints = matrix @ all vertices (C, 3) of the open human."""
    matrix = np.zeros((len(JOINTS), len(human.vertices)))
    for name, bones in _sources().items():
        for bone in bones:
            ends = human.bone_end_vertices[human.bone(bone), 0]
            np.add.at(matrix[joint(name)], ends, 1 / (len(ends) * len(bones)))
    return matrix


def joint_weights(human: OpenHuman, rows: np.ndarray) -> np.ndarray:
    """(V, 55) of the kept rows: each bone's weight goes to its joint, or to that of the nearest bone above it."""
    owner = {bone: name for name, bones in _sources().items() for bone in bones} | _CARRIED
    for number in (1, 2, 3, 4, 5):
        owner |= {f"toe{number}-1.L": "left_foot", f"toe{number}-1.R": "right_foot"}
    folded = np.zeros((len(human.bone_names), len(JOINTS)))
    for number in range(len(human.bone_names)):
        above = number
        while above >= 0 and human.bone_names[above] not in owner:
            above = int(human.bone_parents[above])
        folded[number, joint(owner[human.bone_names[above]] if above >= 0 else "pelvis")] = 1
    weights = np.asarray((human.weights @ folded)[rows])
    return weights / weights.sum(axis=1, keepdims=True)
