"""A textured mesh from elsewhere as the subject of the virtual studio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scan3d.errors import InputError
from scan3d.geometry.materials import Material, Part
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store
from scan3d.report.score import load_model
from scan3d.simulate.stages import write_subject
from scan3d.simulate.subject import Subject

SCANNED = Stage(name="scanned", version=1, tools=("trimesh",))
_SKIN_ROUGHNESS = 0.45


@dataclass(frozen=True, kw_only=True)
class ScannedOptions:
    """file: the model's name, which becomes the subject's."""

    file: str


def make_scanned_subject(store: Store, path: Path, *, progress: Progress) -> Path:
    """Folder with the subject that a textured .obj or .glb file holds: metres, Z up, facing -Y, sRGB texture.

    `scan3d.simulate.stages.read_subject` reads it. Raises InputError where the file cannot be read or has no texture.
    """
    if not path.is_file():
        raise InputError("There is no such file.", str(path), "Give a textured .obj or .glb file.")
    beside = {p.name: p for p in sorted(path.parent.glob(f"{path.stem}*")) if p.is_file()}

    def work(out: Path) -> None:
        with progress.task("subject", 1) as task:
            write_subject(out, _read(path))
            task.advance()

    return store.run(SCANNED, {**beside}, ScannedOptions(file=path.name), work)


def _read(path: Path) -> Subject:
    mesh, texture = load_model(path)
    parts = []
    tile_of_face = np.asarray(texture.tile_of_face)
    for number in range(len(texture.tiles)):
        encoded = texture.picture(number)[..., :3].astype(np.float32) / 255
        linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        keep = tile_of_face == number
        part = mesh.submesh(keep)
        material = Material(
            kind="skin",
            albedo=linear.astype(np.float32),
            roughness=np.full((4, 4), _SKIN_ROUGHNESS, np.float32),
            second_share=0.2,
        )
        shown = type(part)(vertices=part.vertices, faces=part.faces, uv=np.asarray(texture.uv)[keep])
        parts.append(Part(name=f"{path.stem}{number or ''}", mesh=shown, material=material))
    return Subject(name=path.stem, parts=tuple(parts), parameters={"file": path.name})
