"""All that decides about one request, fetched at once: the records, who signed them, how everything stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.canonical import sha256
from scan3d.rights.codec import time_of
from scan3d.rights.errors import LedgerBrokenError, NotApprovedError, NotRegisteredError, SubjectErasedError
from scan3d.rights.people import Consent, Subject
from scan3d.rights.record import Record
from scan3d.rights.signers import check_kept, signers_for
from scan3d.rights.terms import Approval, Licence, UseRequest
from scan3d.rights.transactions import Kept, Reading, kept_of

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Case:
    """state: one row with the states of subject, twin, consent, licence and request, and the counts."""

    state: Any
    request: UseRequest
    licence: Licence
    consent: Consent
    subject: Subject
    approval: Approval | None
    kept: dict[str, Kept]


def _joined() -> sa.Select[Any]:
    t = tables
    joined = (
        t.requests.join(t.licences, t.requests.c.licence_id == t.licences.c.licence_id)
        .join(t.subjects, t.licences.c.subject_id == t.subjects.c.subject_id)
        .join(t.twins, t.licences.c.twin_id == t.twins.c.twin_id)
        .join(t.consents, t.licences.c.consent_id == t.consents.c.consent_id)
    )
    return sa.select(
        t.requests.c.request_id,
        t.requests.c.state.label("request_state"),
        t.requests.c.uses,
        t.requests.c.taken.label("request_taken"),
        t.requests.c.answer_by,
        t.requests.c.approval_id,
        t.licences.c.licence_id,
        t.licences.c.state.label("state"),
        t.licences.c.quota,
        t.licences.c.taken,
        t.subjects.c.subject_id,
        t.subjects.c.state.label("subject_state"),
        t.twins.c.twin_id,
        t.twins.c.state.label("twin_state"),
        t.twins.c.mesh_sha256,
        t.twins.c.textures_sha256,
        t.twins.c.body_sha256,
        t.consents.c.consent_id,
        t.consents.c.kind.label("consent_kind"),
        t.consents.c.state.label("consent_state"),
        t.consents.c.starts_at.label("consent_starts_at"),
        t.consents.c.ends_at.label("consent_ends_at"),
    ).select_from(joined)


_JOINED = _joined().where(tables.requests.c.request_id == sa.bindparam("request_id"))
_RECORDS = sa.select(tables.records).where(tables.records.c.record_id.in_(sa.bindparam("ids", expanding=True)))


def load_case(reading: Reading, request_id: str) -> Case:
    """The case of a request. Raises NotRegisteredError, SubjectErasedError, LedgerBrokenError."""
    state = reading.connection.execute(_JOINED, {"request_id": request_id}).one_or_none()
    if state is None:
        raise NotRegisteredError(f"There is no request {request_id}.", "", "Ask for the use first.")
    if state.subject_state == "erased":
        raise SubjectErasedError(
            "The person's data were erased.", state.subject_id, "Nothing of this person can be used any more."
        )
    wanted = [request_id, state.licence_id, state.consent_id, state.subject_id, state.approval_id]
    ids = [one for one in wanted if one is not None]
    kept = {row.record_id: row for row in reading.connection.execute(_RECORDS, {"ids": ids})}
    approval = None
    found: dict[str, Kept] = {}
    if state.approval_id is not None:
        approval = _record(Approval, state.approval_id, kept, found)
    case = Case(
        state=state,
        request=_record(UseRequest, request_id, kept, found),
        licence=_record(Licence, state.licence_id, kept, found),
        consent=_record(Consent, state.consent_id, kept, found),
        subject=_record(Subject, state.subject_id, kept, found),
        approval=approval,
        kept=found,
    )
    reading.fetch_keys(one.key_id for each in found.values() for one in each.signed.signatures)
    return case


def _record(kind: type[R], record_id: str, rows: dict[str, Any], found: dict[str, Kept]) -> R:
    if record_id not in rows:
        raise _edited(record_id)
    found[record_id] = kept_of(kind, rows[record_id])
    record = found[record_id].signed.record
    assert isinstance(record, kind)
    return record


def _edited(record_id: str) -> LedgerBrokenError:
    return LedgerBrokenError("A record was edited.", record_id, "Run: scan3d rights ledger verify")


def check_signed(reading: Reading, case: Case) -> None:
    """Everybody who has to sign has signed these very bytes. Raises RightsError."""
    if case.approval is None:
        raise NotApprovedError(
            "The person has not approved this use.", case.request.request_id, "Wait for their answer."
        )
    subject_id, licensee_id = case.licence.subject_id, case.licence.licensee_id
    for record, others in (
        (case.licence, [licensee_id]),
        (case.consent, []),
        (case.approval, []),
    ):
        kept = case.kept[record.record_id]
        check_kept(reading, kept, [*signers_for(case.subject, time_of(kept.recorded_at)), *others])
    check_kept(reading, case.kept[case.request.request_id], [licensee_id])
    same = case.consent.subject_id == subject_id == case.subject.subject_id
    if not same or case.request.licence_id != case.licence.licence_id:
        raise _edited(case.licence.licence_id)
    if case.licence.consent_id != case.consent.consent_id or case.licence.twin_id != case.state.twin_id:
        raise _edited(case.licence.licence_id)
    asked = sha256(case.kept[case.request.request_id].payload)
    if case.approval.request_id != case.request.request_id or case.approval.request_sha256 != asked:
        raise _edited(case.approval.approval_id)
