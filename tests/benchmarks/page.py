"""The page that benchmarks write: docs/benchmarks.json holds the numbers, docs/benchmarks.md draws them."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
_DOCS = REPOSITORY / "docs"

# What OpenMVS 2.3.0 reached on the same photographs, every stage at full resolution, given exact cameras, exact sparse
# points and the masks; and what this project set out to reach, without masks.  Key, words, peer, reach, digits, least?
_HEAD = (
    ("f_0.25mm", "F at 0.25 mm", 0.874, 0.92, 3, True),
    ("f_0.5mm", "F at 0.5 mm", 0.956, 0.97, 3, True),
    ("f_1mm", "F at 1 mm", 0.987, 0.99, 3, True),
    ("accuracy_median_mm", "accuracy, median, mm", 0.0775, 0.058, 4, False),
    ("complete_1mm", "complete within 1 mm (what two cameras see)", 0.985, 0.988, 3, True),
    ("psnr_db", "held-out views, PSNR dB", 27.14, 29.6, 2, True),
    ("ssim", "held-out views, SSIM", 0.739, 0.80, 3, True),
    ("ciede2000", "held-out views, CIEDE2000", 2.63, None, 2, False),
    ("sharpness", "power between 2 and 8 px, of the photographs'", None, 0.9, 2, True),
    ("units", "CPU, every stage, in units of SIFT on the same photographs", 120, 10, 1, False),
    ("wall_over_cpu", "wall over CPU on two cores", None, 0.6, 2, False),
    ("cpu_s", "CPU s", None, None, 0, False),
    ("peak_mb", "peak memory, MB", 1700, None, 0, False),
    ("open_edges", "open edges (the cut of the bust)", None, None, 0, False),
    ("mask_iou_mean", "its masks against the renderer's, mean IoU", None, None, 4, True),
    ("mask_iou_worst", "its masks, worst IoU", None, None, 4, True),
)


def write_page(name: str, result: dict[str, Any]) -> str:
    """Keep a result with date, machine and commit, write the page anew, and return this result's part of it."""
    _DOCS.mkdir(exist_ok=True)
    store = _DOCS / "benchmarks.json"
    every = json.loads(store.read_text()) if store.exists() else {}
    every[name] = {"made": _made(), **result}
    store.write_text(json.dumps(every, indent=1) + "\n")
    parts = {key: _PARTS[key](every[key]) for key in _PARTS if key in every}
    head = (
        "# Benchmarks\n\nWritten by `make bench`. Figures of accuracy are against exact truth; no masks are given.\n\n"
    )
    (_DOCS / "benchmarks.md").write_text(head + "\n".join(parts.values()))
    return parts[name]


def _made() -> dict[str, Any]:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
        ).stdout.strip()

    return {
        "date": datetime.date.today().isoformat(),
        "commit": git("rev-parse", "--short", "HEAD"),
        "cores": os.cpu_count(),
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _line(made: dict[str, Any]) -> str:
    return f"{made['date']}, commit {made['commit']}, {made['cores']} cores, {made['processor']}\n"


def _head(result: dict[str, Any]) -> str:
    rows = [
        "## The sample head: 32 cameras, 900 x 1200\n",
        _line(result["made"]),
        f"One unit is {result['unit_cpu_s']:.1f} CPU s here: `pycolmap.extract_features` with its defaults. "
        f"Load average at the end: {result['load']:.1f} (wall times grow with it).\n",
        "| | peer (OpenMVS 2.3.0) | reach | standard | | preview |",
        "|---|---|---|---|---|---|",
    ]
    for key, words, peer, reach, digits, least in _HEAD:
        value = result["standard"].get(key)
        met = "" if reach is None else ("met" if (value >= reach if least else value <= reach) else "**not met**")
        cells = [words, _number(peer, digits), _reach(reach, least), _number(value, digits), met]
        rows.append("| " + " | ".join([*cells, _number(result["preview"].get(key), digits)]) + " |")
    preview = result["preview"]
    ok = preview["units"] <= 1.5 and preview["accuracy_median_mm"] <= 0.4
    rows.append(f"\nPreview: <= 1.5 units and a median <= 0.4 mm were wanted: {'met' if ok else '**not met**'}.\n")
    return "\n".join(rows)


def _growth(result: dict[str, Any]) -> str:
    rows = [
        "## Growth\n",
        _line(result["made"]),
        "| views | megapixels each | CPU s | wall s | peak MB |",
        "|---|---|---|---|---|",
    ]
    digits = {"views": 0, "mpx": 2, "cpu_s": 0, "wall_s": 0, "peak_mb": 0}
    rows += ["| " + " | ".join(_number(r[key], n) for key, n in digits.items()) + " |" for r in result["rows"]]
    rows.append(
        f"\nExponent of CPU against views x pixels {result['exponent']:.2f} (views {result['exponent_views']:.2f}, "
        f"pixels {result['exponent_pixels']:.2f}); <= 1.05 was wanted. Fixed costs (the mesh, the texture) keep it "
        "below 1 at this size.\n"
    )
    return "\n".join(rows)


def _memory(result: dict[str, Any]) -> str:
    return (
        "## Memory at the size of a real rig\n\n"
        + _line(result["made"])
        + f"\n{result['views']} views of {result['mpx']:.0f} megapixels, `standard`: "
        + f"peak {result['peak_mb'] / 1024:.1f} GB (<= 8 was wanted at 64 views of 24), "
        + f"{result['cpu_s'] / 60:.0f} CPU minutes, {result['wall_s'] / 60:.0f} minutes on the clock.\n"
    )


_PARTS = {"head": _head, "growth": _growth, "memory": _memory}


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _reach(reach: float | None, least: bool) -> str:
    return "" if reach is None else f"{'>=' if least else '<='} {reach:g}"
