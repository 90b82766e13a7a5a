"""Solved skin on a scan's atlas is the same skin on the body's maps: albedo, normals, gloss, heights, marks."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.body.bake import BakedMaps, BakeOptions, ScanTexture, SolvedMaps, bake_maps
from scan3d.body.bake.bands import texel_corners
from scan3d.body.bake.files import write_maps
from scan3d.body.bake.maps import SEEN
from scan3d.body.bake.marks import carried_marks
from scan3d.body.bake.texel_kernels import corner_shares, mixed
from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.tangents import along_u
from scan3d.geometry.texels import rasterise_faces
from tests.body.bake.test_maps import Scene, _colour, _height
from tests.body.bake.transfer import transfer

ATLAS, SIZE, RANGE_M = 1024, 512, 1e-3


def _gloss(points: np.ndarray) -> np.ndarray:
    """(N, 2) specular and roughness, 0..1."""
    return np.stack([0.35 + 0.1 * np.sin(8 * points[:, 2]), 0.5 + 0.2 * np.cos(6 * points[:, 2])], axis=1)


def _bump(points: np.ndarray) -> np.ndarray:
    """(N,) metres: waves of 2 cm."""
    return 2e-4 * np.sin(310 * points[:, 2])


def _lean(points: np.ndarray) -> np.ndarray:
    """(N, 3) what bumps add to the normal: up and down the body, at waves of 2 cm, 10 degrees at most."""
    return np.stack([np.zeros(len(points)), np.zeros(len(points)), 0.18 * np.cos(310 * points[:, 2])], axis=1)


def solved_texture(scene: Scene) -> ScanTexture:
    """The scan's atlas of albedo, gloss, heights and normals that are functions of the place."""
    mesh, uv = scene.scan, np.asarray(scene.uv, np.float64)
    corners = np.stack([uv[..., 0] * ATLAS, (1 - uv[..., 1]) * ATLAS], axis=-1)
    owner = np.full((ATLAS, ATLAS), -1, np.int32)
    rasterise_faces(corners, owner)
    index = np.flatnonzero(owner >= 0)
    face = owner.ravel()[index]
    share, points, smooth = (np.empty((len(index), 3)) for _ in range(3))
    corner_shares(index, face, ATLAS, corners, 0.0, 0.0, share)
    mixed(mesh.faces[face], share, np.asarray(mesh.vertices), points)
    normals = mesh.vertex_normals()
    mixed(mesh.faces[face], share, normals, smooth)
    smooth /= np.linalg.norm(smooth, axis=1, keepdims=True)
    along = along_u(mesh.corners(), uv)[face]
    along -= smooth * (along * smooth).sum(axis=1, keepdims=True)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    world = smooth + _lean(points)
    world /= np.linalg.norm(world, axis=1, keepdims=True)
    tangent = np.stack([(world * axis).sum(axis=1) for axis in (along, np.cross(smooth, along), smooth)], axis=1)

    def picture(values: np.ndarray) -> np.ndarray:
        whole = np.zeros((ATLAS * ATLAS, values.shape[1]), np.uint16)
        whole[index] = np.rint(65535 * np.clip(values, 0, 1))
        return _spread(whole.reshape(ATLAS, ATLAS, -1), owner >= 0)

    gloss = picture(_gloss(points))
    height = picture((32768 + 32767 * _bump(points)[:, None] / RANGE_M) / 65535)[..., 0]
    lean, colour = picture(0.5 + 0.5 * tangent), picture(_colour(points))
    solved = SolvedMaps(
        faces=mesh.faces, vertex_normals=normals, along_u=along_u(mesh.corners(), uv), normals=[lambda: lean],
        heights=[lambda: height], height_range_m=RANGE_M, specular=[lambda: gloss[..., 0]],
        roughness=[lambda: gloss[..., 1]],
    )  # fmt: skip
    return ScanTexture(uv=uv, tile_of_face=np.zeros(len(mesh.faces), np.int32), tiles=[lambda: colour], solved=solved)


