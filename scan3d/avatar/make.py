"""Makes an avatar of a body model, somebody's parameters, the detail of a scan and its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import WORLD_FROM_MODEL, Animation, Avatar, Correctives, Material
from scan3d.avatar.expressions import FaceShapes, named_shapes
from scan3d.avatar.materials import materials_of, without
from scan3d.body.detail.fine_mesh import FineMesh, fine_mesh
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.rotations import vectors
from scan3d.body.skeleton import joint_names
from scan3d.body.skinning import shaped
from scan3d.errors import InputError

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_SLIGHTEST_CORRECTION_M = 5e-5


class MotionLike(Protocol):
    """A motion: frames a second, (N, J, 3) axis-angles, (N, 3) metres."""

    @property
    def fps(self) -> float: ...

    @property
    def pose(self) -> Floats: ...

    @property
    def translation(self) -> Floats: ...


def avatar_of(
    model: BodyModel,
    parameters: BodyParameters,
    *,
    name: str = "avatar",
    level: int = 0,
    offsets: Floats | None = None,
    materials: Sequence[Material] = (),
    uv_scale: int = 1,
    rest: Floats | None = None,
    motion: MotionLike | None = None,
    face: FaceShapes | None = None,
    strengths: Floats | None = None,
) -> Avatar:
    """The avatar of a body. What the face did in the scan stays in the rest mesh; the pose does not.

    level, offsets: the mesh `level` times subdivided, (V', 3) added to it at rest, metres, in the model's frame.
    materials: of the skin, one a tile, and of "eyes" and "mouth"; plain ones where there are none. uv_scale: the maps'
    tiles along a side of the model's unit square of texture coordinates. rest: (J, 3) the pose of the model that the
    avatar rests in; None for the model's own. face: the shapes it has; None for the model's own. strengths: (N, S) of
    them in the motion's frames, None for a face that stays as it is. Raises InputError where the model has no quads or
    the offsets are those of another mesh.
    """
    finer = _finer(model, level, offsets)
    body = shaped(model, parameters.shape, parameters.expression)
    vertices = _of(finer, body.vertices) + (0 if offsets is None else offsets)
    face = named_shapes(model) if face is None else face
    faces, face_uv, uv = _corners(finer)
    uv = uv * uv_scale
    where, tables = materials_of(model, face_uv, uv, materials, 4**level)
    avatar = Avatar(
        name=name,
        licence=model.licence,
        model_name=model.name,
        vertices=vertices @ WORLD_FROM_MODEL.T,
        faces=faces,
        uv=uv,
        face_uv=face_uv,
        face_material=where,
        materials=tables,
        joint_names=_joints(model),
        parents=model.parents,
        joints=body.joints @ WORLD_FROM_MODEL.T,
        weights=_of(finer, np.asarray(model.weights, np.float32)),
        rest_turns=np.tile(np.eye(3), (model.joints, 1, 1)),
        shapes={
            name: (_of(finer, move) @ WORLD_FROM_MODEL.T).astype(np.float32)
            for name, move in zip(face.names, face.moves, strict=True)
        },
        expression_of_shapes=face.numbers,
        root_shift_m=body.joints[0],
        shape=np.asarray(parameters.shape, np.float64),
        expression=np.asarray(parameters.expression, np.float64),
        pose=np.zeros((0, 3, 3)),
        translation=np.zeros(3),
        correctives=_correctives(model, finer),
    )
    if not any(material.kind == "eyelashes" for material in materials):
        # They are strips that only a picture with gaps makes hairs of.
        avatar = without(avatar, "eyelashes")
    if rest is not None:
        avatar = resting(avatar, avatar.upright(rest))
    avatar = standing(avatar, body.joints[0])
    turns = avatar.turns_of(parameters.pose)
    avatar = replace(avatar, pose=turns, translation=np.asarray(parameters.translation) + avatar.root_shift_m)
    return avatar if motion is None else animated(avatar, motion, strengths)


def animated(avatar: Avatar, motion: MotionLike, strengths: Floats | None = None) -> Avatar:
    """The avatar with a motion of its model; strengths: (N, S) of its shapes in each frame.

    Raises InputError where the motion has other joints.
    """
    if motion.pose.shape[1] != len(avatar.parents):
        raise InputError(
            f"The motion moves {motion.pose.shape[1]} joints, the body has {len(avatar.parents)}.",
            "motion",
            "Give a motion of SMPL-X, or a BVH file.",
        )
    turns = avatar.turns_of(np.asarray(motion.pose, np.float64))
    return replace(
        avatar,
        animation=Animation(
            fps=float(motion.fps),
            rotations=turns,
            translations=np.asarray(motion.translation) + avatar.root_shift_m,
            strengths=strengths,
        ),
    )


def standing(avatar: Avatar, model_root: Floats) -> Avatar:
    """The avatar moved so that its root stands over the origin and its lowest point on the floor.

    model_root: (3,) the root joint of the model at rest, in the model's frame, about which its parameters turn it.
    """
    shift = -np.array([avatar.joints[0, 0], avatar.joints[0, 1], avatar.vertices[:, 2].min()])
    joints = avatar.joints + shift
    return replace(avatar, vertices=avatar.vertices + shift, joints=joints, root_shift_m=model_root - joints[0])


def resting(avatar: Avatar, turns: Floats) -> Avatar:
    """The avatar that rests where these local turns (J, 3, 3) put it; shapes and correctives turn along."""
    world, places = avatar.posed_joints(turns, np.zeros(3))
    relative = world @ avatar.rest_globals().transpose(0, 2, 1)
    turned = (avatar.weights @ relative.reshape(-1, 9)).reshape(-1, 3, 3)
    return replace(
        avatar,
        vertices=avatar.posed(turns),
        joints=places,
        rest_turns=turns,
        shapes={
            name: np.einsum("vab,vb->va", turned, moves).astype(np.float32) for name, moves in avatar.shapes.items()
        },
        correctives=None if avatar.correctives is None else avatar.correctives.turned(turned),
    )


def parameters_of(avatar: Avatar, turns: Floats, translation: Floats, strengths: Mapping[str, float]) -> BodyParameters:
    """The model's parameters of a pose of the avatar: local turns (J, 3, 3), the root's place, shapes by name."""
    local = np.array(turns, np.float64)
    local[0] = WORLD_FROM_MODEL @ local[0]
    local = WORLD_FROM_MODEL.T @ local @ WORLD_FROM_MODEL
    expression = np.zeros(avatar.expression_of_shapes.shape[1])
    expression[: len(avatar.expression)] += avatar.expression
    expression += np.array([strengths.get(name, 0.0) for name in avatar.shapes]) @ avatar.expression_of_shapes
    return BodyParameters(
        shape=avatar.shape,
        expression=expression,
        pose=vectors(local),
        translation=np.asarray(translation) - avatar.root_shift_m,
    )


def _finer(model: BodyModel, level: int, offsets: Floats | None) -> FineMesh:
    finer = fine_mesh(model, level)
    if offsets is not None and offsets.shape != (finer.matrix.shape[0], 3):
        raise InputError(
            f"The detail moves {len(offsets)} points, the body has {finer.matrix.shape[0]}.",
            model.name,
            "Fit the take again: it was fitted with another body model.",
        )
    return finer


def _of(finer: FineMesh, values: Floats) -> Floats:
    """(V', ...) the values (V, ...) of the model's vertices, between them linearly."""
    return np.asarray((finer.matrix @ values.reshape(len(values), -1)).reshape(-1, *values.shape[1:]))


def _corners(finer: FineMesh) -> tuple[Ints, Ints, Floats]:
    """Faces (F, 4), their rows of uv (F, 4), and uv (T, 2); all corners at one place where the model has no texture."""
    polygons = finer.faces if finer.quads is None else finer.quads
    corners, uv = finer.quad_uv, finer.uv
    if uv is None or corners is None:
        corners, uv = np.zeros_like(polygons), np.zeros((1, 2))
    return _four(polygons), _four(corners), uv


def _four(polygons: Ints) -> Ints:
    """(F, 4) of triangles or quads; a triangle's last entry is -1."""
    missing = np.full((len(polygons), 4 - polygons.shape[1]), -1)
    return np.hstack([polygons, missing]).astype(np.int32)


def _joints(model: BodyModel) -> tuple[str, ...]:
    try:
        return joint_names(model.joints)
    except ValueError:
        raise InputError(
            f"A body of {model.joints} joints cannot be exported.",
            model.name,
            "Use a model like SMPL-X, SMPL-H or SMPL.",
        ) from None


def _correctives(model: BodyModel, finer: FineMesh) -> Correctives | None:
    """The model's own, but those that never move anything by as much as can be seen."""
    from scipy.sparse import csr_array

    if model.pose_basis is None:
        return None
    basis = np.asarray(model.pose_basis)
    used = np.flatnonzero(np.abs(basis).max(axis=(0, 1)) > _SLIGHTEST_CORRECTION_M / 2)
    if not len(used):
        return None
    # In the world's axes: C R C' has, at (i, j), the entry of R that C's rows i and j pick, with their signs.
    joint, entry = used // 9 + 1, used % 9
    row, row_sign = _picked(entry // 3)
    column, column_sign = _picked(entry % 3)
    vertices, moves = [], []
    for k, sign in zip(used, row_sign * column_sign, strict=True):
        coarse = csr_array(basis[:, :, k])
        coarse.eliminate_zeros()
        move = (finer.matrix @ coarse).tocoo()
        rows, place = np.unique(move.row, return_inverse=True)
        own = np.zeros((len(rows), 3))
        own[place, move.col] = move.data
        vertices.append(rows.astype(np.int32))
        moves.append((sign * own @ WORLD_FROM_MODEL.T).astype(np.float32))
    return Correctives(
        joint=joint.astype(np.int32),
        row=row.astype(np.int32),
        column=column.astype(np.int32),
        vertices=tuple(vertices),
        moves=tuple(moves),
    )


def _picked(axis: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Which axis of the world an axis of the model is, and its sign there."""
    world = np.abs(WORLD_FROM_MODEL).argmax(axis=0)[axis]
    return world, WORLD_FROM_MODEL[world, axis]
