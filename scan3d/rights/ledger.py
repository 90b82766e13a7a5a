"""The ledger: events that are only ever added, each bound to the one before by its hash; and heads signed to be kept.

An event's hash is SHA-256 of the previous hash and the event's canonical JSON. Whoever holds a signed head proves
later that nothing up to it was edited, dropped or rolled back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa

from scan3d.rights.canonical import canonical
from scan3d.rights.clock import Clock
from scan3d.rights.codec import time_of, time_text
from scan3d.rights.errors import ClockSetBackError, LedgerBrokenError, LedgerRolledBackError
from scan3d.rights.record import Record, check_hash, check_id
from scan3d.rights.tables import events, ledger_head

FIRST_PREVIOUS = "0" * 64

# Clocks of several machines never agree to the second; what is written is never earlier than what was.
CLOCK_TOLERANCE = timedelta(seconds=5)

_EPOCH = "1970-01-01T00:00:00.000000Z"
_FIELDS = {"actor", "at", "data", "kind", "object", "sequence", "subject"}
_AT_ONCE = 5000

_EVENTS = sa.select(events).where(
    sa.or_(
        events.c.sequence >= sa.bindparam("after"),
        events.c.sequence.in_(sa.bindparam("numbers", expanding=True)),
    )
)
_LOCKED = sa.select(ledger_head).with_for_update()


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the ledger. actor: key ids that signed, or "registry". object: what it is about. data: small facts.

    Of records that people signed it holds salted commitments, never the contents.
    """

    sequence: int
    at: str
    kind: str
    actor: str
    subject: str | None
    object: str
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Head(Record):
    """Where the ledger ends: the last event's number and hash."""

    TYPE: ClassVar[str] = "head"

    registry_id: str
    sequence: int
    hash: str

    def __post_init__(self) -> None:
        check_id(self.registry_id, "registry_id")
        check_hash(self.hash, "hash")

    @property
    def record_id(self) -> str:
        return self.hash[:32]


class LedgerWriter:
    """Adds events inside one writing transaction; holds the lock on the ledger's end until that ends."""

    def __init__(self, connection: sa.Connection, clock: Clock, heads: Sequence[Head] = ()) -> None:
        self._connection = connection
        row = connection.execute(_LOCKED).one()
        # The clock is read once the lock is held: whoever waited for it is not behind whom they waited for.
        self.now = not_set_back(row.at, clock.now())
        self._registry_id, self._sequence, self._hash = str(row.registry_id), int(row.sequence), str(row.hash)
        check_end(connection, row, heads)
        self._lines: list[dict[str, Any]] = []

    def add(
        self, kind: str, object_id: str, *, actor: str = "registry", subject: str | None = None, **data: Any
    ) -> int:
        """Adds an event; returns its number. It is written by close()."""
        self._sequence += 1
        body = canonical(
            {
                "actor": actor,
                "at": time_text(self.now),
                "data": data,
                "kind": kind,
                "object": object_id,
                "sequence": self._sequence,
                "subject": subject,
            }
        )
        self._hash = chained(self._hash, body)
        self._lines.append({"sequence": self._sequence, "body": body.decode(), "hash": self._hash})
        return self._sequence

    def close(self) -> None:
        """Writes what was added."""
        if not self._lines:
            return
        self._connection.execute(events.insert(), self._lines)
        end = {"sequence": self._sequence, "hash": self._hash, "at": time_text(self.now)}
        self._connection.execute(ledger_head.update().values(**end))
        self._lines = []

    def end(self) -> Head:
        """The ledger's end, what was added included."""
        return Head(
            registry_id=self._registry_id, sequence=self._sequence, hash=self._hash, signed_at=self.now
        )  # fmt: skip


def begin_ledger(connection: sa.Connection, registry_id: str, clock: Clock, **data: Any) -> None:
    """Writes the first event of a new registry."""
    start = {"one": 1, "registry_id": registry_id, "sequence": 0, "hash": FIRST_PREVIOUS, "at": _EPOCH}
    connection.execute(ledger_head.insert().values(**start))
    writer = LedgerWriter(connection, clock)
    writer.add("registry", registry_id, **data)
    writer.close()


