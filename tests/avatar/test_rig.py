"""Bones: names and hierarchies that other programs want, axes that bend where a body bends, poses carried over."""

from dataclasses import replace

import numpy as np
import pytest

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.bones import NAMINGS, bone_names
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import Rig, rig_of
from scan3d.body.model import BodyModel
from scan3d.body.rotations import about
from scan3d.body.skeleton import JOINTS
from tests.avatar.doll import random_pose, somebody


@pytest.fixture(scope="module")
def avatar(model: BodyModel) -> Avatar:
    return avatar_of(model, somebody(model))


def parents_by_name(rig: Rig) -> dict[str, str]:
    return {name: rig.names[p] if p >= 0 else "" for name, p in zip(rig.names, rig.parents, strict=True)}


def test_every_naming_names_every_joint_once(avatar: Avatar) -> None:
    for name in NAMINGS:
        naming = bone_names(name)
        assert set(naming.bones) == set(JOINTS), name
        rig = rig_of(avatar, naming)
        assert len(set(rig.names)) == len(rig.names)
        assert sorted(rig.joint[rig.joint >= 0]) == list(range(55))
        assert all(parent < bone for bone, parent in enumerate(rig.parents))
        for joint, bone in enumerate(rig.bone_of_joint()):
            assert rig.names[bone] == naming.bones[JOINTS[joint]]
            assert rig.heads[bone] == pytest.approx(avatar.joints[joint])


@pytest.mark.parametrize(
    ("naming", "some"),
    [
        ("smplx", {"pelvis": "", "left_knee": "left_hip", "right_thumb3": "right_thumb2", "jaw": "head"}),
        (
            "mixamo",
            {
                "mixamorig:Hips": "",
                "mixamorig:Spine2": "mixamorig:Spine1",
                "mixamorig:LeftHandIndex4": "mixamorig:LeftHandIndex3",
                "mixamorig:RightForeArm": "mixamorig:RightArm",
                "mixamorig:HeadTop_End": "mixamorig:Head",
                "mixamorig:LeftToe_End": "mixamorig:LeftToeBase",
            },
        ),
        ("unreal", {"root": "", "pelvis": "root", "calf_l": "thigh_l", "hand_r": "lowerarm_r", "thumb_01_l": "hand_l"}),
        (
            "vrm",
            {
                "hips": "",
                "upperChest": "chest",
                "leftLittleProximal": "leftHand",
                "rightThumbMetacarpal": "rightHand",
                "leftToes": "leftFoot",
            },
        ),
        (
            "rigify",
            {
                "spine": "",
                "thigh.L": "spine",
                "shoulder.R": "spine.003",
                "f_index.01.L": "palm.01.L",
                "thumb.01.L": "palm.01.L",
                "f_pinky.01.R": "palm.04.R",
                "heel.02.L": "foot.L",
            },
        ),
    ],
)
def test_hierarchies(avatar: Avatar, naming: str, some: dict[str, str]) -> None:
    found = parents_by_name(rig_of(avatar, bone_names(naming)))
    assert {name: found[name] for name in some} == some


def test_axes_are_rotations_along_the_bones_and_mirror_each_other(avatar: Avatar) -> None:
    rig = rig_of(avatar, bone_names("smplx"))
    assert rig.axes @ rig.axes.transpose(0, 2, 1) == pytest.approx(np.tile(np.eye(3), (55, 1, 1)), abs=1e-12)
    assert np.linalg.det(rig.axes) == pytest.approx(1)
    along = (rig.tails - rig.heads) / np.linalg.norm(rig.tails - rig.heads, axis=1, keepdims=True)
    assert rig.axes[:, :, 1] == pytest.approx(along)
    row = {name: number for number, name in enumerate(rig.names)}
    mirror = np.array([-1, 1, 1])
    for name, number in row.items():
        if name.startswith("left_"):
            other = rig.axes[row["right_" + name[5:]]]
            # The doll's tubes are not mirrored exactly, their ends are.
            assert other[:, 1] == pytest.approx(mirror * rig.axes[number, :, 1], abs=0.05)
            assert other[:, 2] == pytest.approx(mirror * rig.axes[number, :, 2], abs=0.05)


@pytest.mark.parametrize(
    ("bone", "towards"),
    [
        ("left_knee", (0, 1, 0)),  # the shin goes back
        ("right_knee", (0, 1, 0)),
        ("left_elbow", (0, -1, 0)),  # the forearm comes forward
        ("right_elbow", (0, -1, 0)),
        ("left_index2", (0, 0, -1)),  # a finger closes on the palm, which looks down in a T
        ("right_index2", (0, 0, -1)),
        ("spine2", (0, -1, 0)),  # a bow
        ("head", (0, -1, 0)),
        ("jaw", (0, 0, -1)),  # the mouth opens
        ("left_foot", (0, 0, -1)),
    ],
)
def test_a_positive_turn_about_x_bends_as_the_body_does(avatar: Avatar, bone: str, towards: tuple[float, ...]) -> None:
    rig = rig_of(avatar, bone_names("smplx"))
    axes = rig.axes[rig.names.index(bone)]
    bent = about(axes[:, 0], 0.3) @ axes[:, 1]
    assert (bent - axes[:, 1]) @ np.array(towards) > 0.2


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("rested", [False, True])
def test_bones_turned_put_the_joints_where_they_belong(model: BodyModel, naming: str, rested: bool) -> None:
    rng = np.random.default_rng(5)
    avatar = avatar_of(model, somebody(model), rest=random_pose(rng, 0.3) if rested else None)
    rig = rig_of(avatar, bone_names(naming))
    turns = avatar.turns_of(random_pose(rng))
    basis = rig.bone_turns(avatar, turns)
    at_rest, place = rig.locals_at_rest()
    world, where = np.empty_like(at_rest), np.empty_like(place)
    for bone, parent in enumerate(rig.parents):
        above, start = (np.eye(3), np.zeros(3)) if parent < 0 else (world[parent], where[parent])
        world[bone] = above @ at_rest[bone] @ basis[bone]
        where[bone] = start + above @ place[bone]
    turned, joints = avatar.posed_joints(turns, np.zeros(3))
    rest = avatar.rest_globals()
    for joint, bone in enumerate(rig.bone_of_joint()):
        assert world[bone] @ rig.axes[bone].T == pytest.approx(turned[joint] @ rest[joint].T, abs=1e-9)
        assert where[bone] == pytest.approx(joints[joint], abs=1e-9)


def test_a_body_without_fingers_and_face_has_bones_too(model: BodyModel) -> None:
    keep = 24
    weights = model.weights[:, :keep].copy()
    weights[:, 20] += 1 - weights.sum(axis=1)
    small = replace(
        model,
        parents=model.parents[:keep].copy(),
        weights=weights,
        joint_regressor=model.joint_regressor[:keep],
    )
    small.parents[22:24] = [20, 21]
    who = replace(somebody(model), pose=somebody(model).pose[:keep])
    rig = rig_of(avatar_of(small, who), bone_names("mixamo"))
    assert "left_hand" in rig.names and "mixamorig:LeftHandIndex4" not in rig.names
    assert np.isfinite(rig.axes).all()
