"""`scan3d fit`: the scan of a take becomes a body that can be posed, with how well it fits.

mesh -> fit -> results/body -> detail -> maps
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.body.fit.scan_points import clean
from scan3d.body.fit.stages import FitOptions, StoredFit, make_fit, read_fit
from scan3d.body.library import default_model, model_called
from scan3d.body.measurements import Measurement, Spread, measure_body
from scan3d.body.model import BodyModel
from scan3d.body.parameters_file import read_parameters
from scan3d.checks import Check, Grade, worst, worst_first
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.pipeline.aside import remove_tree, write_bytes
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.report.beside import link_pages
from scan3d.report.body_page import write_body_page
from scan3d.report.mesh_files import read_ply, write_ply
from scan3d.report.preview import Caption
from scan3d.workflows.fit_detail import SurfaceOptions, write_surface
from scan3d.workflows.fit_picture import distance_picture
from scan3d.workflows.solved_skin import digest_of

_SURFACE = SurfaceOptions()
# Girths of simulated people under loose clothing were off by up to 60 mm at the waist, 1 in 30: two sigma and more.
_CLOTH_SIGMA = 0.035
_BARE = ("head", "neck", "wrist", "ankle")
_READ = (".ply", ".obj", ".glb", ".stl", ".off")


@dataclass(frozen=True, kw_only=True)
class BodyFit:
    """What `fit_take` leaves: the folder for people, the checks worst first, and the main figures."""

    folder: Path
    checks: tuple[Check, ...]
    summary: dict[str, Any]

    @property
    def grade(self) -> Grade:
        return worst(self.checks)


def fit_take(
    take: Path, *, mesh_file: Path | None = None, model_name: str | None = None, clothing: str = "auto",
    surface: SurfaceOptions | None = _SURFACE, progress: Progress,
) -> BodyFit:  # fmt: skip
    """Fit a body model to the mesh of a take and write TAKE/results/body, going on where an earlier run stopped.

    surface: how the scan's own surface and colours go with the body; None leaves the model's, and so does a fit that
    failed, as they would lie in the wrong place.
    mesh_file: the scan, by default what `scan3d reconstruct` left. model_name: in the library, or a model's file; by
    default the user's choice. clothing: "auto", "tight" or "loose".
    Raises a Scan3dError for anything wrong with scan or model. A fit that is not good is written, and its checks fail.
    """
    started = Meter()
    take = Path(take).absolute()
    if not take.is_dir():
        raise InputError("There is no such folder.", str(take), "Give the folder of one capture.")
    if surface is not None:
        surface.maps.check()
    path = _mesh_path(take, mesh_file)
    scan = read_scan(path)
    clean(scan, where=str(path))  # a scan that cannot be fitted is told before a model is built
    model = default_model(progress) if model_name is None else model_called(model_name, progress)
    store = Store(take / ".scan3d")
    with store.locked():
        folder = make_fit(store, path, scan, model, FitOptions(clothing=clothing), progress=progress)
        fit = read_fit(folder)
        out = take / "results" / "body"
        summary = _write(out, take.name, path, scan, model, fit, folder.name, progress, started)
        if surface is not None and worst(fit.checks) is not Grade.FAIL:
            parameters = read_parameters(fit.body_file).parameters
            write_surface(store, out, path, scan, model, parameters, {"fit": folder}, surface, progress=progress)
        maps = out / "maps" / "maps.json"
        write_body_page(out, take.name, summary, json.loads(maps.read_text()) if maps.is_file() else None)
        link_pages(out.parent)
    return BodyFit(folder=out, checks=worst_first(fit.checks), summary=summary)


def _mesh_path(take: Path, mesh_file: Path | None) -> Path:
    if mesh_file is not None:
        if not mesh_file.is_file():
            raise InputError("There is no such mesh.", str(mesh_file), "Check the path.")
        return mesh_file.absolute()
    path = take / "results" / "mesh.ply"
    if not path.is_file():
        raise InputError("The take has no mesh yet.", str(path), "Run: scan3d reconstruct TAKE, or give --mesh FILE.")
    report = take / "results" / "report.json"
    try:
        metric = json.loads(report.read_text())["scale_is_metric"]
    except (OSError, ValueError, KeyError):
        metric = True
    if not metric:
        what = "The mesh of the take has no scale: the cameras' distances were not known."
        raise InputError(what, str(path), "Calibrate with a board or a known length, reconstruct again, then fit.")
    return path


def read_scan(path: Path) -> Mesh:
    """A mesh of triangles from a file; a .glb is turned from Y up to Z up. Raises InputError for what is none."""
    if path.suffix.lower() not in _READ:
        raise InputError(f"'{path.suffix}' is no mesh file known here.", str(path), f"Known are {', '.join(_READ)}.")
    if path.suffix.lower() == ".ply":
        try:
            return read_ply(path)
        except InputError:
            # An empty one, or one as text: another reader takes those.
            pass
    import trimesh

    try:
        loaded: Any = trimesh.load(path, process=False, force="mesh")
        vertices, faces = np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces, np.int32)
    except Exception as error:
        what = f"The mesh cannot be read: {error}."
        raise InputError(what, str(path), "Export it again, as binary PLY.") from error
    if path.suffix.lower() == ".glb" and len(vertices):
        vertices = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1)
    return Mesh(vertices=vertices.reshape(-1, 3), faces=faces.reshape(-1, 3))


def _write(
    out: Path, name: str, path: Path, scan: Mesh, model: BodyModel, fit: StoredFit, key: str, progress: Progress,
    started: Meter,
) -> dict[str, Any]:  # fmt: skip
    """body.npz, fitted.ply, distances.png and, last, fit.json; nothing where they come from the same fit already."""
    present = _present(out, key)
    if present is not None:
        return present
    with progress.task("results", 4) as task:
        (out / "fit.json").unlink(missing_ok=True)
        # They are those of another fit.
        (out / "detail.npz").unlink(missing_ok=True)
        remove_tree(out / "maps")
        write_bytes(out / "body.npz", fit.body_file.read_bytes())
        fitted = Mesh(vertices=fit.vertices, faces=model.faces)
        write_ply(fitted, out / "fitted.ply")
        task.advance()
        caption = Caption(title=name, note=f"{model.name} body, {fit.mean_m * 1e3:.1f} mm on average")
        write_bytes(out / "distances.png", distance_picture(scan, fitted, fit.facing_rad, caption))
        task.advance()
        measures = _measured(model, fit)
        task.advance()
        cost = started.cost()
        summary = {
            "grade": worst(fit.checks).value,
            "model": model.name,
            "mesh": str(path),
            "mesh_sha256": digest_of(path),
            "clothing": fit.clothing,
            "fingers": fit.fingers,
            "distance_mean_mm": round(1e3 * fit.mean_m, 3),
            "distance_p95_mm": round(1e3 * fit.p95_m, 3),
            "facing_deg": round(float(np.degrees(fit.facing_rad)), 2),
            "measurements": {
                one.name: {"mm": round(1e3 * one.value_m, 1), "sigma_mm": round(1e3 * one.sigma_m, 1), "how": one.how}
                for one in measures
                if np.isfinite(one.value_m)
            },
            "checks": [asdict(check) for check in fit.checks],
            "key": key,
            "wall_s": round(cost.seconds, 1),
            "cpu_s": round(cost.cpu_seconds, 1),
        }
        write_bytes(out / "fit.json", (json.dumps(summary, indent=1) + "\n").encode())
        task.advance()
    return summary


def _present(out: Path, key: str) -> dict[str, Any] | None:
    """The summary of the results that are there, if they were made of this fit."""
    try:
        summary: dict[str, Any] = json.loads((out / "fit.json").read_text())
    except (OSError, ValueError):
        return None
    whole = all((out / name).is_file() for name in ("body.npz", "fitted.ply", "distances.png"))
    return summary if summary.get("key") == key and whole else None


def _measured(model: BodyModel, fit: StoredFit) -> tuple[Measurement, ...]:
    """ISO 8559's measures, as unsure as the body's surface is; girths under loose clothing are inferred, not seen."""
    shape = np.asarray(read_parameters(fit.body_file).parameters.shape, np.float64)
    try:
        found = measure_body(model, shape, spread=Spread(vertex_m=fit.mean_m, common_m=0.25 * fit.mean_m))
    except (ValueError, InputError, IndexError, KeyError):
        return ()  # a model without the landmarks that measures are taken at
    return tuple(_under_cloth(one) for one in found) if fit.clothing == "loose" else found


def _under_cloth(one: Measurement) -> Measurement:
    """A measure as unsure as loose clothing makes it; head, neck, hands and feet are seen all the same."""
    if "girth" not in one.name or one.name.startswith(_BARE):
        return one
    return replace(one, sigma_m=float(np.hypot(one.sigma_m, _CLOTH_SIGMA * one.value_m)))


def lines(fit: BodyFit) -> list[str]:
    """What a person reads after the command."""
    summary = fit.summary
    head = (
        f"{summary['grade']}: {summary['distance_mean_mm']:.1f} mm on average between scan and body "
        f"({summary['distance_p95_mm']:.1f} mm at 95 %), {summary['clothing']} clothing"
    )
    told = [f"{check.grade.value}  {check.sentence()}" for check in fit.checks if check.grade is not Grade.PASS]
    return [head, *told, f"Results: {fit.folder}", f"Page: {fit.folder / 'body.html'}"]
