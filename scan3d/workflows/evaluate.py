"""`scan3d evaluate`: a take's results beside its truth, which simulated takes have.

<take>/truth/mesh.ply             the surface: metres, world
<take>/truth/cameras/             optional: the exact cameras, a COLMAP model
<take>/truth/heldout/             optional: photographs that nobody was given, with their COLMAP model
<take>/truth/imperfections.json   optional: a list of `scan3d.simulate.subject.Imperfection`
<take>/truth/body.json            optional: numbers of the body; compared with results/body.json
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.colmap_model import find_colmap_model, read_colmap_model
from scan3d.calibration.upright import Similarity
from scan3d.capture.images import DEVELOPED, load_photograph
from scan3d.capture.take import Take
from scan3d.errors import CaptureError, InputError
from scan3d.geometry import Camera, Mesh, Rig
from scan3d.geometry.imperfections import Imperfection
from scan3d.pipeline.aside import write_bytes
from scan3d.pipeline.progress import Progress
from scan3d.report.comparison import comparison
from scan3d.report.mesh_files import read_ply
from scan3d.report.score import (
    CameraScore,
    MarkScore,
    MeshScore,
    ViewScore,
    fit_frame,
    load_model,
    rephotograph,
    score_cameras,
    score_imperfections,
    score_mesh,
)
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import encode_jpeg
from scan3d.workflows.cameras import rig_of


@dataclass(frozen=True, kw_only=True)
class BodyNumber:
    """One number of the body: as it truly is, and as the result says."""

    name: str
    truth: float
    result: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What `evaluate_take` finds. What could not be compared is empty, and None where there is no truth for it.

    frame: what moved the result onto the truth first, None where both are in one frame.
    """

    path: Path
    shape: MeshScore
    cameras: tuple[CameraScore, ...] | None
    views: tuple[ViewScore, ...] | None
    marks: tuple[MarkScore, ...] | None
    body: tuple[BodyNumber, ...] | None
    frame: Similarity | None


def evaluate_take(take_dir: Path, *, own_frame: bool | None = None, progress: Progress) -> Evaluation:
    """Compare TAKE/results with TAKE/truth; write TAKE/results/evaluation.json and, where there are held-out
    photographs and a textured model, evaluation.jpg with both beside each other.

    own_frame: the result lies in a frame of its own, as after `scan3d align`: it is first moved onto the truth by its
    cameras, and scaled where its scale is not metric. None: where the calibration says that `scan3d align` made it.
    Raises a Scan3dError where there are no results or no truth, or they cannot be compared.
    """
    take = Take.open(take_dir)
    truth_dir = _truth_of(take)
    rig = rig_of(take)
    exact = _exact_cameras(truth_dir)
    frame = _frame(rig, exact, own_frame)
    held_out = _held_out(truth_dir / "heldout")
    marks = _read_marks(truth_dir / "imperfections.json")
    body = _body(truth_dir / "body.json", take.results / "body.json")
    truth = SurfaceView(read_ply(truth_dir / "mesh.ply"))
    with progress.task("evaluate", 1 + len(held_out or ()) + bool(marks)) as task:
        task.note("shape")
        found = _moved(read_ply(take.results / "mesh.ply"), frame)
        shape = score_mesh(truth.mesh, found, cameras=(exact or rig).cameras)
        task.advance()
        model = _model(take.results, frame) if held_out or marks else None
        views, strips = [], []
        for camera, path in held_out or ():
            task.note(camera.camera_id)
            if model is not None:
                photograph = _photograph(camera, path)
                views.append(rephotograph(model, truth, camera, photograph))
                strips.append(comparison(model, camera, photograph))
            task.advance()
        scored = None
        if marks is not None:
            task.note("marks")
            scored = () if model is None else score_imperfections(marks, truth, model, cameras=(exact or rig).cameras)
            task.advance(bool(marks))
    evaluation = Evaluation(
        path=take.results / "evaluation.json",
        shape=shape,
        cameras=None if exact is None else score_cameras(exact, frame.apply_to_rig(rig) if frame else rig),
        views=None if held_out is None else tuple(views),
        marks=scored,
        body=body,
        frame=frame,
    )
    if strips:
        write_bytes(evaluation.path.with_suffix(".jpg"), encode_jpeg(_stacked(strips)))
    write_bytes(evaluation.path, json.dumps(as_json(evaluation), indent=1, allow_nan=False).encode())
    return evaluation


def _stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """One below the other, each at the left."""
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate([np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0))) for p in pictures])


def mean_view(views: tuple[ViewScore, ...]) -> dict[str, float]:
    """Each measure's mean over the views, without those that could not be measured."""
    names = ("psnr_db", "ssim", "ciede2000", "sharpness", "coverage")
    columns = {name: np.array([getattr(view, name) for view in views], np.float64) for name in names}
    return {n: float(c[np.isfinite(c)].mean()) if np.isfinite(c).any() else math.nan for n, c in columns.items()}


