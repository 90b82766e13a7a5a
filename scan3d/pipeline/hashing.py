"""Hashes of files by their bytes, remembered so that unchanged photographs are not read again."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path

from scan3d.errors import InputError
from scan3d.pipeline.aside import sweep_aside, write_bytes

MANIFEST_NAME = "manifest.json"

# A file written this recently could change again without its time stamp changing: it is not remembered.
_SETTLED_NS = 2_000_000_000

_Stamp = list[int]


class FileHashes:
    """SHA-256 of files and folders; a file is read again only when its size, times or inode changed.

    memory: the JSON file that remembers between runs. Safe to use from several threads.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._changed = False
        self._known: dict[str, tuple[_Stamp, str]] = _read_memory(memory)

    def of_input(self, value: Path | bytes | str) -> str:
        """Hash of one input of a stage: the bytes of a file or folder, or the value itself.

        Raises InputError when a path does not exist or cannot be read.
        """
        if isinstance(value, bytes):
            return _tagged("bytes", value)
        if isinstance(value, str):
            return _tagged("text", value.encode())
        return self.of_folder(value) if value.is_dir() else self.of_file(value)

    def of_file(self, path: Path) -> str:
        """Hash of a file's bytes; neither its name nor its folder counts."""
        path = path.absolute()
        try:
            stamp = _stamp_of(path)
            with self._lock:
                known = self._known.get(str(path))
            if known is not None and known[0] == stamp:
                return known[1]
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(
                f"The file cannot be read: {error.strerror or error}.", str(path), "Check that it is there."
            ) from error
        if time.time_ns() - max(stamp[1:3]) > _SETTLED_NS:
            self._note(path, stamp, digest)
        return digest

    def remember(self, path: Path, digest: str) -> None:
        """Takes a hash as known, of a file that we wrote and nobody else writes to."""
        self._note(path.absolute(), _stamp_of(path), digest)

    def of_folder(self, folder: Path) -> str:
        """Hash of all files below a folder, by their names within it and their bytes.

        A manifest at its top is left out: it says how long the work took, which is not a result.
        """
        return _tagged("folder", json.dumps(self.files_of(folder)).encode())

    def files_of(self, folder: Path) -> list[tuple[str, str]]:
        """(name within the folder, hash) of all its files but the manifest, sorted."""
        names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        return [(name, self.of_file(folder / name)) for name in names if name != MANIFEST_NAME]

    def _note(self, path: Path, stamp: _Stamp, digest: str) -> None:
        with self._lock:
            self._known[str(path)] = (stamp, digest)
            self._changed = True

    def save(self) -> None:
        """Writes what is remembered, without files that are gone, if anything is new. Raises StorageError."""
        with self._lock:
            if not self._changed:
                sweep_aside(self._memory)
                return
            self._known = {path: entry for path, entry in self._known.items() if Path(path).exists()}
            text = json.dumps(self._known)
            self._changed = False
        write_bytes(self._memory, text.encode())


def _stamp_of(path: Path) -> _Stamp:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _tagged(kind: str, value: bytes) -> str:
    return hashlib.sha256(kind.encode() + b"\0" + value).hexdigest()


def _read_memory(memory: Path) -> dict[str, tuple[_Stamp, str]]:
    """What was remembered; nothing when the file is absent or damaged, for it can always be made again."""
    try:
        stored = json.loads(memory.read_bytes())
        return {path: (list(stamp), str(digest)) for path, (stamp, digest) in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
