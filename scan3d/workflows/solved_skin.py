"""What `scan3d appearance` found out about a scan, for the maps of the body that was fitted to it.

The maps of a body say in maps.json what they were made of ("origin"), so that those of an earlier solve are noticed.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.appearance.materials.files import MARKS, RANGE_M, RECORD, read_record, udim
from scan3d.body.bake import ScanTexture, SolvedMaps
from scan3d.body.stages import ScanSkin
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.tangents import along_u

SOLVED = "solved"
_FILLED = 128  # of a coverage map; 0 is off the surface, or left alone and as the photographs show it


@dataclass(frozen=True, kw_only=True)
class SolvedSkin:
    """A folder TAKE/results/appearance that belongs to the scan beside it. model: the textured scan."""

    folder: Path
    model: Path
    record: Mapping[str, Any]

    @property
    def origin(self) -> dict[str, Any]:
        """For maps.json: method, the second lobe of the gloss, and which solve it was."""
        gloss = self.record.get("gloss")
        lobe = None if gloss is None else {k: float(gloss[f"second_{k}"]) for k in ("roughness", "share")}
        return {
            "kind": SOLVED,
            "method": self.record["method"],
            "second_lobe": lobe,
            "solve": digest_of(self.folder / RECORD),
        }

    def files(self) -> list[Path]:
        """All that `read` reads."""
        return [self.folder / RECORD, self.folder / MARKS, self.model, *sorted(self.folder.glob("*.png"))]

    def read(self) -> ScanSkin:
        """The skin on the scan's atlas. Raises InputError where a file cannot be read."""
        from scan3d.report.score import load_model

        mesh, texture = load_model(self.model)
        # The file has a vertex for every seam: normals are those of the surface, as they were when it was solved.
        places, row = np.unique(mesh.vertices, axis=0, return_inverse=True)
        faces = row.reshape(-1)[mesh.faces].astype(np.int32)
        welded = Mesh(vertices=places, faces=faces)
        uv = np.asarray(texture.uv, np.float64)
        numbers = [udim(tile) for tile in range(len(texture.tiles))]

        def maps(kind: str) -> list[Callable[[], np.ndarray]]:
            return [functools.partial(read_picture, self.folder / f"{kind}.{number}.png") for number in numbers]

        glossy = self.record.get("gloss") is not None
        solved = SolvedMaps(
            faces=faces, vertex_normals=np.asarray(welded.vertex_normals(), np.float64),
            along_u=along_u(welded.corners().astype(np.float64), uv), normals=maps("normal"),
            heights=maps("displacement"), height_range_m=RANGE_M,
            specular=maps("specular") if glossy else (), roughness=maps("roughness") if glossy else (),
        )  # fmt: skip
        masks = [functools.partial(_not_measured, self.folder / f"coverage.{number}.png") for number in numbers]
        atlas = ScanTexture(
            uv=uv, tile_of_face=texture.owner(), tiles=maps("albedo"), filled=masks, solved=solved
        )  # fmt: skip
        return ScanSkin(texture=atlas, marks=read_marks(self.folder / MARKS), origin=self.origin)


def solved_skin(mesh_path: Path) -> SolvedSkin | None:
    """The solved skin of the scan in a file, None where there is none, or where it is that of an earlier scan."""
    folder, model = mesh_path.parent / "appearance", mesh_path.parent / "model.obj"
    if not (folder / RECORD).is_file() or not model.is_file():
        return None
    record = read_record(folder)
    if record.get("scan") != digest_of(model) or mesh_path.stem not in ("mesh", "model"):
        return None
    return SolvedSkin(folder=folder, model=model, record=record)


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_marks(path: Path) -> list[Imperfection]:
    """Those of an imperfections.json; none where there is no file. Raises InputError where it cannot be read."""
    if not path.is_file():
        return []
    try:
        found = [dict(mark) for mark in json.loads(path.read_text())]
        places = ("position_m", "uv")
        return [Imperfection(**{**mark, **{key: tuple(mark[key]) for key in places}}) for mark in found]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"The list cannot be read: {error}.", str(path), "Run: scan3d appearance TAKE") from error


def read_picture(path: Path) -> np.ndarray:
    """(H, W[, 3]) as the file holds it, RGB. Raises InputError."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise InputError("A map of the appearance cannot be read.", str(path), "Run: scan3d appearance TAKE")
    return np.ascontiguousarray(picture[..., ::-1]) if picture.ndim == 3 else np.asarray(picture)


def _not_measured(path: Path) -> np.ndarray:
    """(H, W) uint8, 255 where the skin was filled in from around."""
    return np.where(read_picture(path) == _FILLED, 255, 0).astype(np.uint8)
