"""The one gate: whether something may leave, by licence and approval; what is not named is denied."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.case import Case, check_signed, load_case
from scan3d.rights.codec import time_text
from scan3d.rights.errors import (
    BodyAlteredError,
    ContentOutOfScopeError,
    DeliverableOutOfScopeError,
    DeniedError,
    ExpiredError,
    LapsedError,
    LicenseeOutOfScopeError,
    MediaOutOfScopeError,
    NoLicenceError,
    NotApprovedError,
    NoticeTooShortError,
    NotRegisteredError,
    OutOfScopeError,
    QuotaExceededError,
    ReplayedApprovalError,
    SceneOutOfScopeError,
    TerritoryOutOfScopeError,
    TrainingWithoutConsentError,
)
from scan3d.rights.intent import Intent, Permit
from scan3d.rights.licensing import check_active
from scan3d.rights.registry import Registry
from scan3d.rights.requests import check_scope
from scan3d.rights.standing import check_consent_kind, check_has_consent, check_state, check_subject, check_window
from scan3d.rights.territories import covered
from scan3d.rights.transactions import Reading
from scan3d.rights.vocabulary import ConsentKind, Purpose

LABEL = "Digital twin, computer-generated"


def ask(registry: Registry, intent: Intent) -> Permit:
    """Whether this may leave now; nothing is reserved by asking. Raises RightsError with the rule that refuses."""
    with registry.reading() as reading:
        return decide(reading, intent)


def decide(reading: Reading, intent: Intent) -> Permit:
    """As ask(), inside a transaction."""
    if intent.purpose == Purpose.QC:
        return _quality_control(reading, intent)
    if intent.request_id is None:
        _refuse_unapproved(reading, intent)
    assert intent.request_id is not None
    case = load_case(reading, intent.request_id)
    check_standing(reading, case, intent)
    check_signed(reading, case)
    check_scope(case.licence, case.request, case.state)
    check_same(case, intent)
    return Permit(
        purpose=intent.purpose,
        subject_id=case.state.subject_id,
        twin_id=case.state.twin_id,
        licence_id=case.state.licence_id,
        request_id=intent.request_id,
        label=LABEL if case.licence.visible_label else None,
        claims=_claims(case, intent),
        left=case.state.quota - case.state.taken,
    )


def _refuse_unapproved(reading: Reading, intent: Intent) -> None:
    twin = find_twin(reading, intent)
    if intent.purpose == Purpose.TRAIN:
        check_has_training(reading, twin.subject_id)
    raise NoLicenceError(
        "No approved request was named, and nothing leaves without one.",
        twin.twin_id,
        "Name it (--use REQUEST); for the studio's own look at its work: --for qc",
    )


def check_has_training(reading: Reading, subject_id: str) -> None:
    """Raises TrainingWithoutConsentError where nobody has consented to any."""
    try:
        check_has_consent(reading, subject_id, ConsentKind.TRAIN)
    except Exception:
        raise TrainingWithoutConsentError(
            "The person has not consented to training.", subject_id, "Ask for a consent of the kind 'train'."
        ) from None


def _quality_control(reading: Reading, intent: Intent) -> Permit:
    """The studio's own look at its work: under the build consent, marked, and logged."""
    twin = find_twin(reading, intent)
    check_subject(reading, twin.subject_id)
    check_state(twin.state, "twin", twin.twin_id)
    check_has_consent(reading, twin.subject_id, ConsentKind.BUILD)
    return Permit(
        purpose=Purpose.QC,
        subject_id=twin.subject_id,
        twin_id=twin.twin_id,
        not_for_use=True,
        claims={"model_release": "none", "purpose": "quality control", "terms": "Not for use."},
    )


def find_twin(reading: Reading, intent: Intent) -> sa.Row[tuple[object, ...]]:
    """The registered twin that lies in the take. Raises NotRegisteredError, BodyAlteredError."""
    twins = tables.twins.c
    same = sa.or_(
        twins.body_sha256 == intent.twin.body_sha256,
        twins.mesh_sha256 == intent.twin.mesh_sha256,
    )
    rows = reading.connection.execute(sa.select(tables.twins).where(same).order_by(twins.version.desc())).all()
    if not rows:
        raise NotRegisteredError(
            "The take holds no registered twin.", "", "Register it: scan3d rights twin add TAKE --subject ID"
        )
    whole = [row for row in rows if _differs(row, intent) == ""]
    if not whole:
        raise _altered(_differs(rows[0], intent), rows[0].twin_id)
    if intent.body_sha256 != intent.twin.body_sha256 and intent.purpose != Purpose.QC:
        raise _altered("body", whole[0].twin_id)
    return whole[0]


def _differs(row: sa.Row[tuple[object, ...]], intent: Intent) -> str:
    for name in ("mesh", "textures", "body"):
        if getattr(row, f"{name}_sha256") != getattr(intent.twin, f"{name}_sha256"):
            return name
    return ""


