"""A body's vertices from its numbers: shape and expression, pose correctives, linear blend skinning (SMPL, SMPL-X)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from scan3d.body.model import BodyModel, BodyParameters, Floats
from scan3d.body.rotations import matrices

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Shaped:
    """A body at rest, metres, in the model's frame. vertices: (V, 3). joints: (J, 3)."""

    vertices: Array
    joints: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Posed:
    """A body in the world, metres. vertices: (N, 3). joints: (J, 3). world_from_rest: (J, 4, 4) moves rest points."""

    vertices: Array
    joints: Array
    world_from_rest: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """What is reckoned once per model.

    basis: (B + E, 3 V) shape numbers then expressions, a row each. joint_template: (J, 3). joint_basis: (B + E, J, 3).
    corrective_rows, correctives: per joint but the root, the vertices it corrects (n,) and the moves (9, 3 n).
    """

    shape_count: int
    weights: Array
    basis: Floats
    joint_template: Array
    joint_basis: Array
    corrective_rows: tuple[npt.NDArray[np.int64], ...]
    correctives: tuple[Floats, ...]


_TABLES: WeakKeyDictionary[BodyModel, Tables] = WeakKeyDictionary()


def tables(model: BodyModel) -> Tables:
    """The model's tables, made on first use."""
    found = _TABLES.get(model)
    if found is None:
        found = _TABLES[model] = _tables(model)
    return found


def _tables(model: BodyModel) -> Tables:
    count = len(model.template)
    bases = (model.shape_basis, model.expression_basis)
    rows = [np.ascontiguousarray(basis.reshape(3 * count, -1).T) for basis in bases]
    # A joint is told by few vertices.
    telling = np.flatnonzero(model.joint_regressor.any(axis=0))
    regressor = np.asarray(model.joint_regressor[:, telling], np.float64)
    basis = np.concatenate(rows)
    told = basis.reshape(-1, count, 3)[:, telling]
    places, moves = [], []
    if model.pose_basis is not None:
        by_joint = np.asarray(model.pose_basis).reshape(count, 3, model.joints - 1, 9)
        for number in range(model.joints - 1):
            own = by_joint[:, :, number].reshape(count, -1)
            used = np.flatnonzero(own.any(axis=1))
            places.append(used)
            moves.append(np.ascontiguousarray(own[used].reshape(-1, 9).T))
    return Tables(
        shape_count=len(rows[0]),
        weights=np.asarray(model.weights, np.float64),
        basis=basis,
        joint_template=regressor @ model.template[telling],
        joint_basis=np.asarray(regressor @ told),
        corrective_rows=tuple(places),
        correctives=tuple(moves),
    )


def shaped(
    model: BodyModel, shape: npt.ArrayLike, expression: npt.ArrayLike = (), extra_offsets: npt.ArrayLike | None = None
) -> Shaped:
    """The body at rest of these shape and expression numbers; joints follow both, as in SMPL-X.

    extra_offsets: (V, 3) added to the vertices, metres; the joints stay. Raises ValueError where there are more
    numbers than the model has.
    """
    of = tables(model)
    vertices = np.array(model.template, dtype=np.float64)
    joints = of.joint_template.copy()
    for start, numbers in _numbers(of, shape, expression):
        rows = slice(start, start + len(numbers))
        vertices += (numbers.astype(of.basis.dtype) @ of.basis[rows]).reshape(-1, 3)
        joints += np.tensordot(numbers, of.joint_basis[rows], axes=1)
    if extra_offsets is not None:
        vertices += np.asarray(extra_offsets, np.float64)
    return Shaped(vertices=vertices, joints=joints)


def _numbers(of: Tables, shape: npt.ArrayLike, expression: npt.ArrayLike) -> Sequence[tuple[int, Array]]:
    """(first row of the basis, numbers) of shape and expression. Raises ValueError."""
    rooms = (of.shape_count, len(of.basis) - of.shape_count)
    given = [np.asarray(numbers, np.float64).ravel() for numbers in (shape, expression)]
    for name, room, numbers in zip(("shape", "expression"), rooms, given, strict=True):
        if len(numbers) > room:
            raise ValueError(f"{len(numbers)} {name} numbers for a model with {room}")
    return [(0, given[0]), (of.shape_count, given[1])]


