"""Keys: sealed files, rotation, loss and recovery, objection."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scan3d.errors import InputError
from scan3d.rights import errors, tables
from scan3d.rights.gate import ask
from scan3d.rights.keys import SigningKey, read_key, read_public_key, verify, write_key
from scan3d.rights.orders import NewKey, Objection
from scan3d.rights.records import Signature
from scan3d.rights.submit import submit
from scan3d.rights.vocabulary import ConsentKind, Role
from tests.rights.house import CHEAP, OF_AGE_LATE, House, intent


def new_key_record(house: House, name: str, new: SigningKey, *, lost: bool = False, hours: float = 0) -> NewKey:
    now = house.clock.now()
    return NewKey(
        signed_at=now,
        rotation_id=house.id(),
        party_id=house.people[name].id,
        public_key=new.public_key,
        old_key_id=house.people[name].key.key_id,
        lost=lost,
        effective_at=now + timedelta(hours=hours),
        reason="A new phone",
    )


def rotate(house: House, name: str, new: SigningKey) -> None:
    """Replaces somebody's key by another, signed by both."""
    submit(house.registry, house.signed(new.sign(new_key_record(house, name, new)), name))
    house.people[name].key = new


def recover_key(house: House, new: SigningKey, *by: str, hours: float = 73) -> str:
    return house.hand_in(new.sign(new_key_record(house, "anna", new, lost=True, hours=hours)), *by)


def test_ed25519_is_that_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey(seed)
    assert key.public_key == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    signature = key.sign_bytes(b"")
    assert signature.value.startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065")
    verify(key.public_key, b"", signature)
    for broken in (replace(signature, value="00" * 64), replace(signature, value="zz"), replace(signature, value="")):
        with pytest.raises(errors.BadSignatureError):
            verify(key.public_key, b"", broken)
    with pytest.raises(errors.BadSignatureError):
        verify(key.public_key, b"x", signature)


def test_a_key_file_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    path, key = tmp_path / "anna.key", SigningKey.new()
    write_key(path, key, "correct horse", owner="Anna", cost=CHEAP)
    assert path.stat().st_mode & 0o077 == 0 and key.seed().hex() not in path.read_text()
    assert read_key(path, "correct horse").seed() == key.seed()
    assert read_public_key(path) == (key.public_key, "Anna")
    for passphrase in ("correct hors", "", "correct horse "):
        with pytest.raises(InputError):
            read_key(path, passphrase)
    with pytest.raises(InputError):
        write_key(path, key, "correct horse", cost=CHEAP)
    with pytest.raises(InputError):
        write_key(tmp_path / "b.key", key, "short", cost=CHEAP)
    about = json.loads(path.read_text())
    for change in ({"owner": "Eve"}, {"nonce": "00" * 12}, {"sealed": "00" * 48}, {"format": "x"}, {"argon2id": {}}):
        path.write_text(json.dumps(about | change))
        with pytest.raises(InputError):
            read_key(path, "correct horse")
    about["argon2id"]["memory_kib"] = 1 << 30  # a file must not make us take all memory
    path.write_text(json.dumps(about))
    with pytest.raises(InputError):
        read_key(path, "correct horse")


def test_a_lost_key_is_recovered_by_two_after_a_wait(any_house: House) -> None:
    licence = any_house.licence()
    waiting, new = any_house.request(licence), SigningKey.new()
    for by in (("agency",), ("brand", "rival"), ("agency", "brand")):
        with pytest.raises(errors.WrongSignerError):
            recover_key(any_house, new, *by)
    with pytest.raises(errors.OutsideWindowError):
        recover_key(any_house, new, "agency", "studio", hours=1)
    recover_key(any_house, new, "agency", "studio")
    with pytest.raises(errors.LapsedError):  # what waited for an answer is older than the new key
        any_house.approve(waiting)
    old, any_house.people["anna"].key = any_house.people["anna"].key, new
    with pytest.raises(errors.KeyRetiredError):
        any_house.consent(ConsentKind.USE)
    backdated = any_house.consent_record(ConsentKind.USE)
    any_house.clock.pass_(hours=74)
    with pytest.raises(errors.KeyRetiredError):
        any_house.hand_in(backdated, "anna")
    any_house.consent(ConsentKind.USE)
    request = any_house.request(licence)
    with pytest.raises(errors.KeyRetiredError):
        submit(any_house.registry, old.sign(any_house.approval_record(request)))
    any_house.approve(request)
    ask(any_house.registry, intent(request.request_id))


def test_whoever_still_has_the_key_objects(house: House) -> None:
    new = SigningKey.new()
    rotation = recover_key(house, new, "agency", "studio")
    objection = Objection(
        signed_at=house.clock.now(), objection_id=house.id(), rotation_id=rotation, party_id=house.people["anna"].id
    )
    with pytest.raises(errors.WrongSignerError):
        house.hand_in(objection, "agency")
    house.hand_in(objection, "anna")
    house.clock.pass_(hours=100)
    with pytest.raises(errors.KeyRetiredError):
        submit(house.registry, new.sign(house.consent_record(ConsentKind.USE)))
    house.consent(ConsentKind.USE)


def test_a_minors_key_is_recovered_by_the_guardian(house: House) -> None:
    guardian = house.party("mother", Role.GUARDIAN)
    house.subject("lea", of_age_on=OF_AGE_LATE, guardian_id=guardian, also=("mother",))
    new = SigningKey.new()
    record = new_key_record(house, "lea", new, lost=True, hours=73)
    with pytest.raises(errors.WrongSignerError):
        house.hand_in(new.sign(record), "agency")
    house.hand_in(new.sign(record), "mother")
    with house.registry.reading() as reading:
        assert reading.known(tables.keys, new.key_id).state == "pending"


def test_a_key_is_one_partys_only(house: House) -> None:
    anna, agency = house.people["anna"], house.people["agency"]
    with pytest.raises(errors.ReplayedRecordError):
        rotate(house, "anna", agency.key)
    stranger = SigningKey.new()
    record = new_key_record(house, "anna", stranger)
    with pytest.raises(errors.WrongSignerError):
        house.hand_in(record, "anna")  # the new key has not signed
    with pytest.raises(errors.KeyRetiredError):
        house.hand_in(stranger.sign(replace(record, party_id=agency.id)), "anna")
    unsigned = Signature(key_id=stranger.key_id, value="00" * 64)
    assert unsigned.key_id != anna.key.key_id
