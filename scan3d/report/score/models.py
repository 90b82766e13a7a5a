"""Textured models as other programs read them: what is scored is the file, not what was meant by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.report.texture import Texture


def load_model(path: Path) -> tuple[Mesh, Texture]:
    """A textured .obj or .glb, in the world's frame (a .glb is turned from Y up to Z up).

    Raises InputError, naming the file, where it is not there or has no texture.
    """
    import trimesh

    if not path.is_file():
        raise InputError("The model is not there.", str(path), "Reconstruct the take first.")
    loaded: Any = trimesh.load(path, process=False)
    parts = list(loaded.geometry.values()) if isinstance(loaded, trimesh.Scene) else [loaded]
    vertices, faces, uv, tiles, owner, start = [], [], [], [], [], 0
    for number, part in enumerate(parts):
        place = np.asarray(part.vertices)
        if path.suffix == ".glb":
            place = np.stack([place[:, 0], -place[:, 2], place[:, 1]], axis=1)
        material = getattr(part.visual, "material", None)
        picture = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        if picture is None:
            raise InputError("The model has no texture.", str(path), "Give a textured model.")
        vertices.append(place)
        faces.append(np.asarray(part.faces) + start)
        uv.append(np.clip(np.asarray(part.visual.uv)[part.faces], 0, 1))
        tiles.append(np.asarray(picture.convert("RGB")))
        owner.append(np.full(len(part.faces), number))
        start += len(place)
    mesh = Mesh(vertices=np.concatenate(vertices), faces=np.concatenate(faces))
    return mesh, Texture(uv=np.concatenate(uv), tiles=tiles, tile_of_face=np.concatenate(owner))
