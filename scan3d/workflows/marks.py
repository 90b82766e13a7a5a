"""What `scan3d mark` runs: the marks of a file, read against the registry that is found and its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from scan3d.errors import InputError
from scan3d.rights.marks.certificates import read_anchor
from scan3d.rights.marks.detached import signature_path
from scan3d.rights.marks.lookup import MarkedUse, UseLookup
from scan3d.rights.marks.package import unpacked
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
    with _opened(folder) as lookup, _of_package(path) as file:
        return replace(verify(file, pem, lookup), path=path)


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


def _of_package(path: Path) -> AbstractContextManager[Path]:
    """The model in a package of one; any other file as it is, also a .zip that was signed as a whole."""
    package = path.suffix.lower() == ".zip" and not signature_path(path).is_file()
    return unpacked(path) if package else nullcontext(path)


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError("There is no such file.", str(path), "Check the path.")
