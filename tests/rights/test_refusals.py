"""Every refusal that the rights know, each by its own error, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from scan3d.rights import errors, tables
from scan3d.rights.gate import ask
from scan3d.rights.keys import SigningKey
from scan3d.rights.money import Money
from scan3d.rights.orders import Part, Payment, PaymentKind
from scan3d.rights.payments import draft_payment
from scan3d.rights.records import Signed, Split, Target
from scan3d.rights.submit import submit
from scan3d.rights.uses import Output, note_delivered, note_marked, note_rendered, reserve, void
from scan3d.rights.vocabulary import ConsentKind, Content, Deliverable, Medium, Purpose, Role
from tests.rights.house import OF_AGE_LATE, TWIN, House, intent


def take_use(house: House, wanted: object) -> str:
    use_id = house.id()
    reserve(house.registry, wanted, use_id=use_id, staging=Path("/nowhere"))  # type: ignore[arg-type]
    return use_id


def deliver(house: House, use_id: str) -> None:
    note_rendered(house.registry, use_id)
    note_marked(house.registry, use_id, [Output(path=Path("a.png"), sha256="a" * 64, marked=True)], "b" * 64)
    note_delivered(house.registry, use_id)


def test_what_is_licensed_and_approved_may_leave(either_house: House) -> None:
    licence = either_house.licence()
    permit = ask(either_house.registry, either_house.approved(licence))
    assert permit.licence_id == licence and permit.left == 3 and permit.label and not permit.not_for_use
    assert permit.claims["licensee"] == either_house.people["brand"].id


def test_a_signature_of_other_bytes_is_refused(any_house: House) -> None:
    signed = any_house.signed(any_house.consent_record(ConsentKind.USE), "anna")
    forged = Signed(record=replace(signed.record, purpose="everything"), signatures=signed.signatures)
    with pytest.raises(errors.BadSignatureError):
        submit(any_house.registry, forged)


def test_a_key_that_nobody_registered_is_refused(any_house: House) -> None:
    signed = SigningKey.new().sign(any_house.consent_record(ConsentKind.USE))
    with pytest.raises(errors.UnknownKeyError):
        submit(any_house.registry, signed)


def test_nobody_signs_for_the_model(any_house: House) -> None:
    with pytest.raises(errors.WrongSignerError):
        any_house.consent(ConsentKind.USE, by="agency")
    with pytest.raises(errors.WrongSignerError):
        any_house.hand_in(any_house.licence_record(), "agency", "brand")
    request = any_house.request(any_house.licence())
    for other in ("agency", "brand", "studio"):
        with pytest.raises(errors.WrongSignerError):
            any_house.approve(request, by=other)
    with pytest.raises(errors.WrongSignerError):
        any_house.hand_in(any_house.request_record(any_house.licence()), "rival")


@pytest.mark.parametrize("days, error", [(-1, errors.OutsideWindowError), (91, errors.ExpiredError)])
def test_outside_its_time_a_licence_is_none(any_house: House, days: int, error: type[Exception]) -> None:
    now = any_house.clock.now()
    starts = now + timedelta(days=1) if days < 0 else now
    licence = any_house.licence(starts_at=starts, ends_at=now + timedelta(days=90))
    any_house.clock.pass_(days=max(days, 0))
    with pytest.raises(error):
        any_house.request(licence)


def test_an_approval_ends(any_house: House) -> None:
    request = any_house.request(any_house.licence())
    any_house.approve(request, expires_at=any_house.clock.now() + timedelta(hours=1))
    ask(any_house.registry, intent(request.request_id))
    any_house.clock.pass_(hours=1)
    with pytest.raises(errors.ExpiredError):
        ask(any_house.registry, intent(request.request_id))


def test_a_clock_that_was_set_back_is_found(any_house: House) -> None:
    wanted = any_house.approved(any_house.licence())
    any_house.clock.pass_(seconds=-3)  # clocks of two machines differ by so much
    ask(any_house.registry, wanted)
    any_house.clock.pass_(minutes=-1)
    for attempt in (lambda: ask(any_house.registry, wanted), lambda: any_house.consent(ConsentKind.TRAIN)):
        with pytest.raises(errors.ClockSetBackError):
            attempt()


@pytest.mark.parametrize("target", list(Target))
def test_what_was_revoked_or_suspended_stops_at_once(any_house: House, target: Target) -> None:
    licence = any_house.licence()
    wanted = any_house.approved(licence)
    target_id = {
        Target.LICENCE: licence,
        Target.CONSENT: any_house.consents["anna use"],
        Target.TWIN: any_house.people["anna's twin"].id,
        Target.SUBJECT: any_house.people["anna"].id,
    }[target]
    any_house.hand_in(any_house.suspension(target, target_id), "anna")
    with pytest.raises(errors.SuspendedError):
        ask(any_house.registry, wanted)
    any_house.hand_in(any_house.suspension(target, target_id, suspended=False), "anna")
    ask(any_house.registry, wanted)
    with pytest.raises(errors.WrongSignerError):
        any_house.hand_in(any_house.revocation(target, target_id), "agency")
    any_house.hand_in(any_house.revocation(target, target_id), "anna")
    with pytest.raises(errors.RevokedError):
        ask(any_house.registry, wanted)


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"medium": Medium.OUTDOOR}, errors.MediaOutOfScopeError),
        ({"territories": ("DE", "US")}, errors.TerritoryOutOfScopeError),
        ({"territories": ("WORLD",)}, errors.TerritoryOutOfScopeError),
        ({"content": Content.LINGERIE}, errors.ContentOutOfScopeError),
        ({"deliverable": Deliverable.MESH}, errors.DeliverableOutOfScopeError),
        ({"body_sha256": "9" * 64}, errors.BodyAlteredError),
        ({"uses": 4}, errors.QuotaExceededError),
    ],
)
def test_a_request_out_of_scope_is_refused(any_house: House, fields: dict, error: type[Exception]) -> None:
    licence = any_house.licence()
    with pytest.raises(error):
        any_house.request(licence, **fields)


def test_another_licensee_cannot_use_a_licence(any_house: House) -> None:
    licence = any_house.licence()
    with pytest.raises(errors.LicenseeOutOfScopeError):
        any_house.request(licence, "rival")


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"scene": {"pose": "walk", "look": "studio"}}, errors.SceneOutOfScopeError),
        ({"deliverable": Deliverable.MESH}, errors.DeliverableOutOfScopeError),
        ({"medium": Medium.ECOMMERCE}, errors.MediaOutOfScopeError),
        ({"territories": ("FR",)}, errors.TerritoryOutOfScopeError),
        ({"content": Content.BEAUTY}, errors.ContentOutOfScopeError),
        ({"licensee_id": "0" * 32}, errors.LicenseeOutOfScopeError),
        ({"twin": replace(TWIN, body_sha256="8" * 64)}, errors.BodyAlteredError),
        ({"twin": replace(TWIN, mesh_sha256="8" * 64)}, errors.BodyAlteredError),
        ({"twin": replace(TWIN, textures_sha256="8" * 64)}, errors.BodyAlteredError),
        ({"shown_body_sha256": "8" * 64}, errors.BodyAlteredError),
        ({"purpose": Purpose.TRAIN}, errors.TrainingWithoutConsentError),
        ({"request_id": "0" * 32}, errors.NotRegisteredError),
        ({"request_id": None}, errors.NoLicenceError),
    ],
)
def test_what_leaves_is_what_was_approved(any_house: House, fields: dict, error: type[Exception]) -> None:
    wanted = any_house.approved(any_house.licence())
    with pytest.raises(error):
        ask(any_house.registry, replace(wanted, **fields))
    ask(any_house.registry, wanted)


def test_an_edited_body_leaves_only_as_it_was_approved(house: House) -> None:
    wanted = house.approved(house.licence(body_edits=True), body_sha256="9" * 64)
    ask(house.registry, replace(wanted, shown_body_sha256="9" * 64))
    with pytest.raises(errors.BodyAlteredError):
        ask(house.registry, wanted)


def test_the_quota_is_kept_and_then_exhausted(either_house: House) -> None:
    licence = either_house.licence(quota=2)
    first, second = either_house.approved(licence), either_house.approved(licence, uses=2)
    given_back = take_use(either_house, first)
    void(either_house.registry, given_back, "a test")
    uses = [take_use(either_house, first), take_use(either_house, second)]
    with pytest.raises(errors.QuotaExceededError):
        take_use(either_house, second)
    for use_id in uses:
        deliver(either_house, use_id)
    with either_house.registry.reading() as reading:
        row = reading.known(tables.licences, licence)
    assert (row.taken, row.delivered, row.state) == (2, 2, "exhausted")
    with pytest.raises(errors.QuotaExceededError):
        either_house.request(licence)


def test_an_approval_is_used_once(any_house: House) -> None:
    licence = any_house.licence()
    request = any_house.request(licence)
    approval = any_house.signed(any_house.approval_record(request), "anna")
    submit(any_house.registry, approval)
    with pytest.raises(errors.ReplayedApprovalError):
        submit(any_house.registry, approval)
    with pytest.raises(errors.ReplayedApprovalError):
        any_house.approve(request)
    take_use(any_house, intent(request.request_id))
    with pytest.raises(errors.ReplayedApprovalError):
        take_use(any_house, intent(request.request_id))


def test_an_approval_is_of_one_request_only(any_house: House) -> None:
    licence = any_house.licence()
    first, second = any_house.request(licence), any_house.request(licence)
    moved = any_house.approval_record(first, request_id=second.request_id)
    with pytest.raises(errors.SceneOutOfScopeError):
        any_house.hand_in(moved, "anna")
    with pytest.raises(errors.NotApprovedError):
        ask(any_house.registry, intent(second.request_id))


def test_silence_is_a_no(any_house: House) -> None:
    request = any_house.request(any_house.licence())
    any_house.clock.pass_(days=3)
    with pytest.raises(errors.LapsedError):
        ask(any_house.registry, intent(request.request_id))
    with pytest.raises(errors.LapsedError):
        any_house.approve(request)
    with any_house.registry.reading() as reading:
        assert reading.known(tables.requests, request.request_id).state == "lapsed"


def test_a_no_is_a_no_and_takes_back_a_yes(any_house: House) -> None:
    licence = any_house.licence()
    request = any_house.request(licence)
    any_house.approve(request)
    ask(any_house.registry, intent(request.request_id))
    any_house.approve(request, approved=False)
    with pytest.raises(errors.DeniedError):
        ask(any_house.registry, intent(request.request_id))


def test_an_unmarked_file_is_not_delivered(any_house: House) -> None:
    use_id = take_use(any_house, any_house.approved(any_house.licence()))
    note_rendered(any_house.registry, use_id)
    for outputs in ([], [Output(path=Path("a.png"), sha256="a" * 64, marked=False)]):
        with pytest.raises(errors.UnmarkedOutputError):
            note_marked(any_house.registry, use_id, outputs, "b" * 64)
    with pytest.raises(errors.WrongStateError):
        note_delivered(any_house.registry, use_id)


def test_training_needs_a_consent_of_that_kind(any_house: House) -> None:
    use_consent = any_house.consents["anna use"]
    with pytest.raises(errors.TrainingWithoutConsentError):
        any_house.licence(purpose=Purpose.TRAIN, consent_id=use_consent)
    with pytest.raises(errors.TrainingWithoutConsentError):
        ask(any_house.registry, intent(purpose=Purpose.TRAIN))
    any_house.consent(ConsentKind.TRAIN)
    licence = any_house.licence(purpose=Purpose.TRAIN, consent_id=any_house.consents["anna train"])
    wanted = any_house.approved(licence)
    ask(any_house.registry, replace(wanted, purpose=Purpose.TRAIN))
    with pytest.raises(errors.NoConsentError):
        ask(any_house.registry, wanted)


def test_a_minor_needs_a_guardian(any_house: House) -> None:
    with pytest.raises(errors.MinorWithoutGuardianError):
        any_house.subject("lea", of_age_on=OF_AGE_LATE)
    guardian = any_house.party("mother", Role.GUARDIAN)
    with pytest.raises(errors.MinorWithoutGuardianError):
        any_house.subject("lea", of_age_on=OF_AGE_LATE, guardian_id=guardian)
    any_house.subject("lea", of_age_on=OF_AGE_LATE, guardian_id=guardian, also=("mother",))
    with pytest.raises(errors.MinorWithoutGuardianError):
        any_house.consent(ConsentKind.SCAN, "lea")
    with pytest.raises(errors.WrongSignerError):
        any_house.consent(ConsentKind.SCAN, "lea", by="agency")
    any_house.consent(ConsentKind.SCAN, "lea", by="mother")
    any_house.clock.pass_(days=365 * 4)
    with pytest.raises(errors.WrongSignerError):  # of age: the guardian's time is over
        any_house.consent(ConsentKind.SCAN, "lea", by="mother")
    any_house.consent(ConsentKind.SCAN, "lea")


def test_terms_that_cannot_be(any_house: House) -> None:
    anna, agency = any_house.people["anna"].id, any_house.people["agency"].id
    studio = any_house.registry.settings.studio_id

    def shares(model: str, commission: str, house: str) -> tuple[Split, ...]:
        parts = ((anna, model), (agency, commission), (studio, house))
        return tuple(Split(party_id=one, percent=Decimal(share)) for one, share in parts)

    with pytest.raises(errors.RateBelowFloorError):
        any_house.licence(rate=Money.of("99.99", "EUR"))
    with pytest.raises(errors.MixedCurrencyError):
        any_house.licence(rate=Money.of(500, "USD"))
    with pytest.raises(errors.CommissionAboveCapError):
        any_house.licence(splits=shares("60", "15.01", "24.99"))
    with pytest.raises(errors.SplitMismatchError):
        any_house.licence(splits=shares("60", "15", "24.99"))
    with pytest.raises(errors.OutsideWindowError):
        any_house.licence(ends_at=any_house.clock.now() + timedelta(days=401))
    any_house.licence(splits=shares("60", "15", "25"))


def test_money_is_exact_or_refused(any_house: House) -> None:
    with pytest.raises(errors.FloatMoneyError):
        Money.of(0.1, "EUR")  # type: ignore[arg-type]
    with pytest.raises(errors.FloatMoneyError):
        Split(party_id="1" * 32, percent=12.5)  # type: ignore[arg-type]
    document = any_house.signed(any_house.licence_record(), "anna").to_json()
    document["record"]["rate"]["amount"] = 120.01
    with pytest.raises(errors.FloatMoneyError):
        Signed.from_json(document)
    use_id = take_use(any_house, any_house.approved(any_house.licence()))
    deliver(any_house, use_id)
    invoice = draft_payment(any_house.registry, use_id, PaymentKind.INVOICE)
    assert sum(part.amount.amount for part in invoice.parts) == Decimal("120.01")
    other = Money.of("120.01", "USD")
    parts = tuple(Part(party_id=part.party_id, amount=Money.of(part.amount.amount, "USD")) for part in invoice.parts)
    with pytest.raises(errors.MixedCurrencyError):
        Payment(**{**invoice.__dict__, "amount": other})
    with pytest.raises(errors.MixedCurrencyError):
        any_house.hand_in(replace(invoice, amount=other, parts=parts), "studio")
    with pytest.raises(errors.WrongSignerError):
        any_house.hand_in(invoice, "agency")
    any_house.hand_in(invoice, "studio")
    any_house.hand_in(draft_payment(any_house.registry, use_id, PaymentKind.PAYMENT), "studio")
    with pytest.raises(errors.WrongStateError):
        any_house.hand_in(draft_payment(any_house.registry, use_id, PaymentKind.PAYMENT), "studio")


def test_notice_is_kept(any_house: House) -> None:
    wanted = any_house.approved(any_house.licence(notice_hours=48))
    any_house.clock.pass_(hours=47.9)
    with pytest.raises(errors.NoticeTooShortError):
        ask(any_house.registry, wanted)
    any_house.clock.pass_(hours=0.1)
    ask(any_house.registry, wanted)


def test_an_erased_person_cannot_be_used(any_house: House) -> None:
    licence = any_house.licence()
    wanted = any_house.approved(licence)
    anna = any_house.people["anna"].id
    with any_house.registry.writing() as writing:
        writing.change(tables.subjects, anna, "erased", anna, alias=None)
    for attempt in (
        lambda: ask(any_house.registry, wanted),
        lambda: ask(any_house.registry, intent(purpose=Purpose.QC)),
        lambda: any_house.request(licence),
        lambda: any_house.consent(ConsentKind.USE),
    ):
        with pytest.raises(errors.SubjectErasedError):
            attempt()


def test_the_studio_may_look_at_its_work_under_the_build_consent_only(any_house: House) -> None:
    permit = ask(any_house.registry, intent(purpose=Purpose.QC))
    assert permit.not_for_use and permit.licence_id is None
    any_house.hand_in(any_house.revocation(Target.CONSENT, any_house.consents["anna build"]), "anna")
    with pytest.raises(errors.RevokedError):
        ask(any_house.registry, intent(purpose=Purpose.QC))


def test_every_rule_has_a_name_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.RightsError)]
    assert len({kind.rule for kind in kinds}) == len(kinds) > 30
    for kind in kinds:
        assert f"({kind.rule})" in kind("This is why.").what
