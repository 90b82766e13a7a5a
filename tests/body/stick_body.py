"""A small articulated body with SMPL-X's 55 joints: tubes around straight bones, every number of it known."""

from dataclasses import replace

import numpy as np

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.skeleton import JOINTS, PARENTS

_LEFT = {
    "hip": (0.09, 0.92, 0.0), "knee": (0.10, 0.50, 0.0), "ankle": (0.10, 0.08, -0.02), "foot": (0.11, 0.03, 0.11),
    "collar": (0.05, 1.40, 0.0), "shoulder": (0.18, 1.42, 0.0), "elbow": (0.45, 1.42, -0.01),
    "wrist": (0.70, 1.42, 0.0), "eye": (0.03, 1.63, 0.09),
}  # fmt: skip
_MIDDLE = {
    "pelvis": (0, 0.98, 0), "spine1": (0, 1.08, 0), "spine2": (0, 1.20, 0), "spine3": (0, 1.30, 0),
    "neck": (0, 1.48, 0), "head": (0, 1.56, 0.01), "jaw": (0, 1.57, 0.04),
}  # fmt: skip
_FINGERS = {"index": 0.03, "middle": 0.01, "ring": -0.012, "pinky": -0.03}
_RADII = {"hip": 0.07, "knee": 0.05, "ankle": 0.04, "spine": 0.13, "pelvis": 0.14, "neck": 0.06, "head": 0.09}
SIDES = 8


def joint_places() -> np.ndarray:
    """(55, 3) of the rest pose: a T, Y up, facing +Z, metres."""
    places = dict(_MIDDLE)
    for side, sign in (("left", 1), ("right", -1)):
        mirror = np.array([sign, 1, 1])
        for name, place in _LEFT.items():
            places[f"{side}_{name}"] = mirror * place
        for finger, z in _FINGERS.items():
            for number in (1, 2, 3):
                places[f"{side}_{finger}{number}"] = mirror * (0.75 + 0.03 * number, 1.42, z)
        for number in (1, 2, 3):
            places[f"{side}_thumb{number}"] = mirror * (0.70 + 0.03 * number, 1.41, 0.02 + 0.025 * number)
    return np.array([places[name] for name in JOINTS], dtype=np.float64)


def stick_body(*, shapes: int = 6, expressions: int = 3, correctives: bool = True, seed: int = 0) -> BodyModel:
    """Rings of vertices at each joint and half-way to its parent, random bases, weights over three joints."""
    rng = np.random.default_rng(seed)
    joints = joint_places()
    centres, owners, regressor = [], [], np.zeros((len(JOINTS), 2 * SIDES * len(JOINTS)))
    for number, parent in enumerate(PARENTS):
        regressor[number, len(centres) * SIDES : (len(centres) + 1) * SIDES] = 1 / SIDES
        centres += [joints[number], 0.5 * (joints[number] + joints[max(parent, 0)])]
        owners += [number, number]
    vertices, weights = _rings(np.array(centres), owners, joints)
    rings = np.arange(0, len(vertices), SIDES)
    around = np.arange(SIDES)
    faces = [(r + k, r + (k + 1) % SIDES, r + SIDES + k) for r in rings[::2] for k in around]
    faces += [(r + (k + 1) % SIDES, r + SIDES + (k + 1) % SIDES, r + SIDES + k) for r in rings[::2] for k in around]
    count = len(vertices)
    # Where a vertex is not driven by a joint, its corrective is zero, as in a body with local correctives.
    local = rng.normal(size=(count, 3, len(JOINTS) - 1, 9)) * 0.004 * (weights[:, None, 1:, None] > 0)
    return BodyModel(
        name="stick",
        licence="none needed",
        template=vertices,
        faces=np.array(faces, np.int32),
        shape_basis=_bent(rng, vertices, shapes) * 0.03,
        expression_basis=_bent(rng, vertices, expressions) * 0.01,
        pose_basis=local.reshape(count, 3, -1) if correctives else None,
        joint_regressor=regressor,
        parents=np.array(PARENTS, np.int32),
        weights=weights,
        hand_means=rng.normal(size=(2, 45)) * 0.1,
        hand_bases=np.stack([np.linalg.qr(rng.normal(size=(45, 45)))[0] for _ in range(2)]),
    )


def _rings(centres: np.ndarray, owners: list[int], joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    vertices, weights = [], np.zeros((SIDES * len(centres), len(joints)))
    for at, (centre, owner) in enumerate(zip(centres, owners, strict=True)):
        name = JOINTS[owner].split("_")[-1]
        radius = next((r for part, r in _RADII.items() if part in name), 0.03 if owner < 25 else 0.008)
        along = joints[owner] - joints[max(PARENTS[owner], 0)]
        along = along / np.linalg.norm(along) if along.any() else np.array([0.0, 1, 0])
        first = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
        first /= np.linalg.norm(first)
        angles = np.arange(SIDES) * 2 * np.pi / SIDES
        vertices.append(
            centre + radius * (np.outer(np.cos(angles), first) + np.outer(np.sin(angles), np.cross(along, first)))
        )
        rows = slice(at * SIDES, (at + 1) * SIDES)
        above = max(PARENTS[owner], 0)
        weights[rows, owner] += 0.6 if at % 2 == 0 else 0.2
        weights[rows, above] += 0.3 if at % 2 == 0 else 0.7
        weights[rows, max(PARENTS[above], 0)] += 0.1
    return np.concatenate(vertices), weights


def _bent(rng: np.random.Generator, vertices: np.ndarray, count: int) -> np.ndarray:
    """(V, 3, count) smooth random moves: quadratic in place."""
    x = np.concatenate([np.ones((len(vertices), 1)), vertices, vertices**2], axis=1)
    return np.einsum("vk,kcb->vcb", x, rng.normal(size=(x.shape[1], 3, count)))


def random_parameters(model: BodyModel, rng: np.random.Generator, turn: float = 0.6) -> BodyParameters:
    """Any shape, expression and pose; the root turned by anything."""
    pose = rng.normal(size=(model.joints, 3)) * turn
    pose[0] *= 3
    return BodyParameters(
        shape=rng.normal(size=model.shape_basis.shape[2]),
        expression=rng.normal(size=model.expression_basis.shape[2]),
        pose=pose,
        translation=rng.normal(size=3),
    )


def moved(parameters: BodyParameters, **changes: np.ndarray) -> BodyParameters:
    """The same with some of it changed."""
    return replace(parameters, **changes)
