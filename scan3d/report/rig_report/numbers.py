"""report.json of a calibration: every number of the rig, its cameras and the boards they saw, as JSON values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scan3d.calibration.board_calibration import BoardCalibration
from scan3d.calibration.board_prediction import BoardPrediction
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.fit_checks import CameraResiduals, camera_residuals
from scan3d.calibration.targets import Target
from scan3d.calibration.verdict_limits import Limits
from scan3d.calibration.view_checks import GRID, coverage_counts
from scan3d.calibration.view_conflicts import Conflict, without
from scan3d.checks import Check, Grade, worst, worst_first
from scan3d.geometry import Camera
from scan3d.report.page_files import plain

FORMAT, FORMAT_VERSION = "scan3d rig report", 1
# The words of the other reports for grades.
WORDS = {Grade.PASS: "good", Grade.WARN: "look", Grade.FAIL: "bad"}
_HISTOGRAM_BINS = 24
_BOARDS_DRAWN = 400
_CELL_CORNERS = 12  # of a cell whose median residual is drawn


@dataclass(frozen=True, kw_only=True, eq=False)
class RigReport:
    """What a rig's report is made of.

    title: the folder that was calibrated. views: all that was seen, conflicts: which of it was set aside. calibration:
    None where nothing could be calibrated. written: where calibration.toml went, empty when it was not written.
    settings: options, versions, machine: mappings of words to JSON values.
    """

    title: str
    created: str
    target: Target
    views: BoardViews
    calibration: BoardCalibration | None
    checks: tuple[Check, ...]
    conflicts: tuple[Conflict, ...] = ()
    limits: Limits = field(default_factory=Limits)
    written: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def report_numbers(report: RigReport) -> dict[str, Any]:
    """The report as JSON values; numbers that are not finite are null. World frame, metres; pictures in pixels."""
    calibration, views = report.calibration, without(report.views, report.conflicts)
    prediction = None if calibration is None else BoardPrediction(calibration=calibration, target=report.target)
    residuals = {} if prediction is None else camera_residuals(prediction, views)
    cameras = [_camera(name, report, views, residuals.get(name)) for name in report.views.sizes]
    numbers: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "title": report.title,
        "created": report.created,
        "written": report.written,
        "target": _target(report.target),
        "verdict": _verdict(report, residuals),
        "checks": [dataclasses.asdict(check) | {"grade": check.grade.value} for check in worst_first(report.checks)],
        "cameras": cameras,
        "residual_px": _pooled_median(residuals),
        "histogram_px": [k * _histogram_top(residuals) / _HISTOGRAM_BINS for k in range(_HISTOGRAM_BINS + 1)],
        "pairs": _pairs(views, report.target),
        "groups": [] if calibration is None else [list(group) for group in calibration.groups],
        "world_frame": "" if calibration is None else calibration.world_frame,
        "scale_to_plan": None if calibration is None else calibration.scale_to_plan,
        "frame_offsets": {} if calibration is None else dict(calibration.frame_offsets),
        "boards": [] if prediction is None else _boards(prediction, views),
        "set_aside": [dataclasses.asdict(conflict) for conflict in report.conflicts],
        "limits": dataclasses.asdict(report.limits),
        "settings": dict(report.settings),
    }
    top = numbers["histogram_px"][-1]
    for camera in numbers["cameras"]:
        found = residuals.get(camera["camera_id"])
        camera["histogram"] = [] if found is None else _histogram(found, top)
    return dict(plain(numbers))


def _target(target: Target) -> dict[str, Any]:
    names = ("name", "kind", "columns", "rows", "square_m", "marker_m", "gap_m", "dictionary", "body")
    boards = [{name: getattr(board, name, None) for name in names} for board in target.boards]
    return {"name": target.name, "boards": boards}


def _verdict(report: RigReport, residuals: Mapping[str, CameraResiduals]) -> dict[str, Any]:
    grade = worst(report.checks)
    findings = [
        {
            "grade": WORDS[check.grade], "camera_id": check.camera_id, "measure": check.name, "what": check.what,
            "next_step": check.next_step,
        }
        for check in worst_first(report.checks)
        if check.grade is not Grade.PASS
    ]  # fmt: skip
    names = list(dict.fromkeys(finding["camera_id"] for finding in findings if finding["camera_id"]))
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    about = f" Look at {listed}." if names else ""
    median = _pooled_median(residuals)
    fit = "" if median is None or not math.isfinite(median) else f" Corners fit to {median:.2f} px."
    headline = {
        Grade.PASS: f"The rig is good.{fit}",
        Grade.WARN: f"Usable.{about or ' There are parts to look at.'}",
        Grade.FAIL: f"Not good.{about or ' See below.'}",
    }[grade]
    return {"grade": WORDS[grade], "headline": headline, "findings": findings}


def _camera(name: str, report: RigReport, views: BoardViews, found: CameraResiduals | None) -> dict[str, Any]:
    """What is known of one camera, seen by the rig or not."""
    calibration, seen = report.calibration, views.of_camera(name)
    counts = coverage_counts(report.views, name)
    faults = [check.name for check in report.checks if check.camera_id == name and check.grade is Grade.FAIL]
    width, height = report.views.sizes[name]
    rises = [view.sharpness for view in seen if math.isfinite(view.sharpness)]
    camera: dict[str, Any] = {
        "camera_id": name,
        "grade": WORDS[worst(check for check in report.checks if check.camera_id == name)],
        "fault": faults[0] if faults else "",
        "width_px": width,
        "height_px": height,
        "images": report.views.images.get(name),
        "views": len(seen),
        "set_aside": sum(conflict.camera_id == name for conflict in report.conflicts),
        "corners": sum(len(view.px) for view in seen),
        "coverage": float((counts > 0).mean()),
        "coverage_counts": counts.tolist(),
        "rise_px": float(np.median(rises)) if rises else None,
        "residual_px": None if found is None else found.median_px,
        "residual_field": [] if found is None else _field(found, width, height),
        "in_rig": calibration is not None and name in calibration.rig,
        "left_out": "" if calibration is None else calibration.left_out.get(name, ""),
    }
    camera |= {"position_m": None, "forward": None, "right": None, "down": None, "intrinsics": None, "lens": None}
    camera |= {"lens_scores_px": {}, "outliers": None, "rms_px": None, "alone_px": None, "intrinsics_sd": None}
    camera |= {"centre_sd_mm": None, "rotation_sd_deg": None}
    if calibration is not None:
        camera |= _solved(name, calibration)
    return camera


def _solved(name: str, calibration: BoardCalibration) -> dict[str, Any]:
    found: dict[str, Any] = {
        "lens": calibration.lens.get(name),
        "lens_scores_px": dict(calibration.lens_scores.get(name, {})),
        "alone_px": calibration.alone_px.get(name),
    }
    if name in calibration.intrinsics:
        found["intrinsics"] = dataclasses.asdict(calibration.intrinsics[name])
    if name in calibration.intrinsics_sd:
        found["intrinsics_sd"] = np.asarray(calibration.intrinsics_sd[name]).tolist()
    if name in calibration.reprojection_px:
        fit = calibration.reprojection_px[name]
        found |= {"outliers": fit.outliers, "rms_px": fit.rms_px}
    if name in calibration.covariance:
        covariance = np.asarray(calibration.covariance[name])
        found["centre_sd_mm"] = 1e3 * _largest_sd(covariance[:3, :3])
        found["rotation_sd_deg"] = math.degrees(_largest_sd(covariance[3:, 3:]))
        found["covariance"] = covariance.tolist()
    if name in calibration.rig:
        found |= _place(calibration.rig[name])
    return found


def _place(camera: Camera) -> dict[str, Any]:
    right, down, forward = camera.cam_from_world.rotation
    return {
        "position_m": camera.centre.tolist(), "forward": forward.tolist(), "right": right.tolist(),
        "down": down.tolist(), "cam_from_world": camera.cam_from_world.matrix().tolist(),
    }  # fmt: skip


def _largest_sd(covariance: np.ndarray) -> float:
    if not np.isfinite(covariance).all():
        return float("nan")
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(covariance)[-1])))


def _field(found: CameraResiduals, width: int, height: int) -> list[dict[str, Any]]:
    """Median residual by cell of the picture: what a lens model misses shows as a flow."""
    column = np.clip((found.px[:, 0] * GRID[1] / width).astype(int), 0, GRID[1] - 1)
    row = np.clip((found.px[:, 1] * GRID[0] / height).astype(int), 0, GRID[0] - 1)
    cells = []
    for r in range(GRID[0]):
        for c in range(GRID[1]):
            inside = (row == r) & (column == c)
            if inside.sum() >= _CELL_CORNERS:
                dx, dy = np.median(found.residuals[inside], axis=0)
                cells.append({"row": r, "column": c, "dx_px": dx, "dy_px": dy, "corners": int(inside.sum())})
    return cells


def _pooled_median(residuals: Mapping[str, CameraResiduals]) -> float | None:
    lengths = [np.linalg.norm(found.residuals, axis=1) for found in residuals.values()]
    return float(np.median(np.concatenate(lengths))) if lengths else None


def _histogram_top(residuals: Mapping[str, CameraResiduals]) -> float:
    """The residual that the histograms end at, one for all cameras: four times the rig's median, at least 1 px."""
    return max(1.0, round(4.0 * (_pooled_median(residuals) or 0.0), 1))


