"""The pose library on the stick body: directions of limbs by closed form, feet on the floor, any rest pose."""

from dataclasses import replace

import numpy as np
import pytest

from scan3d.body.alignment import UPRIGHT, alignment, local_pose, t_pose
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.pose_recipes import PoseRecipe, pose_recipe
from scan3d.body.poses import grounded, named_pose, pose_names
from scan3d.body.rotations import about, matrices
from scan3d.body.skeleton import JOINTS, PARENTS, joint
from scan3d.body.skinning import Posed, pose_body, shaped
from scan3d.body.stance import reach
from scan3d.errors import InputError
from tests.body.stick_body import joint_places, stick_body

_X, _Y, _Z = np.eye(3)


def stand(model: BodyModel, name: str | PoseRecipe, shape: np.ndarray | None = None) -> Posed:
    shape = np.zeros(0) if shape is None else shape
    p = BodyParameters(
        shape=shape, expression=np.zeros(0), pose=named_pose(model, name, shape), translation=np.zeros(3)
    )
    return pose_body(model, grounded(model, p))


def bone(posed: Posed, start: str, end: str) -> np.ndarray:
    step = posed.joints[joint(end)] - posed.joints[joint(start)]
    return step / np.linalg.norm(step)


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


@pytest.fixture(scope="module")
def plain() -> BodyModel:
    """Without pose correctives: its joints' rings are where the joints are."""
    return stick_body(correctives=False)


@pytest.fixture(scope="module")
def drooping(plain: BodyModel) -> BodyModel:
    """The same body with another rest pose: arms 50 degrees down, hands turned, fingers curled, legs apart."""
    pose = np.zeros((55, 3))
    for side, x in (("left", 1.0), ("right", -1.0)):
        pose[joint(f"{side}_shoulder")] = [0.1 * x, 0, -x * np.radians(50)]
        pose[joint(f"{side}_elbow")] = [x * 0.4, -0.3 * x, 0]
        pose[joint(f"{side}_wrist")] = [-0.5, 0, 0.1 * x]
        pose[joint(f"{side}_hip")], pose[joint(f"{side}_ankle")] = [0, 0, 0.12 * x], [0, 0, -0.12 * x]
        for finger in ("index", "middle", "ring", "pinky"):
            pose[joint(f"{side}_{finger}1")] = [0, 0, -0.3 * x]
            pose[joint(f"{side}_{finger}2")] = [0, 0, -0.5 * x]
    p = BodyParameters(shape=np.zeros(0), expression=np.zeros(0), pose=pose, translation=np.zeros(3))
    posed = pose_body(plain, p)
    # Places of the joints as they are: a regressor that finds them on the posed rings, corrected by a constant vertex.
    regressor = np.linalg.lstsq(
        np.c_[posed.vertices, np.ones(len(posed.vertices))].T, np.c_[posed.joints, np.ones(55)].T, rcond=None
    )[0].T
    still = np.zeros_like(plain.shape_basis)
    return replace(plain, template=posed.vertices, joint_regressor=regressor, shape_basis=still)


@pytest.mark.parametrize("which", ["plain", "drooping"])
def test_a_t_pose_is_a_t_whatever_the_rest_pose(which: str, request: pytest.FixtureRequest) -> None:
    posed = stand(request.getfixturevalue(which), "t")
    for side, x in (("left", 1.0), ("right", -1.0)):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "middle1")):
            np.testing.assert_allclose(bone(posed, f"{side}_{start}", f"{side}_{end}"), [x, 0, 0], atol=1e-6)
        for finger in ("index", "ring", "pinky"):
            straight = bone(posed, f"{side}_{finger}1", f"{side}_{finger}2")
            np.testing.assert_allclose(bone(posed, f"{side}_{finger}2", f"{side}_{finger}3"), straight, atol=1e-6)
            assert abs(straight[2]) < 1e-6
        # Palms down: the index finger is in front, where the body looks.
        palm = posed.joints[joint(f"{side}_index1")] - posed.joints[joint(f"{side}_pinky1")]
        assert palm[1] < -0.05 and abs(palm[2]) < 1e-6


