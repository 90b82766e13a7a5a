"""Skinning in numpy against a plain loop over the definition, against closed forms, and its derivatives."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scan3d.body.jacobian import VertexSubset
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.skeleton import joint
from scan3d.body.skinning import pose_body, shaped, skin
from tests.body.stick_body import joint_places, moved, random_parameters, stick_body


def by_definition(model: BodyModel, p: BodyParameters) -> tuple[np.ndarray, np.ndarray]:
    """SMPL-X as its paper writes it, one joint after another."""
    rest = model.template + model.shape_basis @ p.shape + model.expression_basis @ p.expression
    joints = model.joint_regressor @ rest
    turns = Rotation.from_rotvec(p.pose).as_matrix()
    if model.pose_basis is not None:
        rest = rest + model.pose_basis @ (turns[1:] - np.eye(3)).ravel()
    world = []
    for number, parent in enumerate(model.parents):
        local = np.eye(4)
        local[:3, :3] = turns[number]
        local[:3, 3] = joints[number] - (joints[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    vertices = np.zeros_like(rest)
    for number, matrix in enumerate(world):
        carried = (rest - joints[number]) @ matrix[:3, :3].T + matrix[:3, 3]
        vertices += model.weights[:, number, None] * carried
    return vertices + p.translation, np.array(world)[:, :3, 3] + p.translation


@pytest.mark.parametrize("correctives", [True, False])
def test_posed_bodies_are_those_of_the_definition(correctives: bool) -> None:
    model, rng = stick_body(correctives=correctives), np.random.default_rng(1)
    for _ in range(5):
        p = random_parameters(model, rng)
        vertices, joints = by_definition(model, p)
        posed = pose_body(model, p)
        np.testing.assert_allclose(posed.vertices, vertices, atol=1e-12)
        np.testing.assert_allclose(posed.joints, joints, atol=1e-12)


def test_the_regressor_of_the_stick_body_finds_its_joints(stick: BodyModel) -> None:
    np.testing.assert_allclose(shaped(stick, ()).joints, joint_places(), atol=1e-12)


def test_the_root_turns_about_its_own_joint_and_then_moves(stick: BodyModel) -> None:
    pose = np.zeros((55, 3))
    pose[0] = [np.pi / 2, 0, 0]
    p = BodyParameters(shape=np.zeros(0), expression=np.zeros(0), pose=pose, translation=np.array([1.0, 2, 3]))
    rest, posed = shaped(stick, ()), pose_body(stick, p)
    pelvis = rest.joints[0]
    about = (rest.vertices - pelvis) @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    np.testing.assert_allclose(posed.vertices, about + pelvis + [1, 2, 3], atol=1e-12)
    # A body that was made with Y up now stands: Z up, facing -Y.
    assert posed.joints[joint("head"), 2] > posed.joints[joint("left_foot"), 2] + 1.4
    assert posed.joints[joint("left_foot"), 1] < posed.joints[joint("left_ankle"), 1] - 0.1


def test_transforms_carry_rest_points_of_one_joint(stick: BodyModel) -> None:
    rng = np.random.default_rng(2)
    p = random_parameters(stick, rng)
    rest, posed = shaped(stick, p.shape, p.expression), pose_body(stick, p)
    homogeneous = np.c_[rest.joints, np.ones(55)]
    np.testing.assert_allclose(
        np.einsum("jab,jb->ja", posed.world_from_rest, homogeneous)[:, :3], posed.joints, atol=1e-12
    )


def test_fewer_numbers_count_as_zeros_and_more_are_refused(stick: BodyModel) -> None:
    np.testing.assert_array_equal(shaped(stick, [0.5]).vertices, shaped(stick, [0.5, 0, 0, 0, 0, 0]).vertices)
    with pytest.raises(ValueError, match="7 shape numbers for a model with 6"):
        shaped(stick, np.zeros(7))
    with pytest.raises(ValueError, match="expression"):
        shaped(stick, (), np.zeros(4))


def test_offsets_ride_on_the_surface_and_leave_the_joints(stick: BodyModel) -> None:
    rng = np.random.default_rng(3)
    p = random_parameters(stick, rng)
    offsets = rng.normal(size=stick.template.shape) * 0.01
    plain, offset = pose_body(stick, p), pose_body(stick, p, offsets)
    np.testing.assert_array_equal(plain.joints, offset.joints)
    turn = np.einsum("vj,jab->vab", stick.weights, plain.world_from_rest[:, :3, :3])
    np.testing.assert_allclose(offset.vertices - plain.vertices, np.einsum("vab,vb->va", turn, offsets), atol=1e-12)


def test_a_finer_mesh_is_carried_by_the_vertices_it_is_made_of(stick: BodyModel) -> None:
    from scipy.sparse import csr_array

    rng = np.random.default_rng(4)
    p = random_parameters(stick, rng)
    rest = shaped(stick, p.shape, p.expression)
    carrier = csr_array(np.eye(len(rest.vertices))[[5, 5, 9]])
    posed = skin(stick, rest.vertices[[5, 5, 9]], rest.joints, p.pose, p.translation, carrier=carrier)
    np.testing.assert_allclose(posed.vertices, pose_body(stick, p).vertices[[5, 5, 9]], atol=1e-12)
    with pytest.raises(ValueError, match="2 rest vertices, where 3 are carried"):
        skin(stick, rest.vertices[:2], rest.joints, p.pose, p.translation, carrier=carrier)


@pytest.mark.parametrize("correctives", [True, False])
def test_derivatives_are_difference_quotients(correctives: bool) -> None:
    model, rng = stick_body(correctives=correctives), np.random.default_rng(5)
    p = random_parameters(model, rng)
    rows = rng.choice(len(model.template), 60, replace=False)
    subset = VertexSubset.of(model, rows, shape=6, expression=3)
    at = subset.at(p)
    posed = pose_body(model, p)
    np.testing.assert_allclose(at.vertices, posed.vertices[rows], atol=1e-12)
    np.testing.assert_allclose(at.joints, posed.joints, atol=1e-12)

    def quotient(name: str, index: tuple[int, ...]) -> np.ndarray:
        step = np.zeros_like(getattr(p, name))
        step[index] = 1e-6
        ends = [pose_body(model, moved(p, **{name: getattr(p, name) + s * step})).vertices[rows] for s in (1, -1)]
        return (ends[0] - ends[1]) / 2e-6

    for number in range(55):
        for k in range(3):
            np.testing.assert_allclose(at.by_pose[:, :, number, k], quotient("pose", (number, k)), atol=2e-8)
    for k in range(6):
        np.testing.assert_allclose(at.by_shape[:, :, k], quotient("shape", (k,)), atol=2e-8)
    for k in range(3):
        np.testing.assert_allclose(at.by_expression[:, :, k], quotient("expression", (k,)), atol=2e-8)


def test_derivatives_by_some_joints_and_fewer_numbers(stick: BodyModel) -> None:
    rng = np.random.default_rng(6)
    p = replace(random_parameters(stick, rng), expression=np.zeros(0))
    p = replace(p, shape=p.shape[:2])
    rows, joints = np.array([3, 100, 400, 700]), [joint("left_knee"), 0, joint("right_wrist")]
    full = VertexSubset.of(stick, rows, shape=6, expression=3).at(p)
    some = VertexSubset.of(stick, rows, shape=2).at(p, joints=joints)
    np.testing.assert_allclose(some.vertices, full.vertices, atol=1e-13)
    np.testing.assert_allclose(some.by_pose, full.by_pose[:, :, joints], atol=1e-13)
    np.testing.assert_allclose(some.by_shape, full.by_shape[:, :, :2], atol=1e-13)
    assert some.by_expression.shape == (4, 3, 0)


def test_derivatives_hold_at_rest_and_at_half_a_turn(stick: BodyModel) -> None:
    pose = np.zeros((55, 3))
    pose[joint("left_elbow")] = [0, np.pi, 0]
    p = BodyParameters(shape=np.zeros(0), expression=np.zeros(0), pose=pose, translation=np.zeros(3))
    rows = np.arange(0, len(stick.template), 17)
    at = VertexSubset.of(stick, rows, shape=0).at(p)
    for number in (0, joint("left_elbow"), joint("left_index2")):
        for k in range(3):
            step = np.zeros((55, 3))
            step[number, k] = 1e-6
            ends = [pose_body(stick, moved(p, pose=pose + s * step)).vertices[rows] for s in (1, -1)]
            np.testing.assert_allclose(at.by_pose[:, :, number, k], (ends[0] - ends[1]) / 2e-6, atol=2e-8)
