"""Maps of a body baked from scans whose colours, heights and normals are known as functions of the place."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.body.bake import BakedMaps, BakeOptions, BakeTarget, ScanTexture, bake_maps, bake_target
from scan3d.body.bake.bands import places_of, texel_corners
from scan3d.body.bake.files import write_maps
from scan3d.body.bake.maps import MIRRORED, OUTSIDE, SEEN, SPREAD
from scan3d.body.bake.texel_kernels import corner_shares, mixed
from scan3d.body.detail import Detail
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.detail.posing import placed
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from tests.body.small_body import bent, small_body

SIZE = 512


def _colour(points: np.ndarray) -> np.ndarray:
    """(N, 3) sRGB 0..1, the same left and right; waves of 6 to 9 cm."""
    x, y, z = np.abs(points[:, 0] - 0.1), points[:, 1], points[:, 2]
    return 0.5 + 0.3 * np.stack([np.sin(90 * z + 40 * x), np.cos(70 * z - 30 * x), np.sin(50 * y + 80 * z)], axis=1)


def _height(points: np.ndarray) -> np.ndarray:
    return 0.0015 * np.sin(60 * points[:, 2]) * np.cos(40 * points[:, 0])


class Scene:
    """A straight body in the world, and a scan that stands off it by known heights, with an atlas of its own."""

    def __init__(self, *, keep_left: bool = True) -> None:
        self.model = small_body(around=48, along=40)
        self.parameters = bent(self.model, 0.0)
        mesh = fine_mesh(self.model, 1)
        body = placed(self.model, self.parameters, mesh)
        count = len(body.linear)
        seen = np.ones(count, bool) if keep_left else body.posed()[:, 0] < 0.1 + 0.03
        detail = Detail(
            level=1,
            offsets=(body.rest - body.linear).astype(np.float32),
            seen=seen,
            confidence=seen.astype(np.float32),
        )
        self.target: BakeTarget = bake_target(self.model, self.parameters, detail)
        finest = fine_mesh(self.model, 3)
        # On the target's own flat faces, so that heights above it are known exactly.
        inside = np.asarray(fine_mesh_between(finest, mesh) @ self.target.mesh.vertices)
        flat = Mesh(vertices=inside, faces=finest.faces)
        normals = np.asarray(fine_mesh_between(finest, mesh) @ np.asarray(self.target.mesh.normals))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        scan = Mesh(vertices=flat.vertices + _height(flat.vertices)[:, None] * normals, faces=finest.faces)
        uv = finest.uv[finest.face_uv] * 0.9 + 0.05
        keep = np.ones(len(scan.faces), bool) if keep_left else (scan.corners()[..., 0] < 0.1 + 0.03).all(axis=1)
        self.scan = scan.submesh(keep)
        self.uv = uv[keep]
        self.picture = _painted(self.scan, self.uv, 1024)
        self.filled: np.ndarray | None = None

    def texture(self) -> ScanTexture:
        filled = () if self.filled is None else (lambda: self.filled,)
        owner = np.zeros(len(self.scan.faces), np.int32)
        return ScanTexture(uv=self.uv, tile_of_face=owner, tiles=(lambda: self.picture,), filled=filled)

    def maps(self, size: int = SIZE) -> BakedMaps:
        return bake_maps(self.target, self.scan, self.texture(), options=BakeOptions(size=size))

    def places(self, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
        """Flat texels that show the body, and where in the world they are on it (N, 3)."""
        found = places_of(texel_corners(self.target, 0, size), size, 0, size)
        points = np.empty((len(found.index), 3))
        mixed(self.target.mesh.faces[found.face], found.share, np.asarray(self.target.mesh.vertices), points)
        return found.index, points


def fine_mesh_between(finer, coarser):
    """The matrix from the coarser mesh's vertices to the finer one's, both of the same model."""
    from scipy.sparse import eye_array

    from scan3d.body.subdivision import subdivided

    steps = subdivided(coarser.quads, coarser.matrix.shape[0], level=finer.level - coarser.level)
    assert np.array_equal(steps.quads, finer.quads)
    return steps.matrix @ eye_array(coarser.matrix.shape[0], format="csr")


def _painted(mesh: Mesh, uv: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) uint8 of _colour, spread around the charts."""
    from scan3d.geometry.texels import rasterise_faces

    corners = np.stack([uv[..., 0] * size, (1 - uv[..., 1]) * size], axis=-1).astype(np.float64)
    owner = np.full((size, size), -1, np.int32)
    rasterise_faces(corners, owner)
    index = np.flatnonzero(owner >= 0)
    share, points = np.empty((len(index), 3)), np.empty((len(index), 3))
    face = owner.ravel()[index]
    corner_shares(index, face, size, corners, 0.0, 0.0, share)
    mixed(mesh.faces[face], share, np.asarray(mesh.vertices), points)
    picture = np.zeros((size, size, 3), np.uint8)
    picture.reshape(-1, 3)[index] = np.rint(255 * _colour(points))
    known = owner >= 0
    for _ in range(6):
        grown = cv2.dilate(picture, np.ones((3, 3), np.uint8))
        picture[~known] = grown[~known]
        known = cv2.dilate(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return picture


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="module")
def maps(scene: Scene) -> BakedMaps:
    return scene.maps()


