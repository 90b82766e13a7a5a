"""Pose correctives: what plain skinning does wrong around each joint, learned from relaxed skin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.body.open_model.kinematics import MIRROR, TWIN, below, moves, skinned
from scan3d.body.open_model.relaxing import Patch, make_patch, relaxed, smoothed
from scan3d.body.skeleton import JOINTS, PARENTS, joint

_POSES = 28
_RIDGE = 3e-3
_LEAST_M = 5e-5
# Ranges of each joint's turns about X, Y and Z (degrees, left side), from SMPL-X's zero pose; first about X, then Z,
# then Y. After the American Academy of Orthopaedic Surgeons, Joint Motion (1965), a little less at the ends.
_RANGES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "left_collar": ((-5, 5), (-15, 15), (-12, 30)),
    "left_shoulder": ((-60, 60), (-110, 30), (-85, 70)),
    "left_elbow": ((-60, 60), (-130, 0), (-4, 4)),
    "left_wrist": ((-40, 40), (-25, 30), (-75, 65)),
    "left_hip": ((-115, 25), (-40, 40), (-25, 45)),
    "left_knee": ((0, 130), (-12, 12), (-4, 4)),
    "left_ankle": ((-25, 50), (-20, 20), (-20, 20)),
    "left_foot": ((-55, 25), (-4, 4), (-4, 4)),
    "neck": ((-30, 35), (-40, 40), (-25, 25)),
    "head": ((-25, 25), (-35, 35), (-20, 20)),
}
# Bends of the finger joints about their hinge, and the rest about any axis, degrees.
_BENDS = {"1": (-20, 92), "2": (-5, 108), "3": (-5, 82)}
_SIDEWAYS_DEG = 8.0
# Shares of a joint's weight between which its correctives fade in where skin lies wide; rounds of smoothing.
_FADE = (0.02, 0.3)
_SMOOTH, _SMOOTH_WIDE = 4, 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """The mean body as sculpted. points: (V, 3). joints: (55, 3) there. level: (V, 3) and level_joints (55, 3) of it in
    the level pose. turns: (55, 3, 3) local rotations that lead from the level pose to the sculpted one. edges: (E, 2).
    faces: (F, 3). body: (V,) the skin, without eyes, teeth and the like. weights: (V, 55). mirror: (V,)."""

    points: np.ndarray
    joints: np.ndarray
    level: np.ndarray
    level_joints: np.ndarray
    turns: np.ndarray
    edges: np.ndarray
    faces: np.ndarray
    body: np.ndarray
    weights: np.ndarray
    mirror: np.ndarray


def learn_correctives(standing: Standing, hinges: Mapping[str, np.ndarray], report: Callable[[], None]) -> np.ndarray:
    """(V, 3, 486) float32: for each joint on its own, ridge regression on SMPL's features.

    hinges: of each left finger joint the axis it bends about. Zero at the sculpted pose: there skinning is exact by
    itself, once the level body has been changed by minus what these say of the sculpted pose.
    """
    basis = np.zeros((len(standing.level), 3, len(JOINTS) - 1, 9), np.float32)
    names = [*_RANGES, *hinges]
    for place, name in enumerate(names):
        rng = np.random.default_rng(100 + place)
        turns = _bent(rng, hinges[name], name) if name in hinges else _ranged(rng, name)
        rows, part = _learned(standing, joint(name), turns)
        add_corrective(basis, joint(name), rows, part, standing.mirror)
        report()
    return basis.reshape(len(standing.level), 3, -1)


def corrective_count(hinges: Mapping[str, np.ndarray]) -> int:
    """How many joints learn_correctives reports."""
    return len(_RANGES) + len(hinges)


def add_corrective(basis: np.ndarray, number: int, rows: np.ndarray, part: np.ndarray, mirror: np.ndarray) -> None:
    """Adds the corrective part (n, 3, 9) of a joint at rows (n,), and its mirror image at the joint's twin.

    basis: (V, 3, 54, 9). A joint in the middle gets the mean of both.
    """
    sign = MIRROR[:, None, None] * MIRROR[None, :, None] * MIRROR[None, None, :]
    mirrored = part * sign.reshape(3, 9)
    twin = TWIN[number]
    share = 0.5 if twin == number else 1.0
    basis[rows, :, number - 1] += share * part
    basis[mirror[rows], :, twin - 1] += share * mirrored


def _learned(standing: Standing, number: int, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n,) around a joint, and their corrective (n, 3, 9)."""
    patch = _patch(standing, number)
    rows = patch.rows[: patch.free]
    here = standing.turns[number]
    turns = np.concatenate([np.eye(3)[None], turns])
    residual = np.stack([_residual(standing, patch, number, turn) for turn in turns])
    design = (turns - here).reshape(len(turns), 9)
    weighted = design * _importance(turns, here)[:, None]
    square = weighted.T @ design
    ridge = _RIDGE * np.trace(square) / 9 * np.eye(9)
    solved = np.linalg.solve(square + ridge, weighted.T @ residual.reshape(len(turns), -1))
    part = solved.reshape(9, len(rows), 3).transpose(1, 2, 0)
    largest = np.linalg.norm(np.einsum("ncf,pf->pnc", part, design), axis=2).max(axis=0)
    part[largest < _LEAST_M] = 0
    return rows, part


