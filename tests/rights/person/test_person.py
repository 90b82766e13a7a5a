"""A person gets everything, and after erasure nobody gets anything, copies from before included."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from scan3d.errors import InputError, StorageError
from scan3d.rights import tables
from scan3d.rights.canonical import commitment, prefixed
from scan3d.rights.codec import from_json
from scan3d.rights.errors import LedgerBrokenError, NotRegisteredError, RightsError, SubjectErasedError
from scan3d.rights.gate import ask
from scan3d.rights.keys import SigningKey
from scan3d.rights.orders import PaymentKind
from scan3d.rights.payments import draft_payment
from scan3d.rights.people import Consent
from scan3d.rights.person.erasure import erase_subject
from scan3d.rights.person.export import export_person, page
from scan3d.rights.records import Subject
from scan3d.rights.registry import Registry
from scan3d.rights.submit import submit
from scan3d.rights.uses import Output, note_delivered, note_marked, note_rendered, reserve
from scan3d.rights.vault import age_files, folders
from scan3d.rights.vault.personal import seal_personal
from scan3d.rights.vault.registered import keep_personal, open_for, read_personal, seal_for
from scan3d.rights.vault.settings import create_vault, has_vault, read_vault
from scan3d.rights.vault.store import Vault
from scan3d.rights.verifying import verify_registry
from scan3d.rights.vocabulary import ConsentKind
from tests.rights.house import House, Person

PERSONAL = {"name": "Käthe <b>Beispiel</b>", "born": "2001-02-03"}


@pytest.fixture
def vault(house: House, tmp_path: Path) -> Vault:
    return create_vault(house.registry.settings.folder, keyfile=tmp_path / "usb" / "master")


@pytest.fixture
def take(tmp_path: Path) -> Path:
    (tmp_path / "beispiel_01" / "images").mkdir(parents=True)
    (tmp_path / "beispiel_01" / "images" / "a01.jpg").write_bytes(b"the face of Kathe" * 100)
    return tmp_path / "beispiel_01"


def enrol(house: House, vault: Vault) -> str:
    """Somebody with sealed personal data, "kate" by alias."""
    key, subject_id = SigningKey(house.source.randbytes(32)), house.id()
    sealed = seal_personal(PERSONAL, vault.keys.recipient(subject_id))
    house.people["kate"] = Person(subject_id, key)
    house.hand_in(
        Subject(
            signed_at=house.clock.now(),
            subject_id=subject_id,
            alias="kate_the_alias",
            public_key=key.public_key,
            personal_commitment=sealed.commitment,
        ),
        "kate",
    )
    keep_personal(house.registry, subject_id, sealed)
    return subject_id


def deliver(house: House, tmp_path: Path, *, pay: bool = True) -> str:
    """One use of anna's twin, delivered as beispiel.jpg and paid."""
    registry, use_id = house.registry, house.id()
    reserve(registry, house.approved(house.licence()), use_id=use_id, staging=tmp_path / "staging_beispiel")
    note_rendered(registry, use_id)
    note_marked(registry, use_id, [Output(path=Path("/out/beispiel.jpg"), sha256="a" * 64, marked=True)], "b" * 64)
    note_delivered(registry, use_id)
    for kind in (PaymentKind.INVOICE, PaymentKind.PAYMENT) if pay else ():
        submit(registry, registry.studio_key().sign(draft_payment(registry, use_id, kind)))
    return use_id


