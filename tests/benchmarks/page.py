"""The page that benchmarks write: docs/benchmarks.json holds the numbers, docs/benchmarks.md draws them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    appearance_size,
    board_solver,
    body_fit,
    colour_charts,
    materials,
    pictures,
    skull,
    watermark,
)
from tests.benchmarks.claims import HEAD, PREVIEW
from tests.benchmarks.growth import exponents
from tests.benchmarks.machine import REPOSITORY, circumstances
from tests.benchmarks.rights_registry import draw as draw_rights

_TITLE = (
    "# Benchmarks\n\nWritten by `make bench` (`python -m tests.benchmarks head growth memory`; the numbers alone\n"
    "lie in [benchmarks.json](benchmarks.json)). Each part says when, where and at which commit it was measured.\n"
)
_MOST_EXPONENT = 1.05
_MOST_MEMORY_MB = 8 * 1000**3 / 2**20
_MOST_OVERHEAD, _LEAST_CHEAPER = 0.15, 10.0
_AIM_MEMORY = (64, 24.0)  # views, megapixels


def write_page(name: str, result: Mapping[str, Any], docs: Path = REPOSITORY / "docs") -> str:
    """Keep a benchmark's result beside those of the others, write the page anew; returns this result's part of it."""
    docs.mkdir(parents=True, exist_ok=True)
    store = docs / "benchmarks.json"
    every = json.loads(store.read_text()) if store.exists() else {}
    every[name] = {"made": circumstances(), **result}
    parts = {key: draw(every[key]) for key, draw in _PARTS.items() if key in every}
    store.write_text(json.dumps(every, indent=1, default=float) + "\n")
    (docs / "benchmarks.md").write_text("\n".join([_TITLE, *parts.values()]))
    return parts[name]


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that reads well as text too: the first row is its head; numbers lie right, words left."""
    widths = [max(3, *(len(row[k]) for row in rows)) for k in range(len(rows[0]))]
    right = [k > 0 and all(_is_number(row[k]) for row in rows[1:]) for k in range(len(widths))]

    def line(row: Sequence[str]) -> str:
        cells = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)) + "|"
    return "\n".join([line(rows[0]), rule, *(line(row) for row in rows[1:])]) + "\n"


def _head(result: Mapping[str, Any]) -> str:
    standard, preview = result["standard"], result["preview"]
    rows = [("", "peer", "reach", "`standard`", "", "`preview`")]
    for claim in HEAD:
        value = standard.get(claim.key)
        row = (claim.words, claim.number(claim.peer), claim.reach_text(), claim.number(value), claim.verdict(value))
        rows.append((*row, claim.number(preview.get(claim.key))))
    wanted = [("`preview`", "reach", "measured", "")]
    for claim in PREVIEW:
        value = preview.get(claim.key)
        wanted.append((claim.words, claim.reach_text(), claim.number(value), claim.verdict(value)))
    return "\n".join(
        [
            "## The sample head: 32 cameras, 900 x 1200\n",
            _made(result["made"]),
            "The takes hold photographs and cameras: no masks, no truth. Accuracy and F are of `results/mesh.ply` "
            "against the exact surface, 300,000 samples each way; complete is what of the surface that at least two "
            "cameras see; colour is `results/model.obj` rendered into four cameras that were held out. The peer is "
            "OpenMVS 2.3.0 on the CPU at full resolution, given exact cameras, exact sparse points and undistorted "
            "photographs (its figures were measured once, on a quiet machine of two cores, and are not measured "
            "again here).\n",
            _unit_text(result),
            table(rows),
            table(wanted),
            "Where the CPU went, `standard`:\n",
            _stages(standard),
            "`preview`:\n",
            _stages(preview),
        ]
    )


def _growth(result: Mapping[str, Any]) -> str:
    tiny, rows = result.get("tiny"), result["rows"]
    head = ("views", "megapixels each", "CPU s", "wall s", "peak MB", "faces")
    lines = [head, *(_growth_row(row) for row in ([tiny] if tiny else []) + list(rows))]
    whole = exponents(rows)
    found = [
        ("CPU s against views x pixels", "all runs", "by views", "by pixels", "last doubling", "last fourfold"),
        ("all CPU", *(_number(x, 2) for x in _five(whole))),
    ]
    worst = whole.largest()
    if tiny:
        beyond = exponents(rows, tiny)
        found.append(("beyond the fixed cost", *(_number(x, 2) for x in _five(beyond))))
        worst = max(worst, beyond.largest())
    met = "met" if worst <= _MOST_EXPONENT else "**not met**"
    return "\n".join(
        [
            f"## Growth of `standard` with views and pixels{_trial(result)}\n",
            _made(result["made"]),
            table(lines),
            table(found),
            _fixed_text(tiny)
            + f"Reach: <= {_MOST_EXPONENT}; the largest of the exponents above is {worst:.2f}: {met}. An exponent "
            "below 1 says that something does not grow with the photographs: the mesh has a budget of faces, the "
            "texture one of texels, and the finest sweep one of pixels.\n",
        ]
    )


def _memory(result: Mapping[str, Any]) -> str:
    size, peak = (result["views"], result["mpx"]), result["peak_mb"]
    line = f"{size[0]} views of {size[1]:.3g} megapixels, `standard`: peak {peak * 2**20 / 1e9:.2f} GB, "
    line += f"{result['cpu_s'] / 60:.1f} CPU minutes, {result['wall_s'] / 60:.1f} minutes on the clock"
    line += f", {result['disk_mb'] / 1024:.1f} GB on disk. " if "disk_mb" in result else ". "
    if size[0] >= _AIM_MEMORY[0] and size[1] >= 0.99 * _AIM_MEMORY[1]:
        line += "Reach: <= 8 GB: " + ("met." if peak <= _MOST_MEMORY_MB else "**not met**.")
    else:
        line += "The reach of 8 GB is for 64 views of 24 megapixels: not measured here."
    return "\n".join(
        [
            f"## Memory at the size of a real rig{_trial(result)}\n",
            _made(result["made"]),
            line + " The photographs are those of the sample head, enlarged, each under two names.\n",
            *([_stages(result)] if "stages" in result else []),
        ]
    )


