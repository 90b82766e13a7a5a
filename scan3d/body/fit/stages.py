"""The stage that fits a body model to a scan: from a mesh file and a model to body.npz, and how well it fits."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from scan3d.body.fit.fit import fit_body
from scan3d.body.fit_checks import fit_checks
from scan3d.body.model import BodyModel
from scan3d.body.parameters_file import model_hash, write_parameters
from scan3d.checks import Check, Grade
from scan3d.geometry import Mesh
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store

FIT = Stage(name="body-fit", version=3, tools=("numpy", "scipy", "numba", "open3d-cpu"))
BODY_FILE = "body.npz"
_ARRAYS, _ABOUT = "fit.npz", "fit.json"
_HUNDREDTHS = 100


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """clothing: "auto", "tight" or "loose"."""

    clothing: str = "auto"


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredFit:
    """What the stage left. vertices: (V, 3) of the model as fitted, world, metres. body_file: body.npz.

    checks: whether the fit is good. mean_m, p95_m: of the distances between scan and body. clothing: "tight" or
    "loose". facing_rad: the turn of the body about the vertical from facing -Y.
    """

    body_file: Path
    vertices: np.ndarray
    checks: tuple[Check, ...]
    mean_m: float
    p95_m: float
    clothing: str
    fingers: bool
    facing_rad: float


def make_fit(
    store: Store, mesh_file: Path, scan: Mesh, model: BodyModel, options: FitOptions, *, progress: Progress
) -> Path:
    """Folder with the fit of a model to a scan; `read_fit` reads it. mesh_file: what the scan comes from.

    Raises InputError where the scan cannot be one of a standing adult.
    """

    def work(out: Path) -> None:
        with progress.task("body fit", _HUNDREDTHS) as task:
            done = 0

            def report(share: float) -> None:
                nonlocal done
                task.advance(int(_HUNDREDTHS * share) - done)
                done = int(_HUNDREDTHS * share)

            fitted = fit_body(scan, model, clothing=options.clothing, where=str(mesh_file), report=report)
            front = fitted.front()
            about = {
                "checks": [asdict(check) for check in fit_checks(fitted)],
                "mean_m": float(np.abs(fitted.distance_m).mean()),
                "p95_m": float(np.percentile(np.abs(fitted.distance_m), 95)),
                "clothing": fitted.clothing,
                "fingers": fitted.fingers,
                "facing_rad": float(np.arctan2(front[0], -front[1])),
            }
            write_parameters(out / BODY_FILE, fitted.parameters, model)
            np.savez(out / _ARRAYS, vertices=fitted.vertices)
            (out / _ABOUT).write_text(json.dumps(about, indent=1) + "\n")
            report(1.0)

    return store.run(FIT, {"scan": mesh_file, "model": model_hash(model)}, options, work)


def read_fit(folder: Path) -> StoredFit:
    """What make_fit left in its folder."""
    about = json.loads((folder / _ABOUT).read_text())
    checks = tuple(Check(**{**row, "grade": Grade(row["grade"])}) for row in about.pop("checks"))
    with np.load(folder / _ARRAYS) as arrays:
        return StoredFit(body_file=folder / BODY_FILE, vertices=arrays["vertices"], checks=checks, **about)
