"""Every refusal that the rights know, through the command line: exit code 8, the rule's name, nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scan3d.rights import delivery, tables
from scan3d.rights.intent import Intent, TwinHashes
from scan3d.rights.keys import SigningKey, write_key
from scan3d.rights.marks.order import Marked, MarkOrder
from scan3d.rights.money import Money
from scan3d.rights.orders import PaymentKind
from scan3d.rights.payments import draft_payment
from scan3d.rights.records import Part, Record, Signed, Split
from scan3d.rights.twin_hashes import twin_hashes
from scan3d.rights.vocabulary import ConsentKind, Content, Deliverable, Medium, Purpose
from tests.rights.house import CHEAP, OF_AGE_LATE, House, build_house, copy_house
from tests.rights.takes import make_take, rule, run

SCENE = {"pose": "a", "suffix": ".glb"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house of this very hour, since commands read the computer's clock, with the twin of a doll's take."""
    folder = tmp_path_factory.mktemp("studio")
    twin = twin_hashes(make_take(folder / "take"))
    return build_house(folder / "rights", start=datetime.now(UTC) - timedelta(hours=3), twin=twin)


@pytest.fixture
def house(template: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A copy beside a take, where commands find it."""
    make_take(tmp_path / "take", monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAN3D_PASSPHRASE", "correct horse")
    return copy_house(template, tmp_path / "rights")


def hashes() -> TwinHashes:
    return twin_hashes(Path("take"))


def scene_sha256() -> str:
    wanted = Intent(purpose=Purpose.USE, deliverable=Deliverable.MESH, twin=hashes(), scene=SCENE)
    return wanted.scene_sha256


def hand_in(house: House, record: Record | Signed, *by: str) -> str:
    """Signs, writes the document, and hands it in by `scan3d rights submit`; the rule that refuses it."""
    Path("doc.json").write_text(json.dumps(house.signed(record, *by).to_json()))
    return rule("rights", "submit", "doc.json")


def mesh_licence(house: House, **fields: Any) -> str:
    return house.licence(deliverables=(Deliverable.MESH,), **fields)


def approved(house: House, licence: str, **fields: Any) -> str:
    """An approved request for the doll in the pose "a"; its id."""
    fields = {"scene_sha256": scene_sha256(), "body_sha256": hashes().body_sha256, **fields}
    request = house.request(licence, deliverable=Deliverable.MESH, **fields)
    house.approve(request)
    return request.request_id


def leave(request: str, pose: str = "a", *more: str) -> str:
    """`scan3d pose TAKE --use REQUEST`; the rule that refuses it."""
    refused = rule("pose", "take", "--pose", pose, "--use", request, *more)
    if refused:
        assert not list(Path("take/results").glob("poses/**/*.glb")), "something was written"
    return refused


def asked(house: House, **fields: Any) -> str:
    """The rule that refuses a request of these fields."""
    fields = {"body_sha256": hashes().body_sha256, **fields}
    return hand_in(house, house.request_record(house.licence(), **fields), "brand")


def key_file(house: House, name: str) -> str:
    write_key(Path(f"{name}.key"), house.people[name].key, "correct horse", cost=CHEAP)
    return f"{name}.key"


def bad_signature(house: House) -> str:
    signed = house.signed(house.consent_record(ConsentKind.USE), "anna")
    return hand_in(house, Signed(record=replace(signed.record, purpose="all"), signatures=signed.signatures))


def unknown_key(house: House) -> str:
    return hand_in(house, SigningKey.new().sign(house.consent_record(ConsentKind.USE)))


def wrong_signer(house: House) -> str:
    request = house.request(house.licence(), body_sha256=hashes().body_sha256)
    return rule("rights", "approve", request.request_id, "--key", key_file(house, "agency"))


def expired(house: House) -> str:
    licence = mesh_licence(house, ends_at=house.clock.now() + timedelta(hours=1))
    return leave(approved(house, licence))


def outside_window(house: House) -> str:
    licence = mesh_licence(house, starts_at=datetime.now(UTC) + timedelta(days=1))
    fields = {"scene_sha256": scene_sha256(), "body_sha256": hashes().body_sha256}
    return hand_in(house, house.request_record(licence, deliverable=Deliverable.MESH, **fields), "brand")


def clock_set_back(house: House) -> str:
    request = approved(house, mesh_licence(house))
    house.clock.pass_(days=2)
    house.consent(ConsentKind.TRAIN)
    return leave(request)


def revoked(house: House) -> str:
    licence = mesh_licence(house)
    request = approved(house, licence)
    assert rule("rights", "revoke", "licence", licence, "--reason", "Enough", "--key", key_file(house, "anna")) == ""
    return leave(request)


def suspended(house: House) -> str:
    request, key = approved(house, mesh_licence(house)), key_file(house, "anna")
    about = ("consent", house.consents["anna use"], "--reason", "For now", "--key", key)
    assert rule("rights", "suspend", *about) == ""
    refused = leave(request)
    assert rule("rights", "suspend", *about, "--resume") == "" and leave(request) == ""
    return refused


def medium(house: House) -> str:
    return asked(house, medium=Medium.FILM)


def territory(house: House) -> str:
    return asked(house, territories=("US",))


def licensee(house: House) -> str:
    return hand_in(house, house.request_record(house.licence(), "rival"), "rival")


def content(house: House) -> str:
    return asked(house, content=Content.NUDITY)


def deliverable(house: House) -> str:
    return asked(house, deliverable=Deliverable.MESH)


def scene(house: House) -> str:
    return leave(approved(house, mesh_licence(house)), "t")


def body_altered(house: House) -> str:
    request = approved(house, mesh_licence(house))
    path = Path("take/results/body/detail.npz")
    path.write_bytes(path.read_bytes() + b"\0")
    return leave(request)


def quota(house: House) -> str:
    licence = mesh_licence(house, quota=1)
    first, second = approved(house, licence), approved(house, licence)
    assert leave(first) == ""
    shutil.rmtree("take/results/poses")
    return leave(second)


def replayed(house: House) -> str:
    request = approved(house, mesh_licence(house))
    assert leave(request) == ""
    shutil.rmtree("take/results/poses")
    return leave(request)


def broken_ledger(house: House) -> str:
    approved(house, mesh_licence(house))
    with house.registry.engine.begin() as connection:
        connection.execute(tables.events.update().where(tables.events.c.sequence == 5).values(body="{}"))
    return rule("rights", "ledger", "verify")


def unmarked(house: House, monkeypatch: pytest.MonkeyPatch) -> str:
    def forgetful(source: Path, target: Path, order: MarkOrder) -> Marked:
        shutil.copy(source, target)
        digest = delivery._file_sha256(target)
        return Marked(path=target, sidecars=(), sha256=digest, manifest_sha256=digest, watermark_id=None)

    monkeypatch.setattr(delivery, "mark_file", forgetful)
    return leave(approved(house, mesh_licence(house)))


def training(house: House) -> str:
    return leave(approved(house, mesh_licence(house)), "a", "--for", "train")


def minor(house: House) -> str:
    key = key_file(house, "agency")
    return rule("rights", "subject", "add", "B2", "--key", key, "--of-age-on", OF_AGE_LATE.isoformat())


def below_floor(house: House) -> str:
    return hand_in(house, house.licence_record(rate=Money.of(99, "EUR")), "anna", "brand")


def commission(house: House) -> str:
    shares = (("anna", 60), ("agency", 40))
    splits = tuple(Split(party_id=house.people[name].id, percent=Decimal(share)) for name, share in shares)
    return hand_in(house, house.licence_record(splits=splits), "anna", "brand")


def mixed_currency(house: House) -> str:
    return hand_in(house, house.licence_record(rate=Money.of(900, "USD")), "anna", "brand")


def float_money(house: House) -> str:
    document = house.signed(house.licence_record(), "anna", "brand").to_json()
    document["record"]["rate"]["amount"] = 120.01
    Path("doc.json").write_text(json.dumps(document))
    return rule("rights", "submit", "doc.json")


def split_mismatch(house: House) -> str:
    request = approved(house, mesh_licence(house))
    use = run("pose", "take", "--pose", "a", "--use", request)["rights"]["use"]
    house.clock.time = datetime.now(UTC)
    invoice = draft_payment(house.registry, use, PaymentKind.INVOICE)
    first, second, *others = invoice.parts
    cent = Money.of("0.01", "EUR")
    shifted = (
        Part(party_id=first.party_id, amount=first.amount - cent),
        Part(party_id=second.party_id, amount=second.amount + cent),
        *others,
    )
    return hand_in(house, replace(invoice, parts=shifted), "studio")


def erased(house: House) -> str:
    request, anna = approved(house, mesh_licence(house)), house.people["anna"].id
    with house.registry.writing() as writing:
        writing.change(tables.subjects, anna, "erased", anna, alias=None)
    return leave(request)


def not_registered(house: House) -> str:
    return leave("0" * 32)


def no_licence(house: House) -> str:
    return rule("pose", "take", "--pose", "a")


def no_consent(house: House) -> str:
    house.subject("mia")
    return rule("rights", "twin", "add", "take", "--subject", house.people["mia"].id)


def not_approved(house: House) -> str:
    fields = {"scene_sha256": scene_sha256(), "body_sha256": hashes().body_sha256}
    return leave(house.request(mesh_licence(house), deliverable=Deliverable.MESH, **fields).request_id)


def denied(house: House) -> str:
    request = approved(house, mesh_licence(house))
    assert rule("rights", "approve", request, "--deny", "--key", key_file(house, "anna")) == ""
    return leave(request)


def lapsed(house: House) -> str:
    fields = {"scene_sha256": scene_sha256(), "body_sha256": hashes().body_sha256}
    soon = house.clock.now() + timedelta(hours=1)
    request = house.request(mesh_licence(house), deliverable=Deliverable.MESH, answer_by=soon, **fields)
    assert rule("rights", "approve", request.request_id, "--key", key_file(house, "anna")) == "lapsed"
    return leave(request.request_id)


def notice(house: House) -> str:
    return leave(approved(house, mesh_licence(house, notice_hours=48)))


def retired_key(house: House) -> str:
    old, new = key_file(house, "anna"), SigningKey.new()
    write_key(Path("new.key"), new, "correct horse", cost=CHEAP)
    anna = house.people["anna"]
    about = ("--of", anna.id, "--old", anna.key.key_id, "--new", "new.key", "--key", old, "--reason", "New phone")
    assert rule("rights", "key", "replace", *about) == ""
    said = ("--description", "Pictures of my twin", "--purpose", "advertising", "--until", "2099-01-01")
    return rule("rights", "consent", "add", "--subject", anna.id, "--kind", "train", *said, "--key", old)


REFUSALS: dict[str, Callable[[House], str]] = {
    "bad_signature": bad_signature,
    "unknown_key": unknown_key,
    "wrong_signer": wrong_signer,
    "key_retired": retired_key,
    "outside_time_window": outside_window,
    "expired": expired,
    "clock_set_back": clock_set_back,
    "revoked": revoked,
    "suspended": suspended,
    "media_out_of_scope": medium,
    "territory_out_of_scope": territory,
    "licensee_out_of_scope": licensee,
    "content_out_of_scope": content,
    "deliverable_out_of_scope": deliverable,
    "scene_out_of_scope": scene,
    "body_altered": body_altered,
    "quota_exceeded": quota,
    "replayed_approval": replayed,
    "ledger_broken": broken_ledger,
    "training_without_consent": training,
    "minor_without_guardian": minor,
    "rate_below_floor": below_floor,
    "commission_above_cap": commission,
    "mixed_currency": mixed_currency,
    "float_money": float_money,
    "split_mismatch": split_mismatch,
    "subject_erased": erased,
    "not_registered": not_registered,
    "no_licence": no_licence,
    "no_consent": no_consent,
    "not_approved": not_approved,
    "denied": denied,
    "lapsed": lapsed,
    "notice_too_short": notice,
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_it_is_refused_by_its_own_rule(house: House, refusal: str) -> None:
    assert REFUSALS[refusal](house) == refusal


def test_an_unmarked_file_never_leaves(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unmarked(house, monkeypatch) == "unmarked_output"
    assert not list(Path("take/results").glob("poses/.tmp-*"))


def test_what_was_refused_costs_no_use(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    licence = mesh_licence(house, quota=1)
    request = approved(house, licence)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "mark_file", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        assert "error" in run("pose", "take", "--pose", "a", "--use", request)
    assert leave(request) == ""
