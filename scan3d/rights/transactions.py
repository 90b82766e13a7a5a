"""What can be read and changed inside one transaction of a registry; every change leaves an event in the ledger."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.rights import tables
from scan3d.rights.canonical import canonical, commitment, prefixed, sha256
from scan3d.rights.clock import Clock, Ids
from scan3d.rights.codec import from_json, time_text
from scan3d.rights.errors import LedgerBrokenError, NotRegisteredError, ReplayedRecordError, SubjectErasedError
from scan3d.rights.ledger import Head, LedgerWriter
from scan3d.rights.record import Record
from scan3d.rights.records import Signature, Signed, fields_of

R = TypeVar("R", bound=Record)


_KEYS = sa.select(tables.keys).where(tables.keys.c.key_id.in_(sa.bindparam("ids", expanding=True)))


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A signed record as the registry keeps it. payload: the bytes that its signatures are of."""

    signed: Signed
    recorded_at: str
    payload: bytes


@functools.lru_cache(maxsize=4096)
def _parsed(kind: Any, body: str) -> Any:
    """The record of a stored text. The same text is the same record, so that it is read once."""
    return from_json(kind, json.loads(body))


def kept_of(kind: type[R], row: Any) -> Kept:
    """The record and signatures of a row of `records`. Raises SubjectErasedError, LedgerBrokenError."""
    if row.body is None:
        raise SubjectErasedError("The person's data were erased.", row.record_id, "")
    try:
        record: R = _parsed(cast(Any, kind), row.body)
        signatures = tuple(Signature(key_id=key, value=value) for key, value in json.loads(row.signatures))
        if (row.type, record.record_id) != (kind.TYPE, row.record_id):
            raise ValueError
    except (ValueError, TypeError, InputError):
        raise LedgerBrokenError("A record was edited.", row.record_id, "Run: scan3d rights ledger verify") from None
    signed = Signed(record=record, signatures=signatures)
    return Kept(signed=signed, recorded_at=row.recorded_at, payload=prefixed(kind.TYPE, row.body.encode()))


class Reading:
    """What can be asked inside a transaction."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._keys: dict[str, Any] = {}

    def fetch_keys(self, key_ids: Iterable[str]) -> None:
        """Reads several keys at once, for key()."""
        self._keys |= {row.key_id: row for row in self.connection.execute(_KEYS, {"ids": sorted(set(key_ids))})}

    def key(self, key_id: str) -> Any | None:
        """The row of a key, None where there is none."""
        return self._keys.get(key_id) or self.row(tables.keys, key_id)

    def row(self, table: sa.Table, key: str) -> Any | None:
        """The row of a table by its first column, None where there is none."""
        return self.connection.execute(sa.select(table).where(table.c[0] == key)).one_or_none()

    def known(self, table: sa.Table, key: str) -> Any:
        """As row(). Raises NotRegisteredError where there is none."""
        found = self.row(table, key)
        if found is None:
            raise NotRegisteredError(
                f"There is no entry {key} in {table.name}.", "", "Check the id; register it first."
            )
        return found

    def kept(self, kind: type[R], record_id: str) -> Kept:
        """A record with its signatures, as they were handed in.

        Raises NotRegisteredError, SubjectErasedError.
        """
        row = self.known(tables.records, record_id)
        if row.type != kind.TYPE:
            raise NotRegisteredError(f"{record_id} is no {kind.TYPE}.", "", "Check the id.")
        return kept_of(kind, row)

    def record(self, kind: type[R], record_id: str) -> R:
        """The record alone. Raises as kept()."""
        found = self.kept(kind, record_id).signed.record
        assert isinstance(found, kind)
        return found


class Writing(Reading):
    """What can be changed inside a transaction; every change leaves an event in the ledger."""

    def __init__(self, connection: sa.Connection, clock: Clock, ids: Ids, heads: Sequence[Head] = ()) -> None:
        self.ledger = LedgerWriter(connection, clock, heads)
        super().__init__(connection, self.ledger.now)
        self.ids = ids

    def keep(self, signed: Signed, subject_id: str | None) -> None:
        """Keeps a new record and logs its commitment. Raises ReplayedRecordError."""
        record = signed.record
        if self.row(tables.records, record.record_id) is not None:
            raise ReplayedRecordError(
                f"This {record.TYPE} was handed in before.", record.record_id, "Make a new one, with a new id."
            )
        salt = self.ids.salt()
        self.connection.execute(
            tables.records.insert().values(
                record_id=record.record_id,
                type=record.TYPE,
                subject_id=subject_id,
                body=canonical(fields_of(record)).decode(),
                salt=salt.hex(),
                signatures=_signature_text(signed),
                recorded_at=time_text(self.now),
            )
        )
        self.ledger.add(
            "record",
            record.record_id,
            actor=_actors(signed),
            subject=subject_id,
            type=record.TYPE,
            commitment=commitment(salt, record.payload()),
        )

    def countersign(self, signed: Signed, subject_id: str | None) -> None:
        """Adds signatures to a record that is kept already."""
        self.connection.execute(
            tables.records.update()
            .where(tables.records.c.record_id == signed.record.record_id)
            .values(signatures=_signature_text(signed))
        )
        self.ledger.add("signed", signed.record.record_id, actor=_actors(signed), subject=subject_id)

    def insert(self, table: sa.Table, subject_id: str | None, /, **values: Any) -> None:
        """Adds a row that has a state; the ledger gets the state and a hash of what will not change."""
        self.connection.execute(table.insert().values(**values))
        self.ledger.add(
            "state",
            values[table.c[0].name],
            subject=subject_id,
            table=table.name,
            was="",
            now=values["state"],
            fixed=sha256(canonical(tables.fixed_values(table, values))),
        )

    def change(self, table: sa.Table, key: str, state: str, subject_id: str | None, /, **values: Any) -> None:
        """Sets a row's state, and values that go with it; the ledger gets them, paths of files left out."""
        was = self.known(table, key).state
        self.connection.execute(table.update().where(table.c[0] == key).values(state=state, **values))
        told = {name: value for name, value in values.items() if name != "outputs"}
        self.ledger.add("state", key, subject=subject_id, table=table.name, was=was, now=state, values=told)


def _signature_text(signed: Signed) -> str:
    return json.dumps([[one.key_id, one.value] for one in signed.signatures])


def _actors(signed: Signed) -> str:
    return ",".join(one.key_id for one in signed.signatures)