def _spread(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values of the nearest texel of a chart around it."""
    _, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.flatnonzero(known)
    nearest = np.zeros(int(label.max()) + 1, np.int64)
    nearest[label.ravel()[index]] = index
    return picture.reshape(-1, picture.shape[2])[nearest[label]]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="module")
def texture(scene: Scene) -> ScanTexture:
    return solved_texture(scene)


@pytest.fixture(scope="module")
def maps(scene: Scene, texture: ScanTexture) -> BakedMaps:
    return bake_maps(scene.target, scene.scan, texture, options=BakeOptions(size=SIZE))


def test_what_the_transfer_costs(scene: Scene, texture: ScanTexture, maps: BakedMaps) -> None:
    cost = transfer(scene.target, scene.scan, texture, maps)
    assert cost.points > 40_000
    assert cost.albedo_db > 50 and cost.normal_deg < 0.5 and cost.gloss < 0.002


def test_gloss_and_heights_are_those_of_the_place(scene: Scene, maps: BakedMaps) -> None:
    tile = maps.tiles[0]
    index, points = scene.places(SIZE)
    inner = (np.abs(points[:, 2] - points[:, 2].mean()) < 0.35) & (tile.coverage.reshape(-1)[index] == SEEN)
    assert tile.gloss is not None
    gloss = tile.gloss.reshape(-1, 2)[index[inner]] / 65535
    assert np.abs(gloss - _gloss(points[inner])).max() < 0.01
    height = tile.height_m.reshape(-1)[index[inner]]
    assert np.abs(height - _height(points[inner]) - _bump(points[inner])).max() < 1e-4


def test_the_files_hold_sixteen_bits_and_say_so(maps: BakedMaps, tmp_path: Path) -> None:
    write_maps(maps, tmp_path, about={"origin": {"kind": "solved"}})
    about = json.loads((tmp_path / "maps.json").read_text())
    assert about["origin"] == {"kind": "solved"} and about["albedo"]["bits"] == about["normal"]["bits"] == 16
    for name in ("albedo", "normal", "specular", "roughness"):
        picture = cv2.imread(str(tmp_path / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert picture.dtype == np.uint16 and picture.shape[:2] == (SIZE, SIZE)
        assert about[name]["files"] == [f"{name}.png"]


@pytest.mark.slow
def test_a_size_that_holds_what_was_solved(scene: Scene, texture: ScanTexture) -> None:
    grown = bake_maps(scene.target, scene.scan, texture, options=BakeOptions(size=256, up_to=512, supersample=1))
    assert len(grown.tiles[0].albedo) == 512


@pytest.mark.slow
def test_gloss_that_nobody_saw_is_that_around(scene: Scene) -> None:
    half = Scene(keep_left=False)
    tile = bake_maps(half.target, half.scan, solved_texture(half), options=BakeOptions(size=256)).tiles[0]
    index, points = half.places(256)
    far = points[:, 0] > 0.1 + 0.045
    assert tile.gloss is not None and not (tile.coverage.reshape(-1)[index[far]] == SEEN).any()
    error = tile.gloss.reshape(-1, 2)[index[far]] / 65535 - _gloss(points[far])
    assert np.abs(error).mean() < 0.04


def test_marks_are_found_again_on_the_body(scene: Scene) -> None:
    index, points = scene.places(256)
    on, off = points[len(points) // 3], points[len(points) // 2] + [0, -0.3, 0]
    marks = [
        Imperfection(kind="mole", part="scan", position_m=tuple(p), uv=(0.1, 0.2), size_mm=3.0, contrast=0.4)
        for p in (on, off)
    ]
    up = np.array([0, 0, 1.0])
    rest = np.asarray(scene.target.mesh.vertices) + up
    (found,) = carried_marks(scene.target, rest, marks)
    texel = index[len(points) // 3]
    assert found["size_mm"] == 3.0 and found["part"] == "body"
    assert np.allclose(found["uv"], [(texel % 256 + 0.5) / 256, 1 - (texel // 256 + 0.5) / 256], atol=2e-3)
    place = found["body"]
    assert np.allclose(place["rest_m"], on + up, atol=1e-4) and place["away_mm"] < 0.01
    corners = scene.target.mesh.vertices[place["vertices"]]
    assert np.allclose(np.asarray(place["weights"]) @ corners, on, atol=1e-4)


@pytest.mark.slow
def test_tiles_of_udim_have_gloss_too(scene: Scene, texture: ScanTexture) -> None:
    tiles = bake_maps(scene.target, scene.scan, texture, options=BakeOptions(size=256, udim=2, supersample=1)).tiles
    assert sorted(tiles) == [0, 1, 10, 11] and all(tile.gloss is not None for tile in tiles.values())
    assert texel_corners(scene.target, 0, 512).shape[1:] == (3, 2)