def _histogram(found: CameraResiduals, top: float) -> list[float]:
    """Shares of the corners by length of the residual; the last bin holds all that is beyond."""
    lengths = np.linalg.norm(found.residuals, axis=1).clip(max=top * (1 - 1e-9))
    counts, _ = np.histogram(lengths, bins=_HISTOGRAM_BINS, range=(0.0, top))
    return (counts / max(1, len(lengths))).tolist()


def _pairs(views: BoardViews, target: Target) -> dict[str, Any]:
    """In how many shots two cameras saw a board of the same body: names and a square table (diagonal: each alone)."""
    body = {board.name: board.body or board.name for board in target.boards}
    names = list(views.sizes)
    shots = {(body[view.board], view.shot) for view in views.views}
    number = {shot: k for k, shot in enumerate(sorted(shots))}
    seen = np.zeros((len(names), len(number)), int)
    row = {name: k for k, name in enumerate(names)}
    for view in views.views:
        seen[row[view.camera_id], number[body[view.board], view.shot]] = 1
    return {"camera_ids": names, "shared": (seen @ seen.T).tolist()}


def _boards(prediction: BoardPrediction, views: BoardViews) -> list[dict[str, Any]]:
    """Where boards were: their four outer corners in the world, and how many cameras of the rig saw them."""
    together: dict[tuple[str, str], list[Any]] = {}
    for view in views.views:
        if view.camera_id in prediction.calibration.rig:
            together.setdefault((view.board, view.shot), []).append(view)
    drawn = []
    for (name, shot), seen in list(together.items())[:_BOARDS_DRAWN]:
        place = prediction.world_from_board(seen[0])
        if place is not None:
            xy = np.asarray(prediction.boards[name].points_m)[:, :2]
            (left, top), (right, bottom) = xy.min(axis=0), xy.max(axis=0)
            corners = np.array([[left, top, 0], [right, top, 0], [right, bottom, 0], [left, bottom, 0]])
            drawn.append(
                {"board": name, "shot": shot, "corners_m": place.apply(corners).tolist(), "cameras": len(seen)}
            )
    return drawn
