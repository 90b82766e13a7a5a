"""The body models at hand: the open one, built on first use, and those the user has added."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scan3d.body.model import BodyModel
from scan3d.body.model_file import read_body_model, write_body_model
from scan3d.errors import InputError, StorageError
from scan3d.pipeline.progress import Progress, Silent

OPEN = "open"
_CHOSEN = "default.txt"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model of the library. file: where it lies; that of the open one may not have been built yet."""

    name: str
    file: Path
    is_default: bool


def default_model(progress: Progress | None = None) -> BodyModel:
    """The model every command uses: the one the user added last or chose, else the open one.

    The open one is built on first use, which takes about a minute. Raises InputError, StorageError.
    """
    return model_called(_chosen(), progress)


def model_called(name: str, progress: Progress | None = None) -> BodyModel:
    """A model by its name in the library, or by the path of its file. Raises InputError, StorageError."""
    if name == OPEN:
        return open_model(progress)
    return _read(model_path(name))


def model_path(name: str) -> Path:
    """The file of a model by its name in the library, or the path of a file itself. Raises InputError."""
    for entry in entries():
        if entry.name == name:
            return entry.file
    path = Path(name)
    if path.is_file():
        return path
    known = ", ".join(entry.name for entry in entries())
    raise InputError(
        f"There is no body model called '{name}'.", "", f"Known are: {known}. Or give the path of a model file."
    )


def open_model(progress: Progress | None = None) -> BodyModel:
    """The open body, from the cache or built now. Raises StorageError where it cannot be kept."""
    path = open_model_path()
    if path.is_file():
        with suppress(InputError):  # a damaged file is built anew
            return _read(path)
    from scan3d.body.open_model.build import build_open_model

    built = build_open_model(progress or Silent()).model
    keep(path, lambda file: write_body_model(built, file))
    _forget_old(path)
    return _read(path)


def open_model_path() -> Path:
    """Where the open body is kept once built: a name that changes with what it is built from."""
    return _folder("XDG_CACHE_HOME", ".cache") / f"body-{_version()}.npz"


def entries() -> list[Entry]:
    """The open model first, then the added ones by name."""
    chosen = _chosen()
    added = sorted(path for path in _added().glob("*") if path.suffix in (".npz", ".pkl"))
    files = {OPEN: open_model_path()} | {path.stem: path for path in added}
    return [Entry(name=name, file=file, is_default=name == chosen) for name, file in files.items()]


def add(file: Path, name: str | None = None) -> Entry:
    """Copies a model file into the library and makes it the default. Raises InputError for a file that is no model."""
    read_body_model(file)
    chosen = name if name is not None else file.stem
    if not _NAME.fullmatch(chosen) or chosen == OPEN:
        what = f"A body model cannot be called '{chosen}'."
        raise InputError(what, str(file), "Give another one: --name my-body (letters, digits, '.', '_' and '-').")
    with file.open("rb") as opened:
        suffix = ".npz" if opened.read(2) == b"PK" else ".pkl"
    kept = _added() / f"{chosen}{suffix}"
    keep(kept, lambda copy: shutil.copyfile(file, copy))
    for other in (".npz", ".pkl"):
        if other != suffix:
            (_added() / f"{chosen}{other}").unlink(missing_ok=True)
    choose(chosen)
    return Entry(name=chosen, file=kept, is_default=True)


def choose(name: str) -> None:
    """Makes a model of the library the default. Raises InputError where there is none of that name."""
    if name not in [entry.name for entry in entries()]:
        path = model_path(name)
        raise InputError("This file is not in the library.", str(path), f"Add it: scan3d body add {path}")
    keep(_added() / _CHOSEN, lambda file: file.write_text(name + "\n"))


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file in one step: it is either as it was or complete. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".part-{os.getpid()}-{path.name}")
        try:
            write(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        what = f"The body model cannot be written: {error.strerror or error}."
        raise StorageError(what, str(path), "Free some space, or allow writing there.") from error


def _forget_old(current: Path) -> None:
    """Removes open bodies of other versions that lie unused for a month."""
    for other in current.parent.glob("body-*.npz"):
        with suppress(OSError):
            about = other.stat()
            if other != current and time.time() - max(about.st_atime, about.st_mtime) > 30 * 86400:
                other.unlink()


def _chosen() -> str:
    """The name of the default model; the open one where the chosen file has gone."""
    try:
        name = (_added() / _CHOSEN).read_text().strip()
    except OSError:
        return OPEN
    present = any((_added() / f"{name}{suffix}").is_file() for suffix in (".npz", ".pkl"))
    return name if present else OPEN


def _added() -> Path:
    return _folder("XDG_DATA_HOME", ".local/share") / "bodies"


def _folder(variable: str, under_home: str) -> Path:
    """scan3d's folder of this kind: as the variable says, as the system has it elsewhere."""
    chosen = os.environ.get(variable)
    if chosen:
        return Path(chosen) / "scan3d"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "scan3d"
    return Path.home() / under_home / "scan3d"


@cache
def _version() -> str:
    """A digest of all that the open body is built from: the data and the code."""
    from scan3d.openhuman.reader import FILE

    here = Path(__file__).parent
    digest = hashlib.sha256(FILE.read_bytes())
    code = sorted([*(here / "open_model").glob("*.py"), here / "model_file.py", here / "skeleton.py"])
    for path in [*code, *sorted(FILE.parent.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _read(path: Path) -> BodyModel:
    """A model file, read once per state of the file."""
    about = path.stat()
    return _read_once(path, about.st_mtime_ns, about.st_size)


@cache
def _read_once(path: Path, modified_ns: int, size: int) -> BodyModel:
    return read_body_model(path)
