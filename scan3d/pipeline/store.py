"""The content-addressed store: a stage's result is found again by what went into it.

    <root>/<stage>/<key>/              a finished result: its files and manifest.json
    <root>/<stage>/.tmp-<key>/         a result being written; swept away by the next run
    <root>/<stage>/.units-<key>/       finished units of a result not finished yet; they survive a kill
    <root>/hashes.json                 what is known of the bytes of files
    <root>/lock                        held while a stage runs

A folder appears under its key by one rename after everything in it was flushed to the disk, so a crash at
any instant leaves the old state or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scan3d.errors import StorageError
from scan3d.pipeline.aside import (
    TEMPORARY_PREFIX,
    flush_folder,
    flush_tree,
    remove_tree,
    storage_errors,
    written_aside,
)
from scan3d.pipeline.hashing import MANIFEST_NAME, FileHashes
from scan3d.pipeline.lock import FolderLock
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.stage import Stage, canonical_json, significant_options

UNITS_PREFIX = ".units-"
_KEY_LENGTH = 32

Inputs = Mapping[str, Path | bytes | str]


class Store:
    """Results of stages below one folder, usually `<take>/.scan3d`.

    Nothing is written before the first run(). Safe to use from several threads; a second process is told
    that the store is in use (StorageError).
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        self._hashes = FileHashes(self.root / "hashes.json")
        self._lock = FolderLock(self.root / "lock")
        self._guard = threading.Lock()
        self._making: dict[Path, threading.Lock] = {}
        self._busy: set[Path] = set()

    def locked(self) -> FolderLock:
        """The store's lock, to hold over several stages: `with store.locked(): ...`."""
        return self._lock

    def key(self, stage: Stage, inputs: Inputs, options: Any) -> str:
        """What a result is known by: SHA-256 over name, version, options, bytes of inputs, tool versions.

        inputs: by name, each a file, a folder, bytes or text. Raises InputError for a missing file.
        """
        return _key_of(self._recipe(stage, inputs, options))

    def folder(self, stage: Stage, key: str) -> Path:
        """Where the result of that key is, or will be."""
        return self.root / stage.name / key[:_KEY_LENGTH]

    def find(self, stage: Stage, inputs: Inputs, options: Any) -> Path | None:
        """The finished result, or None when the stage has yet to run."""
        folder = self.folder(stage, self.key(stage, inputs, options))
        return folder if _is_whole(folder) else None

    def run(self, stage: Stage, inputs: Inputs, options: Any, work: Callable[[Path], None]) -> Path:
        """The folder of the finished result, made by work(folder) unless it exists already.

        work: writes the stage's files into the empty folder it is given, and nothing outside it.
        If it raises, nothing of it stays but its finished units. Raises InputError for a missing input and
        StorageError for a full disk, a read-only folder, or a store in use by another process.
        """
        recipe = self._recipe(stage, inputs, options)
        key = _key_of(recipe)
        folder = self.folder(stage, key)
        if _is_whole(folder):
            # A run killed once its result was in place had yet to write what it knew of the files.
            with suppress(StorageError):
                self._hashes.save()
            return folder
        with storage_errors(self.root), self._lock, self._only_one(folder):
            if not _is_whole(folder):
                self._make(folder, {"key": key, **recipe}, work)
            self._hashes.save()
        return folder

    def units(self, out: Path) -> Units:
        """The units of the result that is being written to `out`, inside a stage's work."""
        return Units(out.with_name(UNITS_PREFIX + out.name.removeprefix(TEMPORARY_PREFIX)))

    def manifest(self, folder: Path) -> dict[str, Any]:
        """The manifest of a finished result: what went in, what came out, what it cost."""
        manifest: dict[str, Any] = json.loads((folder / MANIFEST_NAME).read_bytes())
        return manifest

    def _recipe(self, stage: Stage, inputs: Inputs, options: Any) -> dict[str, Any]:
        return {
            "name": stage.name,
            "version": stage.version,
            "options": significant_options(options),
            "inputs": {name: self._hashes.of_input(value) for name, value in sorted(inputs.items())},
            "tools": stage.tool_versions(),
        }

    def _make(self, folder: Path, recipe: dict[str, Any], work: Callable[[Path], None]) -> None:
        aside = folder.with_name(TEMPORARY_PREFIX + folder.name)
        with self._guard:
            self._sweep(folder.parent)
            self._busy.add(aside)
        try:
            aside.mkdir(parents=True)
            meter = Meter()
            work(aside)
            self._finish(aside, folder, recipe, meter)
        finally:
            remove_tree(aside)
            with self._guard:
                self._busy.discard(aside)
        remove_tree(folder.with_name(UNITS_PREFIX + folder.name))

    def _finish(self, aside: Path, folder: Path, recipe: dict[str, Any], meter: Meter) -> None:
        files = self._hashes.files_of(aside)
        outputs = {name: {"bytes": (aside / name).stat().st_size, "sha256": digest} for name, digest in files}
        manifest = {**recipe, "outputs": outputs, **asdict(meter.cost())}
        (aside / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1))
        flush_tree(aside)
        if folder.exists():  # Damaged, or it would have been found whole.
            shutil.rmtree(folder)
        aside.rename(folder)
        flush_folder(folder.parent)
        for name, digest in files:
            self._hashes.remember(folder / name, digest)

    def _sweep(self, stage_folder: Path) -> None:
        """Removes what killed runs left half written. The lock is held: only our own threads write here."""
        for left in stage_folder.glob(TEMPORARY_PREFIX + "*"):
            if left not in self._busy:
                remove_tree(left)

    def _only_one(self, folder: Path) -> threading.Lock:
        """The lock that lets one thread at a time make one result."""
        with self._guard:
            return self._making.setdefault(folder, threading.Lock())


class Units:
    """Results of the parts of a stage (a view, a tile), each kept as soon as it is finished.

    They belong to one key, so a unit found is the right one; they are removed once the stage is finished.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Where the unit of that name is, or will be. The name is a file's or folder's name."""
        if not re.fullmatch(r"[^/\\\0.][^/\\\0]*", name):
            raise ValueError(f"'{name}' cannot be the name of a unit: it is a file's name too")
        return self._folder / name

    def run(self, name: str, work: Callable[[Path], None]) -> Path:
        """The finished unit, made by work(path) unless it exists already.

        work: writes one file, or makes one folder, at the path it is given.
        """
        path = self.path(name)
        if not path.exists():
            with written_aside(path) as aside:
                remove_tree(aside)
                work(aside)
        return path

    def keep(self, name: str, target: Path) -> None:
        """Makes a finished unit a file of the result, without a second copy where the disk can do that."""
        source = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)


def _key_of(recipe: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(recipe)).hexdigest()


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds a manifest and every file it lists, at its size."""
    try:
        outputs = json.loads((folder / MANIFEST_NAME).read_bytes())["outputs"]
        return all((folder / name).stat().st_size == entry["bytes"] for name, entry in outputs.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False
