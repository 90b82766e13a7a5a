"""Meshes written to PLY, OBJ and GLB come back as they were, through trimesh and through our own reader."""

from __future__ import annotations

import errno
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from report_shapes import BLUE, GREEN, RED, YELLOW, card, sphere

from scan3d.errors import InputError, StorageError
from scan3d.geometry import Mesh
from scan3d.report.mesh_files import read_ply, write_glb, write_obj, write_ply
from scan3d.report.mesh_files.corners import share_corners
from scan3d.report.mesh_files.digits import fixed, lines, whole
from scan3d.report.texture import Texture, encode_png


@pytest.fixture
def measured() -> Mesh:
    mesh = sphere(steps=20)
    values = np.linspace(0, 1, len(mesh.vertices), dtype=np.float32)
    return Mesh(vertices=mesh.vertices, faces=mesh.faces, normals=mesh.normals, vertex_values={"confidence": values})


def scattered_texture(mesh: Mesh, tiles: int = 1) -> Texture:
    """Every corner at a place of its own."""
    rng = np.random.default_rng(5)
    uv = rng.random((len(mesh.faces), 3, 2)).astype(np.float32)
    pictures = [rng.integers(0, 256, (16, 32, 3), np.uint8) for _ in range(tiles)]
    return Texture(uv=uv, tiles=pictures, tile_of_face=np.arange(len(mesh.faces)) % tiles)


def test_ply_comes_back_bit_by_bit(measured: Mesh, tmp_path: Path) -> None:
    colour = np.random.default_rng(1).integers(0, 256, (len(measured.vertices), 3), np.uint8)
    write_ply(measured, tmp_path / "mesh.ply", colour=colour)

    theirs = trimesh.load(tmp_path / "mesh.ply", process=False)
    assert np.array_equal(theirs.vertices.astype(np.float32), measured.vertices.astype(np.float32))
    assert np.array_equal(theirs.faces, measured.faces)
    assert np.array_equal(theirs.visual.vertex_colors[:, :3], colour)
    raw = theirs.metadata["_ply_raw"]["vertex"]["data"]
    assert np.array_equal(raw["confidence"].reshape(-1), measured.vertex_values["confidence"])

    ours = read_ply(tmp_path / "mesh.ply")
    assert np.array_equal(ours.vertices, measured.vertices.astype(np.float32))
    assert np.array_equal(ours.faces, measured.faces)
    assert ours.normals is not None
    assert np.allclose(ours.normals, measured.normals, atol=1e-6)
    assert np.array_equal(ours.vertex_values["confidence"], measured.vertex_values["confidence"])
    assert np.array_equal(ours.vertex_values["green"], colour[:, 1])


def test_ply_of_others_is_read(tmp_path: Path) -> None:
    box = trimesh.creation.box()
    box.export(tmp_path / "box.ply")
    mesh = read_ply(tmp_path / "box.ply")
    assert np.array_equal(mesh.faces, box.faces)
    assert np.allclose(mesh.vertices, box.vertices)


def test_obj_comes_back_to_a_tenth_of_a_micrometre(measured: Mesh, tmp_path: Path) -> None:
    texture = scattered_texture(measured, tiles=3)
    files = write_obj(measured, tmp_path / "model.obj", texture=texture)
    assert [file.name for file in files] == [
        "model.obj", "model.mtl", "model.1001.png", "model.1002.png", "model.1003.png",
    ]  # fmt: skip
    scene = trimesh.load(tmp_path / "model.obj", process=False)
    parts = {part.visual.material.name: part for part in scene.geometry.values()}
    assert len(parts) == 3
    for tile in range(3):
        part, own = parts[f"model_{1001 + tile}"], texture.owner() == tile
        corners = part.vertices[part.faces]
        assert np.abs(corners - measured.vertices[measured.faces[own]]).max() <= 0.5001e-7
        assert np.abs(part.visual.uv[part.faces] - texture.uv[own]).max() <= 1e-7
        assert np.array_equal(np.asarray(part.visual.material.image), texture.picture(tile))