def _psnr(error: np.ndarray) -> float:
    return float(-10 * np.log10((error**2).mean()))


def test_colours_are_carried_to_the_bodys_texture(scene: Scene, maps: BakedMaps) -> None:
    tile = maps.tiles[0]
    index, points = scene.places()
    seen = tile.coverage.reshape(-1)[index] == SEEN
    assert seen.mean() > 0.97
    error = tile.albedo.reshape(-1, 3)[index[seen]] / 255 - _colour(points[seen])
    assert _psnr(error) > 38


def test_heights_and_normals_are_those_of_the_scan(scene: Scene, maps: BakedMaps) -> None:
    tile = maps.tiles[0]
    index, points = scene.places()
    found = tile.height_m.reshape(-1)[index]
    inner = np.abs(points[:, 2] - points[:, 2].mean()) < 0.35
    assert np.abs(found - _height(points))[inner].max() < 1e-4
    # Up along the body the slope of the heights turns the normal against v, the bitangent's way, and nothing else.
    side = inner & (np.abs(points[:, 0] - 0.1) < 0.02) & (np.abs(points[:, 2] - points[:, 2].mean()) < 0.1)
    normal = tile.normal.reshape(-1, 3)[index[side]] / 127.5 - 1
    slope = 0.0015 * 60 * np.cos(60 * points[side, 2]) * np.cos(40 * points[side, 0])
    assert np.allclose(normal[:, 1], -slope / np.sqrt(1 + slope**2), atol=0.03)
    assert np.abs(normal[:, 0]).max() < 0.12 and np.corrcoef(normal[:, 1], -slope)[0, 1] > 0.98


def test_the_unseen_side_takes_the_other_sides_colours_and_is_marked() -> None:
    scene = Scene(keep_left=False)
    tile = scene.maps().tiles[0]
    index, points = scene.places()
    code = tile.coverage.reshape(-1)[index]
    far = points[:, 0] > 0.1 + 0.045
    assert not (code[far] == SEEN).any() and (code[far] == MIRRORED).mean() > 0.95
    assert (code[points[:, 0] < 0.1] == SEEN).mean() > 0.95
    # Both sides are alike here: what was filled in is what is there.
    chosen = far & (code == MIRRORED)
    error = tile.albedo.reshape(-1, 3)[index[chosen]] / 255 - _colour(points[chosen])
    assert np.abs(error).mean() < 0.06
    assert not tile.height_m.reshape(-1)[index[far]].any()
    assert (tile.normal.reshape(-1, 3)[index[far]] == [128, 128, 255]).all()


