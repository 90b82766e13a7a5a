"""A lock on a folder between processes, which a process that dies can never leave behind."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from scan3d.errors import StorageError
from scan3d.pipeline.aside import storage_errors

try:
    import fcntl
except ImportError:  # Windows has none of these locks; one run at a time is then up to the user.
    fcntl = None  # type: ignore[assignment]

_open_descriptors: set[int] = set()


def _forget_in_child() -> None:
    """A forked worker that outlives its parent must not keep the parent's locks."""
    for descriptor in _open_descriptors:
        os.close(descriptor)
    _open_descriptors.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class FolderLock:
    """Held by one process at a time; may be entered again, also from other threads of that process.

    The operating system keeps it (flock) and drops it the moment the process ends in any way, `kill -9`
    included. The process id in the file is for the message only, so a file left behind means nothing.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._depth = 0
        self._descriptor = -1

    def __enter__(self) -> Self:
        with self._guard:
            if self._depth == 0:
                self._acquire()
            self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._depth -= 1
            if self._depth == 0:
                if fcntl is not None:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                _open_descriptors.discard(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = -1

    def _acquire(self) -> None:
        with storage_errors(self._file.parent):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 4096, 0)
            os.close(descriptor)
            raise _in_use(self._file, holder) from error
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%H:%M:%S")})
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
        _open_descriptors.add(descriptor)
        self._descriptor = descriptor


def _in_use(file: Path, holder: bytes) -> StorageError:
    try:
        data = json.loads(holder)
        who = f"process {data['pid']} on {data['host']}, since {data['since']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return StorageError(
        "Another run is working on this take.",
        f"{file.parent} ({who})",
        "Wait until it has finished, or stop it.",
    )
