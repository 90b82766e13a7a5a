"""Runs the units of a stage (views, tiles) on the cores there are, or on a Dask scheduler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from scan3d.errors import MissingDependencyError, Scan3dError
from scan3d.pipeline.progress import Task

Item = TypeVar("Item")
Result = TypeVar("Result")

# How often a waiting run looks whether it was cancelled, seconds.
_POLL_S = 0.2
_CHUNK = 50_000


def run_units(
    fn: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    progress_task: Task | None = None,
    mode: str = "thread",
    scheduler_address: str | None = None,
) -> list[Result]:
    """fn of every item, in the order of the items.

    workers: how many at a time; default cpu_count().
    progress_task: advanced by one per finished unit; its cancellation stops the run once the units that are
    running have ended.
    mode: "thread" (the heavy libraries release the GIL) or "process" (fn and items must then be importable
    by a fresh interpreter).
    scheduler_address: a Dask scheduler, e.g. "tcp://10.0.0.5:8786"; it sees the same paths as we do.

    The first unit that fails, in the order of the items among those that ran, ends the run with its own
    exception, which names the item. Raises MissingDependencyError when Dask is asked for and not installed.
    """
    units = list(items)
    with _pool(mode, min(workers or cpu_count(), max(1, len(units))), scheduler_address) as submit:
        pending = [submit(fn, unit) for unit in units]
        try:
            _wait(pending, progress_task)
        except BaseException:
            for future in pending:
                future.cancel()
            raise
    return [future.result() for future in pending]


def run_chunks(count: int, work: Callable[[int, int], None], *, workers: int | None = None) -> None:
    """work(first, last) on chunks of `count` elements, on threads: for kernels that let go of the interpreter."""
    if count <= _CHUNK or workers == 1:
        work(0, count)
        return
    run_units(lambda first: work(first, min(first + _CHUNK, count)), range(0, count, _CHUNK), workers=workers)


def cpu_count() -> int:
    """Cores this process may use: those of its affinity, no more than the container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return cores


def _wait(pending: list[futures.Future[Any]], task: Task | None) -> None:
    """Until all are done, one has failed, or the task is cancelled."""
    rest = set(pending)
    while rest:
        done, rest = futures.wait(rest, timeout=_POLL_S, return_when=futures.FIRST_COMPLETED)
        if any(future.exception() is not None for future in done):
            raise next(e for e in (f.exception() for f in pending if f.done()) if e is not None)
        if task is not None:
            task.check()
            for _ in done:
                task.advance()


Submit = Callable[[Callable[[Item], Result], Item], "futures.Future[Result]"]


@contextmanager
def _pool(mode: str, workers: int, scheduler_address: str | None) -> Iterator[Submit[Any, Any]]:
    if scheduler_address is not None:
        with _dask_client(scheduler_address) as client:
            # Dask's own adapter to concurrent.futures; pure=False, for units write files.
            executor = client.get_executor(pure=False)
            yield lambda fn, item: executor.submit(_named, fn, item)
    elif mode == "thread":
        with futures.ThreadPoolExecutor(workers) as threads:
            yield lambda fn, item: threads.submit(_named, fn, item)
    elif mode == "process":
        import multiprocessing

        # A forked child would inherit the state of libraries with threads of their own, and hang in them.
        context = multiprocessing.get_context("spawn")
        with futures.ProcessPoolExecutor(workers, mp_context=context) as processes, _worker_death_explained():
            yield lambda fn, item: processes.submit(_named, fn, item)
    else:
        raise ValueError(f"mode is 'thread' or 'process', not '{mode}'")


def _named(fn: Callable[[Item], Result], item: Item) -> Result:
    """fn(item); what it raises says which item it was."""
    try:
        return fn(item)
    except Scan3dError as error:
        if not error.where:
            error.where = _label(item)
            error.args = (error.what, error.where, error.next_step)
        raise
    except Exception as error:
        error.add_note(f"in the unit {_label(item)}")
        raise


def _label(item: object) -> str:
    """What to call an item in a message: its camera or name if it has one."""
    for attribute in ("camera_id", "name"):
        value = getattr(item, attribute, None)
        if isinstance(value, str):
            return f"camera {value}" if attribute == "camera_id" else value
    text = str(item)
    return text if len(text) <= 80 else text[:77] + "..."


@contextmanager
def _worker_death_explained() -> Iterator[None]:
    from concurrent.futures.process import BrokenProcessPool

    try:
        yield
    except BrokenProcessPool as error:
        raise Scan3dError(
            "A worker process was ended from outside, most often because memory ran out.",
            "",
            "Run again with fewer --threads, or close other programs.",
        ) from error


def _dask_client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingDependencyError(
            "Running on a Dask scheduler needs the package 'distributed'.",
            address,
            "Install it with: pip install 'scan3d[dask]'",
        ) from error
    try:
        return Client(address, timeout=10)
    except OSError as error:
        raise Scan3dError(
            "The Dask scheduler does not answer.", address, "Check the address, and that it is running."
        ) from error
