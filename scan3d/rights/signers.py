"""Who has to sign what, and whether they did: the signature, the key, its owner, the time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import time_of, time_text
from scan3d.rights.errors import (
    KeyRetiredError,
    MinorWithoutGuardianError,
    OutsideWindowError,
    UnknownKeyError,
    WrongSignerError,
)
from scan3d.rights.keys import key_id_of, verify
from scan3d.rights.people import Party, Subject
from scan3d.rights.records import Signature, Signed
from scan3d.rights.transactions import Kept, Reading

# Clocks of different people differ by minutes.
_AHEAD = timedelta(minutes=5)


def check_new(reading: Reading, signed: Signed, required: Iterable[str], *, signing_days: int = 14) -> None:
    """A record that is being handed in: signed in these days, by all of these parties, with keys in force.

    Raises OutsideWindowError, UnknownKeyError, BadSignatureError, KeyRetiredError, WrongSignerError.
    """
    check_time(reading.now, signed, signing_days)
    payload = signed.record.payload()
    parties = {_owner(reading, signed, payload, one, reading.now) for one in signed.signatures}
    check_parties(signed, parties, required)


def check_time(now: datetime, signed: Signed, signing_days: int) -> None:
    """Raises OutsideWindowError for a signature of tomorrow, or one so old that somebody may have kept it back."""
    when = signed.record.signed_at
    if when > now + _AHEAD:
        raise OutsideWindowError(
            f"It was signed at {time_text(when)}, which has not come yet.",
            signed.record.record_id,
            "Check the clocks, and sign it again.",
        )
    if when < now - timedelta(days=signing_days):
        raise OutsideWindowError(
            f"It was signed at {time_text(when)}, more than {signing_days} days ago.",
            signed.record.record_id,
            "Sign it again.",
        )


def check_kept(reading: Reading, kept: Kept, required: Iterable[str]) -> None:
    """A record that was handed in before: whoever had to sign it did, with keys in force at that time."""
    signed, recorded = kept.signed, time_of(kept.recorded_at)
    parties = {_owner(reading, signed, kept.payload, one, recorded) for one in signed.signatures}
    check_parties(signed, parties, required)


def check_parties(signed: Signed, parties: set[str], required: Iterable[str]) -> None:
    """Raises WrongSignerError unless all of `required` are among those who signed."""
    missing = [party for party in required if party not in parties]
    if missing:
        by = "nobody has" if not parties else "somebody else has"
        raise WrongSignerError(
            f"The {signed.record.TYPE} has to be signed by {missing[0]}, but {by}.",
            signed.record.record_id,
            "Nobody signs for another: have it signed with that party's own key.",
        )


def _owner(reading: Reading, signed: Signed, payload: bytes, signature: Signature, at: datetime) -> str:
    """The party whose key this is, once its signature holds. at: when the registry got it."""
    record, key_id = signed.record, signature.key_id
    row = reading.key(key_id)
    if row is None or key_id_of(row.public_key) != key_id:
        raise UnknownKeyError(
            f"The registry knows no key {key_id}.", record.record_id, "Register whoever signs, with their key."
        )
    verify(row.public_key, payload, signature, record.record_id)
    check_in_force(row, record.signed_at, at, record.record_id)
    return str(row.party_id)


def check_in_force(key: Any, signed_at: datetime, at: datetime, where: str) -> None:
    """Raises KeyRetiredError unless a key was in force when something was signed and when it came in."""
    old = key.valid_until is not None and time_text(at) >= key.valid_until
    # A key that came after the loss of another cannot sign what is older than itself.
    young = time_text(at) < key.valid_from or time_text(signed_at + _AHEAD) < key.valid_from
    if key.state == "void" or old or young:
        raise KeyRetiredError(
            f"The key {key.key_id} is not in force for what was signed at {time_text(signed_at)}.",
            where,
            "Sign it anew with the key that is in force.",
        )


def keys_of(reading: Reading, party_id: str) -> list[Any]:
    """A party's keys that are in force now."""
    rows = reading.connection.execute(sa.select(tables.keys).where(tables.keys.c.party_id == party_id)).all()
    now = time_text(reading.now)
    usable = [row for row in rows if row.state != "void" and row.valid_from <= now]
    return [row for row in usable if row.valid_until is None or now < row.valid_until]


def signers_for(subject: Subject, at: datetime) -> list[str]:
    """Who signs for a person at that time: themselves, or for a minor their guardian.

    Raises MinorWithoutGuardianError for a minor who has none.
    """
    if not subject.is_minor(at.date()):
        return [subject.subject_id]
    if subject.guardian_id is None:
        raise MinorWithoutGuardianError(
            "A minor has no guardian.", subject.subject_id, "Register the guardian, and have them sign."
        )
    return [subject.guardian_id]


def check_for_subject(reading: Reading, signed: Signed, subject: Subject, signing_days: int) -> None:
    """A new record of a person's own: signed by them or, for a minor, by the guardian.

    Raises MinorWithoutGuardianError where the minor alone has signed, and as check_new().
    """
    required = signers_for(subject, reading.now)
    check_new(reading, signed, [], signing_days=signing_days)
    rows = [reading.row(tables.keys, one.key_id) for one in signed.signatures]
    parties = {row.party_id for row in rows if row is not None}
    if subject.is_minor(reading.now.date()) and subject.subject_id in parties and not parties & set(required):
        raise MinorWithoutGuardianError(
            f"A minor has signed this {signed.record.TYPE} alone.",
            signed.record.record_id,
            "Have the guardian sign it too.",
        )
    check_parties(signed, parties, required)


def check_own_key(signed: Signed, record: Party | Subject) -> None:
    """Whoever registers a key shows that they hold it: their record is signed with it. Raises BadSignatureError."""
    wanted = key_id_of(record.public_key)
    for one in signed.signatures:
        if one.key_id == wanted:
            verify(record.public_key, record.payload(), one, record.record_id)
            return
    raise WrongSignerError(
        "It is not signed with the key that it registers.", record.record_id, "Sign it with that very key."
    )
