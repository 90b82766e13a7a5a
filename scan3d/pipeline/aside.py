"""Files and folders appear whole or not at all: written aside, flushed to the disk, renamed into place."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scan3d.errors import Scan3dError, StorageError

TEMPORARY_PREFIX = ".tmp-"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_NEARLY_FULL_BYTES = 4 << 20


@contextmanager
def storage_errors(where: Path) -> Iterator[None]:
    """Turns a full disk or a folder that may not be written to into a StorageError naming `where`.

    Libraries report a full disk in many ways of their own, so any other failure while next to nothing is
    free counts as one too.
    """
    try:
        yield
    except Scan3dError:
        raise
    except OSError as error:
        raised = storage_error(error, where)
        if raised is None:
            raise
        raise raised from error
    except Exception as error:
        if free_bytes(where) < _NEARLY_FULL_BYTES:
            raise _disk_full(where) from error
        raise


def storage_error(error: OSError, where: Path) -> StorageError | None:
    """The StorageError that says this to the user; None for an error that is not about storage."""
    named = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else where
    if error.errno in _FULL:
        return _disk_full(named)
    if error.errno in _REFUSED and named.absolute().is_relative_to(where.absolute()):
        return StorageError(
            "The folder cannot be written to.",
            str(named),
            "Make it writable, or copy the take to a folder of your own; photographs are never changed.",
        )
    return None


def free_bytes(path: Path) -> int:
    """Bytes free on the disk that holds `path`, which need not exist yet."""
    existing = path.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    return shutil.disk_usage(existing).free


def _disk_full(where: Path) -> StorageError:
    return StorageError(
        "The disk is full.",
        str(where),
        "Free some space, then run the same command again: it goes on where it stopped.",
    )


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yields a name beside `path` to write a file to; on leaving it is flushed and renamed to `path`.

    If the body raises, the file aside is removed and `path` stays what it was. The name keeps the suffix,
    for libraries that choose a format by it. Raises StorageError on a full disk or a read-only folder.
    """
    aside = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{threading.get_ident()}-{path.name}")
    with storage_errors(path.parent):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep_aside(path)
            yield aside
            flush_tree(aside)
            aside.replace(path)
            flush_folder(path.parent)
        except BaseException:
            remove_tree(aside)
            raise


def sweep_aside(path: Path) -> None:
    """Removes what killed processes left of `path` while they wrote it."""
    for left in path.parent.glob(f"{TEMPORARY_PREFIX}*-{glob.escape(path.name)}"):
        owner = left.name.removeprefix(TEMPORARY_PREFIX).split("-")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            remove_tree(left)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_bytes(path: Path, *chunks: bytes | memoryview) -> None:
    """Writes the chunks one after another to `path`, whole or not at all. Raises StorageError."""
    with written_aside(path) as aside, aside.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)


def flush_tree(path: Path) -> None:
    """Forces a file, or a folder with all that is in it, out to the disk."""
    if not path.is_dir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
        return
    for child in sorted(path.iterdir()):
        if not child.is_symlink():
            flush_tree(child)
    flush_folder(path)


def flush_folder(folder: Path) -> None:
    """Forces a folder's list of names out to the disk, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems cannot flush a folder; the rename itself is atomic there all the same.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Removes a file or folder if it is there; what cannot be removed is left, without a word."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
