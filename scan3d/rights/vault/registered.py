"""What the registry knows of its vault: personal data by person, and sealed folders by the hash of their index."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.pipeline.progress import Progress
from scan3d.rights import tables
from scan3d.rights.errors import LedgerBrokenError
from scan3d.rights.people import Subject
from scan3d.rights.registry import Registry
from scan3d.rights.standing import check_subject
from scan3d.rights.transactions import Reading
from scan3d.rights.vault.folders import Index
from scan3d.rights.vault.personal import SealedPersonal, open_personal
from scan3d.rights.vault.store import Sealed, Vault

_SEALED = "sealed"


def keep_personal(registry: Registry, subject_id: str, sealed: SealedPersonal) -> None:
    """Puts a person's sealed data into the database; they are the ones the person's record commits to.

    Raises RightsError; InputError for others.
    """
    with registry.writing() as writing:
        check_subject(writing, subject_id)
        if writing.record(Subject, subject_id).personal_commitment != sealed.commitment:
            raise InputError(
                "The person has signed for other personal data, or for none.",
                subject_id,
                "Put the commitment into the record before they sign it.",
            )
        table = tables.subjects
        changed = table.update().where(table.c.subject_id == subject_id).values(sealed=sealed.sealed)
        writing.connection.execute(changed)
        digest = hashlib.sha256(sealed.sealed).hexdigest()
        writing.ledger.add("personal", subject_id, subject=subject_id, sha256=digest)


def read_personal(reading: Reading, vault: Vault, subject_id: str) -> dict[str, str]:
    """A person's data, {} where none were kept. Raises RightsError, InputError while the key store is locked."""
    row = check_subject(reading, subject_id)
    if row.sealed is None:
        return {}
    expected = reading.record(Subject, subject_id).personal_commitment
    return open_personal(bytes(row.sealed), vault.keys.identity(subject_id), expected)


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
    sealed, index = vault.seal(source, subject_id, progress=progress)
    with registry.writing() as writing:
        writing.ledger.add(_SEALED, sealed.seal_id, subject=subject_id, sha256=_index_hash(sealed))
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
    wanted = f'%"kind":"{_SEALED}","object":"{sealed.seal_id}"%'
    body = reading.connection.execute(sa.select(tables.events.c.body).where(tables.events.c.body.like(wanted))).scalar()
    event = json.loads(body) if body else {"data": {}, "subject": None}
    if event["data"].get("sha256") != _index_hash(sealed) or event["subject"] != sealed.subject_id:
        raise LedgerBrokenError(
            "The sealed folder is not the one that was put here.", str(sealed.folder), "Take it from another copy."
        )


def _index_hash(sealed: Sealed) -> str:
    try:
        return hashlib.sha256((sealed.folder / "index.age").read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"The sealed folder cannot be read: {error.strerror}.", str(sealed.folder), "Take it from another copy."
        ) from None
