"""A doll: tubes around SMPL-X's 55 joints, with quads, texture, named shapes, correctives and parts."""

from dataclasses import replace

import numpy as np

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.skeleton import JOINTS, PARENTS
from tests.body.stick_body import joint_places

SIDES = 6
RINGS = 3
_SHAPES = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft")


def doll(*, correctives: bool = False, seed: int = 3) -> BodyModel:
    """A tube for each joint, from its parent to it; weights over up to four joints; each tube a chart of its own."""
    rng = np.random.default_rng(seed)
    joints = joint_places()
    angle = np.arange(SIDES) * 2 * np.pi / SIDES
    vertices, weights = [], []
    for number, parent in enumerate(PARENTS):
        end, start = joints[number], joints[max(parent, 0)] if parent >= 0 else joints[0] - [0, 0.1, 0]
        along = (end - start) / np.linalg.norm(end - start)
        first = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
        first /= np.linalg.norm(first)
        circle = np.outer(np.cos(angle), first) + np.outer(np.sin(angle), np.cross(along, first))
        radius = 0.07 if number < 16 else 0.04 if number < 22 else 0.008
        chain = [number, max(parent, 0), max(PARENTS[max(parent, 0)], 0), 0]
        for ring in range(RINGS):
            share = ring / (RINGS - 1)
            vertices.append(start + share * (end - start) + radius * circle)
            row = np.zeros((SIDES, len(JOINTS)))
            for joint, part in zip(chain, (0.2 + 0.5 * share, 0.6 - 0.5 * share, 0.15, 0.05), strict=True):
                row[:, joint] += part
            weights.append(row)
    template, count = np.concatenate(vertices), RINGS * SIDES * len(JOINTS)
    # No two vertices lie in one place, so that a file's can be told apart.
    template = template + rng.normal(size=template.shape) * 1e-4
    quads, quad_uv, uv = _tubes()
    regressor = np.zeros((len(JOINTS), count))
    last = (np.arange(len(JOINTS)) * RINGS + RINGS - 1) * SIDES
    for number, start in enumerate(last):
        regressor[number, start : start + SIDES] = 1 / SIDES
    weight = np.concatenate(weights)
    head = (weight[:, [15, 22, 23, 24]].sum(axis=1) > 0.3).astype(float)
    shapes = {name: rng.normal(size=(count, 3)) * 0.004 * head[:, None] for name in _SHAPES}
    mixture = rng.normal(size=(len(_SHAPES), 3))
    local = rng.normal(size=(count, 3, len(JOINTS) - 1, 9)) * 0.004 * (weight[:, None, 1:, None] > 0.3)
    local *= (np.arange(len(JOINTS) - 1) % 9 == 3)[None, None, :, None]
    return BodyModel(
        name="doll",
        licence="Public domain.",
        template=template,
        faces=np.ascontiguousarray(quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)),
        shape_basis=np.stack([template * [0.1, 0, 0.1], template * [0, 0.1, 0]], axis=2),
        expression_basis=np.stack(list(shapes.values()), axis=2) @ mixture,
        pose_basis=local.reshape(count, 3, -1) if correctives else None,
        joint_regressor=regressor,
        parents=np.array(PARENTS, np.int32),
        weights=weight,
        hand_means=np.zeros((2, 45)),
        hand_bases=np.zeros((2, 1, 45)),
        quads=quads,
        uv=uv,
        quad_uv=quad_uv,
        shapes=shapes,
        parts={"eyeball": (weight[:, 23] + weight[:, 24] > 0.1).astype(np.float32)},
    )


def _tubes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quads, their corners' uv rows, and uv: an 8 x 8 chart sheet, one chart a tube."""
    quads, corners, uv = [], [], []
    for tube in range(len(JOINTS)):
        start, base = tube * RINGS * SIDES, len(uv)
        for ring in range(RINGS):
            for side in range(SIDES + 1):
                at = np.array([tube % 8 + 0.05 + 0.9 * side / SIDES, tube // 8 + 0.05 + 0.9 * ring / (RINGS - 1)])
                uv.append(at / 8)
        for ring in range(RINGS - 1):
            for side in range(SIDES):
                a, b = start + ring * SIDES + side, start + ring * SIDES + (side + 1) % SIDES
                quads.append((a, b, b + SIDES, a + SIDES))
                c = base + ring * (SIDES + 1) + side
                corners.append((c, c + 1, c + SIDES + 2, c + SIDES + 1))
    return np.array(quads, np.int32), np.array(corners, np.int32), np.array(uv)


def somebody(model: BodyModel, seed: int = 1) -> BodyParameters:
    """A shape, a face and a pose, somewhere in the world."""
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    pose[0] = [np.pi / 2, 0, 0]
    return BodyParameters(
        shape=np.array([0.6, -0.4]),
        expression=np.array([0.3, 0.2, -0.1]),
        pose=pose,
        translation=np.array([0.1, -0.2, 1]),
    )


def random_pose(rng: np.random.Generator, angle_rad: float = 0.5) -> np.ndarray:
    """(55, 3) any pose; the root turned by anything."""
    pose = rng.normal(size=(len(JOINTS), 3)) * angle_rad / np.sqrt(3)
    pose[0] = rng.normal(size=3)
    return pose


def without_face(model: BodyModel) -> BodyModel:
    """The same as a file of SMPL-X has it: no names, no quads, no texture."""
    return replace(model, shapes={}, quads=None, quad_uv=None, uv=None, parts={})