def test_obj_without_texture(measured: Mesh, tmp_path: Path) -> None:
    assert write_obj(measured, tmp_path / "clay.obj") == (tmp_path / "clay.obj",)
    back = trimesh.load(tmp_path / "clay.obj", process=False)
    assert np.abs(back.vertices - measured.vertices).max() <= 0.5001e-7
    assert np.array_equal(back.faces, measured.faces)
    assert np.abs(back.vertex_normals - measured.normals).max() < 1e-4


def test_glb_stands_upright_and_comes_back_exactly(measured: Mesh, tmp_path: Path) -> None:
    texture = scattered_texture(measured, tiles=2)
    write_glb(measured, tmp_path / "model.glb", texture=texture, jpeg_quality=None)
    scene = trimesh.load(tmp_path / "model.glb", process=False)
    parts = list(scene.geometry.values())
    assert len(parts) == 2
    for tile, part in enumerate(parts):
        own = texture.owner() == tile
        # glTF is Y up: what is up in the world is y there, what lies in front of the subject is +z.
        x, y, z = np.moveaxis(part.vertices[part.faces], -1, 0)
        world = np.stack([x, -z, y], axis=-1)
        assert np.array_equal(world.astype(np.float32), measured.vertices[measured.faces[own]].astype(np.float32))
        assert np.abs(part.visual.uv[part.faces] - texture.uv[own]).max() < 1e-6
        assert np.array_equal(np.asarray(part.visual.material.baseColorTexture.convert("RGB")), texture.picture(tile))
        assert np.allclose(np.linalg.norm(part.vertex_normals, axis=1), 1)


def test_glb_is_sound_by_the_letter(measured: Mesh, tmp_path: Path) -> None:
    """What the specification asks of a file and no lenient reader would notice."""
    write_glb(measured, tmp_path / "model.glb", texture=scattered_texture(measured), unlit=True, copyright="CC BY")
    data = (tmp_path / "model.glb").read_bytes()
    magic, version, size = struct.unpack_from("<4sII", data)
    assert (magic, version, size) == (b"glTF", 2, len(data))
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert length % 4 == 0
    tree = json.loads(data[20 : 20 + length])
    binary = data[28 + length :]
    assert tree["buffers"][0]["byteLength"] == len(binary)
    assert tree["extensionsUsed"] == ["KHR_materials_unlit"]
    assert all(view["byteOffset"] % 4 == 0 for view in tree["bufferViews"])
    place = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    view = tree["bufferViews"][place["bufferView"]]
    values = np.frombuffer(binary, "<f4", place["count"] * 3, view["byteOffset"]).reshape(-1, 3)
    assert np.array_equal(values.min(axis=0), np.float32(place["min"]))
    assert np.array_equal(values.max(axis=0), np.float32(place["max"]))


@pytest.mark.parametrize("suffix", ["obj", "glb"])
def test_the_texture_is_the_right_way_up(suffix: str, tmp_path: Path) -> None:
    mesh, texture = card()
    if suffix == "obj":
        write_obj(mesh, tmp_path / "card.obj", texture=texture)
    else:
        write_glb(mesh, tmp_path / "card.glb", texture=texture, jpeg_quality=None)
    loaded = trimesh.load(tmp_path / f"card.{suffix}", process=False)
    part = loaded.to_mesh() if isinstance(loaded, trimesh.Scene) else loaded
    up = 2 if suffix == "obj" else 1
    shown = np.asarray(part.visual.to_color().vertex_colors)[:, :3]
    for corner, colour in (((-1, 1), RED), ((1, 1), GREEN), ((-1, -1), BLUE), ((1, -1), YELLOW)):
        at = (np.sign(part.vertices[:, 0]) == corner[0]) & (np.sign(part.vertices[:, up]) == corner[1])
        assert at.any()
        assert (shown[at] == colour).all()


def test_pictures_on_disk_pass_through_unchanged(tmp_path: Path) -> None:
    mesh, texture = card()
    deep = (texture.picture(0).astype(np.uint16) * 257).copy()
    deep[0, 0, 0] += 1
    (tmp_path / "atlas.png").write_bytes(encode_png(deep))
    on_disk = Texture(uv=texture.uv, tiles=[tmp_path / "atlas.png"])
    files = write_obj(mesh, tmp_path / "out" / "model.obj", texture=on_disk)
    assert files[2].read_bytes() == (tmp_path / "atlas.png").read_bytes()
    # 16 bits are for OBJ's map only: glTF's viewers expect 8.
    write_glb(mesh, tmp_path / "model.glb", texture=on_disk, jpeg_quality=None)
    part = next(iter(trimesh.load(tmp_path / "model.glb", process=False).geometry.values()))
    assert np.array_equal(np.asarray(part.visual.material.baseColorTexture.convert("RGB")), texture.picture(0))


