"""glTF 2.0 binary: the one place where the world's Z up becomes glTF's Y up."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scan3d.geometry import Mesh
from scan3d.pipeline.aside import write_bytes
from scan3d.report.mesh_files.corners import check_mesh, share_corners, unit_normals
from scan3d.report.texture import Texture, encode_jpeg, encode_png, mime_type, to_8_bit, udim

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_VERTEX_DATA, _INDEX_DATA = 34962, 34963
_MAX_BYTES = 2**32 - 1


def write_glb(
    mesh: Mesh,
    path: Path,
    *,
    texture: Texture | None = None,
    jpeg_quality: int | None = 92,
    unlit: bool = False,
    generator: str = "scan3d",
    copyright: str = "",
) -> None:
    """Writes a .glb: metres, Y up, facing +Z, float32 positions and normals, one primitive per tile.

    jpeg_quality  quality of the embedded JPEG maps, or None for PNG. A tile that is an 8-bit file goes in as
                  it is.
    unlit         marks the material KHR_materials_unlit, so that a viewer shows the photographs' colours
                  untouched.
    copyright     goes into the asset, where it is to be shown with the picture.

    Raises InputError for a mesh that cannot be written or is beyond glTF's 4 GB, StorageError when the disk
    refuses. Specification: Khronos glTF 2.0, sections 3 and 4.4 (GLB).
    """
    check_mesh(mesh, None if texture is None else texture.uv)
    scene = _Scene(generator, copyright)
    positions = _y_up(np.asarray(mesh.vertices)).astype(np.float32)
    normals = _y_up(unit_normals(mesh))
    primitives: list[dict[str, Any]] = []
    if texture is None:
        material = scene.material("clay", None, unlit)
        primitives.append(scene.primitive(positions, normals, None, np.asarray(mesh.faces), material))
    else:
        owner, uv = texture.owner(), _v_down(texture.uv)
        for tile in np.unique(owner).tolist():
            picture = scene.picture(*_map_file(texture, tile, jpeg_quality))
            material = scene.material(f"skin_{udim(tile)}", picture, unlit)
            faces, coordinates = np.asarray(mesh.faces)[owner == tile], uv[owner == tile]
            shared = share_corners(faces, coordinates)
            vertex = faces.reshape(-1)[shared.first]
            at = coordinates.reshape(-1, 2)[shared.first]
            primitives.append(scene.primitive(positions[vertex], normals[vertex], at, shared.index, material))
    write_bytes(path, *scene.file(primitives, path))


def _y_up(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    """World (x right of the picture, y away, z up) to glTF (x, y up, z towards the viewer): -90 degrees about
    x.
    """
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)


def _v_down(uv: NDArray[np.floating]) -> NDArray[np.float32]:
    turned = np.array(uv, np.float32)
    turned[..., 1] = 1 - turned[..., 1]
    return turned


def _map_file(texture: Texture, tile: int, jpeg_quality: int | None) -> tuple[bytes, str]:
    """Bytes and MIME type of a tile's picture; glTF viewers expect 8 bits."""
    given = texture.tiles[tile]
    if isinstance(given, Path) and not _is_16_bit(given):
        return given.read_bytes(), mime_type(given)
    picture = texture.picture(tile)
    if jpeg_quality is None:
        return encode_png(to_8_bit(picture)), "image/png"
    return encode_jpeg(picture, jpeg_quality), "image/jpeg"


def _is_16_bit(path: Path) -> bool:
    """A PNG's bit depth stands at byte 24 of the file; a JPEG has 8."""
    with path.open("rb") as file:
        head = file.read(25)
    return head[:4] == b"\x89PNG" and head[24] == 16


