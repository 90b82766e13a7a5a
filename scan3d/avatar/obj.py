"""The avatar as Wavefront OBJ: its mesh as it stands, with quads and maps, for programs that know no bones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import WORLD_FROM_MODEL, Avatar
from scan3d.avatar.pictures import map_bytes
from scan3d.avatar.surface import smooth_normals
from scan3d.pipeline.aside import write_bytes, written_aside

Floats = npt.NDArray[np.floating]


def write_obj(avatar: Avatar, path: Path, vertices: Floats, *, texture_size: int | None = None) -> None:
    """Write `path`, `<stem>.mtl` and the maps in `<stem>_maps/`. vertices: (V, 3) the avatar's, posed, metres, world.

    Metres, Y up, facing +Z, as programs take an OBJ to be. Raises StorageError where the disk refuses.
    """
    materials = []
    for material in avatar.materials:
        colour = (1.0, 1.0, 1.0) if "albedo" in material.maps else material.colour
        lines = [
            f"newmtl {material.name}",
            "Kd " + " ".join(f"{c:.4f}" for c in colour),
            f"Pr {material.roughness:.4f}",
        ]
        for kind, word in (
            ("albedo", "map_Kd"),
            ("roughness", "map_Pr"),
            ("normal", "map_Bump"),
            ("displacement", "disp"),
        ):
            if kind not in material.maps:
                continue
            source = material.maps[kind]
            jpeg = source.suffix.lower() in (".jpg", ".jpeg")
            name = f"{path.stem}_maps/{source.stem}{'.jpg' if jpeg else '.png'}"
            data = map_bytes(source, largest=texture_size, jpeg=jpeg, sixteen=kind == "displacement")
            write_bytes(path.parent / name, data)
            lines.append(f"{word} {name}")
        materials.append("\n".join(lines) + "\n")
    write_bytes(path.with_suffix(".mtl"), "\n".join(materials).encode())
    with written_aside(path) as aside:
        aside.write_text(_text(avatar, path, vertices))


def _text(avatar: Avatar, path: Path, vertices: Floats) -> str:
    normals = smooth_normals(vertices, avatar.triangles()[0])
    rows = ["# scan3d: metres, Y up, facing +Z", f"mtllib {path.stem}.mtl", f"o {avatar.name}"]
    rows += [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in (vertices @ WORLD_FROM_MODEL).tolist()]
    rows += [f"vt {u:.7f} {v:.7f}" for u, v in np.asarray(avatar.uv).tolist()]
    rows += [f"vn {x:.5f} {y:.5f} {z:.5f}" for x, y, z in (normals @ WORLD_FROM_MODEL).tolist()]
    for number, material in enumerate(avatar.materials):
        rows.append(f"usemtl {material.name}")
        own = avatar.face_material == number
        for face, corners in zip(avatar.faces[own].tolist(), avatar.face_uv[own].tolist(), strict=True):
            spoken = [f"{v + 1}/{t + 1}/{v + 1}" for v, t in zip(face, corners, strict=True) if v >= 0]
            rows.append("f " + " ".join(spoken))
    return "\n".join(rows) + "\n"
