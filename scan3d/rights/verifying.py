"""The whole registry against its ledger: every event, every record's commitment, every state, every head kept outside.

The ledger is the truth: what the tables say must be what its events come to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.canonical import canonical, commitment, prefixed, sha256
from scan3d.rights.database import reading
from scan3d.rights.errors import LedgerBrokenError
from scan3d.rights.ledger import Event, Head, check_end, walk
from scan3d.rights.registry import Registry
from scan3d.rights.witness import read_heads

_STATES = {
    table.name: table
    for table in (
        *(tables.subjects, tables.twins, tables.consents, tables.licences),
        *(tables.requests, tables.uses, tables.keys),
    )
}
_HOLDS_ONE = ("reserved", "rendered", "marked", "delivered", "invoiced", "paid")
_DONE = ("delivered", "invoiced", "paid")


@dataclass(kw_only=True)
class _Told:
    """What the events come to."""

    states: dict[tuple[str, str], str] = field(default_factory=dict)
    fixed: dict[tuple[str, str], str] = field(default_factory=dict)
    values: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    commitments: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, tuple[list[str], str]] = field(default_factory=dict)
    signers: dict[str, str] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Follows one event."""
        if event.kind == "state":
            key = (event.data["table"], event.object)
            if self.states.get(key, "") != event.data["was"]:
                raise LedgerBrokenError(f"Event {event.sequence} contradicts those before.", event.object, "")
            self.states[key] = event.data["now"]
            if "fixed" in event.data:
                self.fixed[key] = event.data["fixed"]
            self.values.setdefault(key, {}).update(event.data.get("values", {}))
        elif event.kind == "record":
            self.commitments[event.object] = event.data["commitment"]
            self.signers[event.object] = event.actor
        elif event.kind == "signed":
            self.signers[event.object] = event.actor
        elif event.kind == "outputs":
            self.outputs[event.object] = (event.data["sha256"], event.data["manifest"])


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was found whole: events, records (erased ones among them), heads from outside."""

    events: int
    records: int
    erased: int
    heads: int


def verify_registry(registry: Registry, heads: Sequence[Head] = ()) -> Verified:
    """Checks everything. Raises LedgerBrokenError, LedgerRolledBackError with the first thing that is wrong."""
    kept = [*read_heads(registry.settings), *heads]
    told, count = _Told(), 0
    with reading(registry.engine) as connection:
        for event in walk(connection):
            told.take(event)
            count += 1
        check_end(connection, connection.execute(sa.select(tables.ledger_head)).one(), kept)
        _check_states(connection, told)
        erased = _check_records(connection, told)
        _check_counts(connection)
        _check_outputs(connection, told)
        _check_plain(connection)
    return Verified(events=count, records=len(told.commitments), erased=erased, heads=len(kept))


def _check_states(connection: sa.Connection, told: _Told) -> None:
    found = set()
    for name, table in _STATES.items():
        for row in connection.execute(sa.select(table)):
            key, values = (name, str(row[0])), dict(row._mapping)
            found.add(key)
            if values["state"] != told.states.get(key):
                raise _differs(f"{name} {key[1]}", values["state"], told.states.get(key))
            if sha256(canonical(tables.fixed_values(table, values))) != told.fixed.get(key):
                raise _differs(f"the row {key[1]} of {name}", "edited", "as it was made")
            for column, value in told.values.get(key, {}).items():
                if values[column] != value:
                    raise _differs(f"{column} of {name} {key[1]}", values[column], value)
    for name, record_id in told.states.keys() - found:
        raise _differs(f"{name} {record_id}", "gone", told.states[name, record_id])


def _check_records(connection: sa.Connection, told: _Told) -> int:
    erased, seen = 0, set()
    for row in connection.execute(sa.select(tables.records)):
        seen.add(row.record_id)
        if row.body is None:
            erased += 1
            if row.subject_id is None or told.states.get(("subjects", row.subject_id)) != "erased":
                raise _differs(f"record {row.record_id}", "erased", "kept")
            continue
        if commitment(bytes.fromhex(row.salt), prefixed(row.type, row.body.encode())) != told.commitments.get(
            row.record_id
        ):
            raise _differs(f"record {row.record_id}", "edited", "as it was handed in")
        if ",".join(_key_ids(row)) != told.signers.get(row.record_id):
            raise _differs(f"the signatures of {row.record_id}", "edited", "as they were handed in")
    for record_id in told.commitments.keys() - seen:
        raise _differs(f"record {record_id}", "gone", "kept")
    return erased


def _key_ids(row: Any) -> list[str]:
    try:
        return [key for key, _ in json.loads(row.signatures)]
    except (ValueError, TypeError):
        return ["damaged"]


def _check_counts(connection: sa.Connection) -> None:
    """Every use that was taken is there, once; nothing was taken that is not."""
    uses = connection.execute(sa.select(tables.uses.c.licence_id, tables.uses.c.request_id, tables.uses.c.state)).all()
    taken = Counter(row.licence_id for row in uses if row.state in _HOLDS_ONE)
    taken += Counter(row.request_id for row in uses if row.state in _HOLDS_ONE)
    done = Counter(row.licence_id for row in uses if row.state in _DONE)
    for row in connection.execute(sa.select(tables.licences)):
        if (row.taken, row.delivered) != (taken[row.licence_id], done[row.licence_id]):
            raise _differs(f"the count of licence {row.licence_id}", row.taken, taken[row.licence_id])
    for row in connection.execute(sa.select(tables.requests)):
        if row.taken != taken[row.request_id]:
            raise _differs(f"the count of request {row.request_id}", row.taken, taken[row.request_id])


def _check_outputs(connection: sa.Connection, told: _Told) -> None:
    for row in connection.execute(sa.select(tables.uses).where(tables.uses.c.outputs.is_not(None))):
        hashes = [one["sha256"] for one in json.loads(row.outputs)]
        if (hashes, row.manifest_sha256) != told.outputs.get(row.use_id):
            raise _differs(f"the outputs of use {row.use_id}", "edited", "as delivered")


def _check_plain(connection: sa.Connection) -> None:
    """Rows without a state, of parties and payments, say what was signed, and there are no others."""
    records = tables.records.c
    for table, kind, told in (
        (tables.parties, "party", lambda said: (said["role"], said["name"])),
        (
            tables.payments,
            "payment",
            lambda said: (said["use_id"], said["kind"], said["amount"]["amount"], said["amount"]["currency"]),
        ),
    ):
        query = sa.select(records.record_id, records.body).where(records.type == kind)
        signed = {row[0]: row[1] for row in connection.execute(query)}
        rows = {row[0]: tuple(row) for row in connection.execute(sa.select(table))}
        for key in signed.keys() | rows.keys():
            body = signed.get(key)
            if key not in rows or key not in signed:
                raise _differs(f"{kind} {key}", "there" if key in rows else "gone", "otherwise")
            said = None if body is None else told(json.loads(body))
            if said is not None and rows[key][1 : 1 + len(said)] != said:
                raise _differs(f"{kind} {key}", "edited", "as signed")


def _differs(what: str, found: object, told: object) -> LedgerBrokenError:
    return LedgerBrokenError(
        f"{what[0].upper()}{what[1:]} is '{found}', but the ledger says '{told}'.",
        "",
        "The database was edited past the program: restore a copy from before.",
    )