def test_what_no_photograph_saw_does_not_count_as_seen(scene: Scene) -> None:
    hidden = Scene()
    hidden.filled = np.full(hidden.picture.shape[:2], 255, np.uint8)
    tile = hidden.maps(256).tiles[0]
    index, points = hidden.places(256)
    assert (tile.coverage.reshape(-1)[index] == SPREAD).all()
    # The surface was measured all the same.
    inner = np.abs(points[:, 2] - points[:, 2].mean()) < 0.35
    assert np.abs(tile.height_m.reshape(-1)[index] - _height(points))[inner].max() < 1e-4


def test_colours_reach_past_the_borders_of_the_charts(scene: Scene, maps: BakedMaps) -> None:
    tile = maps.tiles[0]
    on_body = (tile.coverage > 0).astype(np.uint8)
    near = (cv2.dilate(on_body, np.ones((3, 3), np.uint8)) > 0) & (on_body == 0)
    assert near.any() and (tile.coverage[near] == OUTSIDE).all()
    around = cv2.blur(tile.albedo.astype(np.float32), (5, 5))
    assert np.abs(tile.albedo[near] - around[near]).mean() < 12


def test_bands_of_another_size_make_the_same_maps(scene: Scene, maps: BakedMaps, monkeypatch) -> None:
    import scan3d.body.bake.maps as module

    monkeypatch.setattr(module, "_BAND_TEXELS", SIZE * 37)
    again = scene.maps()
    assert np.array_equal(again.tiles[0].height_m, maps.tiles[0].height_m)
    assert np.array_equal(again.tiles[0].coverage, maps.tiles[0].coverage)
    assert np.abs(again.tiles[0].albedo.astype(int) - maps.tiles[0].albedo).max() <= 1


def test_the_files_say_how_to_read_them(maps: BakedMaps, tmp_path: Path) -> None:
    write_maps(maps, tmp_path)
    about = json.loads((tmp_path / "maps.json").read_text())
    codes = cv2.imread(str(tmp_path / "displacement.png"), cv2.IMREAD_UNCHANGED)
    assert codes.dtype == np.uint16 and codes.shape == (SIZE, SIZE)
    low, high = about["displacement"]["range_m"]
    height = low + (high - low) * codes / 65535
    assert np.abs(height - maps.tiles[0].height_m).max() < 0.6 * (high - low) / 65535
    albedo = cv2.imread(str(tmp_path / "albedo.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(albedo[..., ::-1], maps.tiles[0].albedo)
    assert about["coverage"]["seen_share"] == pytest.approx(maps.share(SEEN))
    assert about["albedo"]["colour_space"] == "sRGB" and about["normal"]["colour_space"] == "Non-Color"


def test_tiles_of_udim_are_the_large_map_cut(scene: Scene, maps: BakedMaps, tmp_path: Path) -> None:
    options = BakeOptions(size=SIZE // 2, udim=2)
    tiles = bake_maps(scene.target, scene.scan, scene.texture(), options=options)
    assert sorted(tiles.tiles) == [0, 1, 10, 11]
    lower = np.concatenate([tiles.tiles[0].albedo, tiles.tiles[1].albedo], axis=1)
    upper = np.concatenate([tiles.tiles[10].albedo, tiles.tiles[11].albedo], axis=1)
    assert np.array_equal(np.concatenate([upper, lower]), maps.tiles[0].albedo)
    write_maps(tiles, tmp_path)
    assert {path.name for path in tmp_path.glob("albedo*")} == {f"albedo.{n}.png" for n in (1001, 1002, 1011, 1012)}
    assert json.loads((tmp_path / "maps.json").read_text())["uv_scale"] == 2


def test_what_cannot_be_baked_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match="No 1 x 1 maps"):
        bake_maps(scene.target, scene.scan, None, options=BakeOptions(size=1000))
    from dataclasses import replace

    bare = replace(scene.model, uv=None, quad_uv=None)
    count = len(bare.template)
    detail = Detail(
        level=0, offsets=np.zeros((count, 3), np.float32), seen=np.ones(count, bool),
        confidence=np.ones(count, np.float32),
    )  # fmt: skip
    with pytest.raises(InputError, match="no texture coordinates"):
        bake_target(bare, scene.parameters, detail)
