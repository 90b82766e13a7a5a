"""How things stand: what is revoked, suspended, expired or erased; what has run out by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.errors import (
    ExpiredError,
    NoConsentError,
    NoLicenceError,
    OutsideWindowError,
    QuotaExceededError,
    RevokedError,
    SubjectErasedError,
    SuspendedError,
    TrainingWithoutConsentError,
)
from scan3d.rights.transactions import Reading, Writing
from scan3d.rights.vocabulary import ConsentKind, LicenceState, Purpose

ACTIVE = "active"
_UNSIGNED = (LicenceState.DRAFT, LicenceState.MODEL_SIGNED, LicenceState.LICENSEE_SIGNED)


def check_state(state: str, what: str, where: str) -> None:
    """Of a subject, twin, consent or licence. Raises RevokedError, SuspendedError and the like unless it is active."""
    if state == ACTIVE:
        return
    if state == "erased":
        raise SubjectErasedError(
            "The person's data were erased.", where, "Nothing of this person can be used any more."
        )
    if state == "revoked":
        raise RevokedError(f"The {what} was revoked by the person.", where, "Ask them for a new one.")
    if state == "suspended":
        raise SuspendedError(f"The {what} is suspended by the person.", where, "Wait until they let it go on, or ask.")
    if state == "expired":
        raise ExpiredError(f"The {what} has expired.", where, "Ask the person for a new one.")
    if state == "exhausted":
        raise QuotaExceededError("All uses of the licence are taken.", where, "Agree on a new licence.")
    if state in _UNSIGNED:
        raise NoLicenceError("The licence is not signed by both.", where, "Have the person and the licensee sign it.")
    raise RevokedError(f"The {what} is {state}.", where, "")


def check_subject(reading: Reading, subject_id: str) -> Any:
    """The row of a person who is there. Raises NotRegisteredError, SubjectErasedError and the like."""
    row = reading.known(tables.subjects, subject_id)
    check_state(row.state, "subject", subject_id)
    return row


def check_window(now: datetime, starts_at: str, ends_at: str, what: str, where: str) -> None:
    """Raises OutsideWindowError before it begins, ExpiredError after it ends; the end itself is outside."""
    text = time_text(now)
    if text < starts_at:
        raise OutsideWindowError(f"The {what} begins at {starts_at}.", where, "Wait until then.")
    if text >= ends_at:
        raise ExpiredError(f"The {what} has ended at {ends_at}.", where, "Ask the person for a new one.")


def check_consent_kind(kind: str, purpose: Purpose, where: str) -> None:
    """Raises TrainingWithoutConsentError, NoConsentError for a consent to something else."""
    if purpose == Purpose.TRAIN and kind != ConsentKind.TRAIN:
        raise TrainingWithoutConsentError(
            "The person has not consented to training.", where, "Ask for a consent of the kind 'train'."
        )
    if purpose == Purpose.USE and kind != ConsentKind.USE:
        raise NoConsentError(f"The consent is to '{kind}', not to use.", where, "Ask for a consent of the kind 'use'.")


def check_has_consent(reading: Reading, subject_id: str, kind: ConsentKind) -> Any:
    """A consent of that kind that holds now; if none does, raises the reason of the newest, or NoConsentError."""
    query = sa.select(tables.consents).where(tables.consents.c.subject_id == subject_id)
    rows = reading.connection.execute(query.where(tables.consents.c.kind == kind.value)).all()
    reason: Exception = NoConsentError(
        f"The person has given no consent of the kind '{kind.value}'.", subject_id, "Ask them for one, signed."
    )
    for row in sorted(rows, key=lambda row: row.starts_at):
        try:
            check_state(row.state, "consent", row.consent_id)
            check_window(reading.now, row.starts_at, row.ends_at, "consent", row.consent_id)
        except (RevokedError, SuspendedError, OutsideWindowError) as error:
            reason = error
        else:
            return row
    raise reason


def sweep(writing: Writing) -> None:
    """Writes down what has happened by itself: requests that lapsed unanswered, licences that expired."""
    now = time_text(writing.now)
    requests, licences = tables.requests, tables.licences
    lapsed = sa.select(requests).where(requests.c.state == "requested", requests.c.answer_by <= now)
    for row in writing.connection.execute(lapsed).all():
        writing.change(requests, row.request_id, "lapsed", row.subject_id)
    over = sa.select(licences).where(licences.c.ends_at <= now, licences.c.state.in_(["active", "suspended"]))
    for row in writing.connection.execute(over).all():
        writing.change(licences, row.licence_id, "expired", row.subject_id)
