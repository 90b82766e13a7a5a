"""How an avatar's materials mirror: by an index of refraction, or by a map, in every format alike."""

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pygltflib
import pytest

from scan3d.avatar.avatar import Avatar, Material
from scan3d.avatar.blender import Blender, write_with_blender
from scan3d.avatar.bones import bone_names
from scan3d.avatar.gltf import GltfOptions, write_gltf
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import rig_of
from scan3d.avatar.skin import F0_OF_WHITE, ior_of, specular_of
from scan3d.avatar.twin import TwinOptions, write_twin
from scan3d.body.model import BodyModel
from tests.avatar.doll import somebody
from tests.avatar.trip import validated, written_maps

_SHOWN = """
import bpy, json, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[-2])
found = {}
for material in bpy.data.materials:
    surface = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    level = surface.inputs["Specular IOR Level"]
    image = level.links[0].from_node.image if level.links else None
    found[material.name] = [level.default_value, surface.inputs["Subsurface Weight"].default_value]
    found[material.name] += [image.colorspace_settings.name, image.is_float] if image else []
open(sys.argv[-1], "w").write(json.dumps(found))
"""


def avatar_with(model: BodyModel, folder: Path, strength: np.ndarray) -> Avatar:
    """A doll whose skin has a specular map of 16 bit."""
    maps = written_maps(folder)
    assert cv2.imwrite(str(folder / "specular.png"), strength)
    return avatar_of(
        model, somebody(model), materials=[Material(name="skin", maps={**maps, "specular": folder / "specular.png"})]
    )


def strengths(gltf: pygltflib.GLTF2) -> tuple[np.ndarray, dict]:
    """The reflectance straight on that the first material has, texel by texel, and its extensions."""
    material = gltf.materials[0]
    image = gltf.images[gltf.textures[material.extensions["KHR_materials_specular"]["specularTexture"]["index"]].source]
    view, blob = gltf.bufferViews[image.bufferView], gltf.binary_blob()
    assert blob is not None
    data = np.frombuffer(io.BytesIO(blob[view.byteOffset : view.byteOffset + view.byteLength]).read(), np.uint8)
    alpha = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[..., 3] / 255
    ior = material.extensions.get("KHR_materials_ior", {}).get("ior", 1.5)
    return alpha * ((ior - 1) / (ior + 1)) ** 2, material.extensions


@pytest.mark.parametrize("top", [0.45, 0.9])
def test_gltf_mirrors_as_the_map_says(model: BodyModel, tmp_path: Path, top: float) -> None:
    rng = np.random.default_rng(0)
    wanted = rng.uniform(0, top, (32, 32))
    avatar = avatar_with(model, tmp_path / "maps", np.round(65535 * wanted).astype(np.uint16))
    path = tmp_path / "avatar.glb"
    write_gltf(avatar, rig_of(avatar, bone_names("smplx")), path, GltfOptions())
    report = validated(path)
    assert (report["issues"]["numErrors"], report["issues"]["numWarnings"]) == (0, 0), report["issues"]["messages"]
    gltf = pygltflib.GLTF2().load(str(path))
    found, extensions = strengths(gltf)
    assert found == pytest.approx(F0_OF_WHITE * wanted, abs=3e-4)
    # What glTF has by itself is enough for skin: viewers that know no extension show it too.
    assert ("KHR_materials_ior" in extensions) == (top > 0.5)
    assert set(gltf.extensionsUsed) == {"KHR_materials_specular", "KHR_materials_ior"}  # eyes have their own index


def test_without_a_map_skin_has_its_own_index(model: BodyModel, tmp_path: Path) -> None:
    avatar = avatar_of(model, somebody(model))
    write_gltf(avatar, rig_of(avatar, bone_names("smplx")), tmp_path / "avatar.glb", GltfOptions())
    skin, eyes = pygltflib.GLTF2().load(str(tmp_path / "avatar.glb")).materials
    assert skin.extensions["KHR_materials_ior"]["ior"] == pytest.approx(1.4, abs=0.01)
    assert eyes.extensions["KHR_materials_ior"]["ior"] == pytest.approx(1.376, abs=1e-3)
    assert specular_of(ior_of(0.03)) == pytest.approx(0.03 / F0_OF_WHITE) and ior_of(0.04) == pytest.approx(1.5)


@pytest.mark.slow
def test_blender_mirrors_as_the_map_says(model: BodyModel, blender: Blender, tmp_path: Path) -> None:
    import json

    avatar = avatar_with(model, tmp_path / "maps", np.full((32, 32), 20000, np.uint16))
    avatar = replace(avatar, name="somebody")
    twin = tmp_path / "twin"
    twin.mkdir()
    write_twin(avatar, rig_of(avatar, bone_names("smplx")), twin, TwinOptions())
    write_with_blender(blender, twin, tmp_path / "avatar.blend")
    (tmp_path / "shown.py").write_text(_SHOWN)
    blender.run(tmp_path / "shown.py", str(tmp_path / "avatar.blend"), str(tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["skin"][1:] == [pytest.approx(0.2), "Non-Color", True]
    assert found["eyes"] == [pytest.approx(specular_of(1.376)), 0.0]
