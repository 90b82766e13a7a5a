"""The reconstructed scan with its texture coordinates, as skin is solved on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scan3d.geometry import Mesh
from scan3d.report.score import load_model
from scan3d.report.texture import Texture


def read_textured_scan(model: Path) -> tuple[Mesh, np.ndarray, int]:
    """The scan's mesh with uv, vertices at a seam made one again, the tile of each face, and the tiles' size."""
    return welded(*load_model(model))


def welded(mesh: Mesh, texture: Texture) -> tuple[Mesh, np.ndarray, int]:
    """The same of a model that was loaded."""
    vertices, number = np.unique(mesh.vertices, axis=0, return_inverse=True)
    faces = number.reshape(-1)[mesh.faces].astype(np.int32)
    whole = Mesh(vertices=vertices, faces=faces, uv=np.asarray(texture.uv, np.float64))
    return whole, texture.owner(), len(texture.picture(0))
