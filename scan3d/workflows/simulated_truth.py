"""The truth of a simulated take as files: the surface with its maps, and what each camera sees of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.geometry import Camera, Mesh
from scan3d.geometry.materials import Part
from scan3d.pipeline.aside import write_bytes
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress
from scan3d.report import Texture, write_glb, write_ply
from scan3d.report.texture import encode_png
from scan3d.simulate.subject import Subject
from scan3d.simulate.truth_maps import TruthCaster


def write_subject_truth(folder: Path, subject: Subject) -> None:
    """mesh.ply, model.glb, textures/<part>_<map>.png, imperfections.json and body.json."""
    mesh = joined(subject.parts)
    write_ply(mesh, folder / "mesh.ply")
    uv = [_uv(part) for part in subject.parts]
    tiles = [_encoded(part.material.albedo) for part in subject.parts]
    owner = np.repeat(np.arange(len(uv)), [len(part.mesh.faces) for part in subject.parts])
    # Maps may repeat or reach a hair beyond their square; a tile may not.
    texture = Texture(uv=np.clip(np.concatenate(uv), 0, 1), tiles=tiles, tile_of_face=owner)
    write_glb(mesh, folder / "model.glb", texture=texture)
    (folder / "textures").mkdir()
    for part, albedo in zip(subject.parts, tiles, strict=True):
        material = part.material
        maps = {"albedo": albedo, "roughness": _grey(material.roughness)}
        if material.normal is not None:
            maps["normal"] = material.normal
        for name, picture in maps.items():
            write_bytes(folder / "textures" / f"{part.name}_{name}.png", encode_png(picture))
    marks = [asdict(mark) for mark in subject.imperfections]
    write_bytes(folder / "imperfections.json", (json.dumps(marks, indent=1) + "\n").encode())
    write_bytes(folder / "body.json", (json.dumps(dict(subject.parameters), indent=1) + "\n").encode())


def joined(parts: Sequence[Part]) -> Mesh:
    """All parts as one mesh, in their order."""
    starts = np.cumsum([0, *(len(part.mesh.vertices) for part in parts[:-1])])
    faces = [part.mesh.faces + start for part, start in zip(parts, starts, strict=True)]
    return Mesh(vertices=np.concatenate([part.mesh.vertices for part in parts]), faces=np.concatenate(faces))


def write_view_truth(
    folder: Path, parts: Sequence[Part], cameras: Sequence[Camera], *, progress: Progress, workers: int | None
) -> None:
    """masks/, depth/, normals/ and parts/, a file per camera each."""
    import tifffile

    caster = TruthCaster(parts)
    for name in ("masks", "depth", "normals", "parts"):
        (folder / name).mkdir()
    with progress.task("truth", len(cameras)) as task:

        def work(camera: Camera) -> None:
            maps = caster.maps(camera)
            seen = maps.part >= 0
            normal = np.where(seen[..., None], 0.5 + 0.5 * maps.normal, 0.0)
            name = camera.camera_id
            write_bytes(folder / "masks" / f"{name}.png", encode_png(quantised(maps.mask, np.uint8)))
            write_bytes(folder / "normals" / f"{name}.png", encode_png(quantised(normal, np.uint16)))
            write_bytes(folder / "parts" / f"{name}.png", encode_png((maps.part + 1).astype(np.uint8)))
            options: Any = {"metadata": None, "software": False, "compression": "zlib"}
            tifffile.imwrite(folder / "depth" / f"{name}.tif", maps.depth_m, **options)
            task.advance()

        run_units(work, cameras, workers=workers)


def _uv(part: Part) -> np.ndarray:
    return np.zeros((len(part.mesh.faces), 3, 2)) if part.mesh.uv is None else np.asarray(part.mesh.uv, float)


def _encoded(linear: np.ndarray) -> np.ndarray:
    return quantised(linear_to_srgb(np.clip(linear, 0, 1)), np.uint8)


def _grey(values: np.ndarray) -> np.ndarray:
    return quantised(np.clip(values, 0, 1), np.uint8)
