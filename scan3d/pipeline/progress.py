"""The small protocol through which work says how far it is, and is told to stop.

The library reports to a Progress and knows nothing of terminals or browsers:

    with progress.task("depth maps", total=len(views)) as task:
        for view in views:
            ...
            task.advance()
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Protocol, Self

from scan3d.errors import CancelledError


class CancelToken:
    """A flag that another thread, or a signal handler, raises to stop the work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Asks the work to stop at its next report."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises CancelledError once cancel() was called."""
        if self._event.is_set():
            raise CancelledError()


class Task(Protocol):
    """One piece of work of known length, open between `with` and its end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def advance(self, n: float = 1) -> None:
        """`n` more of the total is done. Raises CancelledError when the user asked to stop."""

    def note(self, text: str) -> None:
        """A short word on what is being done right now."""

    def check(self) -> None:
        """Raises CancelledError when the user asked to stop."""


class Progress(Protocol):
    """Where work reports to."""

    def task(self, name: str, total: float) -> Task:
        """Opens a task of `total` steps (views, tiles, pixels)."""


class SilentTask:
    """A task that nobody watches, which can still be cancelled."""

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel

    def __enter__(self) -> Self:
        self._cancel.check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def advance(self, n: float = 1) -> None:
        self._cancel.check()

    def note(self, text: str) -> None:
        return None

    def check(self) -> None:
        self._cancel.check()


class Silent:
    """Progress for tests, notebooks and machines: shows nothing, cancels as any other."""

    def __init__(self, cancel: CancelToken | None = None) -> None:
        self._cancel = cancel or CancelToken()

    def task(self, name: str, total: float) -> Task:
        return SilentTask(self._cancel)
