"""Where the persons' keys lie: apart from the database and the sealed files, and in no backup.

A folder holds, for each person, an age key wrapped by the master key. Sealing needs the public halves alone; opening
needs the master key, which a passphrase or a key file kept elsewhere opens. Destroying a person's key makes every copy
of what was sealed under it unreadable, backups included. That holds as long as no copy of the key is left: the folder
says so to backup programs (CACHEDIR.TAG) and to people, and a second disk is served by `mirrors`, from which keys are
destroyed as well.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyrage

from scan3d.errors import InputError, StorageError
from scan3d.pipeline.aside import flush_folder, storage_errors, written_aside
from scan3d.rights.codec import time_text
from scan3d.rights.errors import NotRegisteredError, SubjectErasedError
from scan3d.rights.record import check_id
from scan3d.rights.vault.age_files import new_identity, open_bytes, recipient_of, seal_bytes

_SHORTEST_PASSPHRASE = 8
_README = """The keys that open the scans and the personal data of the people in a scan3d registry.

Keep this folder out of every backup and snapshot. When a person asks to be erased, their key is destroyed here, and
with it every copy of their data becomes unreadable: of this folder no older copy may be left. Against a broken disk
use a mirror (`scan3d rights vault init --mirror`), from which keys are destroyed too.
"""
# bford.info/cachedir: tar, borg, restic, duplicity and rsnapshot leave out what holds this, when told to.
_CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Keys that must not be backed up: see README.txt.\n"


class Keystore:
    """The keys of all persons of a registry. folder: the one that is read; mirrors: written and erased as well."""

    def __init__(self, folder: Path, mirrors: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.mirrors = tuple(mirrors)
        self._master = ""

    @classmethod
    def create(
        cls, folder: Path, *, passphrase: str = "", keyfile: Path | None = None, mirrors: Sequence[Path] = ()
    ) -> Keystore:
        """Makes it, its master key under a passphrase or in a new key file. Raises InputError, StorageError."""
        if (keyfile is None) == (not passphrase):
            raise InputError("The master key wants a passphrase or a key file.", str(folder), "Give one of the two.")
        if keyfile is None and len(passphrase) < _SHORTEST_PASSPHRASE:
            raise InputError("The passphrase is too short.", "", f"Use {_SHORTEST_PASSPHRASE} characters or more.")
        store = cls(folder, mirrors)
        for path in (*store._folders(), *([keyfile] if keyfile else [])):
            if path.exists() and (path.is_file() or any(path.iterdir())):
                raise InputError("There is something of that name already.", str(path), "Choose an empty place.")
        secret, public = new_identity()
        if keyfile is not None:
            _write_secret(keyfile, secret.encode() + b"\n")
        for place in store._folders():
            with storage_errors(place):
                place.mkdir(parents=True, exist_ok=True)
                place.chmod(0o700)
        store._write("README.txt", _README.encode())
        store._write("CACHEDIR.TAG", _CACHE_TAG.encode())
        if keyfile is None:
            store._write("master.age", pyrage.passphrase.encrypt(secret.encode(), passphrase))
        store._write("master.pub", public.encode())
        store._master = secret
        return store

    def unlock(self, *, passphrase: str = "", keyfile: Path | None = None) -> None:
        """Opens the master key. Raises InputError for a wrong passphrase, key file or folder."""
        secret = _read(keyfile).decode("ascii", "replace") if keyfile else self._by_passphrase(passphrase)
        if recipient_of(secret) != self._public("master"):
            raise InputError("The key is not the master key of this key store.", str(self.folder), "Give the other.")
        self._master = secret

    @property
    def has_keyfile(self) -> bool:
        """Whether a key file opens it, and no passphrase."""
        return not (self.folder / "master.age").is_file()

    def people(self) -> list[str]:
        """Ids of those who have a key."""
        return sorted(path.stem for path in self.folder.glob("*.age") if path.stem not in ("master", "next"))

    def erased_at(self, subject_id: str) -> str | None:
        """When the person's key was destroyed; None if it was not."""
        path = self.folder / f"{subject_id}.erased"
        return path.read_text().strip() if path.is_file() else None

    def add(self, subject_id: str) -> None:
        """A key for a person who has none yet; needs no passphrase. Raises SubjectErasedError for an erased person."""
        check_id(subject_id, "subject_id")
        self._not_erased(subject_id)
        if (self.folder / f"{subject_id}.age").is_file():
            return
        self.check_reached()
        secret, public = new_identity()
        self._write(f"{subject_id}.pub", public.encode())
        self._write(f"{subject_id}.age", seal_bytes(secret.encode(), self._public("master")))

    def recipient(self, subject_id: str) -> str:
        """The public key that the person's data are sealed for; they get one if they have none."""
        self.add(subject_id)
        return self._public(subject_id)

    def identity(self, subject_id: str) -> str:
        """The secret key that opens the person's data. Raises SubjectErasedError, NotRegisteredError, InputError."""
        check_id(subject_id, "subject_id")
        self._not_erased(subject_id)
        path = self.folder / f"{subject_id}.age"
        if not path.is_file():
            raise NotRegisteredError("The key store has no key of this person.", str(path), "Check the id.")
        if not self._master:
            raise InputError("The key store is locked.", str(self.folder), "Give its passphrase or key file.")
        secret = open_bytes(_read(path), self._master, str(path)).decode()
        if recipient_of(secret) != self._public(subject_id):
            # Somebody put a public key of their own here, to read what is sealed from then on.
            raise InputError("The person's two keys do not belong together.", str(path), "Find out who changed them.")
        return secret

    def destroy(self, subject_id: str, now: datetime) -> None:
        """Destroys the person's key here and in all mirrors; again is harmless. Nobody can undo it.

        Raises StorageError if a mirror is not there: then nothing has been destroyed yet.
        """
        check_id(subject_id, "subject_id")
        self.check_reached()
        if self.erased_at(subject_id) is None:
            self._write(f"{subject_id}.erased", time_text(now).encode() + b"\n")
        self._remove(f"{subject_id}.age", f"{subject_id}.pub")

    def rekey(self, *, passphrase: str = "", keyfile: Path | None = None) -> None:
        """Wraps all keys anew under a new master key; the store is unlocked with the old one, which then opens nothing.

        With the old master key destroyed, copies of this folder from before cannot be opened any more. Run again after
        a failure, with the same new passphrase or key file. Raises InputError, StorageError.
        """
        self.check_reached()
        if not self._master:
            raise InputError("The key store is locked.", str(self.folder), "Give its passphrase or key file.")
        secret = self._next_master(passphrase, keyfile)
        for subject_id in self.people():
            sealed = _read(self.folder / f"{subject_id}.age")
            try:
                own = open_bytes(sealed, self._master, subject_id)
            except InputError:
                own = open_bytes(sealed, secret, subject_id)  # wrapped anew before the failure
            self._write(f"{subject_id}.age", seal_bytes(own, recipient_of(secret)))
        self._write("master.pub", recipient_of(secret).encode())  # from here on the new one opens it
        self._master = secret
        if keyfile is None:
            self._write("master.age", _read(self.folder / "next.age"))
        self._remove("next.age", "next.pub", *(("master.age",) if keyfile else ()))

    def _next_master(self, passphrase: str, keyfile: Path | None) -> str:
        """The new master key, written down before anything depends on it; or the one of a run that failed."""
        if keyfile is None:
            if len(passphrase) < _SHORTEST_PASSPHRASE:
                raise InputError("The passphrase is too short.", "", f"Use {_SHORTEST_PASSPHRASE} characters or more.")
            if (self.folder / "next.pub").is_file() and self._public("next") == self._public("master"):
                self._remove("next.age", "next.pub")  # of a run that was cut off at its very end
            if not (self.folder / "next.pub").is_file():
                secret, public = new_identity()
                self._write("next.age", pyrage.passphrase.encrypt(secret.encode(), passphrase))
                self._write("next.pub", public.encode())
            return self._by_passphrase(passphrase, "next")
        if not keyfile.exists():
            _write_secret(keyfile, new_identity()[0].encode() + b"\n")
        secret = _read(keyfile).decode("ascii", "replace")
        if recipient_of(secret) == self._public("master"):
            raise InputError("This is the master key already.", str(keyfile), "Name a new file.")
        return secret

    def check_reached(self) -> None:
        """Raises StorageError unless the folder and all mirrors are there."""
        for place in self._folders():
            if not (place / "master.pub").is_file():
                raise StorageError(
                    "The key store, or a mirror of it, is not there.", str(place), "Connect it, then run this again."
                )

    def _by_passphrase(self, passphrase: str, wanted: str = "master") -> str:
        """The secret key of `wanted`.pub: in master.age or, while the master key is being changed, in next.age."""
        files = [self.folder / name for name in ("master.age", "next.age") if (self.folder / name).is_file()]
        if not files:
            raise InputError("No passphrase opens this key store.", str(self.folder), "Give its key file.")
        for path in files:
            try:
                secret = bytes(pyrage.passphrase.decrypt(_read(path), passphrase)).decode()
            except pyrage.DecryptError:
                continue
            if recipient_of(secret) == self._public(wanted):
                return secret
        raise InputError("The passphrase is not that of the key store.", str(self.folder), "Try it again.")

    def _not_erased(self, subject_id: str) -> None:
        when = self.erased_at(subject_id)
        if when is not None:
            raise SubjectErasedError(
                f"This person was erased on {when[:10]}: no key opens their data any more.", subject_id, ""
            )

    def _folders(self) -> tuple[Path, ...]:
        return (self.folder, *self.mirrors)

    def _remove(self, *names: str) -> None:
        for place in self._folders():
            for name in names:
                _shred(place / name)

    def _public(self, name: str) -> str:
        return _read(self.folder / f"{name}.pub").decode("ascii", "replace").strip()

    def _write(self, name: str, data: bytes) -> None:
        # The folder that is read comes last: what is there is in the mirrors too, even after a power cut.
        for place in reversed(self._folders()):
            _write_secret(place / name, data)


def _write_secret(path: Path, data: bytes) -> None:
    with written_aside(path) as aside:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The key cannot be read: {error.strerror}.", str(path), "Check the key store.") from None


def _shred(path: Path) -> None:
    """Overwrites, flushes, removes. A disk that writes elsewhere keeps the old bytes until it reuses them: wrapped."""
    if not path.is_file():
        return
    with storage_errors(path.parent):
        with path.open("r+b") as out:
            out.write(os.urandom(path.stat().st_size))
            out.flush()
            os.fsync(out.fileno())
        path.unlink()
        flush_folder(path.parent)