def chained(previous: str, body: bytes) -> str:
    """The hash of an event that follows on `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + body).hexdigest()


def not_set_back(last: str, now: datetime) -> datetime:
    """The time to write: now, or the ledger's own last where that is a little later. Raises ClockSetBackError."""
    seen = time_of(last)
    if now < seen - CLOCK_TOLERANCE:
        raise ClockSetBackError(
            f"The clock says {time_text(now)}, but the ledger has seen {last}.", "", "Set the computer's clock."
        )
    return max(now, seen)


def check_end(connection: sa.Connection, end: Any, heads: Sequence[Head] = ()) -> None:
    """Whether the ledger ends as `end`, the row of ledger_head, says, and still holds what heads kept outside say.

    Raises LedgerBrokenError, LedgerRolledBackError.
    """
    numbers = sorted({head.sequence for head in heads})
    rows = connection.execute(_EVENTS, {"after": end.sequence - 1, "numbers": numbers or [-1]}).all()
    found = {row.sequence: row for row in rows}
    beyond = any(number > end.sequence for number in found)
    before = found[end.sequence - 1].hash if end.sequence - 1 in found else FIRST_PREVIOUS
    last = found.get(end.sequence)
    started = end.sequence > 0 or end.hash == FIRST_PREVIOUS
    if beyond or not started or (end.sequence > 0 and (last is None or last.hash != end.hash)):
        raise _broken(end.sequence)
    if last is not None and chained_or_none(before, last.body) != end.hash:
        raise _broken(end.sequence)
    for head in heads:
        _check_head(head, end.registry_id, found.get(head.sequence))


def _check_head(head: Head, registry_id: str, event: Any) -> None:
    if head.registry_id != registry_id:
        raise LedgerRolledBackError(
            "The head is of another registry.", head.registry_id, "Give a head that this registry has signed."
        )
    if event is None or event.hash != head.hash:
        raise LedgerRolledBackError(
            f"Event {head.sequence} is gone, or another than in the head kept of {time_text(head.signed_at)}.",
            "",
            "The registry was edited, or an old copy restored: restore the newest, and tell who kept the head.",
        )


def chained_or_none(previous: Any, body: Any) -> str | None:
    """As chained(), None for what cannot be a hash or a body."""
    try:
        return chained(previous, body.encode())
    except (ValueError, AttributeError, TypeError):
        return None


def walk(connection: sa.Connection, since: Head | None = None) -> Iterator[Event]:
    """All events, each checked against the one before; at the end the ledger's own end. Raises LedgerBrokenError.

    since: a head known to be whole; only what follows on it is read.
    """
    previous, expected = (FIRST_PREVIOUS, 1) if since is None else (since.hash, since.sequence + 1)
    query = sa.select(events.c.sequence, events.c.body, events.c.hash).order_by(events.c.sequence)
    query = query.where(events.c.sequence >= expected)
    last = ""
    for block in connection.execution_options(yield_per=_AT_ONCE).execute(query).partitions():
        for sequence, body, digest in block:
            if sequence != expected or chained_or_none(previous, body) != digest:
                raise _broken(expected)
            event = _event(body, expected)
            if event.at < last:
                raise _broken(expected)
            yield event
            previous, last, expected = digest, event.at, expected + 1
    head = connection.execute(sa.select(ledger_head)).all()
    ends = (expected - 1, previous, last or (head[0].at if head else ""))
    if len(head) != 1 or (head[0].sequence, head[0].hash, head[0].at) != ends:
        raise LedgerRolledBackError(
            f"The ledger has {expected - 1} events, but its end says otherwise.", "", "Restore the newest copy."
        )


def _event(body: str, number: int) -> Event:
    try:
        fields = json.loads(body)
        if fields.keys() != _FIELDS or fields["sequence"] != number:
            raise _broken(number)
        return Event(**fields)
    except (ValueError, AttributeError):
        raise _broken(number) from None


def _broken(number: int) -> LedgerBrokenError:
    return LedgerBrokenError(
        f"The ledger was edited at event {number}.", "", "Restore a copy from before, and check it with kept heads."
    )
