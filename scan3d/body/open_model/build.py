"""Builds the open body from MakeHuman's data: the same numbers on every run, in a minute or two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.body.model import BodyModel
from scan3d.body.open_model.cage import Cage, make_cage
from scan3d.body.open_model.correctives import Standing, add_corrective, corrective_count, learn_correctives
from scan3d.body.open_model.face import expression_basis, expressions, face_correctives, with_jaw
from scan3d.body.open_model.hands import finger_hinges, hand_space, nail_normals
from scan3d.body.open_model.joints import joint_matrix, joint_weights
from scan3d.body.open_model.kinematics import MIRROR, TWIN, features
from scan3d.body.open_model.parts import parts
from scan3d.body.open_model.people import People, draw_people
from scan3d.body.open_model.regressor import carrying_rows, joint_regressor
from scan3d.body.open_model.rest_pose import level_from_sculpted, levelled
from scan3d.body.open_model.shape_space import shape_space
from scan3d.body.skeleton import JOINTS, PARENTS, joint
from scan3d.openhuman import load_open_human
from scan3d.openhuman.reader import FILE as OPEN_HUMAN_FILE
from scan3d.pipeline.progress import Progress

PEOPLE, SEED = 520, 1
SHAPES, EXPRESSIONS = 300, 100
# Where SMPL-X's own files have the pelvis, so that motions made for it put the open body on the same floor.
_PELVIS_M = np.array([0.0, -0.351, 0.012])


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """The model, and what its making showed. explained: (B,) the share of the people's variance that the first shape
    numbers hold. expressions: how many of the expression numbers move anything. people: the measures drawn."""

    model: BodyModel
    explained: np.ndarray
    expressions: int
    people: People


def build_open_model(progress: Progress, people: int = PEOPLE) -> Built:
    """The open body in SMPL-X's form; people: how many adults its shape space is made of."""
    cage = make_cage(load_open_human())
    matrix = joint_matrix(cage.human)
    rows = np.concatenate([cage.rows, np.setdiff1d(np.flatnonzero(matrix.any(axis=0)), cage.rows)])
    with progress.task("people", people) as task:
        drawn = draw_people(cage, rows, people, SEED, task.advance)
    standing, weights, shapes, usable = _mean_body(cage, drawn, matrix[:, rows])
    correctives, at_sculpted = _correctives(cage, standing, shapes, progress)
    with progress.task("level pose", people) as task:
        points, joints = _level(drawn.points[:, : len(cage.rows)], standing, usable, at_sculpted, task.advance)
    with progress.task("shape space", 1):
        space = shape_space(points, cage.mirror, SHAPES)
        regressor = joint_regressor(
            points[:: max(1, people // 150)], joints[:: max(1, people // 150)], weights, cage.mirror, usable
        )
    expression, real = expression_basis(cage, shapes, EXPRESSIONS)
    level_joints = regressor @ space.mean
    hand_means, hand_bases, _ = hand_space(level_joints, nail_normals(cage, space.mean, weights))
    model = BodyModel(
        name="open",
        licence=(OPEN_HUMAN_FILE.parent / "LICENSE_CC0.txt").read_text(),
        template=space.mean.astype(np.float32),
        faces=cage.faces,
        shape_basis=space.basis,
        expression_basis=expression,
        pose_basis=correctives,
        joint_regressor=regressor.astype(np.float32),
        parents=np.array(PARENTS, np.int32),
        weights=weights.astype(np.float32),
        hand_means=hand_means.astype(np.float32),
        hand_bases=hand_bases.astype(np.float32),
        quads=cage.quads,
        uv=cage.uv.astype(np.float32),
        quad_uv=cage.quad_uv,
        shapes=shapes,
        parts=parts(cage, standing.points, standing.joints, weights),
        landmarks=cage.landmarks,
    )
    return Built(model=model, explained=space.explained, expressions=real, people=drawn)


def _mean_body(
    cage: Cage, drawn: People, matrix: np.ndarray
) -> tuple[Standing, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """The mean of the people as sculpted, made symmetric; its weights; the named shapes; which vertices joints may be
    told by: the skin that no expression moves, and the eyeballs."""
    full = drawn.points.mean(axis=0, dtype=np.float64)
    joints = matrix @ full
    joints = 0.5 * (joints + joints[list(TWIN)] * MIRROR)
    points = full[: len(cage.rows)]
    points = 0.5 * (points + points[cage.mirror] * MIRROR)
    shapes = expressions(cage)
    weights = joint_weights(cage.human, cage.rows)
    weights = 0.5 * (weights + weights[cage.mirror][:, list(TWIN)])
    weights = _fewest(with_jaw(weights, cage, points, joints[joint("jaw")], shapes["jawOpen"]))
    still = np.max([np.linalg.norm(moves, axis=1) for moves in shapes.values()], axis=0) < 1e-4
    outside = cage.human.masks["mouth_inside"][cage.rows] < 0.5
    usable = (cage.part("body") & still & outside) | cage.part("l-eye", "r-eye")
    level, level_joints = levelled(points, joints, weights)
    edges = np.sort(cage.quads[:, [0, 1, 1, 2, 2, 3, 3, 0]].reshape(-1, 2), axis=1)
    standing = Standing(
        points=points,
        joints=joints,
        level=level,
        level_joints=level_joints,
        turns=_local(level_from_sculpted(joints)),
        edges=np.unique(edges, axis=0),
        faces=cage.faces,
        body=cage.part("body"),
        weights=weights,
        mirror=cage.mirror,
    )
    return standing, weights, shapes, usable


def _local(level_from_sculpted: np.ndarray) -> np.ndarray:
    """(55, 3, 3) each joint's turn in its parent's frame that leads from the level pose to the sculpted one."""
    above = [level_from_sculpted[parent] if parent >= 0 else np.eye(3) for parent in PARENTS]
    return np.asarray(np.stack(above) @ np.swapaxes(level_from_sculpted, 1, 2))


def _fewest(weights: np.ndarray) -> np.ndarray:
    """At most eight joints a vertex, as files for games have room for, none below 1/1000."""
    kept = np.where(weights < 1e-3, 0, weights)
    ninth = np.sort(kept, axis=1)[:, -9]
    kept = np.where(kept > ninth[:, None], kept, 0)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def _correctives(
    cage: Cage, standing: Standing, shapes: Mapping[str, np.ndarray], progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3, 486) float32, and the (V, 3) they come to in the sculpted pose."""
    hinges = finger_hinges(standing.level_joints, nail_normals(cage, standing.level, standing.weights))
    with progress.task("pose correctives", corrective_count(hinges)) as task:
        learned = learn_correctives(standing, hinges, task.advance)
    by_joint = learned.reshape(len(learned), 3, len(JOINTS) - 1, 9)
    eyeballs = cage.part("l-eye", "r-eye")
    found = face_correctives(standing.level, standing.level_joints, standing.weights, shapes, eyeballs)
    for number, (rows, part) in found.items():
        add_corrective(by_joint, number, rows, part, cage.mirror)
    return learned, np.asarray(learned @ features(standing.turns).astype(np.float32), np.float64)


def _level(
    people: np.ndarray, standing: Standing, usable: np.ndarray, at_sculpted: np.ndarray, report: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    """(N, V, 3) float32 people in the level pose and their joints (N, 55, 3), the pelvis at the same place in all.

    Posed back by the model, with its correctives, each is the sculpted one again.
    """
    from scipy.sparse import csr_array

    carry = csr_array(carrying_rows(standing.points, standing.joints, standing.weights, usable))
    points, joints = np.empty_like(people), np.empty((len(people), len(JOINTS), 3))
    for number, sculpted in enumerate(people.astype(np.float64)):
        level, places = levelled(sculpted, carry @ sculpted, standing.weights)
        shift = _PELVIS_M - places[0]
        points[number], joints[number] = level - at_sculpted + shift, places + shift
        report()
    return points, joints
