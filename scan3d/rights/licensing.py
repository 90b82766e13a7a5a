"""Licences: their terms are checked, the person signs, then the licensee; then they are active."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.enrolment import check_party
from scan3d.rights.errors import (
    CommissionAboveCapError,
    ExpiredError,
    MixedCurrencyError,
    NotRegisteredError,
    OutsideWindowError,
    RateBelowFloorError,
    ReplayedRecordError,
    SplitMismatchError,
    WrongSignerError,
)
from scan3d.rights.money import Money
from scan3d.rights.people import Consent, Subject
from scan3d.rights.records import Signed
from scan3d.rights.registry import Registry
from scan3d.rights.signers import check_for_subject, check_new, check_time
from scan3d.rights.standing import check_consent_kind, check_state, check_subject
from scan3d.rights.terms import Licence
from scan3d.rights.transactions import Reading, Writing
from scan3d.rights.vocabulary import LicenceState, Role


def add_licence(registry: Registry, writing: Writing, signed: Signed, record: Licence) -> None:
    """Takes a draft, the person's signature, or the licensee's: as far as it is signed, so far it goes.

    Raises RightsError for terms that cannot be, and for whoever signs out of turn.
    """
    row = writing.row(tables.licences, record.licence_id)
    subject = check_terms(registry, writing, record)
    if row is None:
        check_time(writing.now, signed, registry.settings.signing_days)
        writing.keep(Signed(record=record), record.subject_id)
        _insert(writing, record)
        state, before = LicenceState.DRAFT, Signed(record=record)
    else:
        state, before = LicenceState(row.state), writing.kept(Licence, record.licence_id).signed
        if before.record.payload() != record.payload():
            raise ReplayedRecordError("There is another licence of this id.", record.licence_id, "Give it a new id.")
        if state not in (LicenceState.DRAFT, LicenceState.MODEL_SIGNED):
            raise ReplayedRecordError("This licence was handed in before.", record.licence_id, "Make a new one.")
    merged = _merged(before, signed)
    if len(merged.signatures) == len(before.signatures):
        if row is not None:
            raise ReplayedRecordError("Nothing new is signed.", record.licence_id, "Sign it, then hand it in.")
        return
    _advance(registry, writing, merged, record, subject, state)


def _insert(writing: Writing, record: Licence) -> None:
    writing.insert(
        tables.licences,
        record.subject_id,
        **{
            name: getattr(record, name)
            for name in ("licence_id", "subject_id", "twin_id", "consent_id", "licensee_id", "agency_id", "quota")
        },
        ends_at=time_text(record.ends_at),
        state=LicenceState.DRAFT.value,
        taken=0,
        delivered=0,
    )


def _merged(before: Signed, new: Signed) -> Signed:
    known = {one.key_id for one in before.signatures}
    added = tuple(one for one in new.signatures if one.key_id not in known)
    return Signed(record=before.record, signatures=(*before.signatures, *added))


def _advance(
    registry: Registry, writing: Writing, signed: Signed, record: Licence, subject: Subject, state: LicenceState
) -> None:
    check_for_subject(writing, signed, subject, registry.settings.signing_days)
    by = {writing.known(tables.keys, one.key_id).party_id for one in signed.signatures}
    ends = [LicenceState.MODEL_SIGNED] if state == LicenceState.DRAFT else []
    if record.licensee_id in by:
        check_new(writing, signed, [record.licensee_id], signing_days=registry.settings.signing_days)
        ends += [LicenceState.LICENSEE_SIGNED, LicenceState.ACTIVE]
    elif state == LicenceState.MODEL_SIGNED:
        raise WrongSignerError("The licensee has not signed.", record.licence_id, "Have the licensee sign it.")
    writing.countersign(signed, record.subject_id)
    for end in ends:
        writing.change(tables.licences, record.licence_id, end.value, record.subject_id)


def check_terms(registry: Registry, reading: Reading, licence: Licence) -> Subject:
    """Whether a licence of these terms may be, now; returns whose it is. Raises RightsError."""
    check_subject(reading, licence.subject_id)
    subject = reading.record(Subject, licence.subject_id)
    if licence.ends_at <= reading.now:
        raise ExpiredError(f"It would end at {time_text(licence.ends_at)}.", licence.licence_id, "Give a later end.")
    _check_twin(reading, licence)
    _check_parties(reading, licence)
    consent = check_licence_consent(reading, licence)
    check_rate(licence, [floor for floor in (subject.rate_floor, consent.rate) if floor is not None])
    check_splits(licence, _agencies(reading, licence), registry.settings.commission_cap_percent)
    return subject


def _check_twin(reading: Reading, licence: Licence) -> None:
    twin = reading.known(tables.twins, licence.twin_id)
    if (twin.subject_id, twin.version) != (licence.subject_id, licence.twin_version):
        raise NotRegisteredError(
            "The twin is another person's, or of another version.", licence.twin_id, "Name the right twin."
        )
    check_state(twin.state, "twin", licence.twin_id)


def _check_parties(reading: Reading, licence: Licence) -> None:
    check_party(reading, licence.licensee_id, Role.LICENSEE)
    if licence.agency_id is not None:
        check_party(reading, licence.agency_id, Role.AGENCY)
    for split in licence.splits:
        if split.party_id != licence.subject_id:
            check_party(reading, split.party_id)


def check_licence_consent(reading: Reading, licence: Licence) -> Consent:
    """The consent that a licence rests on, if it holds. Raises RightsError."""
    row = reading.known(tables.consents, licence.consent_id)
    if row.subject_id != licence.subject_id:
        raise NotRegisteredError("The consent is another person's.", licence.consent_id, "Name the right consent.")
    check_consent_kind(row.kind, licence.purpose, licence.consent_id)
    check_state(row.state, "consent", licence.consent_id)
    if time_text(licence.starts_at) < row.starts_at or time_text(licence.ends_at) > row.ends_at:
        raise OutsideWindowError(
            f"The consent holds from {row.starts_at} to {row.ends_at} only.", licence.licence_id, "Keep within it."
        )
    return reading.record(Consent, licence.consent_id)


def check_rate(licence: Licence, floors: list[Money]) -> None:
    """Raises RateBelowFloorError, MixedCurrencyError against the least that the person accepts per use."""
    for floor in floors:
        if floor.currency != licence.rate.currency:
            raise MixedCurrencyError(
                f"The rate is in {licence.rate.currency}, what the person accepts in {floor.currency}.",
                licence.licence_id,
                f"Agree on a rate in {floor.currency}.",
            )
        if licence.rate < floor:
            raise RateBelowFloorError(
                f"{licence.rate} per use is less than the {floor} that the person accepts.",
                licence.licence_id,
                "Agree on a higher rate.",
            )


def check_splits(licence: Licence, agencies: set[str], cap_percent: Decimal) -> None:
    """Shares make the whole, the person has one, and of what the model earns an agency takes at most the cap.

    cap_percent: of agency's and model's shares together (New York Fashion Workers Act: 20). Raises SplitMismatchError,
    CommissionAboveCapError.
    """
    shares = {split.party_id: split.percent for split in licence.splits}
    if len(shares) != len(licence.splits) or sum(shares.values()) != 100 or not shares.get(licence.subject_id):
        raise SplitMismatchError(
            f"The shares sum to {sum(shares.values())} %, or the person has none.",
            licence.licence_id,
            "Give shares that sum to 100, the person's among them.",
        )
    commission = sum((shares[party] for party in agencies & shares.keys()), Decimal(0))
    earned = commission + shares[licence.subject_id]
    if commission * 100 > cap_percent * earned:
        taken = (commission * 100 / earned).quantize(Decimal("0.1"))
        raise CommissionAboveCapError(
            f"The agency would take {taken} % of the model's pay; {cap_percent} % is the most.",
            licence.licence_id,
            "Lower its share.",
        )


def _agencies(reading: Reading, licence: Licence) -> set[str]:
    ids = [split.party_id for split in licence.splits]
    query = sa.select(tables.parties.c.party_id).where(
        tables.parties.c.party_id.in_(ids), tables.parties.c.role == Role.AGENCY.value
    )
    return set(reading.connection.execute(query).scalars())


def check_active(row: Any, licence: Licence, now: datetime) -> None:
    """Whether a licence may be used now. Raises RevokedError, SuspendedError, ExpiredError, OutsideWindowError, ..."""
    check_state(row.state, "licence", licence.licence_id)
    text = time_text(now)
    if text < time_text(licence.starts_at):
        raise OutsideWindowError(
            f"The licence begins at {time_text(licence.starts_at)}.", licence.licence_id, "Wait until then."
        )
    if text >= time_text(licence.ends_at):
        raise ExpiredError(
            f"The licence has ended at {time_text(licence.ends_at)}.", licence.licence_id, "Agree on a new one."
        )
