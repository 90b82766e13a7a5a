"""What identifies the twin that lies in a take: its mesh, its maps, its body's numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from scan3d.errors import InputError
from scan3d.rights.canonical import sha256, typed_bytes
from scan3d.rights.intent import TwinHashes

_MESH = ("model.obj", "body/detail.npz")
_TEXTURES = ("model*.png", "model*.jpg", "model.mtl", "appearance/**/*", "body/maps/**/*")
_BODY = "body/body.npz"


def twin_hashes(take: Path) -> TwinHashes:
    """The hashes of the twin in TAKE/results, of the files' bytes; of the body its shape, not how it stood.

    Raises InputError where the take holds no twin.
    """
    results = Path(take) / "results"
    meshes = _files(results, _MESH)
    body = results / _BODY
    if not meshes and not body.is_file():
        raise InputError("The take holds no twin yet.", str(results), "Run: scan3d reconstruct TAKE, scan3d fit TAKE")
    mesh = _hash(results, meshes)
    textures = _hash(results, _files(results, _TEXTURES))
    # Without a body nothing but the mesh says whose twin it is.
    return TwinHashes(
        mesh_sha256=mesh,
        textures_sha256=textures,
        body_sha256=body_file_hash(body) if body.is_file() else sha256(b"no body but " + mesh.encode()),
    )


def body_file_hash(path: Path) -> str:
    """The hash of the shape in a body.npz, and of the model that it is of."""
    from scan3d.body.parameters_file import read_parameters

    stored = read_parameters(path)
    return body_hash(np.asarray(stored.parameters.shape), stored.model_hash)


def body_hash(shape: np.ndarray, model_hash: str) -> str:
    """The hash of a body's shape numbers (betas), any edit of which is another body; trailing zeros are none."""
    betas = np.trim_zeros(np.asarray(shape, np.float64).ravel(), "b")
    numbers = hashlib.sha256(np.ascontiguousarray(betas, "<f8").tobytes()).hexdigest()
    return sha256(typed_bytes("body", {"betas": numbers, "model": model_hash}))


def _files(results: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in results.glob(pattern) if path.is_file()})


def _hash(results: Path, paths: list[Path]) -> str:
    listed = {}
    for path in paths:
        with path.open("rb") as file:
            listed[path.relative_to(results).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return sha256(typed_bytes("files", listed))