def test_personal_data_are_kept_sealed_and_bound_to_the_signed_record(house: House, vault: Vault) -> None:
    kate = enrol(house, vault)
    with house.registry.reading() as reading:
        assert read_personal(reading, vault, kate) == PERSONAL
        assert read_personal(reading, vault, house.people["anna"].id) == {}
    for path in house.registry.settings.folder.rglob("*"):
        assert not path.is_file() or b"Beispiel" not in path.read_bytes()
    other = seal_personal({"name": "Somebody"}, vault.keys.recipient(kate))
    with pytest.raises(InputError, match="other personal data"):
        keep_personal(house.registry, kate, other)
    anna = house.people["anna"].id  # has signed for none: hers can be corrected
    for name in ("Ana", "Anna"):
        keep_personal(house.registry, anna, seal_personal({"name": name}, vault.keys.recipient(anna)))
    with house.registry.reading() as reading:
        assert read_personal(reading, vault, anna) == {"name": "Anna"}
    stale = seal_personal({"name": "Ana"}, vault.keys.recipient(anna)).sealed
    with house.registry.engine.begin() as connection:
        connection.execute(tables.subjects.update().where(tables.subjects.c.subject_id == anna).values(sealed=stale))
    with house.registry.reading() as reading, pytest.raises(LedgerBrokenError):
        read_personal(reading, vault, anna)
    verify_registry(house.registry)


def test_a_person_gets_everything(house: House, vault: Vault, take: Path, tmp_path: Path) -> None:
    anna = house.people["anna"].id
    use_id = deliver(house, tmp_path)
    seal_for(house.registry, vault, take, anna)
    done = export_person(house.registry, vault, anna, tmp_path / "out")
    assert (done.uses, done.files, done.bytes) == (1, 1, 1700)
    document = json.loads((tmp_path / "out" / "person.json").read_text())
    assert (tmp_path / "out" / "files" / "001" / "images" / "a01.jpg").read_bytes() == b"the face of Kathe" * 100
    kinds = [one["type"] for one in document["records"]]
    assert sorted(set(kinds)) == ["approval", "consent", "licence", "payment", "request", "subject", "twin"]
    assert kinds.count("consent") == 3 and kinds.count("payment") == 2
    assert document["uses"][0]["use_id"] == use_id
    assert document["uses"][0]["outputs"] == [{"file": "beispiel.jpg", "sha256": "a" * 64}]
    assert {one["name"] for one in document["parties"]} == {"agency", "brand", "Studio Nord", "anna"}  # not the rival
    html = (tmp_path / "out" / "index.html").read_text()
    for said in ("Pictures of my twin", "120.01", "72.01", "brand", "Spring coat", "beispiel.jpg", "beispiel_01"):
        assert said in html, said


