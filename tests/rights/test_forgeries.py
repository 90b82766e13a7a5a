"""Thousands of forged, edited, expired, revoked, replayed and out-of-scope licences and approvals: none is accepted."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scan3d.errors import Scan3dError
from scan3d.rights import errors
from scan3d.rights.gate import ask
from scan3d.rights.keys import SigningKey
from scan3d.rights.money import Money
from scan3d.rights.records import Signature, Signed, Target
from scan3d.rights.submit import submit
from scan3d.rights.uses import reserve
from scan3d.rights.vocabulary import Content, Deliverable, Medium, Purpose
from tests.rights.house import House, intent

Forge = Callable[["Case", random.Random], Callable[[], object]]


class Case:
    """What forgers have to work with: honest documents that were, and were not yet, handed in."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.licence_id = house.licence(quota=50)
        self.unsigned = house.licence_record()
        self.signed = house.signed(self.unsigned, "anna", "brand")
        self.request = house.request(self.licence_id)
        self.answer = house.approval_record(self.request)
        self.approval = house.signed(self.answer, "anna")
        self.approved = house.approved(self.licence_id)
        self.used = house.approved(self.licence_id)
        reserve(house.registry, self.used, use_id=house.id(), staging=Path("/nowhere"))
        self.spent = house.signed(house.approval_record(house.request(self.licence_id)), "anna")
        submit(house.registry, self.spent)
        revoked = house.licence()
        self.of_revoked = house.approved(revoked)
        house.hand_in(house.revocation(Target.LICENCE, revoked), "anna")
        ending = house.licence(ends_at=house.clock.now() + timedelta(hours=1))
        self.of_expired = house.approved(ending)
        self.late = house.request(self.licence_id, answer_by=house.clock.now() + timedelta(hours=1))
        house.clock.pass_(hours=2)


def edited(document: dict[str, Any], source: random.Random) -> dict[str, Any]:
    """One value of a signed document, anywhere in the record, changed."""
    changed = copy.deepcopy(document)
    places: list[tuple[Any, Any]] = []

    def collect(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, (dict, list)):
                collect(value)
            else:
                places.append((node, key))

    collect(changed["record"])
    node, key = source.choice(places)
    value = node[key]
    if isinstance(value, bool):
        node[key] = not value
    elif isinstance(value, int):
        node[key] = value + source.choice([-1, 1, 10, 1000])
    elif value is None:
        node[key] = source.choice(["0" * 32, "x", {"amount": "1.00", "currency": "EUR"}])
    elif value:
        place = source.randrange(len(value))
        node[key] = value[:place] + source.choice("0123456789abcdefXYZ é") + value[place + 1 :]
    else:
        node[key] = "x"
    if changed == document:
        return edited(document, source)
    return changed


def edit_licence(case: Case, source: random.Random) -> Callable[[], object]:
    document = edited(case.signed.to_json(), source)
    return lambda: submit(case.house.registry, Signed.from_json(document))


def edit_approval(case: Case, source: random.Random) -> Callable[[], object]:
    document = edited(case.approval.to_json(), source)
    return lambda: submit(case.house.registry, Signed.from_json(document))


def flip_signature(case: Case, source: random.Random) -> Callable[[], object]:
    signed = source.choice([case.signed, case.approval])
    number = source.randrange(len(signed.signatures))
    one = signed.signatures[number]
    bits = bytearray(bytes.fromhex(one.value))
    bits[source.randrange(64)] ^= 1 << source.randrange(8)
    broken = Signature(key_id=one.key_id, value=bits.hex())
    signatures = (*signed.signatures[:number], broken, *signed.signatures[number + 1 :])
    return lambda: submit(case.house.registry, Signed(record=signed.record, signatures=signatures))


def sign_as_another(case: Case, source: random.Random) -> Callable[[], object]:
    """A stranger's key, or one of another party, under the model's own key id or its own."""
    record = source.choice([replace(case.unsigned, licence_id=case.house.id()), case.answer])
    stranger = source.choice(
        [case.house.key(), *(case.house.people[name].key for name in ("agency", "rival", "studio"))]
    )
    signature = stranger.sign_bytes(record.payload())
    if source.random() < 0.5:
        signature = Signature(key_id=case.house.people["anna"].key.key_id, value=signature.value)
    signatures = [signature]
    if source.random() < 0.5:
        signatures.append(case.house.people["brand"].key.sign_bytes(record.payload()))
    return lambda: submit(case.house.registry, Signed(record=record, signatures=tuple(signatures)))


def move_signature(case: Case, source: random.Random) -> Callable[[], object]:
    """The model's own signature, of something else she signed."""
    taken = source.choice([case.approval, case.spent, case.signed]).signatures[0]
    record = source.choice(
        [
            replace(case.unsigned, quota=case.unsigned.quota + 1 + source.randrange(1000)),
            replace(case.answer, expires_at=case.answer.expires_at + timedelta(days=1 + source.randrange(1000))),
            replace(case.answer, approval_id=case.house.id()),
        ]
    )
    return lambda: submit(case.house.registry, Signed(record=record, signatures=(taken,)))


def replay(case: Case, source: random.Random) -> Callable[[], object]:
    if source.random() < 0.3:
        return lambda: reserve(case.house.registry, case.used, use_id=case.house.id(), staging=Path("/nowhere"))
    return lambda: submit(case.house.registry, case.spent)


