"""What a reconstruction leaves for people: mesh files, preview and report, from the stages' folders."""

from __future__ import annotations

import datetime
import json
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from scan3d import __version__
from scan3d.appearance.stages import TextureFiles
from scan3d.capture.images import load_rgb
from scan3d.capture.stages import ViewFiles
from scan3d.capture.take import Take
from scan3d.errors import Scan3dError
from scan3d.geometry import Mesh, Rig
from scan3d.pipeline.executor import cpu_count, run_units
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.reconstruction.stages import read_confirmed
from scan3d.report.agreement import ReportView
from scan3d.report.beside import link_pages
from scan3d.report.data import Note, ReportData, StageNumbers
from scan3d.report.look import Look
from scan3d.report.measure import Known, measured, mesh_numbers
from scan3d.report.mesh_files import write_glb, write_obj, write_ply
from scan3d.report.page import write_report
from scan3d.report.preview import Caption, look_from_sides, write_preview
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import Texture, udim
from scan3d.workflows.cameras import reprojection_of
from scan3d.workflows.quality import Quality

_LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "opencv-contrib-python-headless",
    "open3d-cpu",
    "libigl",
    "fast-simplification",
)
_ENOUGH_VIEWS = 6.0  # photographs that agree on a place: more add little confidence


@dataclass(frozen=True, kw_only=True)
class Material:
    """What the stages made: their folders by name, the views, the final mesh and its texture."""

    folders: Mapping[str, Path]
    files: Sequence[ViewFiles]
    mesh: Mesh
    texture: TextureFiles


@dataclass(frozen=True, kw_only=True)
class Results:
    """The report's page and the main figures as JSON values."""

    report_path: Path
    summary: dict[str, Any]


def write_results(
    store: Store, take: Take, rig: Rig, quality: Quality, material: Material, *, progress: Progress,
    started: Meter, before: frozenset[Path],
) -> Results:  # fmt: skip
    """Write TAKE/results: mesh.ply, model.obj with its maps, model.glb, preview.png, report.html, report.json.

    Nothing is done where they come from the same stages already.  `started` measures the whole run; `before` are the
    stage folders that were there when it began.
    """
    out = take.results
    keys = {name: folder.name for name, folder in material.folders.items()}
    present = _present(out, keys)
    if present is not None:
        return Results(report_path=out / "report.html", summary=present)
    out.mkdir(parents=True, exist_ok=True)
    # the report goes last, and an old one first: a page never describes files of another run
    (out / "report.json").unlink(missing_ok=True)
    mesh = _with_confidence(material.mesh)
    texture = Texture(uv=material.texture.uv, tiles=material.texture.tiles, tile_of_face=material.texture.tile_of_face)
    with progress.task("results", 5) as task:
        surface = SurfaceView(mesh, texture)
        caption = Caption(title=take.root.name, note=quality.name, scale_is_metric=rig.scale_is_metric)

        def write_files() -> None:
            write_ply(mesh, out / "mesh.ply")
            task.advance()
            write_obj(mesh, out / "model.obj", texture=texture)
            task.advance()
            write_glb(mesh, out / "model.glb", texture=texture, generator=f"scan3d {__version__}")
            for tile, filled in enumerate(material.texture.filled):
                shutil.copyfile(filled, out / f"model.filled.{udim(tile)}.png")
            task.advance()

        def draw() -> Sequence[Look]:
            looks = look_from_sides(surface)
            write_preview(out / "preview.png", looks, caption)
            task.advance()
            return looks

        both: list[Callable[[], Sequence[Look] | None]] = [draw, write_files]
        looks = run_units(lambda job: job(), both)[0] or ()
        basis = _basis(store, take, rig, quality, material, keys, before)
        known = Known(
            calibration_px=reprojection_of(take),
            depth_confirmed=read_confirmed(material.folders["shape"]),
            texture_seen=material.texture.seen_share,
        )
        data = measured(
            basis,
            surface,
            _report_views(take, rig, material.files),
            looks,
            known=known,
            long_side_px=240 if quality.name == "preview" else 480,
        )
        cost = started.cost()
        data = replace(data, wall_s=cost.seconds, cpu_s=cost.cpu_seconds)
        _, page = write_report(out, data)
        link_pages(out)
        task.advance()
    summary = _present(out, keys)
    if summary is None:
        raise Scan3dError("The results changed while they were written.", str(out), "Run the command again.")
    return Results(report_path=page, summary=summary)


