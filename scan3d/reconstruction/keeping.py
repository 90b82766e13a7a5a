"""How work in progress is kept, so that a run that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from scan3d.pipeline.store import Units


class Keeper(Protocol):
    """Keeps what a level has done so far."""

    def arrays(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The arrays kept under that name, made first if there are none."""

    def latest(self) -> tuple[int, dict[str, np.ndarray]] | None:
        """The last state put away by `put`, and its number."""

    def put(self, number: int, arrays: dict[str, np.ndarray]) -> None:
        """Put a state away in place of the one before."""


class UnitKeeper:
    """Keeps arrays as units of a stage that is being made.  `prefix` tells the levels of one stage apart."""

    def __init__(self, units: Units, prefix: str) -> None:
        self._units = units
        self._prefix = prefix

    def arrays(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """See Keeper."""
        return _read(self._units.run(f"{self._prefix}-{name}.npz", lambda path: _write(path, make())))

    def latest(self) -> tuple[int, dict[str, np.ndarray]] | None:
        """See Keeper."""
        found = self._states()
        return (int(found[-1].stem.rsplit("-", 1)[1]), _read(found[-1])) if found else None

    def put(self, number: int, arrays: dict[str, np.ndarray]) -> None:
        """See Keeper."""
        before = self._states()
        self._units.run(f"{self._prefix}-state-{number:06d}.npz", lambda path: _write(path, arrays))
        for path in before:
            path.unlink(missing_ok=True)

    def _states(self) -> list[Path]:
        folder = self._units.path("x").parent
        return sorted(folder.glob(f"{self._prefix}-state-*.npz"))


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
