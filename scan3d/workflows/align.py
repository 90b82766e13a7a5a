"""`scan3d align`: cameras from the photographs themselves.

photographs -> masks -> features -> matches -> mapping -> scale and upright -> calibration.toml
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.alignment_checks import check_alignment
from scan3d.calibration.colmap_model import SparsePoints, write_colmap_model
from scan3d.calibration.features import Features
from scan3d.calibration.sfm import SfmModel, read_model
from scan3d.calibration.targets import read_target
from scan3d.calibration.toml_file import read_calibration, write_calibration
from scan3d.capture.checks import check_output, require_good_take
from scan3d.capture.lenses import lens_groups
from scan3d.capture.take import Take
from scan3d.checks import Check, worst_first
from scan3d.errors import InputError, ReconstructionError
from scan3d.geometry import Rig
from scan3d.pipeline.aside import write_bytes
from scan3d.pipeline.executor import cpu_count
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.workflows.align_world import WorldOptions, place
from scan3d.workflows.alignment_stages import make_features, make_model
from scan3d.workflows.keep_calibration import kept_before

MAPPERS = ("incremental", "global")
_SOURCE = "scan3d align"
_MIN_FEATURES = 100


@dataclass(frozen=True, kw_only=True)
class AlignmentSummary:
    """What `align_take` leaves.

    registered: aligned cameras. unregistered: why each of the others was not. mean_px: mean reprojection
    error of the observations kept, mean_px_all of all. summary: the main figures, for people and machines. checks: of
    every camera and of the world, the worst first. before: where a calibration that was extended is kept.
    """

    calibration_path: Path
    report_path: Path
    registered: tuple[str, ...]
    unregistered: Mapping[str, str]
    mean_px: float
    mean_px_all: float
    scale_is_metric: bool
    summary: dict[str, Any]
    checks: tuple[Check, ...] = ()
    before: Path | None = None


def align_take(
    take_dir: Path,
    *,
    distance: tuple[str, str, float] | None = None,
    masks: bool | None = None,
    mapper: str = "incremental",
    intrinsics: str = "auto",
    front: str | None = None,
    target: str | None = None,
    floor: str | None = None,
    known: Path | None = None,
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
        target: a board or marker in the photographs, by the name or path of its target: the scale comes from it.
        floor: the board of that target which lies on the floor, face up: up and the floor come from it.
        known: a calibration of some of the cameras, which stay exactly as they are; also TAKE/calibration.toml where it
            leaves out cameras that have photographs. It decides scale and up.
    Raises:
        ReconstructionError: the photographs do not overlap enough. CalibrationError: the distance cannot be
        used.
        InputError: an option, or a calibration that align did not write and will not replace.
    """
    meter = Meter()
    take = Take.open(take_dir)
    own = take.root / "calibration.toml"
    world = WorldOptions(distance=distance, target=target, floor=floor, front=front, known=_known(take, own, known))
    _check_options(take, world, mapper)
    require_good_take(take, None)
    check_output(take)
    workers = workers or cpu_count()
    lenses = lens_groups(take.images(), intrinsics)
    store = Store(take.store)
    with store.locked():
        features = make_features(store, take, masks, progress, workers)
        model = read_model(make_model(store, features, lenses, mapper, progress, workers))
        unregistered = _unregistered(model, take, features)
        placed = place(model, take, features, world, source=_SOURCE, progress=progress, workers=workers)
        rig = placed.rig
        checks = worst_first([*check_alignment(model, unregistered), *placed.checks])
        report = {
            **_report(model, take, unregistered, features), **placed.words, "mapper": mapper,
            "checks": [asdict(check) for check in checks],
            "cost": {k: v for k, v in vars(meter.cost()).items() if k != "peak_mb"},
        }  # fmt: skip
        report_path = take.results / "align.json"
        _write_sparse(take, rig, placed.points)
        write_bytes(report_path, json.dumps(report, indent=1).encode())
        residuals = {name: found["mean_px"] for name, found in model.residuals.items()}
        before = kept_before(take.root, own) if _is_foreign(own) else None
        left_out = sorted(set(unregistered) - set(rig.camera_ids))
        write_calibration(rig, own, left_out=left_out, reprojection_px=residuals)
    return AlignmentSummary(
        calibration_path=own, report_path=report_path, registered=rig.camera_ids,
        unregistered=unregistered, mean_px=model.report["mean_px"], mean_px_all=model.report["mean_px_all"],
        scale_is_metric=rig.scale_is_metric, summary=report, checks=checks, before=before,
    )  # fmt: skip


def _is_foreign(own: Path) -> bool:
    """Whether there is a calibration that was not made from photographs by this command."""
    return own.is_file() and not read_calibration(own).source.startswith(_SOURCE)


def _known(take: Take, own: Path, known: Path | None) -> Rig | None:
    """The cameras that are known. Raises InputError where a calibration knows all and would be replaced."""
    if known is not None:
        rig = read_calibration(known)
    elif _is_foreign(own):
        rig = read_calibration(own)
    else:
        return None
    new = [camera_id for camera_id in take.camera_ids if camera_id not in rig]
    if new and len(take.camera_ids) - len(new) >= 2:
        return rig
    if known is not None:
        what = "The known calibration has all of the cameras already."
        if new:
            what = f"The known calibration has {len(take.camera_ids) - len(new)} of the take's cameras; two are needed."
        raise InputError(what, str(known), "Give one with some of the cameras; of all, see `scan3d check`.")
    what = "The take has a calibration that was not made from its photographs; it is not replaced."
    raise InputError(what, str(own), "Move it away first if the cameras shall be aligned anew.")


def _check_options(take: Take, world: WorldOptions, mapper: str) -> None:
    distance, front = world.distance, world.front
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
    if world.known is not None and (distance is not None or world.target is not None or front is not None):
        what = "The known cameras decide scale, up and front."
        raise InputError(what, world.known.source, "Leave --distance, --target and --front away.")
    if world.floor is not None and world.target is None:
        raise InputError("--floor names a board, and no target is given.", "", "Add --target NAME.")
    if world.target is not None:
        _check_target(world.target, world.floor)


def _check_target(name: str, floor: str | None) -> None:
    """Raise where the target cannot be read, or has no such board: before hours of work."""
    boards = [board.name for board in read_target(name).boards]
    if floor is not None and floor not in boards:
        raise InputError(f"The target {name} has no board {floor!r}.", "", f"Its boards are: {', '.join(boards)}.")


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
