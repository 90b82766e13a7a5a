"""An avatar poses as its model does, at rest anywhere, and hands poses back."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from scan3d.avatar.avatar import Material
from scan3d.avatar.make import animated, avatar_of, parameters_of
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.model import BodyModel
from scan3d.body.rotations import matrices
from scan3d.body.skinning import pose_body, shaped, skin
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from tests.avatar.doll import random_pose, somebody, without_face


@pytest.mark.parametrize("seed", range(5))
def test_it_poses_as_its_model_does(corrected_model: BodyModel, seed: int) -> None:
    who = somebody(corrected_model)
    avatar = avatar_of(corrected_model, who)
    rng = np.random.default_rng(seed)
    moved = replace(who, pose=random_pose(rng), translation=rng.normal(size=3))
    turns, translation = avatar.turns_of(moved.pose), moved.translation + avatar.root_shift_m
    truth = pose_body(corrected_model, moved)
    assert avatar.posed(turns, translation) == pytest.approx(truth.vertices, abs=1e-6)
    assert avatar.posed_joints(turns, translation)[1] == pytest.approx(truth.joints, abs=1e-9)


def test_it_stands_on_the_floor_and_remembers_how_it_was_scanned(model: BodyModel) -> None:
    who = somebody(model)
    avatar = avatar_of(model, who)
    assert avatar.vertices[:, 2].min() == pytest.approx(0)
    assert avatar.joints[0, :2] == pytest.approx(0)
    # It faces -Y with its left at +X: the toes are before the ankles.
    names = avatar.joint_names
    assert avatar.joints[names.index("left_foot"), 1] < avatar.joints[names.index("left_ankle"), 1]
    assert avatar.joints[names.index("left_wrist"), 0] > 0.5
    assert avatar.posed(avatar.pose, avatar.translation) == pytest.approx(pose_body(model, who).vertices, abs=1e-6)


def test_faces_look_outside_and_carry_their_texture(model: BodyModel) -> None:
    avatar = avatar_of(model, somebody(model))
    faces, corners, owner = avatar.triangles()
    assert len(faces) == 2 * len(avatar.faces) and np.array_equal(np.bincount(owner), np.full(len(avatar.faces), 2))
    normals = Mesh(vertices=avatar.vertices, faces=faces).face_normals()
    body = shaped(model, somebody(model).shape, somebody(model).expression)
    truth = Mesh(vertices=body.vertices, faces=model.faces).face_normals()
    assert normals[:, 2] == pytest.approx(truth[:, 1]) and normals[:, 1] == pytest.approx(-truth[:, 2])
    assert np.array_equal(avatar.uv[corners[:, 0]], model.uv[model.quad_uv[owner, 0]])
    kinds = [avatar.materials[m].kind for m in avatar.face_material]
    assert kinds.count("eyes") == 24 and set(kinds) == {"skin", "eyes"}


def test_detail_on_a_finer_mesh_moves_with_the_body(model: BodyModel) -> None:
    who = somebody(model)
    finer = fine_mesh(model, 1)
    offsets = np.random.default_rng(0).normal(size=(finer.matrix.shape[0], 3)) * 0.003
    avatar = avatar_of(model, who, level=1, offsets=offsets)
    body = shaped(model, who.shape, who.expression)
    truth = skin(
        model, finer.matrix @ body.vertices + offsets, body.joints, who.pose, who.translation, carrier=finer.matrix
    )
    assert avatar.posed(avatar.pose, avatar.translation) == pytest.approx(truth.vertices, abs=1e-6)
    smile = avatar.shapes["mouthSmileLeft"]
    assert smile[: len(model.template), 2] == pytest.approx(model.shapes["mouthSmileLeft"][:, 1], abs=1e-6)
    assert len(smile) == len(avatar.vertices) == len(offsets)
    with pytest.raises(InputError, match="moves"):
        avatar_of(model, who, level=0, offsets=offsets)


def test_another_rest_pose_is_the_pose_itself(corrected_model: BodyModel) -> None:
    who = somebody(corrected_model)
    rest = random_pose(np.random.default_rng(9), 0.3)
    avatar = avatar_of(corrected_model, who, rest=rest)
    plain = avatar_of(corrected_model, who)
    # At rest it is what the model's pose gives, and stays so when asked for that very pose.
    turns = avatar.upright(rest)
    assert avatar.posed(turns) == pytest.approx(avatar.vertices, abs=1e-6)
    shift = avatar.joints[0] - plain.joints[0]
    assert avatar.vertices == pytest.approx(plain.posed(turns) + shift, abs=1e-6)
    # Joints go where they go without it, whatever the pose.
    posed = avatar.turns_of(random_pose(np.random.default_rng(10)))
    translation = np.array([0.3, 0.1, 0.2])
    ours = avatar.posed_joints(posed, translation + avatar.root_shift_m)
    theirs = plain.posed_joints(posed, translation + plain.root_shift_m)
    assert ours[0] == pytest.approx(theirs[0]) and ours[1] == pytest.approx(theirs[1])
    # A shape is turned along: blended turns shorten it, never lengthen.
    turned, before = (np.linalg.norm(a.shapes["jawOpen"], axis=1) for a in (avatar, plain))
    assert np.all(turned <= before + 1e-7) and turned.max() > 0.5 * before.max()


def test_a_pose_goes_back_to_the_parameters_it_came_from(model: BodyModel) -> None:
    who = somebody(model)
    for rest in (None, random_pose(np.random.default_rng(2), 0.3)):
        avatar = avatar_of(model, who, rest=rest)
        back = parameters_of(avatar, avatar.pose, avatar.translation, {})
        assert matrices(back.pose) == pytest.approx(matrices(who.pose), abs=1e-9)
        assert back.translation == pytest.approx(who.translation)
        assert back.shape == pytest.approx(who.shape) and back.expression == pytest.approx(who.expression)


def test_expression_numbers_nearest_to_a_shape(model: BodyModel) -> None:
    avatar = avatar_of(model, somebody(model))
    # The basis mixes the four shapes in three ways: the residual of each shape is what no mixture can reach.
    flat = model.expression_basis.reshape(-1, 3)
    moves = np.stack([move.ravel() for move in model.shapes.values()], axis=1)
    truth = np.linalg.lstsq(flat, moves, rcond=None)[0].T
    assert avatar.expression_of_shapes == pytest.approx(truth, abs=1e-3)
    back = parameters_of(avatar, avatar.pose, avatar.translation, {"jawOpen": 0.5})
    assert back.expression == pytest.approx(avatar.expression + 0.5 * truth[0], abs=1e-3)


def test_a_model_without_names_quads_and_texture_works_too(model: BodyModel) -> None:
    bare = without_face(model)
    avatar = avatar_of(bare, somebody(bare))
    faces, _, _ = avatar.triangles()
    assert np.array_equal(faces, bare.faces)
    assert list(avatar.shapes) == ["expression_01", "expression_02", "expression_03"]
    assert avatar.expression_of_shapes == pytest.approx(np.eye(3))
    assert len(avatar_of(bare, somebody(bare), level=1).triangles()[0]) == 4 * len(faces)


def test_tiles_of_texture_are_materials_of_their_own(model: BodyModel) -> None:
    assert model.uv is not None
    wide = replace(model, uv=model.uv * [2, 1])
    given = [Material(name="x", roughness=0.3), Material(name="y", roughness=0.4, tile=(1, 0))]
    avatar = avatar_of(wide, somebody(wide), materials=given)
    skins = [m for m in avatar.materials if m.kind == "skin"]
    assert [(m.name, m.tile, m.roughness) for m in skins] == [("skin_1001", (0, 0), 0.3), ("skin_1002", (1, 0), 0.4)]
    for face, material in zip(avatar.face_uv, avatar.face_material, strict=True):
        assert np.all(np.floor(avatar.uv[face]) == avatar.materials[material].tile)


def test_a_motion_comes_along_and_one_of_another_body_is_refused(model: BodyModel) -> None:
    avatar = avatar_of(model, somebody(model))
    poses = np.stack([random_pose(np.random.default_rng(n)) for n in range(3)])
    motion = SimpleNamespace(fps=30.0, pose=poses, translation=np.ones((3, 3)))
    moving = animated(avatar, motion).animation
    assert moving is not None and moving.fps == 30
    for frame in range(3):
        truth = pose_body(model, replace(somebody(model), pose=poses[frame], translation=np.ones(3)))
        assert avatar.posed(moving.rotations[frame], moving.translations[frame]) == pytest.approx(
            truth.vertices, abs=1e-6
        )
    with pytest.raises(InputError, match="24 joints"):
        animated(avatar, SimpleNamespace(fps=30.0, pose=poses[:, :24], translation=np.ones((3, 3))))
