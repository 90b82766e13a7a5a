"""Uses: reserved before anything is rendered, marked, delivered; each counted once, whatever is killed when."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.errors import QuotaExceededError, ReplayedApprovalError, UnmarkedOutputError, WrongStateError
from scan3d.rights.gate import decide, with_use
from scan3d.rights.intent import Intent, Permit
from scan3d.rights.registry import Registry
from scan3d.rights.standing import sweep
from scan3d.rights.transactions import Writing
from scan3d.rights.vocabulary import LicenceState, UseState

_UNDONE = (UseState.RESERVED, UseState.RENDERED)
_OPEN = (*_UNDONE, UseState.MARKED)


@dataclass(frozen=True, kw_only=True)
class Output:
    """A file that leaves. path: where it goes. sha256: of the marked file. marked: whether it carries a mark."""

    path: Path
    sha256: str
    marked: bool


@dataclass(frozen=True, kw_only=True)
class OpenUse:
    """A use that was begun and not finished. staging: the folder it is written in. state: as far as it came."""

    use_id: str
    state: UseState
    staging: Path
    outputs: tuple[Output, ...]


def reserve(registry: Registry, intent: Intent, *, use_id: str, staging: Path) -> Permit:
    """Asks the gate and takes one use, in one transaction: however many ask at once, none is taken twice.

    staging: where this machine will write it; found again after a kill. Raises RightsError.
    """
    with registry.writing() as writing:
        sweep(writing)
    with registry.writing() as writing:
        permit = decide(writing, intent)
        if permit.licence_id is not None:
            _take(writing, permit)
        permit = with_use(permit, use_id, _watermark(writing))
        writing.insert(
            tables.uses,
            permit.subject_id,
            use_id=use_id,
            purpose=permit.purpose.value,
            subject_id=permit.subject_id,
            twin_id=permit.twin_id,
            licence_id=permit.licence_id,
            request_id=permit.request_id,
            watermark_id=permit.watermark_id,
            state=UseState.RESERVED.value,
            reserved_at=time_text(writing.now),
            host=socket.gethostname(),
            staging=str(staging.absolute()),
        )
    return permit


def _take(writing: Writing, permit: Permit) -> None:
    licences, requests = tables.licences, tables.requests
    # The database itself counts: the rows are changed only while there is room, whoever else is at it.
    taken = writing.connection.execute(
        licences.update()
        .where(licences.c.licence_id == permit.licence_id, licences.c.taken < licences.c.quota)
        .values(taken=licences.c.taken + 1)
    )
    if taken.rowcount != 1:
        raise QuotaExceededError("All uses of the licence are taken.", str(permit.licence_id), "Agree on a new one.")
    approved = writing.connection.execute(
        requests.update()
        .where(requests.c.request_id == permit.request_id, requests.c.taken < requests.c.uses)
        .values(taken=requests.c.taken + 1)
    )
    if approved.rowcount != 1:
        raise ReplayedApprovalError("All uses that were approved are taken.", str(permit.request_id), "Ask again.")


def _watermark(writing: Writing) -> int:
    while True:
        number = writing.ids.watermark()
        known = sa.select(tables.uses.c.use_id).where(tables.uses.c.watermark_id == number)
        if writing.connection.execute(known).first() is None:
            return number


def note_rendered(registry: Registry, use_id: str) -> None:
    """The files are written, not yet marked. Raises WrongStateError."""
    with registry.writing() as writing:
        row = _in_state(writing, use_id, (UseState.RESERVED,))
        writing.change(tables.uses, use_id, UseState.RENDERED.value, row.subject_id)


def note_marked(registry: Registry, use_id: str, outputs: Sequence[Output], manifest_sha256: str) -> None:
    """The marked files lie ready, and from here on they will be delivered, also after a kill.

    Raises UnmarkedOutputError if one of them carries no mark, WrongStateError.
    """
    unmarked = [output for output in outputs if not output.marked]
    if unmarked or not outputs:
        where = str(unmarked[0].path) if unmarked else use_id
        raise UnmarkedOutputError("A file carries no mark.", where, "Choose a format that can be marked.")
    with registry.writing() as writing:
        row = _in_state(writing, use_id, (UseState.RENDERED,))
        listed = [{"path": str(one.path), "sha256": one.sha256} for one in outputs]
        values = {"outputs": json.dumps(listed), "manifest_sha256": manifest_sha256}
        writing.change(tables.uses, use_id, UseState.MARKED.value, row.subject_id, **values)
        hashes = [one.sha256 for one in outputs]
        writing.ledger.add("outputs", use_id, subject=row.subject_id, sha256=hashes, manifest=manifest_sha256)


def note_delivered(registry: Registry, use_id: str) -> None:
    """The files are in their place; said twice it counts once. Raises WrongStateError."""
    with registry.writing() as writing:
        row = _in_state(writing, use_id, (UseState.MARKED, UseState.DELIVERED))
        if row.state == UseState.DELIVERED:
            return
        now = time_text(writing.now)
        writing.change(tables.uses, use_id, UseState.DELIVERED.value, row.subject_id, delivered_at=now)
        if row.licence_id is not None:
            _count_delivered(writing, row.licence_id, row.subject_id)


def _count_delivered(writing: Writing, licence_id: str, subject_id: str) -> None:
    licences = tables.licences
    writing.connection.execute(
        licences.update().where(licences.c.licence_id == licence_id).values(delivered=licences.c.delivered + 1)
    )
    licence = writing.known(licences, licence_id)
    if licence.delivered == licence.quota and licence.state == LicenceState.ACTIVE:
        writing.change(licences, licence_id, LicenceState.EXHAUSTED.value, subject_id)


def void(registry: Registry, use_id: str, reason: str) -> None:
    """Gives back a use of which nothing has left. Raises WrongStateError for one that was marked or delivered."""
    with registry.writing() as writing:
        row = writing.known(tables.uses, use_id)
        if row.state == UseState.VOID:
            return
        _in_state(writing, use_id, _UNDONE)
        writing.change(tables.uses, use_id, UseState.VOID.value, row.subject_id)
        writing.ledger.add("void", use_id, subject=row.subject_id, reason=reason)
        for table, key in ((tables.licences, row.licence_id), (tables.requests, row.request_id)):
            if key is not None:
                writing.connection.execute(
                    table.update().where(table.c[0] == key).values(taken=table.c.taken - 1)
                )  # fmt: skip


def open_uses(registry: Registry) -> list[OpenUse]:
    """Uses that somebody on this machine has begun and not finished."""
    uses = tables.uses.c
    query = sa.select(tables.uses).where(uses.state.in_([s.value for s in _OPEN]), uses.host == socket.gethostname())
    with registry.reading() as reading:
        rows = reading.connection.execute(query.order_by(uses.reserved_at)).all()
    return [_open_use(row) for row in rows]


def _open_use(row: Any) -> OpenUse:
    listed = json.loads(row.outputs) if row.outputs else []
    outputs = tuple(Output(path=Path(one["path"]), sha256=one["sha256"], marked=True) for one in listed)
    return OpenUse(use_id=row.use_id, state=UseState(row.state), staging=Path(row.staging), outputs=outputs)


def _in_state(writing: Writing, use_id: str, allowed: Sequence[UseState]) -> Any:
    row = writing.known(tables.uses, use_id)
    if row.state not in {state.value for state in allowed}:
        raise WrongStateError(f"The use is {row.state}, not {allowed[0].value}.", use_id, "")
    return row
