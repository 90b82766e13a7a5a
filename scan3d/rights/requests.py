"""Requests for a use, and the person's answers; whoever does not answer has said no."""

from __future__ import annotations

from typing import Any

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.errors import (
    BodyAlteredError,
    ContentOutOfScopeError,
    DeliverableOutOfScopeError,
    LapsedError,
    LicenseeOutOfScopeError,
    MediaOutOfScopeError,
    QuotaExceededError,
    ReplayedApprovalError,
    SceneOutOfScopeError,
    TerritoryOutOfScopeError,
    WrongStateError,
)
from scan3d.rights.licensing import check_active, check_licence_consent
from scan3d.rights.people import Subject
from scan3d.rights.records import Signed
from scan3d.rights.registry import Registry
from scan3d.rights.signers import check_for_subject, check_new
from scan3d.rights.standing import check_state, check_subject
from scan3d.rights.terms import Approval, Licence, UseRequest
from scan3d.rights.territories import covered
from scan3d.rights.transactions import Writing


def add_request(registry: Registry, writing: Writing, signed: Signed, record: UseRequest) -> None:
    """Takes a licensee's request for uses under their licence. Raises RightsError."""
    row = writing.known(tables.licences, record.licence_id)
    licence = writing.record(Licence, record.licence_id)
    check_new(writing, signed, [record.licensee_id], signing_days=registry.settings.signing_days)
    check_subject(writing, licence.subject_id)
    check_active(row, licence, writing.now)
    check_licence_consent(writing, licence)
    twin = writing.known(tables.twins, licence.twin_id)
    check_state(twin.state, "twin", licence.twin_id)
    check_scope(licence, record, twin)
    if record.uses > row.quota - row.taken:
        raise QuotaExceededError(
            f"{record.uses} uses are asked for, {row.quota - row.taken} of {row.quota} are left.",
            licence.licence_id,
            "Ask for fewer, or agree on a new licence.",
        )
    if record.answer_by <= writing.now:
        raise LapsedError("The time to answer is over already.", record.request_id, "Give the person time to answer.")
    writing.keep(signed, licence.subject_id)
    writing.insert(
        tables.requests,
        licence.subject_id,
        request_id=record.request_id,
        licence_id=licence.licence_id,
        subject_id=licence.subject_id,
        answer_by=time_text(record.answer_by),
        state="requested",
        uses=record.uses,
        taken=0,
    )


def check_scope(licence: Licence, request: UseRequest, twin: Any) -> None:
    """Whether a licence covers what is asked for; nothing is covered that is not named in it. Raises RightsError."""
    where = licence.licence_id
    if request.licensee_id != licence.licensee_id:
        raise LicenseeOutOfScopeError("The licence is another licensee's.", where, "Agree on a licence of your own.")
    if request.medium not in licence.media:
        raise MediaOutOfScopeError(
            f"'{request.medium.value}' is not licensed.",
            where,
            f"Licensed: {', '.join(m.value for m in licence.media)}.",
        )
    if not covered(request.territories, licence.territories):
        raise TerritoryOutOfScopeError(
            f"{', '.join(request.territories)} is more than what is licensed.",
            where,
            f"Licensed: {', '.join(licence.territories)}.",
        )
    if request.content not in licence.content:
        raise ContentOutOfScopeError(
            f"'{request.content.value}' is not licensed.",
            where,
            f"Licensed: {', '.join(c.value for c in licence.content)}.",
        )
    if request.deliverable not in licence.deliverables:
        raise DeliverableOutOfScopeError(
            f"'{request.deliverable.value}' is not licensed.",
            where,
            f"Licensed: {', '.join(d.value for d in licence.deliverables)}.",
        )
    if request.body_sha256 != twin.body_sha256 and not licence.body_edits:
        raise BodyAlteredError(
            "The body is not the person's own, and the licence allows no edits.", where, "Show the body as scanned."
        )


def add_approval(registry: Registry, writing: Writing, signed: Signed, record: Approval) -> None:
    """Takes the person's yes or no to the very request they saw; a no also takes back an earlier yes.

    Raises ReplayedApprovalError, LapsedError, WrongSignerError and the like.
    """
    if writing.row(tables.records, record.approval_id) is not None:
        raise ReplayedApprovalError("This answer was handed in before.", record.approval_id, "Sign a new one.")
    row = writing.known(tables.requests, record.request_id)
    check_subject(writing, row.subject_id)
    subject = writing.record(Subject, row.subject_id)
    check_for_subject(writing, signed, subject, registry.settings.signing_days)
    request = writing.record(UseRequest, record.request_id)
    if request.digest() != record.request_sha256:
        raise SceneOutOfScopeError(
            "The answer is to another version of the request.", record.request_id, "Look at it again, and sign."
        )
    if row.state == "lapsed" or (row.state == "requested" and writing.now >= request.answer_by):
        raise LapsedError(f"The request lapsed at {row.answer_by}.", record.request_id, "Have the licensee ask again.")
    if record.approved and row.state != "requested":
        raise ReplayedApprovalError(f"The request is {row.state} already.", record.request_id, "Have it asked again.")
    if not record.approved and row.state == "denied":
        raise WrongStateError("The request is denied already.", record.request_id, "")
    writing.keep(signed, row.subject_id)
    state = "approved" if record.approved else "denied"
    writing.change(tables.requests, record.request_id, state, row.subject_id, approval_id=record.approval_id)