def test_a_vertex_without_normal_gets_one(tmp_path: Path) -> None:
    mesh = Mesh(vertices=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5.0]]), faces=np.array([[0, 1, 2]]))
    write_ply(mesh, tmp_path / "mesh.ply")
    back = read_ply(tmp_path / "mesh.ply")
    assert back.normals is not None
    assert np.allclose(np.linalg.norm(back.normals, axis=1), 1)


def test_shared_corners_keep_every_difference() -> None:
    faces = np.array([[0, 1, 2], [2, 1, 3], [0, 1, 2]])
    uv = np.zeros((3, 3, 2), np.float32)
    uv[2, 0] = (0.5, 0)
    shared = share_corners(faces, uv)
    assert len(shared.first) == 5
    assert np.array_equal(faces.reshape(-1)[shared.first][shared.index], faces)
    assert np.array_equal(uv.reshape(-1, 2)[shared.first][shared.index], uv)
    assert np.array_equal(shared.index[0], [0, 1, 2])


def test_digits_are_those_of_python() -> None:
    values = np.array([0.0, -0.5, 12.3456789, -1e-9, 1e5 + 0.125, -0.04])
    assert lines("v ", fixed(values, 4)).decode().split("\n")[:-1] == [
        "v 0.0000", "v -0.5000", "v 12.3457", "v 0.0000", "v 100000.1250", "v -0.0400",
    ]  # fmt: skip
    numbers = np.array([1, 10, 4_000_000_000, 0])
    assert lines("f ", whole(numbers), "/", whole(numbers)).decode().split() == [
        "f", "1/1", "f", "10/10", "f", "4000000000/4000000000", "f", "0/0",
    ]  # fmt: skip


def test_bad_meshes_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    empty = Mesh(vertices=np.zeros((0, 3)), faces=np.zeros((0, 3), np.int32))
    odd = Mesh(vertices=np.array([[0, 0, np.nan]]), faces=np.zeros((0, 3), np.int32))
    for mesh in (empty, odd):
        for write, name in ((write_ply, "a.ply"), (write_obj, "a.obj"), (write_glb, "a.glb")):
            with pytest.raises(InputError):
                write(mesh, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_texture_of_another_mesh_is_refused(measured: Mesh, tmp_path: Path) -> None:
    _, texture = card()
    with pytest.raises(InputError, match="Texture coordinates"):
        write_glb(measured, tmp_path / "a.glb", texture=texture)


@pytest.mark.parametrize(
    "change",
    [
        {"uv": np.full((2, 3, 2), 1.5)},
        {"uv": np.full((2, 3, 2), np.nan)},
        {"uv": np.zeros((2, 3))},
        {"tiles": []},
        {"tiles": [np.zeros((4, 4), np.uint8)]},
        {"tiles": [Path("/nowhere/atlas.png")]},
        {"tile_of_face": np.array([0, 1])},
    ],
)
def test_bad_textures_are_refused(change: dict[str, object]) -> None:
    _, good = card()
    fields = {"uv": good.uv, "tiles": good.tiles, "tile_of_face": None} | change
    with pytest.raises(InputError):
        Texture(**fields)  # type: ignore[arg-type]


def test_a_full_disk_leaves_the_old_file(measured: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mesh.ply").write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    for write in (write_ply, write_obj, write_glb):
        with pytest.raises(StorageError, match="full"):
            write(measured, tmp_path / "mesh.ply")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("mesh.ply", b"old")]


@pytest.mark.parametrize("content", [b"", b"ply\nformat ascii 1.0\nend_header\n", b"solid x"])
def test_what_is_not_our_ply_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.ply"):
        read_ply(tmp_path / "a.ply")


def test_a_cut_ply_is_refused(measured: Mesh, tmp_path: Path) -> None:
    write_ply(measured, tmp_path / "a.ply")
    data = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="ends before"):
        read_ply(tmp_path / "a.ply")
