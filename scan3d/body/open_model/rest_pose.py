"""From the pose MakeHuman's people stand in (arms down and bent) to SMPL-X's (arms level and straight), and back."""

from __future__ import annotations

import numpy as np

from scan3d.body.skeleton import JOINTS, PARENTS, joint

# What the collar bone takes of the arm's rise. (Inman 1944: about a third of it is the shoulder blade's; the rig's
# collar lies at the breastbone, where a third would lift the whole shoulder.)
_COLLAR_SHARE = 0.15
_LEG_OUT_DEG = 4.0
_FINGERS = ("index", "middle", "ring", "pinky")


def level_from_sculpted(joints: np.ndarray) -> np.ndarray:
    """(55, 3, 3) rotations in the model's axes that carry the sculpted pose into the level one.

    joints: (55, 3) as sculpted, model frame. Upper arms and forearms go to the X axis with the elbow's hinge vertical,
    the palm down, the fingers into the palm's plane; legs from hip to ankle 4 degrees outwards; feet keep their way.
    """
    turns = np.tile(np.eye(3), (len(JOINTS), 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _arm(turns, joints, side, sign)
        out = np.radians(_LEG_OUT_DEG)
        leg = joints[joint(f"{side}_ankle")] - joints[joint(f"{side}_hip")]
        swing = _between(leg, np.array([sign * np.sin(out), -np.cos(out), 0.0]))
        turns[joint(f"{side}_hip")] = turns[joint(f"{side}_knee")] = swing
    return turns


def _arm(turns: np.ndarray, joints: np.ndarray, side: str, sign: float) -> None:
    at = {
        name: joints[joint(f"{side}_{name}")] for name in ("shoulder", "elbow", "wrist", "index1", "middle1", "pinky1")
    }
    outwards, down = np.array([sign, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
    upper, fore = at["elbow"] - at["shoulder"], at["wrist"] - at["elbow"]
    hinge = sign * np.cross(upper, fore)
    shoulder = _frame(outwards, down) @ _frame(upper, hinge).T
    elbow = _frame(outwards, down) @ _frame(fore, hinge).T
    palm = -sign * np.cross(at["middle1"] - at["wrist"], at["pinky1"] - at["index1"])
    hand = _frame(outwards, down) @ _frame(at["middle1"] - at["wrist"], palm).T
    # What the hand is turned about the forearm, the forearm takes half of.
    twist = _power(hand @ elbow.T, 0.5)
    about = twist @ outwards
    elbow = _between(about, outwards) @ twist @ elbow
    turns[joint(f"{side}_collar")] = _power(shoulder, _COLLAR_SHARE)
    turns[joint(f"{side}_shoulder")] = shoulder
    turns[joint(f"{side}_elbow")] = elbow
    turns[joint(f"{side}_wrist")] = hand
    for part in (1, 2, 3):
        turns[joint(f"{side}_thumb{part}")] = hand
    for finger in _FINGERS:
        for part in (1, 2, 3):
            start = joints[joint(f"{side}_{finger}{min(part, 2)}")]
            end = joints[joint(f"{side}_{finger}{min(part, 2) + 1}")]
            bone = hand @ (end - start)
            turns[joint(f"{side}_{finger}{part}")] = _between(bone, bone * [1, 0, 1]) @ hand


def carried(joints: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """(55, 4, 4) level_from_sculpted of each joint: its rotation about itself, and its place below its parent."""
    places = joints.copy()
    for number, parent in enumerate(PARENTS):
        if parent >= 0:
            places[number] = places[parent] + turns[parent] @ (joints[number] - joints[parent])
    result = np.tile(np.eye(4), (len(joints), 1, 1))
    result[:, :3, :3] = turns
    result[:, :3, 3] = places - np.einsum("jab,jb->ja", turns, joints)
    return result


def levelled(points: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) vertices and (55, 3) joints in the level pose, such that skinning them back gives the sculpted ones."""
    moves = carried(joints, level_from_sculpted(joints))
    back = np.linalg.inv(moves)
    blended = (weights @ back.reshape(-1, 16)).reshape(-1, 4, 4)
    level = np.linalg.solve(blended[:, :3, :3], (points - blended[:, :3, 3])[..., None])[..., 0]
    return level, np.einsum("jab,jb->ja", moves[:, :3, :3], joints) + moves[:, :3, 3]


def _frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(3, 3) axes as columns: first, second made square to it, and their product."""
    x = first / np.linalg.norm(first)
    y = second - x * (second @ x)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) the smallest rotation that turns one direction into another."""
    from scipy.spatial.transform import Rotation

    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / sine * np.arctan2(sine, a @ b)).as_matrix())


def _power(rotation: np.ndarray, share: float) -> np.ndarray:
    """(3, 3) a share of a rotation."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(Rotation.from_matrix(rotation).as_rotvec() * share).as_matrix())
