"""Runs the program as a user does and measures what it cost: CPU with all children, wall, peak memory."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_POLL_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Run:
    """cpu_s: user + system of the process and its children.  peak_mb: the largest resident size seen."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    output: dict[str, Any]


def reconstruct(take: Path, quality: str) -> Run:
    """`scan3d reconstruct TAKE --quality Q --json` in a process of its own."""
    return run([sys.executable, "-m", "scan3d", "reconstruct", str(take), "--quality", quality, "--json"])


def run(command: Sequence[str]) -> Run:
    """Run a command to its end.  Raises RuntimeError with its output where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    peak = [0.0]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
        watcher.start()
        code = process.wait()
        watcher.join()
        wall = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        text = out.read()
        if code:
            raise RuntimeError(f"{' '.join(command)} failed with {code}:\n{text}\n{err.read()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = text.strip().splitlines()[-1] if text.strip() else "{}"
    return Run(cpu_s=cpu, wall_s=wall, peak_mb=peak[0], output=json.loads(last))


def unit_seconds(images: Path) -> float:
    """CPU seconds of pycolmap.extract_features, defaults, on a folder: the unit that carries to other machines."""
    code = (
        "from PIL import Image\nimport pycolmap, resource, sys, tempfile, json\n"
        "folder = tempfile.mkdtemp()\n"
        "a = resource.getrusage(resource.RUSAGE_SELF)\n"
        "pycolmap.extract_features(folder + '/a.db', sys.argv[1])\n"
        "b = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps({'cpu': b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime}))\n"
    )
    return float(run([sys.executable, "-c", code, str(images)]).output["cpu"])


def copy_take(source: Path, target: Path, cameras: Sequence[str] | None = None) -> Path:
    """Copy photographs and COLMAP model, nothing else: neither masks nor truth are given to what is measured."""
    (target / "images").mkdir(parents=True)
    for path in sorted((source / "images").iterdir()):
        if cameras is None or path.stem in cameras:
            shutil.copyfile(path, target / "images" / path.name)
    shutil.copytree(source / "colmap", target / "colmap", copy_function=shutil.copyfile)
    (target / "colmap").chmod(0o755)
    return target


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    import psutil

    try:
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            sizes = [p.memory_info().rss for p in [parent, *parent.children(recursive=True)]]
            peak[0] = max(peak[0], sum(sizes) / 2**20)
            time.sleep(_POLL_S)
    except psutil.NoSuchProcess:
        return
