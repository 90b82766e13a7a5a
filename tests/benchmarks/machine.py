"""Where and when something was measured, so that a figure can be judged later and elsewhere."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
_MEASURED = ("scan3d", "tests/benchmarks", "pyproject.toml")


def circumstances() -> dict[str, Any]:
    """Date, commit, machine and load, as they are now."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit_of(REPOSITORY),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "load": round(os.getloadavg()[0], 1),
    }


def finished(before: Mapping[str, Any]) -> dict[str, Any]:
    """The circumstances a measurement began with, and the load it ended with; both commits where it changed."""
    now = circumstances()
    same = now["commit"] == before["commit"]
    commit = before["commit"] if same else f"{before['commit']} to {now['commit']}"
    return {**before, "commit": commit, "load_at_end": now["load"]}


def middle_cpu_s(work: Callable[[], Any], runs: int, *, warm: bool = False) -> float:
    """CPU seconds of all threads, the middle of some runs. warm: one before them compiles the kernels."""
    if warm:
        work()
    spent = []
    for _ in range(runs):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def commit_of(repository: Path) -> str:
    """The short hash of the checkout, with a word where what is measured differs from it."""
    commit = _git(repository, "rev-parse", "--short", "HEAD")
    if not commit:
        return "unknown (not a git checkout)"
    return f"{commit} with changes" if _git(repository, "status", "--porcelain", "--", *_MEASURED) else commit


def _git(repository: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=repository, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
