"""`scan3d appearance` at the size of a real rig: 60 views, 8 lamps, both polarisers, one tile of 8192 texels.

The take is a bumpy ball of a head's size under closed-form light: what matters is that real sizes go through the real
solve, files and marks. Two runs: one of all sizes for the memory, which looks into a block of texels with every twelfth
view only and leaves the other blocks out (each holds the same), and a small one without any short cut for the time of a
texel and for what the samples hold. SCAN3D_BENCH_SCALE shrinks both; SCAN3D_BENCH_TAKE names a folder that keeps the
takes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scan3d.geometry import Mesh
from tests.benchmarks.ball_take import paint_at, painted_ball, write_ball_take
from tests.benchmarks.machine import circumstances, finished
from tests.benchmarks.run import run

_VIEWS, _LAMPS, _TEXELS, _SIDE_PX = 60, 8, 8192, 1225
_EVERY, _FEW_BYTES = 12, 16 << 20
_SMALL, _SMALL_PX = 1024, 306
_MOST_BYTES = 8e9


def appearance_size() -> dict[str, Any]:
    """Peak memory of a tile's solve, files and marks; CPU of a texel; how near the small run came to the paint."""
    scale = float(os.environ.get("SCAN3D_BENCH_SCALE", "1"))
    made = circumstances()
    result: dict[str, Any] = {"views": _VIEWS, "lamps": _LAMPS, "trial": scale != 1}
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(os.environ.get("SCAN3D_BENCH_TAKE", folder))
        for name, texels, side, every in (("large", _TEXELS, _SIDE_PX, _EVERY), ("small", _SMALL, _SMALL_PX, 1)):
            texels, side = round(texels * scale), round(side * scale)
            take = kept / f"{name}_{side}"
            if not (take / "results" / "model.obj").is_file():
                write_ball_take(take, _VIEWS, _LAMPS, side)
            cost = run([sys.executable, "-m", "tests.benchmarks.appearance_size", str(take), str(texels), str(every)])
            result[name] = {
                "texture_size": texels, "mpx": side**2 / 1e6, "cpu_s": cost.cpu_s, "wall_s": cost.wall_s,
                "peak_mb": cost.peak_mb, **cost.output,
            }  # fmt: skip
        result["albedo_error"] = _albedo_error(take)
    return {"made": finished(made), **result}


def solve(take: Path, texels: int, every: int) -> dict[str, Any]:
    """What `scan3d appearance` does, with a watch on its parts. every: above 1 solves the first block alone, with every
    so many views of all that are held, after a look at few samples and no shadows."""
    import scan3d.appearance.materials.solve as solving
    import scan3d.workflows.appearance as workflow
    from scan3d.pipeline.progress import Silent

    told: dict[str, Any] = {"blocks": 0, "texels": 0, "parts_mb": {}, "parts_cpu_s": {}}
    names = ["rest"]

    @contextmanager
    def part(name: str) -> Iterator[None]:
        start, within = time.process_time(), sum(told["parts_cpu_s"].values())
        names.append(name)
        yield
        names.pop()
        spent = time.process_time() - start - (sum(told["parts_cpu_s"].values()) - within)
        told["parts_cpu_s"][name] = told["parts_cpu_s"].get(name, 0) + spent

    class Watching(solving.Solver):
        def __init__(self, *given: Any, **options: Any) -> None:
            with part("what all texels share"):
                super().__init__(*given, **options)

        def _fill(self, maps: Any, rows: slice, points: Any) -> None:
            told["blocks"] += 1
            told["texels"] += len(points)
            if every > 1 and told["blocks"] > 1:
                # What is not written to takes no memory.
                maps.albedo[rows], maps.normal[rows], maps.trusted[rows] = 0.4, (0, 0, 1), 1
                maps.specular[rows], maps.roughness[rows], maps.residual[rows] = 0.028, 0.5, 0.01
                return
            with part("texels"):
                for number in range(len(self._views) if every > 1 else 0):
                    self._watched(number)
                super()._fill(maps, rows, points)
            if every > 1:
                solving.points_of = lambda surface, index, face: index  # type: ignore[assignment, return-value]

        def _sights(self, points: Any) -> Iterator[Any]:
            yield from (sight for sight in super()._sights(points) if sight[0] % every == 0)

    def named(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def within(*given: Any, **options: Any) -> Any:
            with part(name):
                return call(*given, **options)

        return within

    threading.Thread(target=_watch, args=(names, told["parts_mb"]), daemon=True).start()
    workflow.Solver = Watching  # type: ignore[misc]
    for name, call in (("write_tile", "files"), ("tile_marks", "marks"), ("_write_page", "page")):
        setattr(workflow, name, named(call, getattr(workflow, name)))
    shutil.rmtree(take / "results" / "appearance", ignore_errors=True)
    samples = solving.SolveOptions(table_bytes=_FEW_BYTES, visible=False) if every > 1 else solving.SolveOptions()
    options = workflow.AppearanceOptions(texture_size=texels, solve=samples)
    workflow.solve_take(take, options, progress=Silent())
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
    albedo = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return float(np.median(np.abs(albedo / paint_at(points.position) - 1)))


def cpu_minutes_per_4k(result: Mapping[str, Any]) -> float:
    """Of a map set of 4096 texels, two thirds of them surface, by the small run: its texels and files times as many."""
    small, parts = result["small"], result["small"]["parts_cpu_s"]
    times = (4096 / small["texture_size"]) ** 2
    grows = sum(parts.get(name, 0.0) for name in ("texels", "files", "marks"))
    return float((small["cpu_s"] + (times - 1) * grows) / 60)


def draw(result: Mapping[str, Any], made: str, table: Callable[[Sequence[Sequence[str]]], str]) -> str:
    """This benchmark's part of the page."""
    large, small = result["large"], result["small"]
    peak = max(large["peak_mb"], small["peak_mb"]) * 2**20
    met = "" if result["trial"] else f" Reach: <= 8 GB: {'met' if peak <= _MOST_BYTES else '**not met**'}."
    trial = " (a trial of the benchmark itself at another size)" if result["trial"] else ""
    sizes = (large["texture_size"], small["texture_size"])
    names = [name for name in large["parts_mb"] if name != "rest"]
    rows = [
        (
            name,
            *(f"{run['parts_mb'].get(name, 0) * 2**20 / 1e9:.2f}" for run in (large, small)),
            f"{small['parts_cpu_s'].get(name, 0):.1f}",
        )
        for name in names
    ]
    return "\n".join(
        [
            f"## Skin at the size of a real rig{trial}\n",
            made,
            f"{result['views']} views, {result['lamps']} lamps, crossed and parallel polarisers, one tile, two thirds "
            "of which are surface: a bumpy ball of 24 cm with 347,000 faces, of which every view sees nearly half. "
            f"Memory is that of maps of {large['texture_size']} texels from photographs of {large['mpx']:.2g} "
            "megapixels, the first block of texels solved with every twelfth view; time that of a whole run with maps "
            f"of {small['texture_size']} texels from {small['mpx']:.2g} megapixels, its albedo "
            f"{100 * result['albedo_error']:.1f} % off by median.\n",
            table([("", *(f"peak at {size}, GB" for size in sizes), f"CPU at {sizes[1]}, s"), *rows]),
            f"Peak {peak / 1e9:.2f} GB.{met} A set of 4K maps costs {cpu_minutes_per_4k(result):.0f} CPU minutes, "
            "reckoned from the small run's texels; reading larger photographs comes on top of that.\n",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(solve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
