"""glTF: what its validator says, what the file holds, and what Blender makes of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest

from scan3d.avatar.avatar import Avatar, Material
from scan3d.avatar.blender import Blender
from scan3d.avatar.bones import NAMINGS, bone_names
from scan3d.avatar.gltf import GltfOptions, write_gltf
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import rig_of
from scan3d.avatar.skin_weights import strongest
from scan3d.body.model import BodyModel
from scan3d.rights.vocabularies.vrm import DENIED, check_vrm
from tests.avatar.doll import random_pose, somebody
from tests.avatar.trip import there_and_back, validated, walking, written_maps


@pytest.fixture(scope="module")
def full(corrected_model: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> Avatar:
    """An avatar with everything: maps, correctives, a motion."""
    maps = written_maps(tmp_path_factory.mktemp("maps"))
    skin = Material(name="skin", maps=maps, displacement_m=(-0.002, 0.003))
    who = somebody(corrected_model)
    return avatar_of(corrected_model, who, materials=[skin], motion=walking(corrected_model))


@pytest.mark.parametrize("naming", NAMINGS)
def test_the_validator_finds_nothing(full: Avatar, tmp_path: Path, naming: str) -> None:
    path = tmp_path / "avatar.glb"
    weights = 4 if naming == "unreal" else 8
    write_gltf(full, rig_of(full, bone_names(naming)), path, GltfOptions(weights=weights, texture_size=48))
    report = validated(path)
    assert (report["issues"]["numErrors"], report["issues"]["numWarnings"]) == (0, 0), report["issues"]["messages"]
    assert report["info"]["hasSkins"] and report["info"]["hasMorphTargets"] and report["info"]["animationCount"] == 1
    assert report["info"]["maxInfluences"] == weights


def test_what_the_file_holds(full: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "avatar.glb"
    rig = rig_of(full, bone_names("mixamo"))
    write_gltf(full, rig, path, GltfOptions(texture_size=48))
    gltf = pygltflib.GLTF2().load(str(path))
    assert [node.name for node in gltf.nodes[:-1]] == list(rig.names)
    names = gltf.meshes[0].extras["targetNames"]
    assert names[:4] == list(full.shapes) and all(name.startswith("corrective_") for name in names[4:])
    assert [material.name for material in gltf.materials] == ["skin", "eyes"]
    assert {image.mimeType for image in gltf.images} == {"image/jpeg", "image/png"}
    skin = gltf.materials[0]
    assert skin.normalTexture is not None and skin.pbrMetallicRoughness.metallicFactor == 0
    assert gltf.asset.copyright == "Public domain."
    # The lowest point is on the floor of a Y-up world, the face looks along +Z.
    places = gltf.accessors[gltf.meshes[0].primitives[0].attributes.POSITION]
    assert places.min[1] == pytest.approx(0, abs=1e-6) and places.max[1] > 1.5
    assert places.max[2] > -places.min[2]


def test_vrm_says_which_bone_is_which_and_allows_nothing(full: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "avatar.glb"
    write_gltf(full, rig_of(full, bone_names("vrm")), path, GltfOptions())
    gltf = pygltflib.GLTF2().load(str(path))
    bones = gltf.extensions["VRMC_vrm"]["humanoid"]["humanBones"]
    assert all(gltf.nodes[entry["node"]].name == name for name, entry in bones.items())
    required = {"hips", "spine", "head", "leftUpperArm", "rightHand", "leftFoot", "rightLowerLeg"}
    assert required <= set(bones)
    assert check_vrm(gltf.extensions["VRMC_vrm"]["meta"]) == DENIED


def test_weights_are_the_strongest_and_sum_to_one() -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(20), size=50)
    joints, values = strongest(weights, 4)
    for row in range(50):
        assert set(joints[row]) == set(np.argsort(weights[row])[-4:])
        assert values[row].astype(np.float64).sum() == pytest.approx(1, abs=1e-7)
        assert np.all(np.diff(values[row]) <= 0)
    joints, values = strongest(np.eye(3)[[0, 2]], 8)
    assert joints.tolist() == [[0] * 8, [2, 0, 0, 0, 0, 0, 0, 0]] and values[:, 1:].max() == 0


@pytest.mark.slow
@pytest.mark.parametrize("naming", NAMINGS)
def test_blender_poses_it_as_we_do(model: BodyModel, blender: Blender, tmp_path: Path, naming: str) -> None:
    rest = random_pose(np.random.default_rng(2), 0.3) if naming == "rigify" else None
    avatar = avatar_of(model, somebody(model), rest=rest)
    rig = rig_of(avatar, bone_names(naming))
    write_gltf(avatar, rig, tmp_path / "avatar.glb", GltfOptions())
    trip = there_and_back(blender, avatar, rig, tmp_path / "avatar.glb")
    assert trip.rest_off_m < 1e-5 and trip.off_m.max() < 2e-5
    assert len(np.unique(trip.vertex)) == len(avatar.vertices)
    assert set(rig.names) == set(trip.about["bones"])
    assert trip.about["shapes"][1:] == list(avatar.shapes)
    found = dict(zip(trip.about["bones"], trip.about["parents"], strict=True))
    assert found == {n: rig.names[p] if p >= 0 else "" for n, p in zip(rig.names, rig.parents, strict=True)}


@pytest.mark.slow
def test_blender_shows_maps_motion_and_correctives(full: Avatar, blender: Blender, tmp_path: Path) -> None:
    rig = rig_of(full, bone_names("smplx"))
    write_gltf(full, rig, tmp_path / "avatar.glb", GltfOptions())
    trip = there_and_back(blender, full, rig, tmp_path / "avatar.glb", poses=1)
    plugs = {tuple(links): (size, space) for m, links, size, space, _ in trip.about["pictures"] if m == "skin"}
    assert plugs[("BSDF_PRINCIPLED", "Base Color")] == ([64, 64], "sRGB")
    assert any("NORMAL_MAP" in links and space == "Non-Color" for links, (_, space) in plugs.items())
    assert any("SEPARATE_COLOR" in links and space == "Non-Color" for links, (_, space) in plugs.items())
    # The motion's last frame, correctives and all.
    assert full.animation is not None
    truth = full.posed(full.animation.rotations[-1], full.animation.translations[-1])
    assert np.linalg.norm(trip.end - truth[trip.vertex], axis=1).max() < 5e-5


@pytest.mark.slow
def test_blender_opens_it_in_the_pose_asked_for(corrected_model: BodyModel, blender: Blender, tmp_path: Path) -> None:
    avatar = avatar_of(corrected_model, somebody(corrected_model))
    rig = rig_of(avatar, bone_names("smplx"))
    strengths = {"mouthSmileLeft": 0.8}
    write_gltf(
        avatar, rig, tmp_path / "avatar.glb", GltfOptions(), turns=avatar.pose, translation=avatar.translation,
        strengths=strengths,
    )  # fmt: skip
    trip = there_and_back(blender, avatar, rig, tmp_path / "avatar.glb", poses=1)
    truth = avatar.posed(avatar.pose, avatar.translation, strengths)
    assert np.linalg.norm(trip.opening - truth[trip.vertex], axis=1).max() < 5e-5
    # Without correctives nothing but the skin's own bending is left.
    plain = replace(avatar, correctives=None)
    write_gltf(avatar, rig, tmp_path / "plain.glb", GltfOptions(correctives=False), turns=avatar.pose)
    trip = there_and_back(blender, plain, rig, tmp_path / "plain.glb", poses=1)
    assert np.linalg.norm(trip.opening - plain.posed(avatar.pose)[trip.vertex], axis=1).max() < 5e-5
