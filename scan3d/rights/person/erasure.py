"""Erasing a person: their key is destroyed, their records are emptied, and the ledger still verifies.

What stays: licences and payments, which tax and contract law keep, and which name the person by a number; hashes, of
which those of records are salted and those of scans tell nothing without the scans; keys they signed with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.database import database_errors
from scan3d.rights.orders import Payment
from scan3d.rights.registry import Registry
from scan3d.rights.terms import Licence
from scan3d.rights.transactions import Writing
from scan3d.rights.uses import void
from scan3d.rights.vault.registered import check_nothing_sealed
from scan3d.rights.vault.store import Vault

KEPT = (Licence.TYPE, Payment.TYPE)
_UNDONE = ("reserved", "rendered")


@dataclass(frozen=True, kw_only=True)
class Erased:
    """records: emptied. kept: licences and payments. folders: sealed ones, removed. voided: unfinished uses."""

    subject_id: str
    records: int
    kept: int
    folders: int
    voided: int


def erase_subject(registry: Registry, vault: Vault | None, subject_id: str) -> Erased:
    """Erases a person for good; run again after a failure it goes on where it stopped.

    vault: None for a registry without one. Raises NotRegisteredError; InputError where something is sealed but there
    is no vault; StorageError while the key store or a mirror cannot be reached. Then nothing has been erased yet.
    """
    if vault is not None:
        vault.keys.check_reached()
    with registry.writing() as writing:
        row = writing.known(tables.subjects, subject_id)
        if vault is None:
            check_nothing_sealed(writing, subject_id)
        records, kept = _empty(writing, subject_id)
        if row.state != "erased":
            writing.change(tables.subjects, subject_id, "erased", subject_id, alias=None, sealed=None)
            writing.ledger.add("erased", subject_id, subject=subject_id, records=records, kept=kept)
        _empty_paths(writing, subject_id)
        now, undone = writing.now, _uses_undone(writing, subject_id)
    for use_id in undone:
        void(registry, use_id, "the person was erased")
    folders = vault.erase(subject_id, now) if vault is not None else 0
    overwrite_freed(registry.engine)
    return Erased(subject_id=subject_id, records=records, kept=kept, folders=folders, voided=len(undone))


def _empty(writing: Writing, subject_id: str) -> tuple[int, int]:
    """Empties the person's records; returns how many, and how many stay."""
    records, execute = tables.records, writing.connection.execute
    theirs = records.c.subject_id == subject_id
    there = records.c.body.is_not(None)
    gone = records.update().where(theirs, there, records.c.type.not_in(KEPT)).values(body=None, salt=None)
    emptied = execute(gone).rowcount
    kept = execute(sa.select(sa.func.count()).select_from(records).where(theirs, there)).scalar_one()
    return emptied, int(kept)


def _empty_paths(writing: Writing, subject_id: str) -> None:
    """Folders and files are often named after people. Those of uses that are on their way are still needed."""
    uses = tables.uses
    over = sa.select(uses).where(uses.c.subject_id == subject_id, uses.c.state.not_in((*_UNDONE, "marked")))
    for row in writing.connection.execute(over).all():
        values = {"staging": None, "outputs": _without_paths(row.outputs)}
        writing.connection.execute(uses.update().where(uses.c.use_id == row.use_id).values(values))


def _without_paths(outputs: str | None) -> str | None:
    return None if outputs is None else json.dumps([one | {"path": ""} for one in json.loads(outputs)])


def _uses_undone(writing: Writing, subject_id: str) -> list[str]:
    uses = tables.uses.c
    query = sa.select(uses.use_id).where(uses.subject_id == subject_id, uses.state.in_(_UNDONE)).order_by(uses.use_id)
    return list(writing.connection.execute(query).scalars())


def overwrite_freed(engine: sa.Engine) -> None:
    """Writes the tables anew, so that what was emptied is not left in free pages. Raises StorageError."""
    with database_errors(engine):
        if engine.dialect.name == "postgresql":
            with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                for table in (tables.records, tables.subjects, tables.uses):
                    connection.exec_driver_sql(f"VACUUM FULL {table.name}")
            return
        raw = engine.raw_connection()  # without the transaction that a connection begins by itself
        try:
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                raw.cursor().execute(statement).fetchall()
        finally:
            raw.close()
