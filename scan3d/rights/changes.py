"""What changes what stands: revocations, suspensions, new keys and objections to them."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.enrolment import add_key
from scan3d.rights.errors import (
    KeyRetiredError,
    NotRegisteredError,
    OutsideWindowError,
    SubjectErasedError,
    WrongSignerError,
    WrongStateError,
)
from scan3d.rights.keys import key_id_of, verify
from scan3d.rights.orders import NewKey, Objection, Revocation, Suspension, Target
from scan3d.rights.people import Subject
from scan3d.rights.records import Signed
from scan3d.rights.registry import Registry
from scan3d.rights.signers import check_for_subject, check_new, check_parties, keys_of
from scan3d.rights.transactions import Writing

_TABLES = {
    Target.CONSENT: tables.consents,
    Target.LICENCE: tables.licences,
    Target.TWIN: tables.twins,
    Target.SUBJECT: tables.subjects,
}
_OVER = ("revoked", "expired", "exhausted", "erased")


def add_revocation(registry: Registry, writing: Writing, signed: Signed, record: Revocation) -> None:
    """Takes something back for good: no new use of it begins from now on. Raises RightsError."""
    table = _check(registry, writing, signed, record)
    writing.keep(signed, record.subject_id)
    writing.change(table, record.target_id, "revoked", record.subject_id)


def add_suspension(registry: Registry, writing: Writing, signed: Signed, record: Suspension) -> None:
    """Suspends something, or lets it go on. Raises RightsError."""
    table = _check(registry, writing, signed, record)
    was = writing.known(table, record.target_id).state
    wanted = "active" if record.suspended else "suspended"
    if was != wanted:
        raise WrongStateError(f"It is {was}.", record.target_id, "")
    writing.keep(signed, record.subject_id)
    state = "suspended" if record.suspended else "active"
    writing.change(table, record.target_id, state, record.subject_id)


def _check(registry: Registry, writing: Writing, signed: Signed, record: Revocation | Suspension) -> sa.Table:
    if writing.known(tables.subjects, record.subject_id).state == "erased":
        raise SubjectErasedError("The person's data were erased.", record.subject_id, "")
    subject = writing.record(Subject, record.subject_id)
    check_for_subject(writing, signed, subject, registry.settings.signing_days)
    table = _TABLES[record.target]
    row = writing.known(table, record.target_id)
    if row.subject_id != record.subject_id:
        raise WrongSignerError("It is another person's.", record.target_id, "Only they can take it back.")
    if row.state in _OVER:
        raise WrongStateError(f"It is {row.state} already.", record.target_id, "")
    return table


def add_new_key(registry: Registry, writing: Writing, signed: Signed, record: NewKey) -> None:
    """A party's next key: at once with the old key's signature, or after a wait where that key is lost.

    A recovered key cannot sign what is older than itself: requests that wait for an answer lapse, and the old key can
    object while it waits. Raises RightsError.
    """
    old = writing.known(tables.keys, record.old_key_id)
    if old.party_id != record.party_id or old.key_id not in {key.key_id for key in keys_of(writing, record.party_id)}:
        raise KeyRetiredError("The old key is not in force.", record.old_key_id, "Name the key that is.")
    others = Signed(
        record=record,
        signatures=tuple(one for one in signed.signatures if one.key_id != key_id_of(record.public_key)),
    )
    _check_holds_new(signed, record)
    if record.lost:
        starts = _check_recovery(registry, writing, others, record)
    else:
        check_new(writing, others, [record.party_id], signing_days=registry.settings.signing_days)
        starts = time_text(writing.now)
    subject_id = record.party_id if writing.row(tables.subjects, record.party_id) is not None else None
    writing.keep(signed, subject_id)
    add_key(
        writing, record.party_id, record.public_key, valid_from=starts, state="pending" if record.lost else "active"
    )
    writing.change(tables.keys, old.key_id, "retired", subject_id, valid_until=starts)
    if record.lost:
        _lapse_requests(writing, record.party_id)


def _check_holds_new(signed: Signed, record: NewKey) -> None:
    for one in signed.signatures:
        if one.key_id == key_id_of(record.public_key):
            verify(record.public_key, record.payload(), one, record.record_id)
            return
    raise WrongSignerError("The new key has not signed.", record.record_id, "Sign it with the new key too.")


def _check_recovery(registry: Registry, writing: Writing, signed: Signed, record: NewKey) -> str:
    """When the new key will be in force. A guardian alone, or two of those whom the person named, recover it."""
    subject = writing.record(Subject, record.party_id)
    check_new(writing, signed, [], signing_days=registry.settings.signing_days)
    by = {writing.known(tables.keys, one.key_id).party_id for one in signed.signatures}
    guardian = subject.is_minor(writing.now.date()) and subject.guardian_id in by
    if not guardian and len(by & set(subject.recovery)) < 2:
        check_parties(signed, set(), [subject.recovery[0] if subject.recovery else "somebody the person named"])
    earliest = writing.now + timedelta(hours=registry.settings.recovery_wait_hours)
    if record.effective_at < earliest:
        raise OutsideWindowError(
            f"A recovered key is in force from {time_text(earliest)} at the earliest.",
            record.record_id,
            f"Give that time: the holder of the old key has {registry.settings.recovery_wait_hours} h to object.",
        )
    return time_text(record.effective_at)


def _lapse_requests(writing: Writing, subject_id: str) -> None:
    requests = tables.requests
    query = sa.select(requests).where(requests.c.subject_id == subject_id, requests.c.state == "requested")
    for row in writing.connection.execute(query).all():
        writing.change(requests, row.request_id, "lapsed", subject_id)


def add_objection(registry: Registry, writing: Writing, signed: Signed, record: Objection) -> None:
    """The holder of a key that was said to be lost says that it is not: the new key never comes into force."""
    new = writing.record(NewKey, record.rotation_id)
    check_new(writing, signed, [record.party_id], signing_days=registry.settings.signing_days)
    row = writing.known(tables.keys, key_id_of(new.public_key))
    signers = {one.key_id for one in signed.signatures}
    if new.party_id != record.party_id or not new.lost or new.old_key_id not in signers:
        raise NotRegisteredError("There is no such recovery of this party's key.", record.rotation_id, "")
    if row.state != "pending" or row.valid_from <= time_text(writing.now):
        raise WrongStateError("The new key is in force already, or void.", record.rotation_id, "")
    writing.keep(signed, record.party_id)
    writing.change(tables.keys, row.key_id, "void", record.party_id)
    writing.change(tables.keys, new.old_key_id, "active", record.party_id, valid_until=None)
