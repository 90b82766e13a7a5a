"""Rigify: a .blend with its names generates a rig when the artist presses the button, and the skin follows it."""

import json
from pathlib import Path

import numpy as np
import pytest

from scan3d.avatar.addon import FOLDER
from scan3d.avatar.blender import Blender, write_with_blender
from scan3d.avatar.bones import bone_names
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import rig_of
from scan3d.avatar.twin import TwinOptions, write_twin
from scan3d.body.model import BodyModel
from tests.avatar.doll import somebody


@pytest.mark.slow
def test_generate_rig_works_and_the_skin_follows(model: BodyModel, blender: Blender, tmp_path: Path) -> None:
    avatar = avatar_of(model, somebody(model))
    rig = rig_of(avatar, bone_names("rigify"))
    twin = tmp_path / "twin"
    twin.mkdir()
    write_twin(avatar, rig, twin, TwinOptions())
    write_with_blender(blender, twin, tmp_path / "avatar.blend")
    script = Path(__file__).with_name("rigify_in_blender.py")
    blender.run(script, str(tmp_path / "avatar.blend"), str(tmp_path / "found.npz"), str(FOLDER))
    found = np.load(tmp_path / "found.npz")
    about = json.loads(str(found["about"]))
    assert about["done"] == ["FINISHED"] and "Generate" in about["early"]
    assert about["types"] == dict(rig.naming.rigify_types or {})
    # Every bone that the skin hangs on has its own in the generated rig.
    skinned = {rig.names[bone] for bone in np.flatnonzero(rig.joint >= 0)}
    assert about["followed"] == len(skinned) and set(about["groups"]) == {f"DEF-{name}" for name in skinned}
    assert set(about["groups"]) <= set(about["deform"])
    assert found["bound"] == pytest.approx(found["rest"], abs=1e-4)
    # The forearm and the hand go, and nothing else.
    moved = np.linalg.norm(found["bent"] - found["bound"], axis=1) > 1e-4
    row = {name: number for number, name in enumerate(avatar.joint_names)}
    arm = [row[name] for name in avatar.joint_names if name.startswith("left_")]
    beyond = [j for j in arm if "elbow" in avatar.joint_names[j] or "wrist" in avatar.joint_names[j] or j >= 25]
    weight = avatar.weights[:, beyond].sum(axis=1)
    assert moved.sum() > 50 and moved[weight > 0.5].mean() > 0.95 and not moved[weight < 1e-6].any()
