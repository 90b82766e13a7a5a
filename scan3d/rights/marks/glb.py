"""Terms inside a glTF binary: the ratified extension KHR_xmp_json_ld, at the asset, for the whole file."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scan3d.errors import InputError

_EXTENSION = "KHR_xmp_json_ld"
_JSON_CHUNK = 0x4E4F534A


def with_packet(glb: bytes, packet: Mapping[str, Any], where: Path) -> bytes:
    """A copy of a .glb whose asset carries the packet; geometry and maps stay as they are. Raises InputError."""
    gltf, rest = _parted(glb, where)
    used = gltf.setdefault("extensionsUsed", [])
    if _EXTENSION not in used:
        used.append(_EXTENSION)
    packets = gltf.setdefault("extensions", {}).setdefault(_EXTENSION, {}).setdefault("packets", [])
    packets.append(dict(packet))
    gltf["asset"].setdefault("extensions", {})[_EXTENSION] = {"packet": len(packets) - 1}
    text = json.dumps(gltf, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + len(rest)
    return struct.pack("<4sII", b"glTF", 2, length) + struct.pack("<II", len(text), _JSON_CHUNK) + text + rest


def read_glb_packet(glb: bytes, where: Path) -> dict[str, Any]:
    """The packet of the asset, empty without one. Raises InputError."""
    gltf, _ = _parted(glb, where)
    try:
        number = gltf["asset"]["extensions"][_EXTENSION]["packet"]
        return dict(gltf["extensions"][_EXTENSION]["packets"][number])
    except (KeyError, IndexError, TypeError, ValueError):
        return {}


def _parted(glb: bytes, where: Path) -> tuple[dict[str, Any], bytes]:
    """(the JSON, the chunks behind it)."""
    try:
        magic, version, _ = struct.unpack_from("<4sII", glb)
        size, kind = struct.unpack_from("<II", glb, 12)
        if magic != b"glTF" or version != 2 or kind != _JSON_CHUNK:
            raise ValueError
        gltf = json.loads(glb[20 : 20 + size])
        if not isinstance(gltf, dict) or not isinstance(gltf.get("asset"), dict):
            raise ValueError
    except (struct.error, ValueError) as error:
        raise InputError("This is no glTF 2.0 binary.", str(where), "Export it again.") from error
    return gltf, glb[20 + size :]
