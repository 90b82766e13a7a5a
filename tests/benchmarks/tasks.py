"""What is measured: the sample rig capture, growth with views and pixels, memory at the size of a real rig.

SCAN3D_BENCH_SCALE shrinks (below 1) the photographs of growth and memory, to try the benchmark itself; the page
then says that its figures are of a trial.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.appearance_size import appearance_size
from tests.benchmarks.board_solver import calibration
from tests.benchmarks.body_fit import fit
from tests.benchmarks.captures import around_both_rings, sample_capture, scaled_take
from tests.benchmarks.colour_charts import colour
from tests.benchmarks.machine import circumstances, finished
from tests.benchmarks.materials import appearance
from tests.benchmarks.pictures import render
from tests.benchmarks.rights_registry import rights
from tests.benchmarks.run import copy_take, reconstruct, unit_seconds
from tests.benchmarks.scores import colour_scores, cost_of, mask_scores, shape_scores
from tests.benchmarks.skull import skull
from tests.benchmarks.virtual_studio import simulate
from tests.benchmarks.watermark import watermark

_PHOTOGRAPH_MPX = 0.9 * 1.2
_VIEWS_BY_SCALE = ((8, 1.0), (16, 1.0), (32, 1.0), (8, 0.5), (8, 2.0))  # 8, 16, 32 views; 0.27, 1.08, 4.32 Mpx
_TINY = (8, 0.125)  # what a run costs whatever its size
_MEMORY_SCALE = 5657 / 1200  # to 4243 x 5657: 24 megapixels


def head() -> dict[str, Any]:
    """Both qualities on the sample capture in fresh takes, without masks, against the truth.

    The unit is measured before and after, since the machine may have changed between.  A small run goes first:
    kernels are compiled once per machine, and that is no cost of a reconstruction.
    """
    source = sample_capture()
    made = circumstances()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for quality in ("preview", "standard"):
            reconstruct(scaled_take(source, Path(folder) / f"first_{quality}", around_both_rings(16), 0.25), quality)
        units = [unit_seconds(source / "images")]
        runs = {}
        for quality in ("preview", "standard"):
            take = copy_take(source, Path(folder) / quality)
            runs[quality] = (take, reconstruct(take, quality))
        units.append(unit_seconds(source / "images"))
        unit = sum(units) / len(units)
        for quality, (take, cost) in runs.items():
            result[quality] = cost_of(cost, take, unit)
            result[quality] |= shape_scores(source, take / "results") | colour_scores(source, take / "results")
            result[quality] |= mask_scores(source, take)
    return {"made": finished(made), "unit_cpu_s": unit, "units_cpu_s": units, **result}


def growth() -> dict[str, Any]:
    """CPU of `standard` with more views and with more pixels, and of a run so small that only fixed cost remains.

    Pixels grow with 8 views: 4 megapixels of 32 would take as long as all the rest.
    """
    source = sample_capture()
    made = circumstances()
    shrink = _shrink()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (count, scale) in enumerate((_TINY, *_VIEWS_BY_SCALE)):
            take = scaled_take(source, Path(folder) / str(number), around_both_rings(count), scale * shrink)
            size = {"views": count, "mpx": _PHOTOGRAPH_MPX * (scale * shrink) ** 2}
            rows.append(size | cost_of(reconstruct(take, "standard"), take))
    return {"made": finished(made), "trial": shrink != 1, "tiny": rows[0], "rows": rows[1:]}


def memory() -> dict[str, Any]:
    """Peak memory of `standard` and its stages with 64 views of 24 megapixels, upscaled, every camera twice."""
    source = sample_capture()
    made = circumstances()
    scale = _MEMORY_SCALE * _shrink()
    with tempfile.TemporaryDirectory() as folder:
        take = scaled_take(source, Path(folder) / "take", around_both_rings(32), scale, copies=2)
        cost = cost_of(reconstruct(take, "standard"), take)
        kept_mb = sum(path.stat().st_size for path in take.rglob("*") if path.is_file()) / 2**20
    size = {"views": 64, "mpx": _PHOTOGRAPH_MPX * scale**2, "disk_mb": kept_mb}
    return {"made": finished(made), "trial": _shrink() != 1, **size, **cost}


TASKS: dict[str, Callable[[], dict[str, Any]]] = {
    "head": head,
    "growth": growth,
    "memory": memory,
    "render": render,
    "simulate": simulate,
    "calibration": calibration,
    "rights": rights,
    "fit": fit,
    "watermark": watermark,
    "colour": colour,
    "appearance": appearance,
    "skull": skull,
    "appearance-size": appearance_size,
}


def _shrink() -> float:
    scale = float(os.environ.get("SCAN3D_BENCH_SCALE", "1"))
    if not 0 < scale <= 1:
        raise SystemExit(f"SCAN3D_BENCH_SCALE is {scale:g}: choose a factor above 0 and up to 1.")
    return scale
