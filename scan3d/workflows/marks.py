"""What `scan3d mark` runs: the marks of a file, read against the registry that is found and its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scan3d.errors import InputError
from scan3d.rights.marks.certificates import read_anchor
from scan3d.rights.marks.lookup import MarkedUse, UseLookup
from scan3d.rights.marks.verify import Verdict, trace, verify
from scan3d.rights.marks.watermark_search import Found
from scan3d.rights.settings import find_registry, read_settings


def verify_file(path: Path, *, registry: Path | None = None, anchor: Path | None = None) -> Verdict:
    """registry: the folder, else the one that is found near the file. anchor: a root.pem, else the registry's own.

    Raises InputError where a named registry or anchor is not there.
    """
    _check_there(path)
    folder = find_registry(registry, path)
    trusted = anchor or (None if folder is None else read_settings(folder).certificates)
    pem = None if trusted is None else read_anchor(trusted)
    with _opened(folder) as lookup:
        return verify(path, pem, lookup)


def trace_file(path: Path, *, registry: Path | None = None) -> tuple[Found | None, MarkedUse | None]:
    """The watermark in a picture's pixels, and the use that the registry, if there is one, knows for it."""
    _check_there(path)
    found = trace(path)
    with _opened(find_registry(registry, path)) as lookup:
        return found, None if found is None or lookup is None else lookup.by_watermark(found.id)


@contextmanager
def _opened(folder: Path | None) -> Iterator[UseLookup | None]:
    if folder is None:
        yield None
        return
    from scan3d.rights.marked_uses import RegistryLookup
    from scan3d.rights.registry import Registry

    registry = Registry.open(folder)
    try:
        yield RegistryLookup(registry)
    finally:
        registry.close()


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError("There is no such file.", str(path), "Check the path.")
