"""USD: what its validators say, and what Blender makes of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.avatar.avatar import Avatar, Material
from scan3d.avatar.blender import Blender
from scan3d.avatar.bones import bone_names
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import rig_of
from scan3d.avatar.usd import UsdOptions, write_usd
from scan3d.body.model import BodyModel
from tests.avatar.doll import somebody
from tests.avatar.trip import there_and_back, walking, written_maps

pxr = pytest.importorskip("pxr", reason="usd-core is not installed")


@pytest.fixture(scope="module")
def full(corrected_model: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> Avatar:
    maps = written_maps(tmp_path_factory.mktemp("maps"))
    who = somebody(corrected_model)
    return avatar_of(
        corrected_model, who, materials=[Material(name="skin", maps=maps)], motion=walking(corrected_model)
    )


def test_the_validators_find_nothing(full: Avatar, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom, UsdSkel, UsdValidation

    path = tmp_path / "avatar.usd"
    rig = rig_of(full, bone_names("rigify"))
    write_usd(full, rig, path, UsdOptions(texture_size=32))
    stage = Usd.Stage.Open(str(path))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 10
    found = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [(error.GetName(), error.GetMessage()) for error in found] == []
    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    skeleton = UsdSkel.Skeleton(stage.GetPrimAtPath("/avatar/skeleton"))
    assert list(skeleton.GetJointNamesAttr().Get()) == list(rig.names)
    assert stage.GetEndTimeCode() == 11 and stage.GetTimeCodesPerSecond() == pytest.approx(24)
    assert {p.name for p in (tmp_path / "avatar_maps").iterdir()} == {"albedo.png", "normal.png", "roughness.png"}


def test_usd_skins_as_we_do(full: Avatar, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom, UsdSkel

    path = tmp_path / "avatar.usd"
    write_usd(full, rig_of(full, bone_names("smplx")), path, UsdOptions())
    stage = Usd.Stage.Open(str(path))
    assert full.animation is not None
    UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetDefaultPrim()))
    points = UsdGeom.Mesh(stage.GetPrimAtPath("/avatar/body")).GetPointsAttr()
    for frame in (0, 5, 11):
        truth = full.posed(full.animation.rotations[frame], full.animation.translations[frame])
        assert np.array(points.Get(frame)) == pytest.approx(truth, abs=2e-5)


@pytest.mark.slow
def test_blender_poses_it_as_we_do(model: BodyModel, blender: Blender, tmp_path: Path) -> None:
    maps = written_maps(tmp_path / "maps")
    avatar = avatar_of(model, somebody(model), materials=[Material(name="skin", maps=maps)])
    rig = rig_of(avatar, bone_names("unreal"))
    write_usd(avatar, rig, tmp_path / "avatar.usd", UsdOptions())
    trip = there_and_back(blender, avatar, rig, tmp_path / "avatar.usd")
    assert trip.rest_off_m < 1e-5 and trip.off_m.max() < 2e-5
    assert trip.about["quads"] == trip.about["polygons"] == len(avatar.faces)
    assert set(trip.about["bones"]) == set(rig.names)
    assert trip.about["shapes"][1:] == list(avatar.shapes)
    spaces = {(tuple(links), space) for _, links, size, space, _ in trip.about["pictures"] if min(size) > 0}
    assert (("BSDF_PRINCIPLED", "Base Color"), "sRGB") in spaces
    assert sum(space == "Non-Color" for _, space in spaces) >= 2


def test_its_open_pbr_is_what_materialx_knows(full: Avatar, tmp_path: Path) -> None:
    materialx = pytest.importorskip("MaterialX", reason="MaterialX is not installed")
    from pxr import Usd, UsdShade

    path = tmp_path / "avatar.usd"
    skin, *others = full.materials
    strong = written_maps(tmp_path / "maps")["roughness"]
    avatar = replace(full, materials=(replace(skin, maps={**skin.maps, "specular": strong}), *others))
    write_usd(avatar, rig_of(avatar, bone_names("smplx")), path, UsdOptions())
    stage = Usd.Stage.Open(str(path))
    assert not stage.GetPrimAtPath("/avatar/materials/skin/open_pbr")
    stage.GetDefaultPrim().GetVariantSets().SetSelection("shading", "open_pbr")
    library = materialx.createDocument()
    materialx.loadLibraries(
        materialx.getDefaultDataLibraryFolders(), materialx.getDefaultDataSearchPath(), library
    )  # fmt: skip
    known = {"Float": "float", "Color3f": "color3", "Float3": "vector3", "Float2": "vector2", "String": "string"}
    known = {str(getattr(pxr.Sdf.ValueTypeNames, k)): v for k, v in known.items()} | {"asset": "filename"}
    shaders = [p for p in stage.Traverse() if p.IsA(UsdShade.Shader)]
    found = set()
    for prim in shaders:
        shader = UsdShade.Shader(prim)
        if not shader.GetIdAttr().Get().startswith("ND_"):
            continue
        definition = library.getNodeDef(shader.GetIdAttr().Get())
        assert definition is not None, shader.GetIdAttr().Get()
        for given in shader.GetInputs():
            wanted = definition.getActiveInput(given.GetBaseName())
            assert wanted is not None and wanted.getType() == known[str(given.GetTypeName())], given.GetFullName()
            if given.HasConnectedSource():
                assert UsdShade.Shader(given.GetConnectedSources()[0][0].source.GetPrim())
            found.add((prim.GetParent().GetName(), given.GetBaseName(), given.HasConnectedSource()))
    plugged = {name for material, name, is_plugged in found if material == "skin" and is_plugged}
    assert {"base_color", "specular_roughness", "specular_weight", "geometry_normal", "subsurface_color"} < plugged
    material = UsdShade.Material(stage.GetPrimAtPath("/avatar/materials/skin"))
    assert material.ComputeSurfaceSource("mtlx")[0].GetIdAttr().Get() == "ND_open_pbr_surface_surfaceshader"
    assert material.ComputeSurfaceSource()[0].GetIdAttr().Get() == "UsdPreviewSurface"