def marks_by_kind(marks: tuple[MarkScore, ...]) -> dict[str, dict[str, Any]]:
    """Per kind of mark: how many, how many of these at least two cameras see, how many of those are found, and how
    many of those would have been by chance.
    """
    table = {}
    for kind in sorted({score.mark.kind for score in marks}):
        of_kind = [score for score in marks if score.mark.kind == kind]
        seen = [score for score in of_kind if score.cameras is None or score.cameras >= 2]
        chances = [score.by_chance for score in seen if score.by_chance is not None]
        table[kind] = {
            "marks": len(of_kind),
            "seen": len(seen),
            "found": sum(score.found for score in seen),
            "by_chance": float(np.mean(chances)) * len(seen) if chances else None,
        }
    return table


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as JSON values; numbers that could not be measured are null."""
    views, marks, frame = evaluation.views, evaluation.marks, evaluation.frame
    document = {
        "format": "scan3d evaluation",
        "format_version": 1,
        "shape": asdict(evaluation.shape),
        "cameras": None if evaluation.cameras is None else [asdict(camera) for camera in evaluation.cameras],
        "rephotography": {"mean": mean_view(views), "views": [asdict(v) for v in views]} if views else None,
        "imperfections": {"kinds": marks_by_kind(marks), "marks": [asdict(m) for m in marks]} if marks else None,
        "body": None if evaluation.body is None else [asdict(number) for number in evaluation.body],
        "frame": None if frame is None else {"scale": frame.scale, "matrix": frame.world_from_model.matrix().tolist()},
    }
    cleaned: dict[str, Any] = _without_nan(document)
    return cleaned


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _truth_of(take: Take) -> Path:
    truth = take.root / "truth"
    if not (truth / "mesh.ply").is_file():
        raise InputError(
            "The take has no truth to compare with.",
            str(truth / "mesh.ply"),
            "Only simulated takes have one: make one with `scan3d simulate`.",
        )
    if not (take.results / "mesh.ply").is_file():
        raise InputError(
            "The take has no results yet.",
            str(take.results / "mesh.ply"),
            f"Run `scan3d reconstruct {take.root}` first.",
        )
    return truth


def _exact_cameras(truth_dir: Path) -> Rig | None:
    model = find_colmap_model(truth_dir / "cameras")
    return None if model is None else read_colmap_model(model)


def _frame(rig: Rig, exact: Rig | None, own_frame: bool | None) -> Similarity | None:
    aligned = rig.source.startswith("scan3d align")
    if not (aligned if own_frame is None else own_frame):
        return None
    if exact is None:
        raise InputError(
            "The result has a frame of its own, and the truth has no cameras that say where it lies.",
            "truth/cameras",
            "Put the exact cameras there as a COLMAP model.",
        )
    return fit_frame(exact, rig, with_scale=not rig.scale_is_metric)


def _moved(mesh: Mesh, frame: Similarity | None) -> Mesh:
    return mesh if frame is None else replace(mesh, vertices=frame.apply(mesh.vertices), normals=None)


def _model(results: Path, frame: Similarity | None) -> SurfaceView | None:
    """The textured model, None where the results hold a mesh only."""
    for name in ("model.obj", "model.glb"):
        if (results / name).is_file():
            mesh, texture = load_model(results / name)
            return SurfaceView(_moved(mesh, frame), texture)
    return None


def _held_out(folder: Path) -> list[tuple[Camera, Path]] | None:
    if not folder.is_dir():
        return None
    pictures = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in DEVELOPED}
    cameras = read_colmap_model(folder).cameras
    missing = [camera.camera_id for camera in cameras if camera.camera_id not in pictures]
    if missing:
        what = f"Photographs of the held-out cameras {', '.join(missing)} are missing."
        raise CaptureError(what, str(folder), "Copy the truth again, or simulate the take again.")
    return [(camera, pictures[camera.camera_id]) for camera in cameras]


def _photograph(camera: Camera, path: Path) -> np.ndarray:
    size = (camera.intrinsics.width, camera.intrinsics.height)
    return load_photograph(path, camera_id=camera.camera_id, expected_size=size).rgb


def _read_marks(path: Path) -> list[Imperfection] | None:
    rows = _read_json(path, list)
    if rows is None:
        return None
    try:
        return [Imperfection(**row) for row in rows]
    except TypeError as error:
        raise InputError(f"The marks cannot be read: {error}.", str(path), "Simulate the take again.") from error


def _body(truth_path: Path, result_path: Path) -> tuple[BodyNumber, ...] | None:
    """The numbers that both files have under one name."""
    truth, result = _read_json(truth_path, dict), _read_json(result_path, dict) or {}
    if truth is None:
        return None
    shared = [name for name in sorted(truth) if _is_number(truth[name]) and _is_number(result.get(name))]
    return tuple(BodyNumber(name=name, truth=truth[name], result=result[name]) for name in shared)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _read_json(path: Path, kind: type) -> Any:
    """What a JSON file holds, which has to be of a kind; None where there is no file."""
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"The file cannot be read: {error}.", str(path), "Make it again.") from error
    if not isinstance(value, kind):
        what = f"The file holds a JSON {type(value).__name__} where a {kind.__name__} is expected."
        raise InputError(what, str(path), "Make it again.")
    return value
