"""All that a registry holds of one person, as JSON values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.statements.billing import names
from scan3d.rights.transactions import Reading

_FORMAT = "scan3d person 1"
_OF_SUBJECT = (tables.twins, tables.consents, tables.licences, tables.requests, tables.uses)


def gather(reading: Reading, subject_id: str, personal: Mapping[str, str]) -> dict[str, Any]:
    """The person's document: who they are, all that was signed, how it stands, all that was used and paid.

    Records come with their salts and signatures, so that the person can prove each against the ledger. Raises
    NotRegisteredError.
    """
    person = reading.known(tables.subjects, subject_id)
    rows = {table.name: _rows(reading, table, table.c.subject_id == subject_id) for table in _OF_SUBJECT}
    use_ids = [row["use_id"] for row in rows["uses"]]
    records = [_record(row) for row in _rows(reading, tables.records, tables.records.c.subject_id == subject_id)]
    return {
        "format": _FORMAT,
        "made_at": time_text(reading.now),
        "person": {"subject_id": subject_id, "alias": person.alias, "state": person.state},
        "personal": dict(personal),
        "keys": _rows(reading, tables.keys, tables.keys.c.party_id == subject_id),
        **{name: [_told(row) for row in found] for name, found in rows.items()},
        "payments": _rows(reading, tables.payments, tables.payments.c.use_id.in_(use_ids)),
        "records": records,
        "parties": _parties(reading, [*rows["licences"], *(record["record"] or {} for record in records)]),
        "ledger": _events(reading, subject_id),
    }


def _rows(reading: Reading, table: sa.Table, where: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    query = sa.select(table).where(where).order_by(table.c[0])
    return [dict(row._mapping) for row in reading.connection.execute(query)]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the person is told it: where the studio's machines keep files is its own matter."""
    told = {name: value for name, value in row.items() if name not in ("host", "staging", "subject_id")}
    if isinstance(told.get("outputs"), str):
        told["outputs"] = [
            {"file": one["path"].rsplit("/", 1)[-1], "sha256": one["sha256"]} for one in json.loads(told["outputs"])
        ]
    return told


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": row["type"],
        "record_id": row["record_id"],
        "recorded_at": row["recorded_at"],
        "record": json.loads(row["body"]) if row["body"] else None,
        "salt": row["salt"],
        "signatures": [{"key_id": key, "value": value} for key, value in json.loads(row["signatures"])],
    }


def _parties(reading: Reading, mentioning: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Names of those who are mentioned; of nobody else."""
    text = json.dumps(mentioning)
    return [
        {"party_id": party_id, "name": who.name, "role": who.role}
        for party_id, who in sorted(names(reading).items())
        if party_id in text
    ]


def _events(reading: Reading, subject_id: str) -> list[dict[str, Any]]:
    wanted = f'%"subject":"{subject_id}"%'
    query = sa.select(tables.events).where(tables.events.c.body.like(wanted)).order_by(tables.events.c.sequence)
    return [json.loads(row.body) | {"hash": row.hash} for row in reading.connection.execute(query)]
