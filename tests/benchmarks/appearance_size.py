"""`scan3d appearance` at the size of a real rig: 60 views, 8 lamps, both polarisers, one tile of 8192 texels.

The take is a bumpy ball of a head's size under closed-form light: what matters is that real sizes go through the real
solve, files and marks, whole. SCAN3D_BENCH_SCALE shrinks texels and photographs; SCAN3D_BENCH_TAKE names a folder that
keeps the take.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scan3d.appearance.tone import linear_from_srgb
from scan3d.geometry import Mesh
from tests.benchmarks.ball_take import paint_at, painted_ball, write_ball_take
from tests.benchmarks.machine import circumstances, finished
from tests.benchmarks.run import run

_VIEWS, _LAMPS, _TEXELS, _SIDE_PX = 60, 8, 8192, 1225
_MOST_BYTES = 8e9


def appearance_size() -> dict[str, Any]:
    """Peak memory and CPU of a tile's solve, files and marks; how near it came to the paint."""
    scale = float(os.environ.get("SCAN3D_BENCH_SCALE", "1"))
    texels, side = round(_TEXELS * scale), round(_SIDE_PX * scale)
    made = circumstances()
    with tempfile.TemporaryDirectory() as folder:
        take = Path(os.environ.get("SCAN3D_BENCH_TAKE", folder)) / f"ball_{side}"
        if not (take / "results" / "model.obj").is_file():
            write_ball_take(take, _VIEWS, _LAMPS, side)
        cost = run([sys.executable, "-m", "tests.benchmarks.appearance_size", str(take), str(texels)])
        error = _albedo_error(take)
    return {
        "made": finished(made), "trial": scale != 1, "views": _VIEWS, "lamps": _LAMPS, "texture_size": texels,
        "mpx": side**2 / 1e6, "cpu_s": cost.cpu_s, "wall_s": cost.wall_s, "peak_mb": cost.peak_mb,
        "albedo_error": error, **cost.output,
    }  # fmt: skip


def solve(take: Path, texels: int) -> dict[str, Any]:
    """What `scan3d appearance` does, with a watch on its parts."""
    import scan3d.appearance.materials.solve as solving
    import scan3d.workflows.appearance as workflow
    from scan3d.pipeline.progress import Silent

    told: dict[str, Any] = {"parts_mb": {}, "parts_cpu_s": {}}
    names = ["rest"]

    def named(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def within(*given: Any, **options: Any) -> Any:
            start, inner = time.process_time(), sum(told["parts_cpu_s"].values())
            names.append(name)
            made = call(*given, **options)
            names.pop()
            spent = time.process_time() - start - (sum(told["parts_cpu_s"].values()) - inner)
            told["parts_cpu_s"][name] = told["parts_cpu_s"].get(name, 0) + spent
            return made

        return within

    threading.Thread(target=_watch, args=(names, told["parts_mb"]), daemon=True).start()
    watched = (
        ("what all texels share", solving, "first_solve"), ("texels", solving.Solver, "_fill"),
        ("files", workflow, "write_tile"), ("marks", workflow, "tile_marks"), ("page", workflow, "_write_page"),
    )  # fmt: skip
    for name, place, call in watched:
        setattr(place, call, named(name, getattr(place, call)))
    shutil.rmtree(take / "results" / "appearance", ignore_errors=True)
    workflow.solve_take(take, workflow.AppearanceOptions(texture_size=texels), progress=Silent())
    return told


def _watch(names: Sequence[str], peaks: dict[str, float]) -> None:
    """Keeps the largest resident size of each part."""
    import psutil

    process = psutil.Process()
    while True:
        name, size = names[-1], process.memory_info().rss / 2**20
        peaks[name] = max(peaks.get(name, 0.0), size)
        time.sleep(0.05)


def _albedo_error(take: Path) -> float:
    """Median share by which the albedo is off where it was measured, over some of the texels."""
    from scan3d.appearance.materials.surface import make_surface, points_of, texel_owners

    folder = take / "results" / "appearance"
    found = cv2.imread(str(folder / "albedo.1001.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    seen = cv2.imread(str(folder / "coverage.1001.png"), cv2.IMREAD_GRAYSCALE).ravel() == 255
    mesh, uv = painted_ball()
    painted = Mesh(vertices=mesh.vertices, faces=mesh.faces, uv=uv)
    surface = make_surface(painted, np.zeros(len(uv), np.int32), len(found), edge_m=1.0)
    index, face = texel_owners(surface, 0)
    some = np.flatnonzero(seen[index])[::97]
    points = points_of(surface, index[some], face[some])
    encoded = found.reshape(-1, 3)[points.index] / 65535
    albedo = linear_from_srgb(encoded)
    return float(np.median(np.abs(albedo / paint_at(points.position) - 1)))


def draw(result: Mapping[str, Any], made: str, table: Callable[[Sequence[Sequence[str]]], str]) -> str:
    """This benchmark's part of the page."""
    peak = result["peak_mb"] * 2**20
    met = "" if result["trial"] else f" Reach: <= 8 GB: {'met' if peak <= _MOST_BYTES else '**not met**'}."
    trial = " (a trial of the benchmark itself at another size)" if result["trial"] else ""
    rows = [
        (name, f"{mb * 2**20 / 1e9:.2f}", f"{result['parts_cpu_s'].get(name, 0) / 60:.1f}")
        for name, mb in result["parts_mb"].items()
        if name != "rest"
    ]
    return "\n".join(
        [
            f"## Skin at the size of a real rig{trial}\n",
            made,
            f"{result['views']} views of {result['mpx']:.2g} megapixels, {result['lamps']} lamps, crossed and parallel "
            f"polarisers, one tile of {result['texture_size']} texels, two thirds of which are surface: a bumpy ball "
            "of 24 cm with 347,000 faces, of which every view sees nearly half. Its albedo is "
            f"{100 * result['albedo_error']:.1f} % off by median.\n",
            table([("", "peak, GB", "CPU minutes"), *rows]),
            f"Peak {peak / 1e9:.2f} GB.{met} {result['cpu_s'] / 60:.0f} CPU minutes, {result['wall_s'] / 60:.0f} "
            "minutes; larger photographs cost their reading on top of that.\n",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(solve(Path(sys.argv[1]), int(sys.argv[2]))))