def pose_offsets(model: BodyModel, pose: npt.ArrayLike) -> Array | None:
    """(V, 3) moves of the rest vertices by the pose (J, 3), metres; None where the model has no correctives."""
    of = tables(model)
    if not of.correctives:
        return None
    turned = matrices(np.asarray(pose, np.float64)[1:]) - np.eye(3)
    total = np.zeros((len(model.template), 3))
    for rows, moves, feature in zip(of.corrective_rows, of.correctives, turned.reshape(-1, 9), strict=True):
        if len(rows) == len(total) and feature.any():
            total += (feature.astype(moves.dtype) @ moves).reshape(-1, 3)
        elif len(rows) and feature.any():
            total[rows] += (feature.astype(moves.dtype) @ moves).reshape(-1, 3)
    return total


def kinematics(
    parents: npt.NDArray[np.int32], rest_joints: Array, pose: npt.ArrayLike, translation: npt.ArrayLike
) -> tuple[Array, Array]:
    """World rotations (J, 3, 3) and places (J, 3) of joints; each turns about itself, the root too."""
    local = matrices(pose)
    rotations, places = np.empty_like(local), np.empty((len(local), 3))
    rotations[0], places[0] = local[0], rest_joints[0] + np.asarray(translation, np.float64)
    for number in range(1, len(local)):
        above = parents[number]
        rotations[number] = rotations[above] @ local[number]
        places[number] = places[above] + rotations[above] @ (rest_joints[number] - rest_joints[above])
    return rotations, places


def skin(
    model: BodyModel,
    rest_vertices: npt.ArrayLike,
    rest_joints: npt.ArrayLike,
    pose: npt.ArrayLike,
    translation: npt.ArrayLike = (0.0, 0.0, 0.0),
    *,
    carrier: csr_array | Array | None = None,
) -> Posed:
    """Moves rest vertices (N, 3), metres in the model's frame, by a pose (J, 3) and a translation.

    Without a carrier they are the model's own, however changed. carrier: (N, V), rows that sum to 1, says of which of
    the model's vertices each is made, as subdivision does; weights and correctives are carried over by it.
    """
    vertices, joints = np.asarray(rest_vertices, np.float64), np.asarray(rest_joints, np.float64)
    rotations, places = kinematics(model.parents, joints, pose, translation)
    shifts = places - np.einsum("jab,jb->ja", rotations, joints)
    moved = pose_offsets(model, pose)
    blended = tables(model).weights @ np.concatenate([rotations.reshape(-1, 9), shifts], axis=1)
    if carrier is not None:
        blended = np.asarray(carrier @ blended)
        moved = None if moved is None else np.asarray(carrier @ moved)
    if len(vertices) != len(blended):
        raise ValueError(f"{len(vertices)} rest vertices, where {len(blended)} are carried")
    if moved is not None:
        vertices = vertices + moved
    x, y, z = vertices[:, 0], vertices[:, 1], vertices[:, 2]
    out = np.empty((len(vertices), 3))
    for axis in range(3):
        a = blended[:, 3 * axis : 3 * axis + 3]
        out[:, axis] = a[:, 0] * x + a[:, 1] * y + a[:, 2] * z + blended[:, 9 + axis]
    transforms = np.tile(np.eye(4), (len(joints), 1, 1))
    transforms[:, :3, :3], transforms[:, :3, 3] = rotations, shifts
    return Posed(vertices=out, joints=places, world_from_rest=transforms)


def pose_body(model: BodyModel, parameters: BodyParameters, extra_offsets: npt.ArrayLike | None = None) -> Posed:
    """Somebody's body in the world. extra_offsets: (V, 3) on the rest vertices, metres."""
    rest = shaped(model, parameters.shape, parameters.expression, extra_offsets)
    return skin(model, rest.vertices, rest.joints, parameters.pose, parameters.translation)