@pytest.mark.parametrize("which", ["plain", "drooping"])
def test_an_a_pose_has_its_angles(which: str, request: pytest.FixtureRequest) -> None:
    posed = stand(request.getfixturevalue(which), "a")
    for side, x in (("left", 1.0), ("right", -1.0)):
        upper = bone(posed, f"{side}_shoulder", f"{side}_elbow")
        np.testing.assert_allclose(upper, [x * np.sin(np.pi / 4), 0, -np.cos(np.pi / 4)], atol=1e-6)
        bend = angle_deg(upper, bone(posed, f"{side}_elbow", f"{side}_wrist"))
        assert bend == pytest.approx(4, abs=1e-4)
        # The elbow bends forward.
        assert bone(posed, f"{side}_elbow", f"{side}_wrist")[1] < 0


def test_a_pose_is_the_same_body_from_any_rest_pose(plain: BodyModel, drooping: BodyModel) -> None:
    for name in ("contrapposto", "walk", "sitting", "wave"):
        first, second = stand(plain, name), stand(drooping, name)
        limbs = [n for n, j in enumerate(JOINTS) if "thumb" not in j]
        differences = first.joints[limbs] - second.joints[limbs]
        # A bent knee is brought below the hip by the smallest turn, which twists it by a trace.
        np.testing.assert_allclose(differences - differences[0], 0, atol=5e-4)


@pytest.mark.parametrize("name", pose_names())
def test_every_pose_stands_on_the_floor_and_looks_the_right_way(name: str, plain: BodyModel) -> None:
    shape = np.random.default_rng(3).normal(size=6) * 0.5
    for numbers in (np.zeros(0), shape):
        posed = stand(plain, name, numbers)
        assert posed.vertices[:, 2].min() == pytest.approx(0, abs=1e-9)
        ankles = posed.joints[[joint("left_ankle"), joint("right_ankle")]]
        np.testing.assert_allclose(ankles[:, :2].mean(axis=0), 0, atol=1e-9)
        assert posed.joints[joint("left_hip"), 0] > posed.joints[joint("right_hip"), 0]
        assert posed.joints[joint("head"), 2] > posed.joints[joint("pelvis"), 2] + 0.4
        rest = shaped(plain, numbers).joints
        for number, parent in enumerate(PARENTS[1:], 1):
            length = np.linalg.norm(rest[number] - rest[parent])
            assert np.linalg.norm(posed.joints[number] - posed.joints[parent]) == pytest.approx(length)


def test_feet_that_stand_are_level_with_each_other(plain: BodyModel) -> None:
    for name in ("relaxed", "contrapposto", "hand_on_hip", "look_over_shoulder"):
        posed = stand(plain, name)
        heights = posed.joints[[joint("left_ankle"), joint("right_ankle")], 2]
        assert heights[0] == pytest.approx(heights[1], abs=1e-6), name
        for side in ("left", "right"):
            rest = joint_places()
            drop = rest[joint(f"{side}_foot"), 1] - rest[joint(f"{side}_ankle"), 1]
            step = posed.joints[joint(f"{side}_foot"), 2] - posed.joints[joint(f"{side}_ankle"), 2]
            assert step == pytest.approx(drop, abs=1e-6), name


def test_hands_reach_the_hip(plain: BodyModel) -> None:
    posed = stand(plain, "hands_on_hips")
    for side, x in (("left", 1.0), ("right", -1.0)):
        wrist, pelvis = posed.joints[joint(f"{side}_wrist")], posed.joints[joint("pelvis")]
        assert 0.1 < x * (wrist - pelvis)[0] < 0.3 and abs((wrist - pelvis)[2]) < 0.15
        assert x * (posed.joints[joint(f"{side}_elbow")] - wrist)[0] > 0.05


def test_a_heavier_body_keeps_its_hands_outside(plain: BodyModel) -> None:
    wide = replace(plain, template=plain.template * [1.0, 1, 1.0] + 0.0)
    trunk = (plain.weights[:, [0, 3, 6, 9]].sum(axis=1) > 0.6)[:, None]
    wide = replace(wide, template=np.where(trunk, plain.template * [1.5, 1, 1.5], plain.template))
    thin, thick = (stand(model, "hands_on_hips").joints for model in (plain, wide))
    assert thick[joint("left_wrist"), 0] - thin[joint("left_wrist"), 0] > 0.04


