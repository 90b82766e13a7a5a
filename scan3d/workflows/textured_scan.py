"""The reconstructed scan with its texture coordinates, as skin is solved on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scan3d.geometry import Mesh
from scan3d.report.score import load_model


def read_textured_scan(model: Path) -> tuple[Mesh, np.ndarray, int]:
    """The scan's mesh with uv, vertices at a seam made one again, the tile of each face, and the tiles' size."""
    mesh, texture = load_model(model)
    vertices, number = np.unique(mesh.vertices, axis=0, return_inverse=True)
    faces = number.reshape(-1)[mesh.faces].astype(np.int32)
    welded = Mesh(vertices=vertices, faces=faces, uv=np.asarray(texture.uv, np.float64))
    return welded, texture.owner(), len(texture.picture(0))
