"""The Blender add-on: its zip, and what it does in a real Blender."""

import json
import subprocess
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from scan3d.avatar.addon import FOLDER, write_addon
from scan3d.avatar.blender import Blender
from scan3d.avatar.bones import bone_names
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import rig_of
from scan3d.avatar.twin import TwinOptions, write_twin
from scan3d.body.model import BodyModel
from scan3d.body.parameters_file import model_hash, read_parameters
from scan3d.body.skinning import pose_body
from scan3d.errors import InputError
from tests.avatar.doll import random_pose, somebody


def test_the_zip_is_an_extension_and_always_the_same(tmp_path: Path) -> None:
    version = write_addon(tmp_path / "a.zip")
    write_addon(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    archive = zipfile.ZipFile(tmp_path / "a.zip")
    manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["version"] == version and manifest["type"] == "add-on"
    assert {"__init__.py", "scene.py", "pose_back.py"} < set(archive.namelist())
    assert archive.read("scene.py") == (FOLDER / "scene.py").read_bytes()
    with pytest.raises(InputError, match="is a zip"):
        write_addon(tmp_path / "a.txt")


@pytest.mark.slow
def test_blender_finds_the_extension_valid(blender: Blender, tmp_path: Path) -> None:
    write_addon(tmp_path / "addon.zip")
    command = [str(blender.path), "--command", "extension", "validate"]
    if blender.module:
        # What Blender's --command runs; a Python with bpy has it as a file.
        found = sorted(blender.path.parents[1].glob("lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli"))
        if not found:
            pytest.skip("this bpy has no bl_pkg, which checks extensions")
        command = [str(blender.path), str(found[0] / "blender_ext.py"), "validate"]
    done = subprocess.run([*command, str(tmp_path / "addon.zip")], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "rror" not in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("rested", [False, True])
def test_it_imports_poses_and_hands_poses_back(
    corrected_model: BodyModel, blender: Blender, tmp_path: Path, rested: bool
) -> None:
    model, who = corrected_model, somebody(corrected_model)
    rest = random_pose(np.random.default_rng(7), 0.3) if rested else None
    # Only where the rest pose is the model's own is bending after it the model's bending; joints agree in any case.
    avatar = avatar_of(model, who, rest=rest)
    rig = rig_of(avatar, bone_names("rigify"))
    walk = random_pose(np.random.default_rng(8))
    twin, out, own = tmp_path / "twin", tmp_path / "out", tmp_path / "extensions"
    for folder in (twin, out, own):
        folder.mkdir()
    how = TwinOptions(presets={"walk": avatar.upright(walk)}, model_hash=model_hash(model))
    write_twin(avatar, rig, twin, how, turns=avatar.pose, translation=avatar.translation)
    write_addon(tmp_path / "addon.zip")
    script = Path(__file__).with_name("addon_in_blender.py")
    blender.run(script, str(tmp_path / "addon.zip"), str(twin), str(out), str(own))
    found = json.loads((out / "found.json").read_text())
    assert found["gone"] and found["presets"] == ["walk"] and found["neutral"] == 0
    assert "nowhere" in found["unwritten"] and found["sliders"] == list(avatar.shapes)
    assert "no twin folder" in found["refused"] and found["panel"] == ["scan3d", "VIEW_3D"]
    posed = np.load(out / "posed.npz")
    back = {name: read_parameters(out / f"{name}.npz", model).parameters for name in posed.files}
    assert back["opening"].pose == pytest.approx(who.pose, abs=1e-5)
    assert back["opening"].translation == pytest.approx(who.translation, abs=1e-6)
    assert back["walk"].pose[1:] == pytest.approx(walk[1:], abs=1e-5)
    assert back["speaking"].expression == pytest.approx(
        back["by_hand"].expression + 0.5 * avatar.expression_of_shapes[0], abs=1e-6
    )
    assert not np.allclose(back["looking"].pose[15], back["by_hand"].pose[15], atol=0.05)
    for name, parameters in back.items():
        # What is seen in Blender is what the parameters make of the body, in the world.
        ours = avatar.posed(avatar.turns_of(parameters.pose), parameters.translation + avatar.root_shift_m)
        if name != "speaking":
            assert posed[name] == pytest.approx(ours, abs=1e-4), name
        if not rested and name != "speaking":
            assert posed[name] == pytest.approx(pose_body(model, parameters).vertices, abs=1e-4), name
