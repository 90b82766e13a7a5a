"""From coordinates per corner to vertices that are shared: what OBJ and glTF want of a mesh with an atlas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.geometry import Mesh

_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64)


@dataclass(frozen=True, kw_only=True)
class SharedCorners:
    """Distinct rows among the corners of faces.

    first     (N,) int: a corner (index into the flattened corners) that stands for each distinct row.
    index     (F, 3) int32: the distinct row of each corner.
    """

    first: NDArray[np.int64]
    index: NDArray[np.int32]


def share_corners(*columns: NDArray[np.generic]) -> SharedCorners:
    """Finds equal corners. Each column is (F, 3) or (F, 3, k) and compared bit by bit; order of first use is
    kept.

    Rows are told apart by a 64-bit hash, which sorts many times faster than the rows themselves; the outcome
    is compared with the rows, and the slow exact way taken should two different ones ever share a hash.
    """
    faces = columns[0].shape[0]
    words = [_words(column.reshape(faces * 3, -1)) for column in columns]
    rows = np.concatenate(words, axis=1) if len(words) > 1 else words[0]
    key = np.zeros(len(rows), np.uint64)
    for number in range(rows.shape[1]):
        key = (key ^ rows[:, number]) * _ODD[number % len(_ODD)]
        key ^= key >> np.uint64(29)
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first][index], rows):
        _, first, index = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return SharedCorners(first=first[order], index=rank[index.reshape(-1)].reshape(faces, 3))


def check_mesh(mesh: Mesh, uv: NDArray[np.floating] | None = None) -> None:
    """Raises InputError for what no file should hold: no vertices, numbers that are not finite, stray
    indices.
    """
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if len(vertices) == 0:
        raise InputError("The mesh has no vertices.", "mesh", "Reconstruct the take before writing its files.")
    if not np.isfinite(vertices).all():
        raise InputError("Vertices of the mesh are not finite numbers.", "mesh.vertices", "Repair the mesh first.")
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise InputError("Faces point at vertices that are not there.", "mesh.faces", "Repair the mesh first.")
    if uv is not None and len(uv) != len(faces):
        raise InputError(
            f"Texture coordinates of {len(uv)} faces on a mesh of {len(faces)}.",
            "texture.uv",
            "Write the mesh that the atlas was made of.",
        )


def unit_normals(mesh: Mesh) -> NDArray[np.float32]:
    """(V, 3) float32 normals of length 1, the mesh's own or area weighted; vertices that have none point
    up.
    """
    given = mesh.normals if mesh.normals is not None else mesh.vertex_normals()
    normals = np.array(given, np.float64)
    length = np.linalg.norm(normals, axis=1)
    missing = ~(length > 1e-12)
    normals[missing] = (0.0, 0.0, 1.0)
    length[missing] = 1.0
    return (normals / length[:, None]).astype(np.float32)


def _words(rows: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Rows of numbers as rows of 64-bit words, equal exactly when the numbers' bits are."""
    if rows.dtype.kind == "f":
        # -0.0 and 0.0 are the same coordinate.
        return (rows.astype(np.float32) + np.float32(0)).view(np.uint32).astype(np.uint64)
    return rows.astype(np.int64).view(np.uint64)
