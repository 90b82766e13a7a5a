"""What a piece of work cost: wall seconds, CPU seconds, peak memory."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Cost:
    """seconds: wall clock. cpu_seconds: user and system, finished child processes included.
    peak_mb: largest resident memory of this process, MB of 2^20 bytes.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


class Meter:
    """Measures from its creation to cost()."""

    def __init__(self) -> None:
        _reset_peak()
        self._wall = time.perf_counter()
        self._cpu = _cpu_seconds()

    def cost(self) -> Cost:
        """What was spent since the meter was made."""
        return Cost(
            seconds=round(time.perf_counter() - self._wall, 3),
            cpu_seconds=round(_cpu_seconds() - self._cpu, 3),
            peak_mb=round(_peak_mb(), 1),
        )


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak() -> None:
    """Starts the kernel's high-water mark anew, so that a small stage after a big one shows its own peak."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # Not Linux, or not allowed: the peak is then that of the whole process so far.


def _peak_mb() -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1024
    except OSError:
        pass
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20
