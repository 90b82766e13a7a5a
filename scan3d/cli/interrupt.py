"""Ctrl-C: once to stop after the work in hand, twice to stop at once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scan3d.errors import CancelledError
from scan3d.pipeline.progress import CancelToken


@contextmanager
def cancelled_by_interrupt(cancel: CancelToken) -> Iterator[None]:
    """While open, Ctrl-C cancels the token instead of breaking off in the middle of something.

    The signals are read by a thread of its own through Python's wakeup descriptor: a handler would have to
    wait until the library call that the main thread is in comes back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    old_handler = signal.signal(signal.SIGINT, lambda number, frame: None)
    old_wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, cancel), name="interrupts", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(old_wakeup)
        signal.signal(signal.SIGINT, old_handler)
        writer.close()


def _watch(reader: socket.socket, cancel: CancelToken) -> None:
    with reader:
        while received := reader.recv(1):
            if received[0] != signal.SIGINT:
                continue
            if cancel.cancelled:
                # Safe at any instant: what is finished is on the disk, what is half written is swept away
                # by the next run.
                _tell("Stopped at once.")
                os._exit(CancelledError.exit_code)
            cancel.cancel()
            _tell("Stopping after the work in hand. Ctrl-C again stops at once.")


def _tell(text: str) -> None:
    print(f"\n{text}", file=sys.stderr, flush=True)