def _simulate(result: Mapping[str, Any]) -> str:
    met = "met" if result["overhead"] <= _MOST_OVERHEAD else "**not met**"
    cheaper = "met" if result["preview_times_cheaper"] >= _LEAST_CHEAPER else "**not met**"
    rows = [
        ("", "CPU s per million paths", "CPU s per photograph"),
        *(
            (name, _number(result.get(per_path), 3), _number(result.get(per_photograph), 2))
            for name, per_path, per_photograph in (
                ("`scan3d simulate`", "cpu_s_per_million_paths", "cpu_s_per_photograph"),
                ("bare Mitsuba", "bare_cpu_s_per_million_paths", ""),
                ("`--quality preview`", "", "preview_cpu_s_per_photograph"),
            )
        ),
    ]
    return "\n".join(
        [
            "## The virtual studio\n",
            _made(result["made"]),
            f"{result['photographs']} photographs of a dressed person by demo_16 (1200 x 1600, "
            f"{result['paths_a_pixel']} paths a pixel of the finer views), Mitsuba's {result['variant']}. Bare Mitsuba "
            "renders the same scene into the same views, and nothing else: no lens, no resampling, no preparation of "
            "a sensor.\n",
            table(rows),
            f"Overhead: {100 * result['overhead']:.0f} %; reach: <= {100 * _MOST_OVERHEAD:.0f} %: {met}. The preview "
            f"is {result['preview_times_cheaper']:.0f} times cheaper; reach: {_LEAST_CHEAPER:.0f}: {cheaper}.\n",
        ]
    )


def _calibration(result: Mapping[str, Any]) -> str:
    return board_solver.draw(result, _made(result["made"]), table)


def _fit(result: Mapping[str, Any]) -> str:
    drawn = body_fit.draw(result, _made(result["made"]), table)
    return drawn.replace("\n", f"{_trial(result)}\n", 1)


def _colour(result: Mapping[str, Any]) -> str:
    return colour_charts.draw(result, _made(result["made"]), table)


def _render(result: Mapping[str, Any]) -> str:
    return pictures.draw(result, _made(result["made"]), table)


def _appearance(result: Mapping[str, Any]) -> str:
    return materials.draw(result, _made(result["made"]), table)


def _appearance_size(result: Mapping[str, Any]) -> str:
    return appearance_size.draw(result, _made(result["made"]), table)


def _skull(result: Mapping[str, Any]) -> str:
    return skull.draw(result, _made(result["made"]), table)


def _rights(result: Mapping[str, Any]) -> str:
    return draw_rights(result, _made(result["made"]), table)


def _watermark(result: Mapping[str, Any]) -> str:
    return watermark.draw(result, _made(result["made"]), table)


_PARTS = {
    "head": _head,
    "growth": _growth,
    "memory": _memory,
    "simulate": _simulate,
    "render": _render,
    "calibration": _calibration,
    "rights": _rights,
    "fit": _fit,
    "watermark": _watermark,
    "colour": _colour,
    "appearance": _appearance,
    "skull": _skull,
    "appearance-size": _appearance_size,
}


def _made(made: Mapping[str, Any]) -> str:
    line = f"{made['date']}, commit {made['commit']}, {made['cores']} cores, {made['processor']}"
    if "load" in made:
        line += f", load {made['load']:.1f} at the start"
        line += f" and {made['load_at_end']:.1f} at the end" if "load_at_end" in made else ""
        line += " (above the number of cores, wall times tell of others' work too)"
    return line + ".\n"


def _unit_text(result: Mapping[str, Any]) -> str:
    runs = result.get("units_cpu_s", [result["unit_cpu_s"]])
    each = " and ".join(f"{run:.1f}" for run in runs)
    return (
        f"One unit is {result['unit_cpu_s']:.1f} CPU s here: `pycolmap.extract_features` with its defaults on the 32 "
        f"photographs ({each}{' before and after' if len(runs) == 2 else ''}). Kernels were compiled before, as they "
        "are once per machine.\n"
    )


def _stages(result: Mapping[str, Any]) -> str:
    rows = [("stage", "CPU s", "wall s", "peak MB")]
    for stage in (*result.get("stages", ()), {**result, "name": "all"}):
        cost = (_number(stage[k], n) for k, n in (("cpu_s", 1), ("wall_s", 1), ("peak_mb", 0)))
        rows += [(stage["name"], *cost)]
    return table(rows)


def _growth_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    digits = {"views": 0, "mpx": 3, "cpu_s": 1, "wall_s": 1, "peak_mb": 0, "faces": 0}
    return tuple(_number(row.get(key), n) for key, n in digits.items())


def _five(found: Any) -> tuple[float, ...]:
    return found.every, found.views, found.pixels, found.last_views, found.last_pixels


def _fixed_text(tiny: Mapping[str, Any] | None) -> str:
    if tiny is None:
        return ""
    return (
        f"The first run is so small that its {tiny['cpu_s']:.0f} CPU s are what every run pays; the lower row of "
        "exponents sets what a run costs beyond that against what it has beyond it. Pixels grow with 8 views. "
    )


def _trial(result: Mapping[str, Any]) -> str:
    return " (a trial of the benchmark itself at another size)" if result.get("trial") else ""


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _is_number(text: str) -> bool:
    try:
        float(text or 0)
    except ValueError:
        return False
    return True
