"""Progress in a terminal: a bar with the time remaining, or plain lines where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from scan3d.pipeline.progress import CancelToken, Task


class RichProgress:
    """Bars with elapsed and remaining time, drawn by rich on stderr."""

    def __init__(self, cancel: CancelToken, console: Console) -> None:
        self._cancel = cancel
        self._bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Prints a line above the bars."""
        self._bars.console.print(text, markup=False, highlight=False)

    def task(self, name: str, total: float) -> Task:
        return _RichTask(self._cancel, self._bars, name, total)


class _RichTask:
    def __init__(self, cancel: CancelToken, bars: Progress, name: str, total: float) -> None:
        self._cancel, self._bars = cancel, bars
        self._id = bars.add_task(name, total=total, note="")

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.update(self._id, note="" if kind is None else "stopped")
        if kind is None:
            self._bars.update(self._id, completed=self._bars.tasks[self._id].total)
        self._bars.stop_task(self._id)

    def advance(self, n: float = 1) -> None:
        self._bars.advance(self._id, n)
        self.check()

    def note(self, text: str) -> None:
        self._bars.update(self._id, note=text)

    def check(self) -> None:
        self._cancel.check()


class LineProgress:
    """One plain line per finished task, for logs and pipes."""

    def __init__(self, cancel: CancelToken, console: Console) -> None:
        self._cancel, self._console = cancel, console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def say(self, text: str) -> None:
        """Prints a line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def task(self, name: str, total: float) -> Task:
        return _LineTask(self._cancel, self.say, name)


class _LineTask:
    def __init__(self, cancel: CancelToken, say: Callable[[str], None], name: str) -> None:
        self._cancel, self._say, self._name = cancel, say, name
        self._start = time.perf_counter()

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._say(f"{self._name}: {time.perf_counter() - self._start:.1f} s")

    def advance(self, n: float = 1) -> None:
        self.check()

    def note(self, text: str) -> None:
        return None

    def check(self) -> None:
        self._cancel.check()


def terminal_progress(cancel: CancelToken) -> RichProgress | LineProgress:
    """Bars where stderr is a terminal, lines elsewhere."""
    console = Console(stderr=True)
    return RichProgress(cancel, console) if console.is_terminal else LineProgress(cancel, console)
