"""`scan3d align`: cameras from the photographs themselves.

photographs -> masks -> features -> matches -> mapping -> scale and upright -> calibration.toml
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.colmap_model import SparsePoints, write_colmap_model
from scan3d.calibration.features import Features
from scan3d.calibration.marks import locate, read_marks
from scan3d.calibration.sfm import SfmModel, read_model
from scan3d.calibration.toml_file import read_calibration, write_calibration
from scan3d.calibration.upright import subject_centre, up_direction, world_from_cameras
from scan3d.capture.checks import check_output, require_good_take
from scan3d.capture.lenses import lens_groups
from scan3d.capture.take import Take
from scan3d.errors import CalibrationError, InputError, ReconstructionError
from scan3d.geometry import Rig
from scan3d.pipeline.aside import write_bytes
from scan3d.pipeline.executor import cpu_count
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.workflows.alignment_stages import make_features, make_model

MAPPERS = ("incremental", "global")
_SOURCE = "scan3d align"
_MIN_FEATURES = 100


@dataclass(frozen=True, kw_only=True)
class AlignmentSummary:
    """What `align_take` leaves.

    registered: aligned cameras. unregistered: why each of the others was not. mean_px: mean reprojection
    error of the observations kept, mean_px_all of all. summary: the main figures, for people and machines.
    """

    calibration_path: Path
    report_path: Path
    registered: tuple[str, ...]
    unregistered: Mapping[str, str]
    mean_px: float
    mean_px_all: float
    scale_is_metric: bool
    summary: dict[str, Any]


def align_take(
    take_dir: Path,
    *,
    distance: tuple[str, str, float] | None = None,
    masks: bool | None = None,
    mapper: str = "incremental",
    intrinsics: str = "auto",
    front: str | None = None,
    progress: Progress,
    workers: int | None = None,
) -> AlignmentSummary:
    """Find a take's cameras from its photographs and write TAKE/calibration.toml and TAKE/results/align.json.

    Args:
        distance: two places and the metres between them; a place is a camera's name, or that of a mark in
            TAKE/marks.toml (see `scan3d.calibration.marks`). None leaves the scale arbitrary, labelled so:
            the cameras are then one unit away from the subject in the median.
        masks: None: features on the subject only, by the masks given or made where the backdrop allows,
            elsewhere anywhere. True: demand that. False: features anywhere; for a still subject before
            textured surroundings.
        mapper: "incremental", or "global" (faster with hundreds of photographs).
        intrinsics: which photographs share them, see `scan3d.capture.lenses`.
        front: the camera before the face; the first by name, if None.
    Raises:
        ReconstructionError: the photographs do not overlap enough. CalibrationError: the distance cannot be
        used.
        InputError: an option, or a calibration that align did not write and will not replace.
    """
    meter = Meter()
    take = Take.open(take_dir)
    _check_options(take, distance, mapper, front)
    require_good_take(take, None)
    check_output(take)
    workers = workers or cpu_count()
    lenses = lens_groups(take.images(), intrinsics)
    store = Store(take.store)
    with store.locked():
        features = make_features(store, take, masks, progress, workers)
        model = read_model(make_model(store, features, lenses, mapper, progress, workers))
        rig, points, placed = _place(model, take, distance, front)
        unregistered = _unregistered(model, take, features)
        calibration_path = take.root / "calibration.toml"
        report = {
            **_report(model, take, unregistered, features), **placed, "mapper": mapper,
            "cost": {k: v for k, v in vars(meter.cost()).items() if k != "peak_mb"},
        }  # fmt: skip
        report_path = take.results / "align.json"
        _write_sparse(take, rig, points)
        write_bytes(report_path, json.dumps(report, indent=1).encode())
        residuals = {name: found["mean_px"] for name, found in model.residuals.items()}
        write_calibration(rig, calibration_path, left_out=sorted(unregistered), reprojection_px=residuals)
    return AlignmentSummary(
        calibration_path=calibration_path, report_path=report_path, registered=rig.camera_ids,
        unregistered=unregistered, mean_px=model.report["mean_px"], mean_px_all=model.report["mean_px_all"],
        scale_is_metric=rig.scale_is_metric, summary=report,
    )  # fmt: skip


def _check_options(take: Take, distance: tuple[str, str, float] | None, mapper: str, front: str | None) -> None:
    if mapper not in MAPPERS:
        raise InputError(f"There is no mapper {mapper!r}.", "", f"Use one of {', '.join(MAPPERS)}.")
    if front is not None and front not in take.photographs:
        raise InputError(
            f"There is no photograph of camera {front!r}.", str(take.root), "Name one of the take's cameras."
        )
    if distance is not None:
        if not (np.isfinite(distance[2]) and distance[2] > 0):
            raise InputError(f"The distance {distance[2]} is not a length.", "", "Give metres, e.g. 0.85.")
        if distance[0] == distance[1]:
            raise InputError("The distance is from a place to itself.", "", "Name two cameras or marks.")
    own = take.root / "calibration.toml"
    if own.is_file() and not read_calibration(own).source.startswith(_SOURCE):
        what = "The take has a calibration that was not made from its photographs; it is not replaced."
        raise InputError(what, str(own), "Move it away first if the cameras shall be aligned anew.")


def _place(
    model: SfmModel, take: Take, distance: tuple[str, str, float] | None, front: str | None
) -> tuple[Rig, SparsePoints, dict[str, Any]]:
    """The rig and the sparse points in the world, and how the world was chosen."""
    rig = model.rig
    if front is not None and front not in rig:
        raise InputError(f"The front camera {front} could not be aligned.", str(take.root), "Name another one.")
    front = front or rig.camera_ids[0]
    scale = 1.0 / float(np.median(np.linalg.norm(rig.centres() - subject_centre(rig), axis=1)))
    if distance is not None:
        scale = _metric_scale(rig, take, distance)
    world = world_from_cameras(rig, model.points.xyz, front=front, scale=scale)
    _, tilt_rad = up_direction(rig)
    version = model.report["pycolmap"]
    placed = Rig(
        cameras=world.apply_to_rig(rig).cameras,
        scale_is_metric=distance is not None,
        source=f"{_SOURCE}, pycolmap {version}, {model.report['mean_px']:.3f} px",
    )
    points = SparsePoints(
        xyz=world.apply(model.points.xyz), rgb=model.points.rgb, error_px=model.points.error_px,
        views=model.points.views,
    )  # fmt: skip
    words = {
        "scale": "metric" if distance is not None else "arbitrary",
        "distance": None if distance is None else {"from": distance[0], "to": distance[1], "metres": distance[2]},
        "front_camera": front,
        "camera_tilt_about_up_deg": float(np.rad2deg(tilt_rad)),
    }
    return placed, points, words


def _metric_scale(rig: Rig, take: Take, distance: tuple[str, str, float]) -> float:
    marks_file = take.root / "marks.toml"
    marks = read_marks(marks_file) if marks_file.is_file() else {}
    a, b = (locate(name, rig, marks, marks_file) for name in distance[:2])
    between = float(np.linalg.norm(a - b))
    if between <= 1e-9:
        what = f"{distance[0]} and {distance[1]} are at the same place."
        raise CalibrationError(what, str(take.root), "Choose two places further apart.")
    return distance[2] / between


def _unregistered(model: SfmModel, take: Take, features: Mapping[str, Path]) -> dict[str, str]:
    """Why each photograph that is not in the model is not."""
    why = {}
    for camera_id, path in features.items():
        if camera_id in model.rig:
            continue
        count, pairs = len(Features.load(path)), model.verified_pairs[camera_id]
        if count < _MIN_FEATURES:
            reason = f"it has {count} features only: blurred, dark, without texture, or masked"
        elif not pairs:
            reason = "no other photograph shows the same place from a similar side"
        else:
            reason = f"it overlaps with {pairs} others, but not consistently enough to fix its place"
        why[camera_id] = f"{take.images()[camera_id].name}: {reason}"
    if len(model.rig) < max(2, 0.5 * len(features)):
        what = f"Only {len(model.rig)} of {len(features)} photographs could be aligned with each other."
        where = "; ".join([f"camera {camera_id}, {reason}" for camera_id, reason in why.items()][:3])
        raise ReconstructionError(
            what,
            f"{take.root} ({where}{' and others' if len(why) > 3 else ''})",
            "Smooth skin alone has too few features: photograph with more overlap, add texture (clothes, dots), "
            "or calibrate the rig with a target and put its calibration.toml here.",
        )
    return why


def _report(
    model: SfmModel,
    take: Take,
    unregistered: Mapping[str, str],
    features: Mapping[str, Path],
) -> dict[str, Any]:
    cameras = {
        camera.camera_id: {
            "photograph": take.images()[camera.camera_id].name,
            **model.residuals[camera.camera_id],
            "mask": Features.load(features[camera.camera_id]).note,
        }
        for camera in model.rig
    }
    return {
        "photographs": len(features), "registered": len(model.rig), "unregistered": dict(unregistered),
        **model.report, "cameras": cameras,
    }  # fmt: skip


def _write_sparse(take: Take, rig: Rig, points: SparsePoints) -> None:
    """The aligned model for other programs, in TAKE/results/align."""
    folder = take.results / "align"
    names = {c: str(path.relative_to(take.root / "images")) for c, path in take.images().items()}
    write_colmap_model(rig, folder, names, points=points)