def _present(out: Path, keys: Mapping[str, str]) -> dict[str, Any] | None:
    """The summary of the results that are there, if they were made of these stages."""
    names = ("mesh.ply", "model.obj", "model.glb", "preview.png", "report.html")
    try:
        report = json.loads((out / "report.json").read_text())
        if report["settings"]["stages"] != dict(keys) or not all((out / name).is_file() for name in names):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {
        "quality": report["quality"],
        "verdict": report["verdict"],
        "faces": report["mesh"]["faces"],
        "scale_is_metric": report["scale_is_metric"],
        "wall_s": report["wall_s"],
        "cpu_s": report["cpu_s"],
    }


def _with_confidence(mesh: Mesh) -> Mesh:
    """The mesh with "confidence" 0..1 at its vertices: how well and how often photographs agree there."""
    score, views = mesh.vertex_values["score"], mesh.vertex_values["views"]
    confidence = np.clip(score, 0, 1) * np.clip(views / _ENOUGH_VIEWS, 0, 1)
    return replace(mesh, normals=mesh.vertex_normals(), vertex_values={"confidence": confidence.astype(np.float32)})


def _report_views(take: Take, rig: Rig, files: Sequence[ViewFiles]) -> list[ReportView]:
    """The photographs as taken; masks are those of the undistorted views where the lens hardly matters."""
    images, linear = take.images(), take.settings.linear

    def view(file: ViewFiles) -> ReportView:
        camera_id = file.camera.camera_id
        return ReportView(
            camera=rig[camera_id],
            load=lambda: load_rgb(images[camera_id], camera_id=camera_id, linear=linear),
            mask=file.load_mask,
        )

    return [view(file) for file in files]


def _basis(
    store: Store, take: Take, rig: Rig, quality: Quality, material: Material, keys: Mapping[str, str],
    before: frozenset[Path],
) -> ReportData:  # fmt: skip
    notes = _mask_notes(material.files)
    if not rig.scale_is_metric:
        notes.append(
            Note(
                what="The scale is arbitrary: no distance was given when the cameras were aligned.",
                next_step="Run `scan3d align` with --distance to get metres.",
            )
        )
    return ReportData(
        take=take.root.name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        quality=quality.name,
        scale_is_metric=rig.scale_is_metric,
        mesh=mesh_numbers(material.mesh),
        stages=tuple(_stage(store, name, folder, folder in before) for name, folder in material.folders.items()),
        settings={"stages": dict(keys), "quality": asdict(quality)},
        versions={"scan3d": __version__, "Python": platform.python_version(), **_versions()},
        machine=_machine(),
        warnings=tuple(notes),
    )


def _mask_notes(files: Sequence[ViewFiles]) -> list[Note]:
    doubtful = [f for f in files if f.mask_doubts]
    if not doubtful:
        return []
    reasons = sorted({reason for f in doubtful for reason in f.mask_doubts})[:3]
    return [
        Note(
            what=f"Masks of {len(doubtful)} cameras were made from the surface: {'; '.join(reasons)}.",
            next_step="A dark or plain backdrop, a clean plate in plates/, or masks in masks/ give cleaner borders.",
        )
    ]


def _stage(store: Store, name: str, folder: Path, reused: bool) -> StageNumbers:
    manifest = store.manifest(folder)
    return StageNumbers(
        name=name,
        wall_s=manifest["seconds"],
        cpu_s=manifest["cpu_seconds"],
        peak_mb=manifest["peak_mb"],
        reused=reused,
    )


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in _LIBRARIES}


def _machine() -> dict[str, Any]:
    import psutil

    return {
        "processor": platform.processor() or platform.machine(),
        "cores": cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
    }