def test_what_the_words_of_a_recipe_do(plain: BodyModel) -> None:
    recipe = pose_recipe("relaxed")
    turned = stand(plain, replace(recipe, head=replace(recipe.head, turn=40.0)))
    seen = turned.world_from_rest[joint("head"), :3, :3] @ _Z
    np.testing.assert_allclose(seen, [np.sin(np.radians(40)), -np.cos(np.radians(40)), 0], atol=1e-6)
    bent = stand(plain, replace(recipe, trunk=replace(recipe.trunk, bend=30.0, lean=0.0)))
    up = bent.world_from_rest[joint("spine3"), :3, :3] @ _Y
    np.testing.assert_allclose(up, [0, -np.sin(np.radians(30)), np.cos(np.radians(30))], atol=1e-6)
    fist = stand(plain, replace(recipe, left_arm=replace(recipe.left_arm, fingers="loose_fist")))
    curled = angle_deg(bone(fist, "left_index1", "left_index2"), bone(fist, "left_index2", "left_index3"))
    assert curled == pytest.approx(50, abs=1)


def test_unknown_poses_name_the_known_ones(plain: BodyModel) -> None:
    with pytest.raises(InputError, match="no pose 'handstand'") as caught:
        named_pose(plain, "handstand")
    assert "contrapposto" in caught.value.next_step
    assert len(pose_names()) >= 12


def test_models_of_fewer_joints_are_posed_too(plain: BodyModel) -> None:
    keep = list(range(22))
    small = replace(
        plain,
        parents=np.array([*PARENTS[:22], 20, 21], np.int32),
        joint_regressor=plain.joint_regressor[[*keep, joint("left_index1"), joint("right_index1")]],
        weights=np.c_[plain.weights[:, :22], np.zeros((len(plain.template), 2))],
        pose_basis=None,
    )
    pose = named_pose(small, "hand_on_hip")
    assert pose.shape == (24, 3)
    np.testing.assert_allclose(pose[1:13], named_pose(plain, "hand_on_hip")[1:13], atol=0.2)


def test_two_bones_reach_what_they_can_and_aim_at_the_rest() -> None:
    upper, lower, hinge = np.array([0, -0.4, 0.01]), np.array([0.01, -0.42, -0.01]), _X
    for target in ([0.1, -0.6, 0.2], [0, -0.3, 0.3], [0.2, 0.2, 0.4]):
        first, second = reach(upper, lower, hinge, np.array(target), _Z)
        np.testing.assert_allclose(first @ upper + second @ lower, target, atol=1e-12)
        assert (first @ upper) @ (_Z - np.array(target) * target[2] / np.dot(target, target)) > 0
    first, second = reach(upper, lower, hinge, np.array([0, -2.0, 0]), _Z)
    end = first @ upper + second @ lower
    np.testing.assert_allclose(end / np.linalg.norm(end), [0, -1, 0], atol=1e-12)


def test_alignment_points_bones_and_shares_the_hands_twist() -> None:
    joints, parents = joint_places(), np.array(PARENTS, np.int32)
    wanted = dict(t_pose(joints, JOINTS))
    turns = alignment(joints, parents, JOINTS, wanted)
    np.testing.assert_allclose(matrices(local_pose(turns, parents)[joint("left_knee")]), np.eye(3), atol=0.05)
    # The same with the palm to the front: half of that is in the forearm, all of it in the hand.
    wanted["left_palm"] = _Y
    front = alignment(joints, parents, JOINTS, wanted)
    for name, degrees in (("left_shoulder", 0), ("left_elbow", -45), ("left_wrist", -90)):
        np.testing.assert_allclose(
            front[joint(name)], about(_X, np.radians(degrees)) @ turns[joint(name)], atol=1e-9, err_msg=name
        )
    assert np.allclose(UPRIGHT @ _Y, _Z) and np.allclose(UPRIGHT @ _Z, -_Y)
