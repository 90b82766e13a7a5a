"""The vault of a registry: sealed folders by person, in the registry's folder; their keys lie in the key store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from scan3d.errors import InputError
from scan3d.pipeline.aside import TEMPORARY_PREFIX, remove_tree, storage_errors
from scan3d.pipeline.progress import Progress
from scan3d.rights.errors import NotRegisteredError
from scan3d.rights.record import check_id
from scan3d.rights.vault.folders import Index, check_folder, open_folder, read_index, remove_sealed_source, seal_folder
from scan3d.rights.vault.keystore import Keystore


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """seal_id: names a sealed folder; its own name can only be read with the key."""

    seal_id: str
    subject_id: str
    folder: Path


class Vault:
    """Seals folders for people and gives them back. new_id: 32 hexadecimal digits, given where runs are to repeat."""

    def __init__(self, folder: Path, keys: Keystore, new_id: Callable[[], str] = lambda: uuid4().hex) -> None:
        self.folder = folder
        self.keys = keys
        self._new_id = new_id

    def seal(
        self,
        source: Path,
        subject_id: str,
        *,
        progress: Progress | None = None,
        note: Callable[[Sealed, str], None] = lambda sealed, sha256: None,
    ) -> tuple[Sealed, Index]:
        """Seals a folder, which stays; needs no passphrase. note: as `seal_folder` has it.

        Raises SubjectErasedError, InputError, StorageError.
        """
        sealed, recipient = self._sealed(subject_id, self._new_id()), self.keys.recipient(subject_id)
        return sealed, seal_folder(source, sealed.folder, recipient, progress, lambda sha256: note(sealed, sha256))

    def check_unlocked(self, subject_id: str) -> None:
        """Raises InputError while the key store is locked, SubjectErasedError for an erased person."""
        self.keys.add(subject_id)
        self.keys.identity(subject_id)

    def remove_source(self, source: Path, sealed: Sealed) -> None:
        """Removes a folder that was sealed, once everything sealed was opened again and is what lies there.

        Raises InputError otherwise, and while the key store is locked.
        """
        remove_sealed_source(source, check_folder(sealed.folder, self.keys.identity(sealed.subject_id)))

    def of(self, subject_id: str) -> list[Sealed]:
        """A person's sealed folders."""
        check_id(subject_id, "subject_id")
        place = self.folder / subject_id
        if not place.is_dir():
            return []
        names = sorted(path.name for path in place.iterdir() if not path.name.startswith(TEMPORARY_PREFIX))
        return [self._sealed(subject_id, name) for name in names]

    def find(self, seal_id: str) -> Sealed:
        """The sealed folder of this id. Raises NotRegisteredError."""
        check_id(seal_id, "seal_id")
        for path in sorted(self.folder.glob(f"*/{seal_id}")):
            return self._sealed(path.parent.name, seal_id)
        raise NotRegisteredError("The vault has no such sealed folder.", seal_id, "See: scan3d rights vault list")

    def index(self, sealed: Sealed) -> Index:
        """What it holds. Raises SubjectErasedError; InputError while the key store is locked."""
        return read_index(sealed.folder, self.keys.identity(sealed.subject_id))

    def open(self, sealed: Sealed, target: Path, progress: Progress | None = None) -> Index:
        """Writes the folder back to the new folder `target`. Raises as `open_folder` and `Keystore.identity` do."""
        return open_folder(sealed.folder, target, self.keys.identity(sealed.subject_id), progress)

    def erase(self, subject_id: str, now: datetime) -> int:
        """Destroys the person's key, then removes what it sealed here; returns how many folders. Again is harmless."""
        self.keys.destroy(subject_id, now)
        gone = self.of(subject_id)
        with storage_errors(self.folder):
            remove_tree(self.folder / subject_id)
        if (self.folder / subject_id).exists():
            raise InputError(
                "The key is destroyed, but sealed files could not be removed; nobody can read them.",
                str(self.folder / subject_id),
                "Remove the folder.",
            )
        return len(gone)

    def _sealed(self, subject_id: str, seal_id: str) -> Sealed:
        return Sealed(seal_id=seal_id, subject_id=subject_id, folder=self.folder / subject_id / seal_id)