class _Scene:
    """Collects the binary buffer and the tables of glTF that point into it."""

    def __init__(self, generator: str, copyright: str) -> None:
        asset = {"version": "2.0", "generator": generator} | ({"copyright": copyright} if copyright else {})
        self.json: dict[str, Any] = {"asset": asset, "scene": 0, "scenes": [{"nodes": [0]}]}
        self.json["nodes"] = [{"mesh": 0, "name": "scan"}]
        self.chunks: list[bytes] = []
        self.size = 0

    def _add(self, table: str, entry: dict[str, Any]) -> int:
        self.json.setdefault(table, []).append(entry)
        return len(self.json[table]) - 1

    def _view(self, data: bytes, target: int | None = None) -> int:
        entry = {"buffer": 0, "byteOffset": self.size, "byteLength": len(data)}
        padding = -len(data) % 4
        self.chunks += [data, bytes(padding)]
        self.size += len(data) + padding
        return self._add("bufferViews", entry | ({"target": target} if target else {}))

    def _vectors(self, values: NDArray[np.floating], *, bounds: bool = False) -> int:
        data = np.ascontiguousarray(values, np.float32)
        entry = {"componentType": _FLOAT, "count": len(data), "type": f"VEC{data.shape[1]}"}
        if bounds:
            entry |= {"min": data.min(axis=0).tolist(), "max": data.max(axis=0).tolist()}
        return self._add("accessors", {"bufferView": self._view(data.tobytes(), _VERTEX_DATA)} | entry)

    def _indices(self, faces: NDArray[np.integer], vertex_count: int) -> int:
        small = vertex_count <= 65535
        data = np.ascontiguousarray(faces.reshape(-1), np.uint16 if small else np.uint32)
        entry = {"componentType": _UINT16 if small else _UINT32, "count": len(data), "type": "SCALAR"}
        return self._add("accessors", {"bufferView": self._view(data.tobytes(), _INDEX_DATA)} | entry)

    def picture(self, data: bytes, mime: str) -> int:
        """Embeds a picture file; returns its texture's index."""
        if "samplers" not in self.json:
            # Linear, with mipmaps when small, and clamped: an atlas does not repeat.
            self._add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071})
        image = self._add("images", {"bufferView": self._view(data), "mimeType": mime})
        return self._add("textures", {"source": image, "sampler": 0})

    def material(self, name: str, picture: int | None, unlit: bool) -> int:
        surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.7}
        if picture is None:
            surface["baseColorFactor"] = [0.55, 0.53, 0.5, 1.0]
        else:
            surface["baseColorTexture"] = {"index": picture}
        entry: dict[str, Any] = {"name": name, "pbrMetallicRoughness": surface}
        if unlit:
            entry["extensions"] = {"KHR_materials_unlit": {}}
            self.json["extensionsUsed"] = ["KHR_materials_unlit"]
        return self._add("materials", entry)

    def primitive(
        self,
        positions: NDArray[np.floating],
        normals: NDArray[np.floating],
        uv: NDArray[np.floating] | None,
        faces: NDArray[np.integer],
        material: int,
    ) -> dict[str, Any]:
        attributes = {"POSITION": self._vectors(positions, bounds=True), "NORMAL": self._vectors(normals)}
        if uv is not None:
            attributes["TEXCOORD_0"] = self._vectors(uv)
        entry: dict[str, Any] = {
            "attributes": attributes,
            "material": material,
            "mode": 4 if len(faces) else 0,
        }
        if len(faces):
            entry["indices"] = self._indices(faces, len(positions))
        return entry

    def file(self, primitives: list[dict[str, Any]], path: Path) -> list[bytes]:
        """The chunks of the .glb, in order."""
        from scan3d.errors import InputError

        self.json["meshes"] = [{"primitives": primitives, "name": "scan"}]
        self.json["buffers"] = [{"byteLength": self.size}]
        text = json.dumps(self.json, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self.size
        if total > _MAX_BYTES:
            raise InputError(
                f"The model takes {total / 1e9:.1f} GB and a .glb holds 4.",
                str(path),
                "Lower the texture size, embed JPEG maps, or use the .obj.",
            )
        head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
        return [head, text, struct.pack("<I4s", self.size, b"BIN\0"), *self.chunks]
