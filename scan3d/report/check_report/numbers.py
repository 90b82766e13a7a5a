"""check.json: every number of a checked take as JSON values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scan3d.calibration.drift import Drift
from scan3d.calibration.volume_coverage import VolumeCoverage
from scan3d.capture.photo_measures import PhotoMeasures
from scan3d.capture.take_limits import TakeLimits
from scan3d.checks import Check, Grade, worst
from scan3d.geometry import Camera, Rig
from scan3d.report.page_files import plain

FORMAT, FORMAT_VERSION = "scan3d check report", 1
# The words of the other reports for grades.
WORDS = {Grade.PASS: "good", Grade.WARN: "look", Grade.FAIL: "bad"}
_BY_CHECK = {"focus": "blur_px", "exposure": "exposure_stops", "white_balance": "white_balance", "drift": "drift_px"}


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckReport:
    """What the report of a checked take is made of.

    title: the take. rig: its calibration, from the file named `calibration`. checks: the worst first. measures: of the
    photographs that could be read. drift: None where too few cameras are left to compare. refined: cameras that were
    put where they fit.
    """

    title: str
    created: str
    rig: Rig
    checks: tuple[Check, ...]
    coverage: VolumeCoverage
    drift: Drift | None
    measures: Mapping[str, PhotoMeasures]
    limits: TakeLimits
    refined: tuple[str, ...] = ()
    calibration: str = ""


def check_numbers(report: CheckReport) -> dict[str, Any]:
    """The report as JSON values; what was not measured is null. World frame, metres; pictures in pixels."""
    coverage, drift = report.coverage, report.drift
    names = [*report.rig.camera_ids, *sorted({c.camera_id for c in report.checks} - {"", *report.rig.camera_ids})]
    numbers = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "title": report.title,
        "created": report.created,
        "calibration": report.calibration,
        "scale_is_metric": report.rig.scale_is_metric,
        "verdict": _verdict(report),
        "checks": [dataclasses.asdict(check) | {"grade": check.grade.value} for check in report.checks],
        "cameras": [_camera(name, report) for name in names],
        "refined": list(report.refined),
        "compared": None if drift is None else {"places": drift.places, "noise_px": drift.noise_px},
        "volume": dataclasses.asdict(coverage.volume),
        "coverage": {
            "azimuth_deg": coverage.azimuth_deg.tolist(),
            "height_m": coverage.height_m.tolist(),
            "cameras": coverage.cameras.tolist(),
            "widest_deg": np.round(coverage.widest_deg, 2).tolist(),
            "in_picture": coverage.in_picture.tolist(),
        },
        "limits": dataclasses.asdict(report.limits),
    }
    return dict(plain(numbers))


def _camera(name: str, report: CheckReport) -> dict[str, Any]:
    placed: dict[str, Camera] = {camera.camera_id: camera for camera in report.rig}
    camera = placed.get(name)
    own = [check for check in report.checks if check.camera_id == name]
    measured = report.measures.get(name)
    found = {_BY_CHECK[check.name]: check.value for check in own if check.name in _BY_CHECK}
    drift = None if report.drift is None else report.drift.cameras.get(name)
    return {
        "camera_id": name,
        "grade": WORDS[worst(own)],
        "position_m": None if camera is None else camera.centre.tolist(),
        "forward": None if camera is None else camera.forward.tolist(),
        "drift_px": None if drift is None else drift.shift_px,
        "drift_chi2": None if drift is None else drift.chi2,
        "drift_named": None if drift is None else drift.named,
        "moved_m": None if drift is None else drift.twist[:3].tolist(),
        "turned_rad": None if drift is None else drift.twist[3:].tolist(),
        "places": None if drift is None else drift.observations,
        "blur_px": None if measured is None else measured.blur_px,
        "more_blur_px": found.get("blur_px"),
        "clipped_share": None if measured is None else measured.clipped_share,
        "luminance": None if measured is None else measured.luminance,
        "exposure_stops": found.get("exposure_stops"),
        "white_balance_percent": found.get("white_balance"),
    }


def _verdict(report: CheckReport) -> dict[str, Any]:
    grade = worst(report.checks)
    flagged = [check for check in report.checks if check.grade is not Grade.PASS]
    cameras = sorted({check.camera_id for check in flagged if check.camera_id})
    some = ", ".join(cameras[:4]) + (f" and {len(cameras) - 4} more" if len(cameras) > 4 else "")
    if grade is Grade.PASS:
        headline = "The take is good."
    elif cameras:
        headline = f"Look at {some}." if grade is Grade.WARN else f"The take is not good: look at {some}."
    else:
        headline = "Usable, with remarks." if grade is Grade.WARN else "The take is not good."
    findings = [
        {
            "grade": WORDS[check.grade], "camera_id": check.camera_id, "measure": check.name, "what": check.what,
            "next_step": check.next_step,
        }
        for check in flagged
    ]  # fmt: skip
    return {"grade": WORDS[grade], "headline": headline, "findings": findings}
