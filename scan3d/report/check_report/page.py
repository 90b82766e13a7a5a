"""check.html: one file without links or scripts, which draws check.json and computes nothing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.report.charts import Measure, camera_table, plan_from_above
from scan3d.report.check_report.numbers import CheckReport, check_numbers
from scan3d.report.page_files import Cell, filled_in, palette_colour, write_page

COLUMNS = (
    Measure("drift_px", "Drift", "px", 1.0, 2),
    Measure("places", "Compared", "places", 1.0, 0, more_is_worse=False),
    Measure("more_blur_px", "Blur", "px more than usual", 1.0, 1),
    Measure("exposure_stops", "Exposure off", "stops", 1.0, 2),
    Measure("white_balance_percent", "Colour off", "%", 1.0, 1),
    Measure("clipped_share", "At white", "% of subject", 100.0, 2),
)
_FIELD_OF_CHECK = {
    "drift": "drift_px",
    "focus": "more_blur_px",
    "exposure": "exposure_stops",
    "white_balance": "white_balance_percent",
    "clipping": "clipped_share",
}
_MOST_CAMERAS = 8
_WIDEST_DEG = 90.0
MAP_WIDTH, MAP_HEIGHT = 360.0, 140.0


@dataclass(frozen=True, kw_only=True)
class Ring:
    """A piece of the rings from above: an SVG path, its colour and words."""

    path: str
    colour: str
    words: str


def write_check_report(folder: Path, report: CheckReport) -> tuple[Path, Path]:
    """Writes check.json and check.html into a folder, each aside and renamed; returns their paths.

    Raises StorageError when the folder cannot be written to.
    """
    numbers = check_numbers(report)
    return write_page(folder, "check", numbers, render_check_page(numbers))


def render_check_page(numbers: Mapping[str, Any]) -> str:
    """The page of a report as `check_numbers` gives it, or as read back from check.json."""
    centre = numbers["volume"]["centre_m"]
    placed = [
        {**camera, "position_m": [p - c for p, c in zip(camera["position_m"], centre, strict=True)]}
        for camera in numbers["cameras"]
        if camera["position_m"] is not None
    ]
    plan, subject = plan_from_above(placed, [2.0 * numbers["volume"]["radius_m"]] * 2)
    coverage = numbers["coverage"]
    return filled_in(
        "check.html.j2",
        numbers,
        table=camera_table(_as_table(numbers), COLUMNS),
        plan=plan,
        subject=subject,
        walls=[
            ("cameras", wall(coverage, "cameras", _MOST_CAMERAS, "{:.0f} cameras"), "0", f"{_MOST_CAMERAS} and more"),
            ("angles", wall(coverage, "widest_deg", _WIDEST_DEG, "{:.0f}\N{DEGREE SIGN} apart"), "0\N{DEGREE SIGN}",
             f"{_WIDEST_DEG:.0f}\N{DEGREE SIGN} and more"),
        ],
        ring=ring(coverage),
        map_size=(MAP_WIDTH, MAP_HEIGHT),
        palette=[palette_colour(k / 8) for k in range(9)],
    )  # fmt: skip


def wall(coverage: Mapping[str, Any], field: str, full: float, words: str) -> list[Cell]:
    """The wall of the space unrolled, seen from outside: the subject's front in the middle, its left at the right."""
    values = coverage[field]
    rows, columns = len(values), len(values[0])
    wide, high = MAP_WIDTH / columns, MAP_HEIGHT / rows
    return [
        Cell(
            x=c * wide, y=(rows - 1 - r) * high, width=wide + 0.2, height=high + 0.2,
            colour=palette_colour(value / full) if value else "",
            words=f"{words.format(value)} at {coverage['height_m'][r]:.2f} m, {coverage['azimuth_deg'][c]:.0f} degrees",
        )
        for r, row in enumerate(values)
        for c, value in enumerate(row)
    ]  # fmt: skip


def ring(coverage: Mapping[str, Any], inner: float = 30.0, outer: float = 44.0) -> list[Ring]:
    """How many cameras see each side in the middle of the height's worst tenth: a ring from above, front below."""
    counts = np.quantile(np.array(coverage["cameras"], float), 0.1, axis=0)
    azimuth = np.deg2rad(coverage["azimuth_deg"])
    half = np.pi / len(azimuth)
    pieces = []
    for turn, count in zip(azimuth, counts, strict=True):
        ends = [(r * np.sin(t), r * np.cos(t)) for t, r in
                ((turn - half, outer), (turn + half, outer), (turn + half, inner), (turn - half, inner))]  # fmt: skip
        path = "M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in ends) + " Z"
        colour = palette_colour(count / _MOST_CAMERAS) if count else ""
        pieces.append(Ring(path=path, colour=colour, words=f"{count:.0f} cameras"))
    return pieces


def _as_table(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The report as `camera_table` reads one."""
    # Whether a drift counts is not told by its pixels alone, so it has no tick.
    limits: dict[str, float] = {}
    for name, column in _FIELD_OF_CHECK.items():
        found = [c["limit"] for c in numbers["checks"] if c["name"] == name and c["grade"] != "FAIL" and c["limit"]]
        if found and name != "drift":
            limits[column] = float(np.median(found)) * (0.01 if column == "clipped_share" else 1.0)
    findings: Sequence[Mapping[str, Any]] = [
        {**finding, "measure": _FIELD_OF_CHECK.get(finding["measure"], "")}
        for finding in numbers["verdict"]["findings"]
    ]
    return {"cameras": numbers["cameras"], "limits": limits, "verdict": {"findings": findings}}
