"""Wavefront OBJ with its material library and maps: what every modelling program opens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from scan3d.geometry import Mesh
from scan3d.pipeline.aside import write_bytes, written_aside
from scan3d.report.mesh_files.corners import check_mesh, share_corners, unit_normals
from scan3d.report.mesh_files.digits import Text, fixed, lines, whole
from scan3d.report.texture import Texture, encode_png, udim

# A tenth of a micrometre, a hundredth of a texel of a 16K map, and five thousandths of a degree.
_PLACE_DECIMALS, _UV_DECIMALS, _NORMAL_DECIMALS = 7, 7, 5
_BLOCK = 200_000


def write_obj(mesh: Mesh, path: Path, *, texture: Texture | None = None) -> tuple[Path, ...]:
    """Writes `path`, and beside it `<stem>.mtl` and one map per tile; returns all files, `path` first.

    Positions are metres in the world frame (Z up, as in PLY): OBJ names no axis, and a program that takes Y
    for up asks on import. With one tile its map is `<stem>.<suffix>`, with more `<stem>.<UDIM>.<suffix>`;
    each tile is a material of its own, and coordinates lie inside the tile, so programs without UDIM show it
    as well. Maps are PNG (16 bit stays 16 bit), or copies of the files that the texture names.

    Raises InputError for a mesh that cannot be written, StorageError when the disk refuses.
    """
    check_mesh(mesh, None if texture is None else texture.uv)
    if texture is None:
        _write_text(path, _geometry(mesh))
        return (path,)
    maps = tuple(_write_map(texture, tile, path) for tile in range(len(texture.tiles)))
    library = path.with_suffix(".mtl")
    write_bytes(library, "".join(_material(_name(path, tile), map_.name) for tile, map_ in enumerate(maps)).encode())
    _write_text(path, _textured(mesh, texture, path, library))
    return (path, library, *maps)


def _write_text(path: Path, chunks: Iterator[bytes]) -> None:
    with written_aside(path) as aside, aside.open("wb") as out:
        out.writelines(chunks)


def _geometry(mesh: Mesh) -> Iterator[bytes]:
    yield b"# scan3d: metres, world frame, Z up, facing -Y\n"
    yield from _vertices(mesh)
    for start in range(0, len(mesh.faces), _BLOCK):
        corner = [whole(mesh.faces[start : start + _BLOCK, column] + 1) for column in range(3)]
        yield lines("f ", corner[0], "//", corner[0], " ", corner[1], "//", corner[1], " ", corner[2], "//", corner[2])


def _vertices(mesh: Mesh) -> Iterator[bytes]:
    normals = unit_normals(mesh)
    for start in range(0, len(mesh.vertices), _BLOCK):
        rows = np.asarray(mesh.vertices[start : start + _BLOCK])
        yield lines("v ", *_spaced([fixed(rows[:, axis], _PLACE_DECIMALS) for axis in range(3)]))
    for start in range(0, len(normals), _BLOCK):
        rows = normals[start : start + _BLOCK]
        yield lines("vn ", *_spaced([fixed(rows[:, axis], _NORMAL_DECIMALS) for axis in range(3)]))


def _textured(mesh: Mesh, texture: Texture, path: Path, library: Path) -> Iterator[bytes]:
    yield b"# scan3d: metres, world frame, Z up, facing -Y\n"
    yield f"mtllib {library.name}\n".encode()
    yield from _vertices(mesh)
    uv = np.asarray(texture.uv, np.float32)
    shared = share_corners(uv)
    distinct = uv.reshape(-1, 2)[shared.first]
    for start in range(0, len(distinct), _BLOCK):
        rows = distinct[start : start + _BLOCK]
        yield lines("vt ", *_spaced([fixed(rows[:, axis], _UV_DECIMALS) for axis in range(2)]))
    owner = texture.owner()
    for tile in range(len(texture.tiles)):
        yield f"g tile_{udim(tile)}\nusemtl {_name(path, tile)}\n".encode()
        of_tile = np.flatnonzero(owner == tile)
        for start in range(0, len(of_tile), _BLOCK):
            some = of_tile[start : start + _BLOCK]
            place = [whole(mesh.faces[some, column] + 1) for column in range(3)]
            map_ = [whole(shared.index[some, column] + 1) for column in range(3)]
            corners = [part for p, m in zip(place, map_, strict=True) for part in (p, "/", m, "/", p, " ")]
            yield lines("f ", *corners[:-1])


def _spaced(columns: list[Text]) -> list[Text | str]:
    spaced: list[Text | str] = []
    for column in columns:
        spaced += [column, " "]
    return spaced[:-1]


def _name(path: Path, tile: int) -> str:
    return f"{path.stem}_{udim(tile)}".replace(" ", "_")


def _material(name: str, map_name: str) -> str:
    # illum 1: diffuse without highlights, for the photographs' light is in the colours already.
    return f"newmtl {name}\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\nmap_Kd {map_name}\n\n"


def _write_map(texture: Texture, tile: int, path: Path) -> Path:
    given = texture.tiles[tile]
    suffix = given.suffix.lower() if isinstance(given, Path) else ".png"
    number = "" if len(texture.tiles) == 1 else f".{udim(tile)}"
    target = path.with_name(f"{path.stem}{number}{suffix}")
    if not isinstance(given, Path):
        write_bytes(target, encode_png(given))
    elif given.resolve() != target.resolve():
        with written_aside(target) as aside:
            shutil.copyfile(given, aside)
    return target
