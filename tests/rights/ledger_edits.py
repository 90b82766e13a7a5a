"""A long ledger, and every way to edit it past the program: bits, rows gone, rows swapped, the end cut off."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import sqlalchemy as sa

from scan3d.rights.errors import LedgerBrokenError
from scan3d.rights.ledger import Head, check_end, walk
from scan3d.rights.registry import Registry
from scan3d.rights.tables import events, ledger_head

EDITS = ("bit of a body", "bit of a hash", "bit of a number", "row gone", "rows swapped", "end cut")


def lengthen(registry: Registry, count: int, source: random.Random) -> Head:
    """Adds events like those of uses, until there are `count`; returns the end, as somebody keeps it outside."""
    left = count - registry.head().sequence
    while left > 0:
        with registry.writing() as writing:
            for _ in range(min(left, 20_000)):
                use, subject = f"{source.getrandbits(128):032x}", f"{source.getrandbits(128):032x}"
                values = {"delivered_at": "2026-09-01T09:00:00.000000Z"}
                told = {"table": "uses", "was": "marked", "now": "delivered", "values": values}
                writing.ledger.add("note", use, subject=subject, **told)
        left -= 20_000
    return registry.head()


def edit(connection: sa.Connection, kind: str, source: random.Random, count: int) -> int:
    """One random edit, in the connection's transaction; returns the first event that it touched."""
    number = source.randint(1, count)
    row = connection.execute(sa.select(events).where(events.c.sequence == number)).one()
    here = events.update().where(events.c.sequence == number)
    if kind == "bit of a body":
        connection.execute(here.values(body=_flipped(row.body, source)))
    elif kind == "bit of a hash":
        connection.execute(here.values(hash=_flipped(row.hash, source)))
    elif kind == "bit of a number":
        connection.execute(here.values(sequence=number ^ (1 << source.randint(20, 29))))
    elif kind == "row gone":
        connection.execute(events.delete().where(events.c.sequence == number))
    elif kind == "rows swapped":
        number = _swap(connection, row, source.choice([one for one in (number - 1, number + 1, 1) if one != number]))
    else:
        number = source.randint(1, count - 1)
        _cut(connection, number)
    return number


def _flipped(text: str, source: random.Random) -> str:
    while True:
        place, bit = source.randrange(len(text)), 1 << source.randrange(7)
        changed = chr(ord(text[place]) ^ bit)
        if changed != "\0":
            return text[:place] + changed + text[place + 1 :]


def _swap(connection: sa.Connection, row: sa.Row, other: int) -> int:
    found = connection.execute(sa.select(events).where(events.c.sequence == max(other, 1))).one_or_none()
    if found is None:
        found = connection.execute(sa.select(events).where(events.c.sequence == row.sequence - 1)).one()
    for one, two in ((row, found), (found, row)):
        connection.execute(
            events.update().where(events.c.sequence == one.sequence).values(body=two.body, hash=two.hash)
        )
    return min(row.sequence, found.sequence)


def _cut(connection: sa.Connection, keep: int) -> None:
    """As a forger would: the row that says where the ledger ends goes back, too."""
    connection.execute(events.delete().where(events.c.sequence > keep))
    last = connection.execute(sa.select(events).where(events.c.sequence == keep)).one()
    at = json.loads(last.body)["at"]
    connection.execute(ledger_head.update().values(sequence=keep, hash=last.hash, at=at))


def is_found(connection: sa.Connection, head: Head, since: Head | None = None) -> bool:
    """Whether verification with an outside head finds that something was edited. since: where it begins."""
    try:
        for _ in walk(connection, since):
            pass
        check_end(connection, connection.execute(sa.select(ledger_head)).one(), [head])
    except LedgerBrokenError:
        return True
    return False


def found_edits(
    registry: Registry, head: Head, times: int, source: random.Random, *, step: int | None = None
) -> dict[str, tuple[int, int]]:
    """Kind of edit -> (made, found), each made on the whole ledger and taken back.

    step: verification begins at the nearest multiple of this many events before the edit, since it would come to the
    same there, and goes on to the end; None to begin at the first event each time.
    """
    count = head.sequence
    with registry.engine.connect() as connection:
        marks = _heads(connection, head, step) if step else {}
    told = dict.fromkeys(EDITS, (0, 0))
    for number in range(times):
        kind = EDITS[number % len(EDITS)]
        with registry.engine.connect() as connection, connection.begin() as transaction:
            first = edit(connection, kind, source, count)
            found = is_found(connection, head, marks.get((first - 1) // step) if step else None)
            transaction.rollback()
        told[kind] = (told[kind][0] + 1, told[kind][1] + found)
    return told


def _heads(connection: sa.Connection, head: Head, step: int) -> dict[int, Head]:
    """Heads of the unedited ledger at every multiple of `step`."""
    wanted = list(range(step, head.sequence, step))
    rows = connection.execute(sa.select(events).where(events.c.sequence.in_(wanted))).all()
    return {row.sequence // step: replace(head, sequence=row.sequence, hash=row.hash) for row in rows}
