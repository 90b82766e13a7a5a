"""A face that moves: expression numbers of a motion as strengths of shapes, in every format that has bones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.blender import Blender, write_with_blender
from scan3d.avatar.bones import bone_names
from scan3d.avatar.expressions import named_shapes, shapes_for
from scan3d.avatar.gltf import GltfOptions, write_gltf
from scan3d.avatar.make import avatar_of, parameters_of
from scan3d.avatar.rig import rig_of
from scan3d.avatar.twin import TwinOptions, write_twin
from scan3d.avatar.usd import UsdOptions, write_usd
from scan3d.body.model import BodyModel
from scan3d.body.motion import Motion
from scan3d.body.skinning import pose_body
from tests.avatar.doll import somebody, without_face
from tests.avatar.trip import there_and_back, validated, walking

FRAMES = (0, 4, 7, 11)


@pytest.fixture(scope="module")
def corrected_model(corrected_model: BodyModel) -> BodyModel:
    """The doll with a face that does not move the joints: bones do not change their length in other programs."""
    regressor = corrected_model.joint_regressor
    seen = np.linalg.pinv(regressor) @ regressor
    basis = corrected_model.expression_basis
    return replace(
        corrected_model,
        expression_basis=basis - np.einsum("vw,wce->vce", seen, basis),
        shapes={name: move - seen @ move for name, move in corrected_model.shapes.items()},
    )


@pytest.fixture(scope="module")
def talking(corrected_model: BodyModel) -> Motion:
    """A walk with a face that does what no mixture of the named shapes does."""
    walk = walking(corrected_model)
    turns = np.linspace(0, 2 * np.pi, len(walk))
    face = np.stack([np.sin(turns), 0.7 * np.cos(2 * turns), 0.4 * turns / np.pi - 0.3], axis=1)
    return replace(walk, expression=face)


@pytest.fixture(scope="module")
def avatar(corrected_model: BodyModel, talking: Motion) -> Avatar:
    who = somebody(corrected_model)
    assert talking.expression is not None
    face = shapes_for(corrected_model, who.expression, talking.expression)
    return avatar_of(corrected_model, who, motion=talking, face=face, strengths=face.strengths)


def truth(model: BodyModel, talking: Motion, frame: int) -> np.ndarray:
    who = somebody(model)
    one = talking.frame(frame, who.shape)
    return pose_body(
        model, replace(who, pose=one.pose, translation=one.translation, expression=one.expression)
    ).vertices


@pytest.mark.parametrize("named", [True, False])
def test_shapes_show_the_numbers(corrected_model: BodyModel, named: bool) -> None:
    model = corrected_model if named else without_face(corrected_model)
    rng = np.random.default_rng(0)
    own, wanted = rng.normal(size=2), rng.normal(size=(9, 3))
    face = shapes_for(model, own, wanted)
    assert face.strengths.min() >= 0 and face.strengths.max() <= 1 + 1e-12
    assert face.names[: len(named_shapes(model).names)] == named_shapes(model).names
    shown = np.einsum("ns,svc->nvc", face.strengths, np.array(face.moves))
    change = wanted - [*own, 0]
    assert shown == pytest.approx(np.einsum("vce,ne->nvc", model.expression_basis, change), abs=2e-5)
    # The numbers come back from the strengths, which pose-back relies on.
    assert face.strengths @ face.numbers == pytest.approx(change, abs=2e-3)


def test_named_shapes_alone_where_they_are_enough(model: BodyModel) -> None:
    names = list(model.shapes)
    moves = np.stack([model.shapes[name] for name in names], axis=-1)
    plain = replace(model, expression_basis=moves)
    wanted = np.array([[0.2, 0, 0.9, 0], [0.5, 0.5, 0, 1.0]])
    face = shapes_for(plain, np.zeros(4), wanted)
    assert face.names == tuple(names) and face.strengths == pytest.approx(wanted, abs=1e-4)
    # A face that stays as it is needs nothing.
    still = shapes_for(plain, np.array([0.1]), np.array([[0.1], [0.1]]))
    assert still.names == tuple(names) and still.strengths.shape == (2, 4) and not still.strengths.any()


def test_the_avatar_is_its_model_in_every_frame(avatar: Avatar, corrected_model: BodyModel, talking: Motion) -> None:
    moving = avatar.animation
    assert moving is not None and moving.strengths is not None
    for frame in range(len(talking)):
        strengths = dict(zip(avatar.shapes, moving.strengths[frame], strict=True))
        posed = avatar.posed(moving.rotations[frame], moving.translations[frame], strengths)
        assert posed == pytest.approx(truth(corrected_model, talking, frame), abs=2e-5)
        back = parameters_of(avatar, moving.rotations[frame], moving.translations[frame], strengths)
        assert talking.expression is not None
        assert back.expression == pytest.approx(talking.expression[frame], abs=2e-3)


def test_the_validator_finds_nothing_in_a_moving_face(avatar: Avatar, tmp_path: Path) -> None:
    write_gltf(avatar, rig_of(avatar, bone_names("smplx")), tmp_path / "avatar.glb", GltfOptions())
    report = validated(tmp_path / "avatar.glb")
    assert (report["issues"]["numErrors"], report["issues"]["numWarnings"]) == (0, 0), report["issues"]["messages"]


def test_usd_plays_the_face(avatar: Avatar, corrected_model: BodyModel, talking: Motion, tmp_path: Path) -> None:
    pytest.importorskip("pxr", reason="usd-core is not installed")
    from pxr import Usd, UsdGeom, UsdSkel

    path = tmp_path / "avatar.usd"
    write_usd(avatar, rig_of(avatar, bone_names("smplx")), path, UsdOptions())
    stage = Usd.Stage.Open(str(path))
    UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetDefaultPrim()))
    points = UsdGeom.Mesh(stage.GetPrimAtPath("/avatar/body")).GetPointsAttr()
    for frame in FRAMES:
        assert np.array(points.Get(frame)) == pytest.approx(truth(corrected_model, talking, frame), abs=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["glb", "usd", "blend", "fbx"])
def test_blender_plays_the_face(
    avatar: Avatar, corrected_model: BodyModel, talking: Motion, blender: Blender, tmp_path: Path, format: str
) -> None:
    path = tmp_path / f"avatar.{format}"
    rig = rig_of(avatar, bone_names("smplx"))
    if format == "glb":
        write_gltf(avatar, rig, path, GltfOptions())
    elif format == "usd":
        pytest.importorskip("pxr", reason="usd-core is not installed")
        write_usd(avatar, rig, path, UsdOptions())
    else:
        twin = tmp_path / "twin"
        twin.mkdir()
        write_twin(avatar, rig, twin, TwinOptions())
        write_with_blender(blender, twin, path)
    trip = there_and_back(blender, avatar, rig, path, poses=1, frames=FRAMES)
    for frame, found in zip(FRAMES, trip.frames, strict=True):
        off = np.linalg.norm(found - truth(corrected_model, talking, frame)[trip.vertex], axis=1).max()
        assert off < 1e-4, (frame, off)