def _altered(what: str, twin_id: str) -> BodyAlteredError:
    return BodyAlteredError(
        f"The twin's {what} is not the one that was registered.",
        twin_id,
        "Restore it, or register it as a new version, which needs licences of its own.",
    )


def check_standing(reading: Reading, case: Case, intent: Intent) -> None:
    """States, times and counts. Raises RightsError."""
    state, now = case.state, reading.now
    check_state(state.subject_state, "subject", state.subject_id)
    check_state(state.twin_state, "twin", state.twin_id)
    check_consent_kind(state.consent_kind, intent.purpose, state.consent_id)
    check_consent_kind(case.consent.kind, case.licence.purpose, state.consent_id)
    check_state(state.consent_state, "consent", state.consent_id)
    check_window(now, time_text(case.consent.starts_at), time_text(case.consent.ends_at), "consent", state.consent_id)
    check_active(state, case.licence, now)
    check_answer(reading, case)
    if state.request_taken >= state.uses:
        raise ReplayedApprovalError(
            f"All {state.uses} uses that were approved are taken.", state.request_id, "Ask for further uses."
        )
    if state.taken >= min(state.quota, case.licence.quota):
        raise QuotaExceededError(
            f"All {case.licence.quota} uses of the licence are taken.", state.licence_id, "Agree on a new licence."
        )
    hours = (now - case.request.signed_at).total_seconds() / 3600
    if hours < case.licence.notice_hours:
        raise NoticeTooShortError(
            f"The terms ask for {case.licence.notice_hours} h of notice; the request is {hours:.1f} h old.",
            state.request_id,
            "Wait until the notice is over.",
        )


def check_answer(reading: Reading, case: Case) -> None:
    """Whether the person has said yes, in time. Raises DeniedError, LapsedError, NotApprovedError, ExpiredError."""
    where = case.request.request_id
    if case.state.request_state == "denied":
        raise DeniedError("The person has said no to this use.", where, "Do not use it.")
    waited = case.state.request_state == "requested" and reading.now >= case.request.answer_by
    if case.state.request_state == "lapsed" or waited:
        raise LapsedError("The person has not answered in time, which is a no.", where, "Ask again.")
    if case.state.request_state != "approved" or case.approval is None or not case.approval.approved:
        raise NotApprovedError("The person has not approved this use.", where, "Wait for their answer.")
    if reading.now >= case.approval.expires_at:
        raise ExpiredError(f"The approval ended at {time_text(case.approval.expires_at)}.", where, "Ask again.")


def check_same(case: Case, intent: Intent) -> None:
    """Whether what leaves is what was approved. Raises OutOfScopeError, BodyAlteredError."""
    request, licence, where = case.request, case.licence, case.request.request_id
    changed = _differs(case.state, intent)
    if changed:
        raise _altered(changed, case.state.twin_id)
    if intent.body_sha256 != request.body_sha256:
        raise BodyAlteredError("The body is not the one that was approved.", where, "Show it as it was approved.")
    if intent.purpose != licence.purpose:
        raise OutOfScopeError(f"The licence is for '{licence.purpose.value}'.", where, "Ask for a licence for this.")
    wrong: tuple[tuple[bool, type[OutOfScopeError], str], ...] = (
        (intent.deliverable != request.deliverable, DeliverableOutOfScopeError, "another deliverable"),
        (intent.scene_sha256 != request.scene_sha256, SceneOutOfScopeError, "another scene"),
        (intent.licensee_id not in (None, request.licensee_id), LicenseeOutOfScopeError, "for another licensee"),
        (intent.medium not in (None, request.medium), MediaOutOfScopeError, "another medium"),
        (intent.content not in (None, request.content), ContentOutOfScopeError, "other content"),
        (not covered(intent.territories or (), request.territories), TerritoryOutOfScopeError, "another territory"),
    )
    for is_wrong, kind, what in wrong:
        if is_wrong:
            raise kind(f"This is {what} than what was approved.", where, "Ask for approval of this.")


def _claims(case: Case, intent: Intent) -> dict[str, str]:
    licence, request = case.licence, case.request
    return {
        "subject": case.subject.alias,
        "licence": licence.licence_id,
        "licensee": licence.licensee_id,
        "consent": licence.consent_id,
        "request": request.request_id,
        "terms_url": licence.terms_url,
        "model_release": "limited",
        "valid_from": licence.starts_at.date().isoformat(),
        "valid_to": licence.ends_at.date().isoformat(),
        "media": request.medium.value,
        "territories": " ".join(request.territories),
        "purpose": intent.purpose.value,
    }


def with_use(permit: Permit, use_id: str, watermark_id: int) -> Permit:
    """The permit of a reserved use."""
    return replace(permit, use_id=use_id, watermark_id=watermark_id)
