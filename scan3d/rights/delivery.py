"""Files on their way out: written aside, marked, moved to their place; killed at any instant, nothing is half out.

<folder>/.tmp-leaving-<use>/lock       held by whoever writes; free once that process is gone
<folder>/.tmp-leaving-<use>/written    what the writer made; never leaves
<folder>/.tmp-leaving-<use>/marked     what leaves, once all of it is marked and the registry has noted so
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from scan3d.errors import StorageError
from scan3d.pipeline.aside import flush_folder, flush_tree, remove_tree, storage_errors
from scan3d.pipeline.lock import FolderLock
from scan3d.rights.canonical import sha256
from scan3d.rights.errors import UnmarkedOutputError, WrongStateError
from scan3d.rights.intent import Permit
from scan3d.rights.marks.order import MODELS, Marked, MarkOrder, mark_file
from scan3d.rights.registry import Registry
from scan3d.rights.settings import STAGING_PREFIX
from scan3d.rights.uses import OpenUse, Output, note_delivered, note_marked, note_rendered, open_uses, void
from scan3d.rights.vocabulary import Deliverable, UseState

_PAGES = (".json", ".txt", ".html")


class Marker(Protocol):
    """Writes the marked copy of a file; scan3d.rights.marks.order.mark_file, but in tests of kills."""

    def __call__(self, source: Path, target: Path, order: MarkOrder) -> Marked: ...


class Delivery:
    """One use on its way from `folder`'s staging to `folder`."""

    def __init__(self, registry: Registry, folder: Path, use_id: str, *, marker: Marker | None = None) -> None:
        self.registry = registry
        self.folder = folder.absolute()
        self.use_id = use_id
        self.staging = self.folder / f"{STAGING_PREFIX}{use_id}"
        self.written = self.staging / "written"
        self.marked = self.staging / "marked"
        self._marker = marker or mark_file
        self._lock = FolderLock(self.staging / "lock")

    def begin(self) -> None:
        """Makes the staging folder and holds its lock. Raises StorageError."""
        with storage_errors(self.folder):
            self.written.mkdir(parents=True)
            self.marked.mkdir()
            self._lock.__enter__()

    def finish(self, permit: Permit, deliverable: Deliverable) -> tuple[Path, ...]:
        """Marks what was written, and lets it out; returns where it is. Raises RightsError, StorageError."""
        with storage_errors(self.folder):
            note_rendered(self.registry, self.use_id)
            outputs, manifest = self._mark(permit, deliverable)
            flush_tree(self.marked)
            note_marked(self.registry, self.use_id, outputs, manifest)
            move_out(self.marked, self.folder)
            note_delivered(self.registry, self.use_id)
            self.end()
        return tuple(output.path for output in outputs)

    def _mark(self, permit: Permit, deliverable: Deliverable) -> tuple[list[Output], str]:
        outputs, manifests = [], []
        for source in sorted(path for path in self.written.rglob("*") if path.is_file()):
            name = source.relative_to(self.written)
            target = self.marked / name
            target.parent.mkdir(parents=True, exist_ok=True)
            done = self._marker(source, target, self._order(permit, deliverable, source))
            check_marked(source, target, done)
            manifests.append(done.manifest_sha256)
            for path in (target, *done.sidecars):
                place = self.folder / path.relative_to(self.marked)
                outputs.append(Output(path=place, sha256=_file_sha256(path), marked=True))
        return outputs, manifests[0] if len(manifests) == 1 else sha256("".join(manifests).encode())

    def _order(self, permit: Permit, deliverable: Deliverable, source: Path) -> MarkOrder:
        # A map or a material of a mesh is no picture to be looked at, and a page of numbers is none either.
        suffix = source.suffix.lower()
        part = (deliverable == Deliverable.MESH and suffix not in MODELS) or suffix in _PAGES
        return MarkOrder(
            use_id=self.use_id,
            watermark_id=permit.watermark_id,
            certificates=self.registry.settings.certificates,
            label=permit.label if deliverable == Deliverable.PICTURES and not part else None,
            not_for_use=permit.not_for_use,
            claims={"studio": self.registry.settings.studio_name, **permit.claims},
            of_model=part,
        )

    def give_up(self, reason: str) -> None:
        """Nothing leaves: the use is given back, what was written is removed."""
        try:
            void(self.registry, self.use_id, reason)
        except WrongStateError:
            return  # Marked already: it goes on its way with the next recover().
        finally:
            self._lock.__exit__(None, None, None)
        remove_tree(self.staging)

    def end(self) -> None:
        """Removes the staging folder."""
        self._lock.__exit__(None, None, None)
        remove_tree(self.staging)


def check_marked(source: Path, target: Path, done: Marked) -> None:
    """Raises UnmarkedOutputError unless what will leave is the file that was marked, and not the plain one."""
    if not target.is_file() or _file_sha256(target) != done.sha256:
        raise UnmarkedOutputError("The marked file is not the one that would leave.", target.name, "Try it again.")
    if done.sha256 == _file_sha256(source) and not done.sidecars:
        raise UnmarkedOutputError("The file carries no mark.", target.name, "Choose a format that can be marked.")


def move_out(marked: Path, folder: Path) -> None:
    """Moves everything that is still in `marked` to `folder`; can be cut off and done again."""
    for path in sorted(marked.iterdir()) if marked.is_dir() else []:
        place = folder / path.name
        if path.is_dir() and place.is_dir():
            remove_tree(place)
        path.replace(place)
    flush_folder(folder)


def recover(registry: Registry, say: Callable[[str], None] = lambda text: None) -> Sequence[OpenUse]:
    """Finishes what a killed process on this machine has left: what was marked is delivered, all else is given back.

    Uses that somebody is at work on are left alone. Returns those that were finished.
    """
    done = []
    for use in open_uses(registry):
        if _recover_one(registry, use):
            done.append(use)
            what = "delivered" if use.state == UseState.MARKED else "given back"
            say(f"A use that was interrupted is {what}: {use.use_id}")
    return done


def _recover_one(registry: Registry, use: OpenUse) -> bool:
    lock = FolderLock(use.staging / "lock")
    there = use.staging.is_dir()
    try:
        if there:
            lock.__enter__()
    except StorageError:
        return False
    try:
        if use.state == UseState.MARKED:
            # The person's count stands even where somebody has taken the files away since.
            move_out(use.staging / "marked", use.staging.parent) if there else None
            note_delivered(registry, use.use_id)
        else:
            void(registry, use.use_id, "interrupted")
    except WrongStateError:
        return False  # Whoever was at work on it has finished it in the meantime.
    finally:
        if there:
            lock.__exit__(None, None, None)
    remove_tree(use.staging)
    return True


def sweep_staging(registry: Registry, folder: Path) -> None:
    """Removes what was staged and never reserved: there is no use of it, and nobody is at work on it."""
    known = {use.staging for use in open_uses(registry)}
    for left in folder.absolute().glob(f"{STAGING_PREFIX}*"):
        if left in known:
            continue
        lock = FolderLock(left / "lock")
        try:
            with lock:
                remove_tree(left)
        except StorageError:
            continue


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
