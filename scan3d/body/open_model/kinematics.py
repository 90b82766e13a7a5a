"""Moves the level body by its joints, for what is learned from poses: forward kinematics and plain skinning."""

from __future__ import annotations

import numpy as np

from scan3d.body.skeleton import JOINTS, PARENTS

# The joint of the same name on the other side.
TWIN = tuple(
    JOINTS.index(name.replace("left_", "right_") if name.startswith("left_") else name.replace("right_", "left_"))
    for name in JOINTS
)
MIRROR = np.array([-1.0, 1.0, 1.0])


def moves(joints: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """(55, 4, 4) posed_from_rest of joints (55, 3) turned by (55, 3, 3), each in its parent's frame."""
    chain = np.tile(np.eye(4), (len(PARENTS), 1, 1))
    for number, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = turns[number]
        local[:3, 3] = joints[number] - (joints[parent] if parent >= 0 else 0)
        chain[number] = local if parent < 0 else chain[parent] @ local
    result = chain.copy()
    result[:, :3, 3] -= np.einsum("jab,jb->ja", chain[:, :3, :3], joints)
    return result


def skinned(points: np.ndarray, weights: np.ndarray, transforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) points moved by linear blend skinning, and the (V, 3, 3) linear part of each one's move."""
    blended = (weights @ transforms.reshape(-1, 16)).reshape(-1, 4, 4)
    return np.einsum("vab,vb->va", blended[:, :3, :3], points) + blended[:, :3, 3], blended[:, :3, :3]


def below(number: int) -> np.ndarray:
    """(55,) which joints a joint carries, itself included."""
    result = np.zeros(len(PARENTS), bool)
    result[number] = True
    for other, parent in enumerate(PARENTS):
        result[other] |= parent >= 0 and result[parent]
    return result


def features(turns: np.ndarray) -> np.ndarray:
    """(..., 486) SMPL's pose features: the entries of rotations (..., 55, 3, 3) less the identity, without the root."""
    entries = turns[..., 1:, :, :] - np.eye(3)
    return entries.reshape(*turns.shape[:-3], -1)
