"""Where things of the rig's charts go: coverage and residuals of a camera as small pictures, pairs as a heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scan3d.report.charts import bars
from scan3d.report.judge import GRADES
from scan3d.report.page_files import Cell, palette_colour

# A small picture is this many units wide; its height follows from the photograph's.
CARD_WIDTH = 160.0
_LONGEST_ARROW = 0.9  # of a cell
_SWATCH = 10.0


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A median residual, enlarged: from the middle of its cell."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, kw_only=True)
class CameraCard:
    """A camera's coverage, flow of residuals and histogram (columns, percent). height: of its small pictures."""

    camera: Mapping[str, Any]
    height: float
    cells: tuple[Cell, ...]
    arrows: tuple[Arrow, ...]
    columns: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """The pairs' heat map. size: of its square; names: words, place along an edge; cells: pairs that share shots."""

    size: float
    cell: float
    names: tuple[tuple[str, float], ...]
    cells: tuple[Cell, ...]
    most: int


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A figure of the whole rig: head, value in full, as text, and a line below."""

    head: str
    value: float | int | str
    text: str
    below: str


def arrow_scale(numbers: Mapping[str, Any]) -> float:
    """How much residuals are enlarged, one factor for all cameras: a usual camera's longest flow fills half a cell."""
    seen = [camera for camera in numbers["cameras"] if camera["residual_field"]]
    if not seen:
        return 1.0
    longest = [max(math.hypot(f["dx_px"], f["dy_px"]) for f in camera["residual_field"]) for camera in seen]
    typical = sorted(longest)[len(longest) // 2]
    width = seen[0]["width_px"]
    # A round number, as people read it: 1, 2, 5, 10, ...
    wanted = _LONGEST_ARROW * (width / 8) / max(typical, 1e-6) / 2
    power = 10.0 ** math.floor(math.log10(max(wanted, 1e-9)))
    return max(step * power for step in (1, 2, 5) if step * power <= wanted)


def camera_cards(numbers: Mapping[str, Any]) -> list[CameraCard]:
    """Small pictures of every camera, flagged ones first, otherwise in order."""
    scale = arrow_scale(numbers)
    most = max((max(max(row) for row in camera["coverage_counts"]) for camera in numbers["cameras"]), default=1)
    cameras = sorted(numbers["cameras"], key=lambda camera: -GRADES.index(camera["grade"]))
    return [_card(camera, scale, max(most, 1)) for camera in cameras]


def _card(camera: Mapping[str, Any], scale: float, most: int) -> CameraCard:
    counts = camera["coverage_counts"]
    rows, columns = len(counts), len(counts[0])
    height = CARD_WIDTH * camera["height_px"] / camera["width_px"]
    wide, high = CARD_WIDTH / columns, height / rows
    cells = tuple(
        Cell(
            x=c * wide, y=r * high, width=wide, height=high,
            colour=palette_colour(math.log1p(count) / math.log1p(most)) if count else "",
            words=f"{count} corners",
        )
        for r, row in enumerate(counts)
        for c, count in enumerate(row)
    )  # fmt: skip
    arrows = []
    for flow in camera["residual_field"]:
        x, y = (flow["column"] + 0.5) * wide, (flow["row"] + 0.5) * high
        dx, dy = (scale * flow[k] * CARD_WIDTH / camera["width_px"] for k in ("dx_px", "dy_px"))
        shorter = min(1.0, 2.5 * wide / max(math.hypot(dx, dy), 1e-9))
        arrows.append(Arrow(x1=x, y1=y, x2=x + dx * shorter, y2=y + dy * shorter))
    return CameraCard(
        camera=camera, height=height, cells=cells, arrows=tuple(arrows), columns=tuple(bars(camera["histogram"]))
    )


def overlap(numbers: Mapping[str, Any]) -> Overlap:
    """The heat map of pairs; every camera beside itself says how much it saw at all."""
    names: Sequence[str] = numbers["pairs"]["camera_ids"]
    shared: Sequence[Sequence[int]] = numbers["pairs"]["shared"]
    most = max((shared[a][b] for a in range(len(names)) for b in range(len(names)) if a != b), default=0)
    cells = []
    for a, one in enumerate(names):
        for b, other in enumerate(names):
            if a != b and shared[a][b]:
                words = f"{one} and {other}: {shared[a][b]} shots together"
                colour = palette_colour(shared[a][b] / max(most, 1))
                place = {"x": b * _SWATCH, "y": a * _SWATCH, "width": _SWATCH, "height": _SWATCH}
                cells.append(Cell(**place, colour=colour, words=words))
    labels = tuple((name, (k + 0.5) * _SWATCH) for k, name in enumerate(names))
    return Overlap(size=len(names) * _SWATCH, cell=_SWATCH, names=labels, cells=tuple(cells), most=most)


def facts(numbers: Mapping[str, Any]) -> list[Fact]:
    """The figures at the top of the page."""
    cameras = numbers["cameras"]
    solved = [camera for camera in cameras if camera["in_rig"]]
    shots = {(view["board"], view["shot"]) for view in numbers["boards"]}
    corners = sum(camera["corners"] for camera in cameras)
    found = [
        Fact(
            head="Cameras", value=len(solved), text=f"{len(solved)} of {len(cameras)}",
            below=f"{sum(camera['grade'] != 'good' for camera in cameras)} flagged",
        ),
        Fact(head="Boards", value=len(shots), text=f"{len(shots)}", below=f"{corners:,} corners"),
    ]  # fmt: skip
    if numbers["residual_px"] is not None:
        found.append(
            Fact(head="Residual", value=numbers["residual_px"], text=f"{numbers['residual_px']:.2f} px", below="median")
        )
    for head, key, unit, digits in (
        ("Place", "centre_sd_mm", "mm", 2),
        ("Direction", "rotation_sd_deg", "\N{DEGREE SIGN}", 3),
    ):
        known = sorted(camera[key] for camera in solved if camera[key] is not None)
        if known:
            middle, worst = known[len(known) // 2], known[-1]
            text = f"\N{PLUS-MINUS SIGN} {middle:.{digits}f} {unit}"
            found.append(Fact(head=head, value=middle, text=text, below=f"at worst {worst:.{digits}f}"))
    covered = sorted(camera["coverage"] for camera in cameras)
    if covered:
        found.append(
            Fact(
                head="Coverage", value=covered[len(covered) // 2], text=f"{covered[len(covered) // 2]:.0%}",
                below=f"at least {covered[0]:.0%}",
            )
        )  # fmt: skip
    return found
