"""Pictures of surfaces against what geometry says they must be."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_shapes import BLUE, GREEN, RED, YELLOW, camera_at, card, sphere

from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.pipeline.executor import run_units
from scan3d.report.look import look_at
from scan3d.report.preview import SIDES, Caption, look_from_sides, render_preview, side_cameras, write_preview
from scan3d.report.shading import view_clay, view_colours, view_values
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import Texture, encode_jpeg, encode_png, to_8_bit

RADIUS_M, DISTANCE_M, FOCAL_PX = 0.1, 0.8, 400.0


@pytest.fixture(scope="module")
def ball() -> SurfaceView:
    return SurfaceView(sphere(RADIUS_M))


def front_camera(**options: object):  # type: ignore[no-untyped-def]
    return camera_at((0, -DISTANCE_M, 0), focal_px=FOCAL_PX, **options)  # type: ignore[arg-type]


def test_a_ball_covers_the_disc_it_must(ball: SurfaceView) -> None:
    view = view_clay(look_at(ball, front_camera()), ambient_occlusion=False)
    radius_px = FOCAL_PX * RADIUS_M / np.sqrt(DISTANCE_M**2 - RADIUS_M**2)
    assert view.cover.sum() == pytest.approx(np.pi * radius_px**2, rel=2e-3)
    # Anti-aliased: the rim has shares between none and all, the inside has not.
    assert 50 < ((view.cover > 0) & (view.cover < 1)).sum() < 1000
    assert (view.cover[55:65, 75:85] == 1).all()


def test_depth_is_exact_at_every_pixel(ball: SurfaceView) -> None:
    camera = front_camera(distortion=(-0.09, 0.05, 1e-3, -1e-3))
    depth = look_at(ball, camera, smooth=False).depth_m
    row, column = np.nonzero(np.isfinite(depth))
    rays = camera.intrinsics.unproject(np.stack([column + 0.5, row + 0.5], axis=1))
    # |t ray - (0, 0, d)| = r, the nearer root; z of a ray is 1, so t is the depth.
    a, b, c = (rays**2).sum(axis=1), -DISTANCE_M * rays[:, 2], DISTANCE_M**2 - RADIUS_M**2
    inside = b * b - a * c > 1e-3 * c
    expected = (-b - np.sqrt(np.maximum(b * b - a * c, 0))) / a
    assert np.abs(depth[row, column] - expected)[inside].max() < 1.5e-4
    assert np.median(np.abs(depth[row, column] - expected)[inside]) < 3e-5


def test_clay_is_lit_from_above_left(ball: SurfaceView) -> None:
    picture = view_clay(look_at(ball, front_camera())).rgb.mean(axis=2)
    assert picture[45, 65] > picture[60, 80] > picture[75, 95] > 0.05


def test_inner_sides_are_violet() -> None:
    mesh = sphere(RADIUS_M)
    inside_out = Mesh(vertices=mesh.vertices, faces=mesh.faces[:, ::-1], normals=-np.asarray(mesh.normals))
    red, green, blue = view_clay(look_at(SurfaceView(inside_out), front_camera())).rgb[60, 80]
    assert blue > red > green


def test_a_hollow_is_darker_than_a_flat_place() -> None:
    """Ambient occlusion: beside the wall of an open box against a lone plate."""
    half = 0.1
    square = np.array([[-half, 0, -half], [half, 0, -half], [half, 0, half], [-half, 0, half]])
    wall = np.array([[-half, 0, -half], [half, 0, -half], [half, -0.2, -half], [-half, -0.2, -half]])
    pair = np.array([[0, 1, 2], [0, 2, 3]])
    turned = wall @ np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]])
    walls = [wall, -wall * [1, -1, 1], turned, -turned * [1, -1, 1]]
    box = Mesh(vertices=np.concatenate([square, *walls]), faces=np.concatenate([pair + 4 * k for k in range(5)]))
    camera = front_camera()
    plain, hollow = (
        view_clay(look_at(SurfaceView(mesh), camera)).rgb[60, 36].mean()
        for mesh in (Mesh(vertices=square, faces=pair), box)
    )
    assert hollow < 0.92 * plain


def test_colours_are_the_right_way_round() -> None:
    surface = SurfaceView(*card())
    for smooth in (True, False):
        picture = view_colours(look_at(surface, front_camera(), smooth=smooth)).over((0, 0, 0))
        assert (picture[40, 60] == RED).all()
        assert (picture[40, 100] == GREEN).all()
        assert (picture[80, 60] == BLUE).all()
        assert (picture[80, 100] == YELLOW).all()
        assert (picture[2, 2] == 0).all()


def test_tiles_and_16_bits_are_kept_apart(tmp_path: Path) -> None:
    mesh, texture = card()
    deep = np.full((8, 8, 3), 257 * 100, np.uint16)
    (tmp_path / "second.png").write_bytes(encode_png(np.full((8, 8, 3), 50, np.uint8)))
    two = Texture(uv=texture.uv, tiles=[deep, tmp_path / "second.png"], tile_of_face=np.array([0, 1]))
    picture = view_colours(look_at(SurfaceView(mesh, two), front_camera(), smooth=False)).over((0, 0, 0))
    assert (picture[80, 100] == 100).all()
    assert (picture[40, 60] == 50).all()


def test_fine_maps_are_averaged_for_people_only() -> None:
    mesh, texture = card()
    checks = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    fine = Texture(uv=texture.uv, tiles=[np.repeat(checks[..., None], 3, axis=2)])
    surface = SurfaceView(mesh, fine)
    camera = front_camera()
    shown = view_colours(look_at(surface, camera)).rgb[30:90, 50:110]
    assert np.abs(shown - 0.5).max() < 0.02
    exact = view_colours(look_at(surface, camera, smooth=False)).rgb[30:90, 50:110]
    assert exact.std() > 0.1


def test_values_take_the_colours_of_the_palette(ball: SurfaceView) -> None:
    palette = np.array([[1, 0, 0], [0, 0, 1.0]])
    camera = front_camera()
    height = ball.vertices[:, 2]
    view = view_values(look_at(ball, camera), height, palette, low=-RADIUS_M, high=RADIUS_M)
    # At the picture's middle the surface faces the camera, so the headlight is full and z is zero.
    assert view.rgb[60, 80] == pytest.approx([0.5, 0, 0.5], abs=0.02)
    assert view.rgb[30, 80, 2] > 2 * view.rgb[30, 80, 0]
    unknown = view_values(look_at(ball, camera), np.full(len(height), np.nan), palette, low=0, high=1)
    assert unknown.rgb[60, 80] == pytest.approx([0.6] * 3, abs=0.02)
    with pytest.raises(InputError, match="vertices"):
        view_values(look_at(ball, camera), height[:-1], palette, low=0, high=1)


def test_four_sides_see_all_of_the_subject() -> None:
    mesh = sphere(0.3)
    tall = Mesh(vertices=mesh.vertices * [1, 0.5, 3] + [0.1, 0.2, 0.9], faces=mesh.faces)
    cameras = side_cameras(SurfaceView(tall))
    assert [name for name, _ in SIDES] == ["front", "left side", "back", "right side"]
    front, left, back, right = (camera.centre - tall.vertices.mean(axis=0) for camera in cameras)
    # The subject faces -Y; its left hand is at +X.
    assert front[1] < 0 < back[1]
    assert right[0] < 0 < left[0]
    heights = {camera.intrinsics.height for camera in cameras}
    assert len(heights) == 1
    assert sum(camera.intrinsics.width for camera in cameras) * heights.pop() == pytest.approx(4 * 700**2, rel=0.02)
    for camera in cameras:
        assert camera.intrinsics.contains(camera.project(tall.vertices)[0]).all()
        head, foot = (camera.project(np.array([0.1, 0.2, z]))[0][1] for z in (1.8, 0.0))
        assert head < foot
        assert (foot - head) / camera.intrinsics.height > 0.85


def test_a_stray_bit_does_not_shrink_the_subject() -> None:
    mesh = sphere(0.3)
    stray = Mesh(vertices=np.concatenate([mesh.vertices, [[9, 9, 9]]]), faces=mesh.faces)
    assert side_cameras(SurfaceView(stray))[0].intrinsics.fx > 0.5 * side_cameras(SurfaceView(mesh))[0].intrinsics.fx


def test_the_preview_is_a_whole_png(tmp_path: Path) -> None:
    mesh, texture = card()
    looks = look_from_sides(SurfaceView(mesh, texture), pixels=150 * 150)
    picture = write_preview(tmp_path / "preview.png", looks, Caption(title="take 7", note="2 faces"))
    stored = np.asarray(Image.open(io.BytesIO((tmp_path / "preview.png").read_bytes())))
    assert np.array_equal(stored, picture)
    bare = render_preview(look_from_sides(SurfaceView(mesh), pixels=150 * 150))
    # Without a texture there is one row.
    assert bare.shape[0] < 0.7 * picture.shape[0]
    assert [file.name for file in tmp_path.iterdir()] == ["preview.png"]


def test_the_same_surface_gives_the_same_picture(ball: SurfaceView) -> None:
    first, second = (render_preview(look_from_sides(ball, pixels=100 * 100)) for _ in range(2))
    assert np.array_equal(first, second)


def test_what_cannot_be_looked_at_is_refused() -> None:
    with pytest.raises(InputError, match="no faces"):
        SurfaceView(Mesh(vertices=np.zeros((3, 3)), faces=np.zeros((0, 3), np.int32)))
    mesh, texture = card()
    with pytest.raises(InputError, match="no texture"):
        view_colours(look_at(SurfaceView(mesh), front_camera()))
    with pytest.raises(InputError, match="faces"):
        SurfaceView(sphere(), texture)


def test_16_bit_codes_round_to_8() -> None:
    assert to_8_bit(np.array([0, 128, 129, 257, 65535], np.uint16)).tolist() == [0, 0, 1, 1, 255]
    picture = np.full((8, 8, 3), 30000, np.uint16)
    decoded = np.asarray(Image.open(io.BytesIO(encode_jpeg(picture))))
    assert np.abs(decoded.astype(int) - 117).max() <= 1


def test_tiles_on_disk_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many large tiles are read one after another, within a bound, and from several threads."""
    monkeypatch.setattr("scan3d.report.surface_view._TILES_BYTES", 64 * 64 * 3 + 1)
    mesh, texture = card()
    paths = []
    for number, level in enumerate((40, 200)):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(encode_png(np.full((64, 64, 3), level, np.uint8)))
    surface = SurfaceView(mesh, Texture(uv=texture.uv, tiles=paths, tile_of_face=np.array([0, 1])))
    looks = [look_at(surface, front_camera(), smooth=False)] * 8
    for view in run_units(view_colours, looks, workers=4):
        picture = view.over((0, 0, 0))
        assert (picture[80, 100] == 40).all()
        assert (picture[40, 60] == 200).all()
    assert sum(kept.nbytes for kept in surface._tiles.values()) <= 64 * 64 * 3 + 1
