"""report.html of a calibrated rig: one file without links, which draws report.json and computes nothing of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.report.charts import Measure, camera_table, plan_from_above
from scan3d.report.page_files import filled_in, palette_colour, write_page
from scan3d.report.rig_report.drawings import CARD_WIDTH, arrow_scale, camera_cards, facts, overlap
from scan3d.report.rig_report.numbers import RigReport, report_numbers

COLUMNS = (
    Measure("residual_px", "Residual", "px, median", 1.0, 2),
    Measure("outlier_share", "Left out", "% of corners", 100.0, 1),
    Measure("coverage", "Coverage", "% of image", 100.0, 0, more_is_worse=False),
    Measure("views", "Boards seen", "views", 1.0, 0, more_is_worse=False),
    Measure("centre_sd_mm", "Place", "\N{PLUS-MINUS SIGN} mm", 1.0, 2),
    Measure("rotation_sd_deg", "Direction", "\N{PLUS-MINUS SIGN} degrees", 1.0, 3),
    Measure("rise_px", "Edges", "px wide", 1.0, 1),
)
_FIELD_OF_CHECK = {
    "reprojection": "residual_px",
    "lens_model": "residual_px",
    "board_coverage": "coverage",
    "too_few_views": "views",
    "no_board_seen": "views",
    "centre_certainty": "centre_sd_mm",
    "rotation_certainty": "rotation_sd_deg",
    "sharpness": "rise_px",
}


def write_rig_report(folder: Path, report: RigReport) -> tuple[Path, Path]:
    """Writes report.json and report.html into a folder, each aside and renamed; returns their paths.

    Raises StorageError when the folder cannot be written to.
    """
    numbers = report_numbers(report)
    return write_page(folder, "report", numbers, render_rig_page(numbers))


def render_rig_page(numbers: Mapping[str, Any]) -> str:
    """The page of a report as `report_numbers` gives it, or as read back from report.json."""
    script = (files("scan3d.report") / "templates" / "rig.js").read_text(encoding="utf-8")
    placed = [camera for camera in numbers["cameras"] if camera["position_m"] is not None]
    plan, boards = plan_from_above(_about_the_boards(numbers, placed), _board_extent(numbers))
    return filled_in(
        "rig.html.j2",
        numbers,
        facts=facts(numbers),
        table=camera_table(_as_table(numbers), COLUMNS),
        plan=plan,
        board_radius=boards,
        placed=placed,
        cards=camera_cards(numbers),
        card_width=CARD_WIDTH,
        arrow_scale=arrow_scale(numbers),
        palette=[palette_colour(k / 8) for k in range(9)],
        overlap=overlap(numbers),
        script=script,
        # The page runs this one script and nothing else, whatever stands in a camera's name.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _as_table(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The report as `camera_table` reads one: limits and findings by the columns' fields."""
    cameras = []
    for camera in numbers["cameras"]:
        share = None if camera["outliers"] is None else camera["outliers"] / max(camera["corners"], 1)
        cameras.append({**camera, "outlier_share": share})
    limits: dict[str, float] = {"views": float(numbers["limits"]["warn_views"])}
    for name, column in _FIELD_OF_CHECK.items():
        # What a camera was warned from; a FAIL states the limit beyond it.
        found = [c["limit"] for c in numbers["checks"] if c["name"] == name and c["grade"] != "FAIL" and c["limit"]]
        if found and name not in ("lens_model", "too_few_views", "no_board_seen"):
            limits[column] = float(np.median(found)) * (0.01 if column == "coverage" else 1.0)
    findings = [
        {**finding, "measure": _FIELD_OF_CHECK.get(finding["measure"], "")}
        for finding in numbers["verdict"]["findings"]
    ]
    return {"cameras": cameras, "limits": limits, "verdict": {"findings": findings}}


def _board_extent(numbers: Mapping[str, Any]) -> list[float]:
    """How far the boards' middles reach in x and y, metres: the volume that was calibrated."""
    if not numbers["boards"]:
        return [0.0, 0.0]
    middles = np.array([np.mean(board["corners_m"], axis=0) for board in numbers["boards"]])
    return [float(v) for v in 2.0 * np.percentile(np.abs(middles - np.median(middles, axis=0)), 90, axis=0)[:2]]


def _about_the_boards(numbers: Mapping[str, Any], placed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cameras with the boards' middle as origin, so that the plan is centred wherever the world's origin is."""
    if numbers["boards"]:
        middle = np.median([np.mean(board["corners_m"], axis=0) for board in numbers["boards"]], axis=0)
    else:
        middle = np.mean([camera["position_m"] for camera in placed], axis=0) if placed else np.zeros(3)
    return [{**camera, "position_m": (np.array(camera["position_m"]) - middle).tolist()} for camera in placed]
