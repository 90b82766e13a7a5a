"""What the registry knows of its vault: personal data by person, and sealed folders by the hash of their index."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.pipeline.progress import Progress
from scan3d.rights import tables
from scan3d.rights.errors import LedgerBrokenError
from scan3d.rights.people import Subject
from scan3d.rights.registry import Registry
from scan3d.rights.standing import check_subject
from scan3d.rights.transactions import Reading
from scan3d.rights.vault.folders import Index, index_sha256
from scan3d.rights.vault.personal import SealedPersonal, open_personal
from scan3d.rights.vault.store import Sealed, Vault

_SEALED = "sealed"
_PERSONAL = "personal"


def keep_personal(registry: Registry, subject_id: str, sealed: SealedPersonal) -> None:
    """Puts a person's sealed data into the database, in place of what was there; the ledger gets a hash of them.

    Raises RightsError; InputError where the person has signed for other data.
    """
    with registry.writing() as writing:
        check_subject(writing, subject_id)
        if writing.record(Subject, subject_id).personal_commitment not in ("", sealed.commitment):
            raise InputError(
                "The person has signed for other personal data.", subject_id, "Seal those that they have signed for."
            )
        table = tables.subjects
        changed = table.update().where(table.c.subject_id == subject_id).values(sealed=sealed.sealed)
        writing.connection.execute(changed)
        writing.ledger.add(_PERSONAL, subject_id, subject=subject_id, sha256=_hash(sealed.sealed))


def read_personal(reading: Reading, vault: Vault, subject_id: str) -> dict[str, str]:
    """A person's data, {} where none were kept. Raises RightsError, InputError while the key store is locked."""
    row = check_subject(reading, subject_id)
    if row.sealed is None:
        return {}
    event = _last_event(reading, _PERSONAL, subject_id)
    if event["data"].get("sha256") != _hash(bytes(row.sealed)):
        raise LedgerBrokenError("The person's data are not those that were put here.", subject_id, "Restore a copy.")
    expected = reading.record(Subject, subject_id).personal_commitment
    return open_personal(bytes(row.sealed), vault.keys.identity(subject_id), expected)


def check_nothing_sealed(reading: Reading, subject_id: str) -> None:
    """For a registry whose vault is not there. Raises InputError if something of the person lies in it."""
    row = reading.known(tables.subjects, subject_id)
    events = tables.events.c
    sealed = events.body.like(f'%"kind":"{_SEALED}"%"subject":"{subject_id}"%')
    if row.sealed is not None or reading.connection.execute(sa.select(events.sequence).where(sealed)).first():
        raise InputError(
            "Data of this person are sealed, but the registry's vault is not there.", "vault.toml", "Put the file back."
        )


def seal_for(
    registry: Registry,
    vault: Vault,
    source: Path,
    subject_id: str,
    *,
    remove: bool = False,
    progress: Progress | None = None,
) -> tuple[Sealed, Index]:
    """Seals a folder of a registered person and logs it; only then, if asked to, removes the folder.

    Raises RightsError, InputError, StorageError.
    """
    with registry.reading() as reading:
        check_subject(reading, subject_id)
    if remove:
        vault.check_unlocked(subject_id)

    def note(sealed: Sealed, sha256: str) -> None:
        with registry.writing() as writing:
            check_subject(writing, subject_id)  # They may have been erased while it was sealed.
            writing.ledger.add(_SEALED, sealed.seal_id, subject=subject_id, sha256=sha256)

    try:
        sealed, index = vault.seal(source, subject_id, progress=progress, note=note)
    except FileNotFoundError:
        with registry.reading() as reading:
            check_subject(reading, subject_id)  # Erasing took the folder away under our hands.
        raise
    if remove:
        vault.remove_source(source, sealed)
    return sealed, index


def open_for(registry: Registry, vault: Vault, sealed: Sealed, target: Path, progress: Progress | None = None) -> Index:
    """Writes a sealed folder back, if it is the one that was sealed. Raises RightsError, InputError."""
    with registry.reading() as reading:
        check_subject(reading, sealed.subject_id)
        check_sealed(reading, sealed)
    return vault.open(sealed, target, progress)


def check_sealed(reading: Reading, sealed: Sealed) -> None:
    """Raises LedgerBrokenError unless the ledger says that this very folder was sealed for this person.

    Whoever knows a person's public key can seal a folder for them.
    """
    event = _last_event(reading, _SEALED, sealed.seal_id)
    if event["data"].get("sha256") != index_sha256(sealed.folder) or event["subject"] != sealed.subject_id:
        raise LedgerBrokenError(
            "The sealed folder is not the one that was put here.", str(sealed.folder), "Take it from another copy."
        )


def _last_event(reading: Reading, kind: str, object_id: str) -> dict[str, Any]:
    events = tables.events.c
    # Canonical JSON has one way to say it.
    same = events.body.like(f'%"kind":"{kind}","object":"{object_id}"%')
    query = sa.select(events.body).where(same).order_by(events.sequence.desc()).limit(1)
    body = reading.connection.execute(query).scalar()
    return dict(json.loads(body)) if body else {"data": {}, "subject": None}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