def test_the_export_proves_itself_against_the_ledger(house: House, vault: Vault, tmp_path: Path) -> None:
    deliver(house, tmp_path)
    export_person(house.registry, vault, house.people["anna"].id, tmp_path / "out")
    document = json.loads((tmp_path / "out" / "person.json").read_text())
    told = {one["object"]: one["data"]["commitment"] for one in document["ledger"] if one["kind"] == "record"}
    for one in document["records"]:
        body = json.dumps(one["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert commitment(bytes.fromhex(one["salt"]), prefixed(one["type"], body.encode())) == told[one["record_id"]]
        if one["type"] == "consent":
            assert from_json(Consent, one["record"]).subject_id == house.people["anna"].id
    assert len(told) == len(document["records"])


def test_the_page_writes_names_and_no_code(house: House, vault: Vault, tmp_path: Path) -> None:
    kate = enrol(house, vault)
    export_person(house.registry, vault, kate, tmp_path / "out")
    html = (tmp_path / "out" / "index.html").read_text()
    assert "Käthe &lt;b&gt;Beispiel" in html and "<b>Beispiel" not in html
    assert page(json.loads((tmp_path / "out" / "person.json").read_text())) == html
    assert "http://" not in html and "https://" not in html and "<script" not in html


def test_nothing_is_exported_where_it_cannot_be_whole(house: House, vault: Vault, take: Path, tmp_path: Path) -> None:
    anna = house.people["anna"].id
    sealed, _ = seal_for(house.registry, vault, take, anna)
    with pytest.raises(InputError, match="locked"):
        export_person(house.registry, read_vault(house.registry.settings.folder), anna, tmp_path / "out")
    (sealed.folder / "000000.age").write_bytes(b"damaged")
    with pytest.raises(InputError):
        export_person(house.registry, vault, anna, tmp_path / "out")
    with pytest.raises(NotRegisteredError):
        export_person(house.registry, vault, "f" * 32, tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_a_folder_that_somebody_else_sealed_is_not_taken(
    house: House, vault: Vault, take: Path, tmp_path: Path
) -> None:
    anna = house.people["anna"].id
    sealed, _ = seal_for(house.registry, vault, take, anna)
    open_for(house.registry, vault, sealed, tmp_path / "back")
    forged, _ = vault.seal(take, anna)  # with her public key, past the registry
    shutil.copy(forged.folder / "index.age", sealed.folder / "index.age")
    for one in (sealed, forged):
        with pytest.raises(LedgerBrokenError):
            open_for(house.registry, vault, one, tmp_path / "again")
        with pytest.raises(LedgerBrokenError):
            export_person(house.registry, vault, anna, tmp_path / "again")


def test_nothing_is_sealed_for_somebody_who_is_erased_meanwhile(
    house: House, vault: Vault, take: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = house.people["anna"].id
    real = folders.seal_bytes

    def erased_first(data: bytes, recipient: str) -> bytes:
        erase_subject(house.registry, vault, anna)
        return real(data, recipient)

    monkeypatch.setattr(folders, "seal_bytes", erased_first)
    with pytest.raises(SubjectErasedError):
        seal_for(house.registry, vault, take, anna, remove=True)
    assert vault.of(anna) == [] and take.exists()
    verify_registry(house.registry)


def test_removing_waits_for_the_log_and_the_key(house: House, vault: Vault, take: Path) -> None:
    anna = house.people["anna"].id
    with pytest.raises(InputError, match="locked"):
        seal_for(house.registry, read_vault(house.registry.settings.folder), take, anna, remove=True)
    assert take.exists() and vault.of(anna) == []
    seal_for(house.registry, vault, take, anna, remove=True)
    assert not take.exists() and len(vault.of(anna)) == 1


def test_erased_data_cannot_be_read_from_copies_taken_before(
    house: House, vault: Vault, take: Path, tmp_path: Path
) -> None:
    kate = enrol(house, vault)
    seal_for(house.registry, vault, take, kate, remove=True)
    folder = house.registry.settings.folder
    # A backup as a studio would make one: the database at one instant, and all of the registry's folder.
    shutil.copytree(folder, tmp_path / "backup", ignore=shutil.ignore_patterns("registry.sqlite*"))
    with (
        sqlite3.connect(folder / "registry.sqlite") as source,
        sqlite3.connect(tmp_path / "backup/registry.sqlite") as to,
    ):
        source.backup(to)
    done = erase_subject(house.registry, vault, kate)
    assert (done.records, done.folders) == (1, 1)

    copy = Registry.open(tmp_path / "backup", clock=house.clock)
    copied = Vault(tmp_path / "backup" / "vault", vault.keys)
    with copy.reading() as reading, pytest.raises(SubjectErasedError):
        read_personal(reading, copied, kate)
    (sealed,) = copied.of(kate)
    with pytest.raises(SubjectErasedError):
        open_for(copy, copied, sealed, tmp_path / "back")
    # Neither with any key that is left, the master key among them.
    with sqlite3.connect(tmp_path / "backup/registry.sqlite") as connection:
        (personal,) = connection.execute("SELECT sealed FROM subjects WHERE sealed IS NOT NULL").fetchone()
    keys = [(tmp_path / "usb" / "master").read_text(), *map(vault.keys.identity, vault.keys.people())]
    for data in (personal, *(path.read_bytes() for path in sealed.folder.iterdir())):
        for identity in keys:
            with pytest.raises(InputError):
                age_files.open_bytes(data, identity)
    for path in (tmp_path / "backup").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert b"Beispiel" not in data and b"face of Kathe" not in data


def test_after_erasing_the_ledger_verifies_and_the_person_is_gone(either_house: House, tmp_path: Path) -> None:
    house = either_house
    vault = create_vault(house.registry.settings.folder, keyfile=tmp_path / "master")
    kate, anna = enrol(house, vault), house.people["anna"].id
    use_id = deliver(house, tmp_path)
    waiting = house.approved(house.licence())
    before = verify_registry(house.registry)
    erase_subject(house.registry, vault, kate)
    done = erase_subject(house.registry, vault, anna)
    assert (done.records, done.kept) == (9, 4)  # two licences, an invoice and a payment stay
    after = verify_registry(house.registry)
    assert after.erased == 10 and after.records == before.records
    house.registry.close()
    folder = house.registry.settings.folder
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for word in (b"kate_the_alias", b"Spring coat", b"beispiel", b"Pictures of my twin"):
            assert word not in data, f"{word!r} is still in {path.name}"
    with house.registry.reading() as reading:
        row = reading.known(tables.uses, use_id)
        assert json.loads(row.outputs) == [{"path": "", "sha256": "a" * 64}] and row.state == "paid"
    with pytest.raises(SubjectErasedError):
        ask(house.registry, waiting)
    for refused in (
        lambda: export_person(house.registry, vault, anna, tmp_path / "out"),
        lambda: house.consent(ConsentKind.USE),
        lambda: vault.keys.add(anna),
    ):
        with pytest.raises(SubjectErasedError):
            refused()


def test_unfinished_uses_are_voided_and_never_delivered(house: House, vault: Vault, tmp_path: Path) -> None:
    use_id = house.id()
    reserve(house.registry, house.approved(house.licence()), use_id=use_id, staging=tmp_path / "s")
    assert erase_subject(house.registry, vault, house.people["anna"].id).voided == 1
    with pytest.raises(RightsError):
        note_rendered(house.registry, use_id)
    verify_registry(house.registry)


def test_nothing_is_erased_while_a_mirror_is_away_and_it_goes_on_later(house: House, tmp_path: Path) -> None:
    vault = create_vault(house.registry.settings.folder, keyfile=tmp_path / "master", mirrors=[tmp_path / "mirror"])
    kate = enrol(house, vault)
    (tmp_path / "mirror").rename(tmp_path / "away")
    with pytest.raises(StorageError):
        erase_subject(house.registry, vault, kate)
    with house.registry.reading() as reading:
        assert read_personal(reading, vault, kate) == PERSONAL
    (tmp_path / "away").rename(tmp_path / "mirror")
    assert erase_subject(house.registry, vault, kate).records == 1
    assert erase_subject(house.registry, vault, kate).records == 0
    with pytest.raises(NotRegisteredError):
        erase_subject(house.registry, vault, "f" * 32)
    verify_registry(house.registry)


def test_a_vault_that_was_mislaid_is_missed(house: House, vault: Vault, take: Path, tmp_path: Path) -> None:
    anna, kate = house.people["anna"].id, enrol(house, vault)
    seal_for(house.registry, vault, take, anna)
    for person in (anna, kate):
        with pytest.raises(InputError, match="not there"):
            export_person(house.registry, None, person, tmp_path / "out")
        with pytest.raises(InputError, match="not there"):
            erase_subject(house.registry, None, person)
    house.subject("mia")
    export_person(house.registry, None, house.people["mia"].id, tmp_path / "out")
    assert erase_subject(house.registry, None, house.people["mia"].id).records == 1


def test_a_vaults_keys_never_lie_in_the_registrys_folder(house: House, tmp_path: Path) -> None:
    folder = house.registry.settings.folder
    for places in ({"keystore": folder / "keys2"}, {"mirrors": [folder / "m"]}, {"keyfile": folder / "k"}):
        with pytest.raises(InputError, match="backups"):
            create_vault(folder, **({"keyfile": tmp_path / "master"} | places))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="has no vault"):
        read_vault(folder)
    vault = create_vault(folder, keyfile=tmp_path / "master")
    assert has_vault(folder) and vault.keys.folder == tmp_path / "rights.keystore"
    with pytest.raises(InputError, match="already"):
        create_vault(folder, keyfile=tmp_path / "other")
    (folder / "vault.toml").write_text("keystore = 3")
    with pytest.raises(InputError, match="cannot be read"):
        read_vault(folder)
