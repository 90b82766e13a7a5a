"""report.json, which holds every number, and report.html, one file without links that draws it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scan3d.report.charts import bars, camera_table, rig_plan, until_last
from scan3d.report.data import Picture, ReportData
from scan3d.report.judge import judge, limits
from scan3d.report.page_files import embedded, filled_in, plain, write_page
from scan3d.report.pictures import PALETTE

FORMAT_VERSION = 1


def write_report(folder: Path, data: ReportData) -> tuple[Path, Path]:
    """Writes report.json and report.html into the folder, each aside and renamed; returns their paths.

    Raises StorageError when the folder cannot be written to.
    """
    report = report_json(data)
    return write_page(folder, "report", report, render_page(report, data.pictures))


def report_json(data: ReportData) -> dict[str, Any]:
    """The report as JSON values: the fields of ReportData with verdict, limits and shares that follow from
    them.

    Pictures are named with their size only. Numbers that are not finite become null.
    """
    verdict = judge(data)
    report: dict[str, Any] = {"format": "scan3d report", "format_version": FORMAT_VERSION}
    report |= {name: plain(value) for name, value in _fields(data).items() if name != "pictures"}
    report["verdict"] = plain(_fields(verdict))
    report["limits"] = plain(limits(data))
    for camera in report["cameras"]:
        camera["grade"] = verdict.of(camera["camera_id"])
    if data.coverage is not None:
        report["coverage"]["uncovered"] = data.coverage.below(data.thresholds.needed_cameras)
    if data.confidence is not None:
        report["confidence"]["unsure"] = data.confidence.below(data.thresholds.low_confidence)
    report["peak_mb"] = max((stage.peak_mb for stage in data.stages), default=0.0)
    report["pictures"] = [
        {"section": p.section, "caption": p.caption, "width_px": p.rgb.shape[1], "height_px": p.rgb.shape[0]}
        for p in data.pictures
    ]
    return report


def render_page(report: Mapping[str, Any], pictures: tuple[Picture, ...] = ()) -> str:
    """The HTML page of a report: no scripts, no links, pictures inside.

    report    as `report_json` gives it, or as read back from report.json.
    pictures  those that the report names; without them the page has numbers only.
    """
    plan, subject = rig_plan(report)
    return filled_in(
        "report.html.j2",
        report,
        filters={"duration": _duration, "megabytes": _megabytes, "share": _share},
        table=camera_table(report),
        plan=plan,
        subject=subject,
        bars=bars,
        covered=until_last(report["coverage"]["shares"]) if report["coverage"] else [],
        pictures=_by_section(pictures),
        palette=["#" + "".join(f"{round(255 * channel):02x}" for channel in colour) for colour in PALETTE],
    )


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _by_section(pictures: tuple[Picture, ...]) -> dict[str, dict[str, Any]]:
    """What the template needs of each picture: its data URI, size and caption."""
    return {picture.section: {**embedded(picture.rgb), "caption": picture.caption} for picture in pictures}


def _duration(seconds: float) -> str:
    """12.3 s, 4 min 05 s, 1 h 02 min."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _megabytes(size: float) -> str:
    return f"{size:.0f} MB" if size < 1000 else f"{size / 1024:.1f} GB"


def _share(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f} %" if 0 < percent < 9.95 else f"{percent:.0f} %"