def out_of_time(case: Case, source: random.Random) -> Callable[[], object]:
    late = case.house.approval_record(case.late)
    stale = replace(case.unsigned, licence_id=case.house.id(), signed_at=case.house.clock.now() - timedelta(days=15))
    early = replace(case.answer, approval_id=case.house.id(), signed_at=case.house.clock.now() + timedelta(minutes=6))
    return source.choice(
        [
            lambda: ask(case.house.registry, case.of_expired),
            lambda: case.house.hand_in(late, "anna"),
            lambda: case.house.hand_in(stale, "anna", "brand"),
            lambda: case.house.hand_in(early, "anna"),
        ]
    )


def revoked(case: Case, source: random.Random) -> Callable[[], object]:
    if source.random() < 0.5:
        return lambda: ask(case.house.registry, case.of_revoked)
    licence = case.of_revoked.request_id
    return lambda: reserve(
        case.house.registry, intent(licence), use_id=case.house.id(), staging=Path("/nowhere")
    )  # fmt: skip


def out_of_scope(case: Case, source: random.Random) -> Callable[[], object]:
    digest = f"{source.getrandbits(256):064x}"
    asked: list[dict[str, Any]] = [
        {"medium": source.choice([Medium.PRINT, Medium.FILM, Medium.GAME])},
        {"territories": (source.choice(["US", "CN", "WORLD"]),)},
        {"content": source.choice([one for one in Content if one != Content.FASHION])},
        {"deliverable": Deliverable.MESH},
        {"body_sha256": digest},
        {"uses": 51 + source.randrange(1000)},
    ]
    shown: list[dict[str, Any]] = [
        {"scene": {"pose": digest}},
        {"twin": replace(intent().twin, **{source.choice(["mesh_sha256", "textures_sha256", "body_sha256"]): digest})},
        {"shown_body_sha256": digest},
        {"deliverable": Deliverable.MESH},
        {"purpose": Purpose.TRAIN},
        {"request_id": digest[:32]},
    ]
    if source.random() < 0.5:
        fields = source.choice(asked)
        return lambda: case.house.request(case.licence_id, **fields)
    changed = replace(case.approved, **source.choice(shown))
    return lambda: ask(case.house.registry, changed)


def bad_terms(case: Case, source: random.Random) -> Callable[[], object]:
    now = case.house.clock.now()
    fields: list[dict[str, Any]] = [
        {"rate": Money.of(source.randrange(100), "EUR")},
        {"rate": Money.of(source.randrange(100, 1000), source.choice(["USD", "JPY", "GBP"]))},
        {"ends_at": now + timedelta(days=401 + source.randrange(1000))},
        {"purpose": Purpose.TRAIN},
        {"consent_id": f"{source.getrandbits(128):032x}"},
        {"twin_version": 2 + source.randrange(100)},
    ]
    return lambda: case.house.licence(**source.choice(fields))


def bad_json(case: Case, source: random.Random) -> Callable[[], object]:
    """The text of a document with a few bytes changed, as from a bad line or a fuzzer."""
    text = bytearray(json.dumps(source.choice([case.signed, case.approval]).to_json()).encode())
    for _ in range(1 + source.randrange(3)):
        text[source.randrange(len(text))] = source.randrange(256)
    honest = {json.dumps(one.to_json()).encode() for one in (case.signed, case.approval)}
    if bytes(text) in honest:
        return bad_json(case, source)

    def attempt() -> object:
        signed = Signed.loads(bytes(text))
        if json.dumps(signed.to_json()).encode() in honest:  # white space only
            raise errors.BadSignatureError("nothing was changed")
        return submit(case.house.registry, signed)

    return attempt


FORGERIES: tuple[Forge, ...] = (
    *(edit_licence, edit_approval, flip_signature, sign_as_another, move_signature),
    *(replay, out_of_time, revoked, out_of_scope, bad_terms, bad_json),
)


def attack(house: House, times: int, source: random.Random) -> Counter[str]:
    """How often each rule refused; fails on anything that was accepted, or that broke the program."""
    case, refused = Case(house), Counter[str]()
    events = house.registry.head().sequence
    for number in range(times):
        attempt = FORGERIES[number % len(FORGERIES)](case, source)
        try:
            attempt()
        except Scan3dError as error:
            refused[getattr(error, "rule", type(error).__name__)] += 1
        else:
            pytest.fail(f"{FORGERIES[number % len(FORGERIES)].__name__} was accepted")
    # The honest documents are taken after all of that: what was refused, was refused for what was wrong with it.
    submit(house.registry, case.signed)
    submit(house.registry, case.approval)
    ask(house.registry, case.approved)
    assert house.registry.head().sequence <= events + 12
    return refused


def test_hundreds_of_forgeries_are_refused(house: House) -> None:
    refused = attack(house, 220, random.Random(11))
    assert refused.total() == 220 and len(refused) >= 15


@pytest.mark.slow
def test_ten_thousand_forgeries_are_refused(house: House) -> None:
    refused = attack(house, 10_000, random.Random(12))
    assert refused.total() == 10_000 and len(refused) >= 18


def test_a_rotated_key_signs_nothing_new_and_what_it_signed_stands(any_house: House) -> None:
    from tests.rights.test_keys import rotate

    wanted = any_house.approved(any_house.licence())
    old = any_house.people["anna"].key
    any_house.clock.pass_(minutes=1)
    rotate(any_house, "anna", SigningKey.new())
    ask(any_house.registry, wanted)
    request = any_house.request(any_house.licence())
    with pytest.raises(errors.KeyRetiredError):
        submit(any_house.registry, old.sign(any_house.approval_record(request)))
    any_house.approve(request)
