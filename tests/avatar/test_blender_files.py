"""Blender: one that is found, .blend and FBX that it builds, and what is done without one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scan3d.avatar.avatar import Avatar, Material
from scan3d.avatar.blender import VARIABLE, Blender, find_blender, script_for, write_with_blender
from scan3d.avatar.bones import NAMINGS, bone_names
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import Rig, rig_of
from scan3d.avatar.twin import TwinOptions, bone_correctives, write_twin
from scan3d.body.model import BodyModel
from scan3d.errors import InputError, MissingDependencyError, Scan3dError
from tests.avatar.doll import random_pose, somebody
from tests.avatar.trip import Trip, there_and_back, walking, written_maps


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_blender_is_found_by_its_name_and_on_the_path(tmp_path: Path) -> None:
    ours = program(tmp_path / "blender", "echo 'Blender 4.5.3 LTS'; exit 0")
    for environment in ({VARIABLE: str(ours)}, {"PATH": str(tmp_path)}):
        found = find_blender(environment)
        assert found == Blender(path=ours, version=(4, 5, 3), module=False)
    assert found.command(Path("a.py"), "x")[-4:] == ["--python", "a.py", "--", "x"]


def test_what_is_no_blender_or_an_old_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = program(tmp_path / "blender", "echo 'Blender 3.4.1'")
    other = program(tmp_path / "other", "echo hello")
    with pytest.raises(InputError, match="the oldest"):
        find_blender({VARIABLE: str(old)})
    for named in (other, tmp_path / "nothing", Path(sys.executable)):
        with pytest.raises(InputError, match="no Blender"):
            find_blender({VARIABLE: str(named)})
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    with pytest.raises(MissingDependencyError, match="No Blender"):
        find_blender({"PATH": str(tmp_path)})


def test_a_blender_that_fails_says_its_last_word(tmp_path: Path) -> None:
    bad = Blender(path=program(tmp_path / "bad", "echo first; echo last >&2; exit 3"), version=(4, 5), module=True)
    with pytest.raises(Scan3dError, match=r"Blender 4\.5 failed"):
        bad.run(tmp_path / "script.py")
    silent = Blender(path=program(tmp_path / "silent", "exit 0"), version=(4, 5), module=True)
    with pytest.raises(Scan3dError, match=r"wrote no \.fbx"):
        write_with_blender(silent, tmp_path, tmp_path / "avatar.fbx")
    assert not list(tmp_path.glob("*.fbx"))


def test_correctives_by_the_bones_own_turns_are_the_same(corrected_model: BodyModel) -> None:
    rest = random_pose(np.random.default_rng(3), 0.3)
    avatar = avatar_of(corrected_model, somebody(corrected_model), rest=rest)
    rig = rig_of(avatar, bone_names("mixamo"))
    moves = bone_correctives(avatar, rig)
    turns = avatar.turns_of(random_pose(np.random.default_rng(4)))
    basis = rig.bone_turns(avatar, turns)
    ours = np.zeros(avatar.vertices.shape)
    for bone, nine in moves.items():
        for entry, (rows, move) in zip((basis[rig.names.index(bone)] - np.eye(3)).ravel(), nine, strict=True):
            ours[rows] += entry * move
    assert avatar.correctives is not None
    truth = avatar.correctives.total(avatar.corrective_values(turns), len(ours))
    assert ours == pytest.approx(truth, abs=1e-6) and np.abs(truth).max() > 1e-3


def made(blender: Blender, avatar: Avatar, rig: Rig, path: Path, poses: int = 20, **pose: np.ndarray) -> Trip:
    twin = path.parent / "twin"
    twin.mkdir()
    write_twin(avatar, rig, twin, TwinOptions(texture_size=32), **pose)
    write_with_blender(blender, twin, path)
    return there_and_back(blender, avatar, rig, path, poses=poses)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".blend", ".fbx"])
@pytest.mark.parametrize("naming", NAMINGS)
def test_posed_in_blender_it_is_what_we_pose(
    model: BodyModel, blender: Blender, tmp_path: Path, naming: str, suffix: str
) -> None:
    maps = written_maps(tmp_path / "maps")
    rest = random_pose(np.random.default_rng(2), 0.3) if naming == "rigify" else None
    avatar = avatar_of(model, somebody(model), rest=rest, materials=[Material(name="skin", maps=maps)])
    rig = rig_of(avatar, bone_names(naming))
    trip = made(blender, avatar, rig, tmp_path / f"avatar{suffix}")
    assert trip.rest_off_m < 1e-5 and trip.off_m.max() < 2e-5
    about = trip.about
    assert about["quads"] == about["polygons"] == len(avatar.faces)
    assert set(about["bones"]) == set(rig.names) and about["shapes"][1:] == list(avatar.shapes)
    parents = dict(zip(about["bones"], about["parents"], strict=True))
    assert parents == {n: rig.names[p] if p >= 0 else "" for n, p in zip(rig.names, rig.parents, strict=True)}
    row = {name: number for number, name in enumerate(about["bones"])}
    for bone, name in enumerate(rig.names):
        if rig.joint[bone] >= 0:
            assert about["y_axes"][row[name]] == pytest.approx(rig.axes[bone][:, 1], abs=2e-3)
            assert about["x_axes"][row[name]] == pytest.approx(rig.axes[bone][:, 0], abs=2e-3)
    pictures = {
        (tuple(links), space) for m, links, size, space, _ in about["pictures"] if m == "skin" and size == [32, 32]
    }
    assert (("BSDF_PRINCIPLED", "Base Color"), "sRGB") in pictures
    assert (("Color", "NORMAL_MAP"), "Non-Color") in pictures
    assert about["materials"] == ["skin", "eyes"]


@pytest.mark.slow
def test_correctives_follow_the_bones_in_a_blend(corrected_model: BodyModel, blender: Blender, tmp_path: Path) -> None:
    avatar = avatar_of(corrected_model, somebody(corrected_model))
    trip = made(blender, avatar, rig_of(avatar, bone_names("smplx")), tmp_path / "avatar.blend")
    assert trip.off_m.max() < 5e-5


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".blend", ".fbx"])
def test_a_motion_plays_with_its_correctives(
    corrected_model: BodyModel, blender: Blender, tmp_path: Path, suffix: str
) -> None:
    avatar = avatar_of(corrected_model, somebody(corrected_model), motion=walking(corrected_model))
    trip = made(blender, avatar, rig_of(avatar, bone_names("smplx")), tmp_path / f"avatar{suffix}", poses=1)
    assert avatar.animation is not None
    truth = avatar.posed(avatar.animation.rotations[-1], avatar.animation.translations[-1])
    assert np.linalg.norm(trip.end - truth[trip.vertex], axis=1).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".blend", ".fbx"])
def test_it_opens_in_its_pose(corrected_model: BodyModel, blender: Blender, tmp_path: Path, suffix: str) -> None:
    avatar = avatar_of(corrected_model, somebody(corrected_model))
    pose = {"turns": avatar.pose, "translation": avatar.translation}
    trip = made(blender, avatar, rig_of(avatar, bone_names("unreal")), tmp_path / f"avatar{suffix}", poses=1, **pose)
    assert np.linalg.norm(trip.opening - avatar.posed(**pose)[trip.vertex], axis=1).max() < 2e-5


@pytest.mark.slow
def test_the_script_left_behind_makes_the_same_file(model: BodyModel, blender: Blender, tmp_path: Path) -> None:
    avatar = avatar_of(model, somebody(model))
    rig = rig_of(avatar, bone_names("smplx"))
    twin = tmp_path / "it's a twin"
    twin.mkdir()
    write_twin(avatar, rig, twin, TwinOptions())
    script = tmp_path / "make.py"
    script.write_text(script_for(twin, tmp_path / "avatar.blend"))
    command = [part for part in blender.command(script) if part != "--"]
    subprocess.run(command, check=True, capture_output=True)
    trip = there_and_back(blender, avatar, rig, tmp_path / "avatar.blend", poses=2)
    assert trip.off_m.max() < 2e-5
