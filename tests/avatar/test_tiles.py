"""Maps in several tiles: each place of the body shows its own texel, in every format."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.avatar import blender as in_blender
from scan3d.avatar.avatar import Avatar, Material
from scan3d.avatar.blender import Blender, write_with_blender
from scan3d.avatar.bones import bone_names
from scan3d.avatar.gltf import GltfOptions, write_gltf
from scan3d.avatar.make import avatar_of
from scan3d.avatar.obj import write_obj
from scan3d.avatar.rig import rig_of
from scan3d.avatar.tiles import cut_to_tiles, tiled, udim
from scan3d.avatar.twin import TwinOptions, write_twin
from scan3d.avatar.usd import UsdOptions, write_usd
from scan3d.body.model import BodyModel
from tests.avatar.doll import random_pose, somebody
from tests.avatar.trip import validated

SIZE, SCALE = 64, 2
_TEXELS = Path(__file__).with_name("texels_in_blender.py")


@pytest.fixture
def tiles(corrected_model: BodyModel, tmp_path: Path) -> Avatar:
    """A doll whose charts lie across the borders of 2 x 2 tiles; red is u and green v of the unit square."""
    u, v = np.meshgrid((np.arange(2 * SIZE) + 0.5) / (2 * SIZE), 1 - (np.arange(2 * SIZE) + 0.5) / (2 * SIZE))
    whole = np.round(255 * np.stack([np.full_like(u, 0.5), v, u], axis=-1)).astype(np.uint8)  # blue first
    materials = []
    for tile in ((0, 0), (1, 0), (0, 1), (1, 1)):
        rows = slice((1 - tile[1]) * SIZE, (2 - tile[1]) * SIZE)
        path = tmp_path / f"albedo.{udim(tile)}.png"
        assert cv2.imwrite(str(path), whole[rows, tile[0] * SIZE : (tile[0] + 1) * SIZE])
        materials.append(Material(name="skin", maps={"albedo": path}, tile=tile))
    model = replace(corrected_model, uv=corrected_model.uv * 0.9 + 0.07)
    return avatar_of(model, somebody(model), materials=materials, uv_scale=SCALE)


def inside_corners(avatar: Avatar, triangles: bool) -> tuple[np.ndarray, np.ndarray]:
    """Places (N, 3) just inside the corners of polygons, and their uv in the unit square."""
    faces, corners = avatar.triangles()[:2] if triangles else (avatar.faces, avatar.face_uv)
    places, uv = [], []
    for face, corner in zip(faces, corners, strict=True):
        at, flat = avatar.vertices[face[face >= 0]], avatar.uv[corner[face >= 0]]
        places.append(0.8 * at + 0.2 * at.mean(axis=0))
        uv.append(0.8 * flat + 0.2 * flat.mean(axis=0))
    return np.concatenate(places), np.concatenate(uv) / SCALE


def test_materials_by_tile_and_together(tiles: Avatar) -> None:
    names = [material.name for material in tiles.materials]
    assert names[:4] == ["skin_1001", "skin_1011", "skin_1002", "skin_1012"]
    groups, of_material = tiled(tiles.materials)
    assert [group.name for group in groups] == ["skin", names[4] if len(names) == 5 else "eyes"]
    assert list(groups[0].pictures("albedo")) == [1001, 1002, 1011, 1012] and groups[0].several
    assert of_material.tolist() == [0, 0, 0, 0] + [1] * (len(names) - 4)
    assert groups[0].pictures("normal") == {}


def test_cut_it_poses_as_before_and_each_face_is_of_its_tile(tiles: Avatar) -> None:
    cut = cut_to_tiles(tiles)
    count = len(tiles.vertices)
    assert len(cut.vertices) > count and np.array_equal(cut.vertices[:count], tiles.vertices)
    for face, material in zip(cut.face_uv, cut.face_material, strict=True):
        inside = cut.uv[face[face >= 0]] - cut.materials[material].tile
        assert inside.min() > -1e-9 and inside.max() < 1 + 1e-9
    turns = tiles.turns_of(random_pose(np.random.default_rng(3)))
    posed = [a.posed(turns, strengths={"jawOpen": 0.6}) for a in (tiles, cut)]
    assert posed[1][:count] == pytest.approx(posed[0], abs=1e-9)
    # In between, skin that bends is not quite where the middle of its neighbours goes.
    assert np.isfinite(posed[1]).all() and np.ptp(posed[1], axis=0) == pytest.approx(np.ptp(posed[0], axis=0), abs=0.02)
    assert cut.weights.sum(axis=1) == pytest.approx(1)
    # A body on one tile is left alone.
    assert (
        cut_to_tiles(replace(tiles, materials=(Material(name="skin"),), face_material=0 * tiles.face_material)).uv
        is tiles.uv
    )


def test_the_validators_find_nothing_in_tiles(tiles: Avatar, tmp_path: Path) -> None:
    cut = cut_to_tiles(tiles)
    write_gltf(cut, rig_of(cut, bone_names("smplx")), tmp_path / "avatar.glb", GltfOptions())
    report = validated(tmp_path / "avatar.glb")
    assert (report["issues"]["numErrors"], report["issues"]["numWarnings"]) == (0, 0), report["issues"]["messages"]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["glb", "usd", "obj", "fbx", "blend", "twin"])
def test_every_place_shows_its_own_texel(tiles: Avatar, blender: Blender, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"avatar.{format}"
    avatar = cut_to_tiles(tiles) if format in ("glb", "obj", "fbx") else tiles
    rig = rig_of(avatar, bone_names("smplx"))
    more = []
    if format == "glb":
        write_gltf(avatar, rig, path, GltfOptions())
    elif format == "usd":
        pytest.importorskip("pxr", reason="usd-core is not installed")
        write_usd(avatar, rig, path, UsdOptions())
    elif format == "obj":
        write_obj(avatar, path, avatar.vertices)
    else:
        twin = tmp_path / "twin"
        twin.mkdir()
        write_twin(avatar, rig, twin, TwinOptions(udim=format != "fbx", correctives=False))
        if format == "twin":
            path, more = twin, [str(in_blender.SCRIPT)]
        else:
            write_with_blender(blender, twin, path)
    blender.run(_TEXELS, str(path), str(tmp_path / "found.npz"), *more)
    found = np.load(tmp_path / "found.npz")
    from scipy.spatial import cKDTree

    places, uv = inside_corners(avatar, triangles=format == "glb")
    away, row = cKDTree(places).query(found["places"])
    assert len(found["places"]) == len(places) and away.max() < 1e-4
    # JPEG and the nearest texel are a few steps off, another tile is far off.
    off = np.abs(found["colours"][:, :2] - uv[row]).max(axis=1)
    assert np.percentile(off, 99) < 0.02 and off.max() < 0.05
    assert len(set(found["materials"])) == len(
        avatar.materials if format in ("glb", "obj", "fbx") else tiled(avatar.materials)[0]
    )
