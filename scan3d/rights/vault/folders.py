"""Whole folders of a person, a take with its results, sealed file by file and given back as they were.

A sealed folder holds numbered files and one index, all in the age format: names, hashes and times are inside of the
index. Who sees it learns how many files there are, and their sizes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from scan3d.errors import InputError
from scan3d.pipeline.aside import storage_errors, written_aside
from scan3d.pipeline.progress import Progress, Silent
from scan3d.rights.vault.age_files import open_bytes, open_stream, seal_bytes, seal_stream

_FORMAT = "scan3d sealed folder 1"
_INDEX = "index.age"


@dataclass(frozen=True, kw_only=True)
class SealedFile:
    """path: within the folder, with slashes. blob: the name of its sealed file. mtime_ns: when it was changed."""

    path: str
    bytes: int
    sha256: str
    blob: str
    mtime_ns: int


@dataclass(frozen=True, kw_only=True)
class Index:
    """What a sealed folder holds. name: the folder's own. folders: all below it, empty ones too."""

    name: str
    folders: tuple[str, ...]
    files: tuple[SealedFile, ...]

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(one.bytes for one in self.files)


def seal_folder(
    source: Path,
    target: Path,
    recipient: str,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda sha256: None,
) -> Index:
    """Seals all that is in `source` into the new folder `target`; whole or not at all, `source` stays.

    note: told the hash of the sealed index before `target` appears; nothing appears if it raises. Memory does not grow
    with the files. Raises InputError for links, for files that change meanwhile and for an
    existing target, StorageError for a full disk.
    """
    if not source.is_dir():
        raise InputError("There is no such folder.", str(source), "Give the folder of a take.")
    if target.exists():
        raise InputError("There is something of that name already.", str(target), "Choose another name.")
    folders, paths = _contents(source)
    size = sum(path.stat().st_size for path in paths)
    with written_aside(target) as aside, (progress or Silent()).task(f"sealing {source.name}", size or 1) as task:
        aside.mkdir()
        files = []
        for number, path in enumerate(paths):
            files.append(_seal_file(source, path, aside / f"{number:06d}.age", recipient))
            task.advance(files[-1].bytes)
        index = Index(name=source.resolve().name, folders=tuple(folders), files=tuple(files))
        text = json.dumps({"format": _FORMAT} | asdict(index))
        (aside / _INDEX).write_bytes(seal_bytes(text.encode(), recipient))
        note(index_sha256(aside))
    return index


def index_sha256(sealed: Path) -> str:
    """64 digits that stand for a whole sealed folder: its index holds the hashes of all files. Raises InputError."""
    return hashlib.sha256(_index_bytes(sealed)).hexdigest()


def open_folder(sealed: Path, target: Path, identity: str, progress: Progress | None = None) -> Index:
    """Writes the folder back as it was, to the new folder `target`; every file is checked, whole or not at all.

    Raises InputError for what is damaged, missing or for another key.
    """
    if target.exists():
        raise InputError("There is something of that name already.", str(target), "Choose another name.")
    index = read_index(sealed, identity)
    with written_aside(target) as aside, (progress or Silent()).task("opening", index.bytes or 1) as task:
        aside.mkdir()
        aside.chmod(0o700)
        for folder in index.folders:
            (aside / folder).mkdir(parents=True, exist_ok=True)
        for one in index.files:
            with (aside / one.path).open("wb") as out:
                _checked(sealed, one, identity, out)
            os.utime(aside / one.path, ns=(one.mtime_ns, one.mtime_ns))
            task.advance(one.bytes)
    return index


def check_folder(sealed: Path, identity: str) -> Index:
    """Opens everything and writes nothing. Raises InputError."""
    index = read_index(sealed, identity)
    for one in index.files:
        _checked(sealed, one, identity, None)
    return index


def remove_sealed_source(source: Path, index: Index) -> None:
    """Removes the folder that was sealed, if it still is what the index says. Raises InputError otherwise."""
    _, paths = _contents(source)
    now = {path.relative_to(source).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}
    then = {one.path: (one.bytes, one.mtime_ns) for one in index.files}
    if now != then:
        raise InputError("The folder has changed since it was sealed.", str(source), "Seal it again.")
    with storage_errors(source):
        shutil.rmtree(source)


def read_index(sealed: Path, identity: str) -> Index:
    """What a sealed folder holds. Raises InputError.

    Whoever knows the public key can write an index: nothing in it may lead out of the folder.
    """
    where = str(sealed / _INDEX)
    try:
        return _index_of(json.loads(open_bytes(_index_bytes(sealed), identity, where)))
    except (ValueError, TypeError, KeyError):
        raise InputError("This is no index of a sealed folder.", where, "Take it from another copy.") from None


def _index_bytes(sealed: Path) -> bytes:
    try:
        return (sealed / _INDEX).read_bytes()
    except OSError as error:
        raise InputError(
            f"The sealed folder cannot be read: {error.strerror}.", str(sealed / _INDEX), "Take it from another copy."
        ) from None


def _index_of(data: Mapping[str, Any]) -> Index:
    if data["format"] != _FORMAT:
        raise ValueError("another format")
    files = tuple(SealedFile(**one) for one in data["files"])
    folders = tuple(data["folders"])
    for name in (*folders, *(one.path for one in files), *(one.blob for one in files)):
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name or "\\" in name:
            raise ValueError("a path that leads elsewhere")
    if any(len(PurePosixPath(one.blob).parts) != 1 for one in files) or len({one.path for one in files}) < len(files):
        raise ValueError("a path that leads elsewhere")
    return Index(name=str(data["name"]), folders=folders, files=files)


def _seal_file(source: Path, path: Path, blob: Path, recipient: str) -> SealedFile:
    before = path.stat()
    with path.open("rb") as read, blob.open("xb") as out:
        seen = seal_stream(read, out, recipient)
        after = os.fstat(read.fileno())
    if (before.st_size, before.st_mtime_ns) != (seen.bytes, after.st_mtime_ns):
        raise InputError("A file changed while it was sealed.", str(path), "Let the other program end, then try again.")
    return SealedFile(
        path=path.relative_to(source).as_posix(),
        bytes=seen.bytes,
        sha256=seen.sha256,
        blob=blob.name,
        mtime_ns=before.st_mtime_ns,
    )


def _checked(sealed: Path, one: SealedFile, identity: str, out: Any) -> None:
    path = sealed / one.blob
    try:
        source = path.open("rb")
    except OSError as error:
        raise InputError(f"A sealed file cannot be read: {error.strerror}.", str(path), "Take another copy.") from None
    with source:
        seen = open_stream(source, out, identity, str(path))
    if (seen.bytes, seen.sha256) != (one.bytes, one.sha256):
        raise InputError("A sealed file is not the one that was sealed.", str(path), "Take it from another copy.")


def _contents(source: Path) -> tuple[list[str], Sequence[Path]]:
    """Folders and files below, sorted, hidden ones too. Raises InputError for links."""
    folders: list[str] = []
    files: list[Path] = []
    for path in _walk(source):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise InputError(
                "The folder holds a link; what it leads to would stay open.",
                str(path),
                "Put the file in its place.",
            )
        if path.is_dir():
            folders.append(path.relative_to(source).as_posix())
        else:
            files.append(path)
    return folders, files


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
