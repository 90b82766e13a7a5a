"""Where things of the report's charts go: percentages and coordinates from the numbers of report.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scan3d.report.judge import GRADES

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """A column of the cameras' table: field of the JSON, head, unit, factor to that unit, decimals."""

    field: str
    head: str
    unit: str
    factor: float
    decimals: int
    more_is_worse: bool = True
    signed: bool = False


MEASURES = (
    Measure("shift_px", "Shift", "px", 1.0, 2),
    Measure("photometric_levels", "Colour off", "levels", 1.0, 1),
    Measure("exposure_ev", "Exposure", "stops", 1.0, 2, signed=True),
    Measure("sharpness", "Sharpness", "of the model", 1.0, 2, more_is_worse=False),
    Measure("depth_confirmed", "Depth agreed", "%", 100.0, 0, more_is_worse=False),
    Measure("calibration_px", "Calibration", "px", 1.0, 2),
    Measure("surface_seen", "Sees", "% of surface", 100.0, 0, more_is_worse=False),
)
_ROWS_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number as shown: value as in the JSON (None when not measured), text, bar and limit in percent of a
    cell.
    """

    value: float | None
    text: str
    bar: float
    limit: float | None
    flagged: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """A camera of the table."""

    camera_id: str
    grade: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class CameraTable:
    """heads: name and unit of each column; shown: the worst rows first, at least every flagged one; rest: the
    others.
    """

    heads: tuple[tuple[str, str], ...]
    shown: tuple[Row, ...]
    rest: tuple[Row, ...]


def camera_table(report: Numbers, columns: Sequence[Measure] = MEASURES) -> CameraTable:
    """The cameras, the worst first, with the columns that anything was measured for."""
    cameras = report["cameras"]
    measures = [m for m in columns if any(camera[m.field] is not None for camera in cameras)]
    flagged = {(finding["camera_id"], finding["measure"]) for finding in report["verdict"]["findings"]}
    scales = {m.field: _scale(m, cameras, report["limits"]) for m in measures}
    rows = []
    for camera in sorted(cameras, key=lambda camera: _badness(camera, report["limits"], measures)):
        name = camera["camera_id"]
        cells = tuple(
            _cell(camera[m.field], m, scales[m.field], report["limits"], (name, m.field) in flagged) for m in measures
        )
        rows.append(Row(camera_id=name, grade=camera["grade"], cells=cells))
    many = max(_ROWS_SHOWN, sum(row.grade != "good" for row in rows))
    # One or two rows behind a fold would only hide them.
    many = len(rows) if len(rows) <= many + 4 else many
    heads = tuple((m.head, m.unit) for m in measures)
    return CameraTable(heads=heads, shown=tuple(rows[:many]), rest=tuple(rows[many:]))


@dataclass(frozen=True, kw_only=True)
class PlanCamera:
    """A camera of the plan from above, in a square of -100 to 100 with the subject's front below.

    label_x, label_y, side   where its name goes, and on which side of it the camera's name stands.
    """

    camera_id: str
    grade: str
    x: float
    y: float
    turn_deg: float
    label_x: float
    label_y: float
    side: str


def rig_plan(report: Numbers) -> tuple[list[PlanCamera], float]:
    """The rig from above, and the radius of the subject in it."""
    return plan_from_above(report["cameras"], report["mesh"]["size_m"])


def plan_from_above(cameras: Sequence[Numbers], size: Sequence[float]) -> tuple[list[PlanCamera], float]:
    """Cameras (their position_m, forward, grade) from above, and the radius there of something `size` metres large."""
    if not cameras:
        return [], 0.0
    far = max(math.hypot(*camera["position_m"][:2]) for camera in cameras)
    scale = 78.0 / max(far, max(size[:2]), 1e-9)
    placed = []
    for camera in cameras:
        x, y = camera["position_m"][0] * scale, -camera["position_m"][1] * scale
        turn = math.degrees(math.atan2(-camera["forward"][1], camera["forward"][0]))
        length = max(math.hypot(x, y), 1e-9)
        placed.append(
            PlanCamera(
                camera_id=camera["camera_id"],
                grade=camera["grade"],
                x=x,
                y=y,
                turn_deg=turn,
                label_x=x * (length + 11) / length,
                label_y=y * (length + 11) / length,
                side="right" if x > 25 else "left" if x < -25 else "middle",
            )
        )
    # The flagged are drawn last, over the others.
    return sorted(placed, key=lambda camera: GRADES.index(camera.grade)), max(size[:2]) / 2 * scale


def bars(values: Sequence[float]) -> list[float]:
    """Heights in percent of the highest."""
    highest = max([*values, 1e-12])
    return [100.0 * value / highest for value in values]


def until_last(shares: Sequence[float]) -> list[float]:
    """The shares without the zeros at the end, at least three."""
    last = max([number for number, share in enumerate(shares) if share > 0], default=0)
    return list(shares[: max(last + 1, 3)])


def _scale(measure: Measure, cameras: Sequence[Numbers], limits: Mapping[str, float]) -> float:
    """The number that fills a cell."""
    values = [camera[measure.field] for camera in cameras]
    highest = max([abs(value) for value in values if value is not None], default=0.0)
    return max(highest, 1.6 * limits.get(measure.field, 0.0) if measure.more_is_worse else 0.0, 1e-12)


def _cell(value: float | None, measure: Measure, scale: float, limits: Mapping[str, float], flagged: bool) -> Cell:
    limit = 100.0 * limits[measure.field] / scale if measure.field in limits else None
    if value is None:
        return Cell(value=None, text="not measured", bar=0.0, limit=limit, flagged=False)
    text = f"{value * measure.factor:{'+' if measure.signed else ''}.{measure.decimals}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    text = text.replace("-", "\N{MINUS SIGN}")
    return Cell(value=value, text=text, bar=100.0 * abs(value) / scale, limit=limit, flagged=flagged)


def _badness(camera: Numbers, limits: Mapping[str, float], measures: Sequence[Measure]) -> tuple[int, float, str]:
    """Flagged first, then by how near the nearest limit is, then by name."""
    near = [0.0]
    for measure in measures:
        value, limit = camera[measure.field], limits.get(measure.field, 0.0)
        if value is not None and limit > 0:
            near.append(abs(value) / limit if measure.more_is_worse else limit / max(value, 1e-6))
    return -GRADES.index(camera["grade"]), -max(near), camera["camera_id"]
