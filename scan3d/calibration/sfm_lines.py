"""What the mapping process says to its parent: lines of JSON on its standard output."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Any, Self


class LineTask:
    """A progress task whose watcher reads lines in the parent process."""

    def __init__(self, name: str, total: float) -> None:
        say({"task": name, "total": total})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def advance(self, n: float = 1) -> None:
        """`n` more of the total is done."""
        say({"advance": n})

    def note(self, text: str) -> None:
        """A short word on what is being done."""
        say({"note": text})

    def check(self) -> None:
        """The parent stops the work by ending this process."""


def say(message: dict[str, Any]) -> None:
    """One line to the parent."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