def _importance(turns: np.ndarray, here: np.ndarray) -> np.ndarray:
    """(N,) how much each sample counts: the first, the level pose, most; then those near it or near the sculpted one,
    for skin pressed into itself at the ends of the ranges is the least certain."""
    traces = np.stack([np.trace(turns, axis1=1, axis2=2), np.einsum("nab,ab->n", turns, here)])
    away = np.degrees(np.arccos(np.clip((traces - 1) / 2, -1, 1))).min(axis=0)
    result = 1 / (1 + (away / 70) ** 2)
    result[0] = 6
    return np.asarray(result)


def _patch(standing: Standing, number: int) -> Patch:
    """The skin that both the joint's own bones and its parent's move, and three rings around it."""
    moved = standing.weights[:, below(number)].sum(axis=1)
    loose = (moved > 0.01) & (moved < 0.99) & standing.body
    for _ in range(3):
        loose[standing.edges[loose[standing.edges].any(axis=1)]] = True
    loose &= standing.body
    places, parent = standing.joints, PARENTS[number]
    children = [k for k, above in enumerate(PARENTS) if above == number]
    bones = [(places[parent], places[number], False)]
    bones += [
        (places[number], places[child], True) for child in children if JOINTS[child] not in ("left_eye", "right_eye")
    ]
    if not children:  # an end joint: as far again as the bone above it
        bones.append((places[number], 2 * places[number] - places[parent], True))
    swelling = 4 * moved * (1 - moved)
    return make_patch(standing.points, standing.edges, standing.faces, loose, swelling, bones)


def _residual(standing: Standing, patch: Patch, number: int, turn: np.ndarray) -> np.ndarray:
    """(n, 3) what must be added at rest for skinning to give the relaxed skin, the joint turned so (3, 3)."""
    turns = standing.turns.copy()
    turns[number] = turn
    sculpted = moves(standing.level_joints, standing.turns)
    posed = moves(standing.level_joints, turns)
    near = patch.rows
    plain, linear = skinned(standing.level[near], standing.weights[near], posed)
    above, own = (posed[k] @ np.linalg.inv(sculpted[k]) for k in (PARENTS[number], number))
    joint_now = posed[number][:3, :3] @ standing.level_joints[number] + posed[number][:3, 3]
    better = relaxed(patch, plain, above, own, standing.joints[number], joint_now)
    free = slice(0, patch.free)
    missing = np.linalg.solve(linear[free], (better - plain[free])[..., None])[..., 0]
    if not JOINTS[number].endswith(("shoulder", "collar", "hip")):
        return smoothed(patch, missing, _SMOOTH)
    # Where skin lies wide, what the joint hardly moves stays: pressed together by a stiff limb it would buckle, where
    # flesh gives way.
    moved = standing.weights[near[free]][:, below(number)].sum(axis=1)
    kept = np.clip((moved - _FADE[0]) / (_FADE[1] - _FADE[0]), 0, 1)
    return smoothed(patch, missing * (kept * kept * (3 - 2 * kept))[:, None], _SMOOTH_WIDE)


def _ranged(rng: np.random.Generator, name: str) -> np.ndarray:
    """(N, 3, 3) turns of a body joint within its ranges, spread evenly."""
    from scipy.spatial.transform import Rotation

    ranges = np.radians(np.array(_RANGES[name]))
    angles = ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * rng.random((_POSES, 3))
    x, y, z = (Rotation.from_rotvec(angles[:, [k]] * np.eye(3)[k]) for k in range(3))
    return np.asarray((y * z * x).as_matrix())


def _bent(rng: np.random.Generator, hinge: np.ndarray, name: str) -> np.ndarray:
    """(N, 3, 3) turns of a finger joint, most of it about its hinge."""
    from scipy.spatial.transform import Rotation

    low, high = _BENDS[name[-1]] if "thumb1" not in name else (-30, 45)
    bends = np.radians(low + (high - low) * rng.random(_POSES))
    loose = _SIDEWAYS_DEG * (3 if "thumb1" in name else 1 if name[-1] == "1" else 0.3)
    aside = Rotation.from_rotvec(np.radians(loose) * rng.normal(size=(_POSES, 3)))
    return np.asarray((aside * Rotation.from_rotvec(bends[:, None] * hinge)).as_matrix())
