"""The vault: everything comes back as it was, nothing opens without the key, and nothing after it is destroyed."""

import io
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan3d.errors import InputError, StorageError
from scan3d.rights.errors import BadSignatureError, NotRegisteredError, SubjectErasedError
from scan3d.rights.vault import age_files, folders
from scan3d.rights.vault.keystore import Keystore
from scan3d.rights.vault.personal import open_personal, seal_personal
from scan3d.rights.vault.store import Vault

ANNA, BERT = "a" * 32, "b" * 32
NOW = datetime(2026, 11, 8, 12, tzinfo=UTC)
SECRET = b"Anna Beispiel, Hauptstrasse 1" * 50


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    keys = Keystore.create(tmp_path / "keystore", keyfile=tmp_path / "usb" / "master", mirrors=[tmp_path / "mirror"])
    return Vault(tmp_path / "registry" / "vault", keys)


@pytest.fixture
def take(tmp_path: Path) -> Path:
    folder = tmp_path / "take_0001"
    (folder / "images" / "empty").mkdir(parents=True)
    (folder / ".scan3d").mkdir()
    (folder / "images" / "a01.jpg").write_bytes(SECRET)
    (folder / "images" / "ä 02.jpg").write_bytes(b"")
    (folder / ".scan3d" / "big.bin").write_bytes(os.urandom(300_000))
    (folder / "take.toml").write_text("subject = 'Anna Beispiel'\n")
    os.utime(folder / "take.toml", ns=(10**18, 10**18 + 7))
    return folder


def contents(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_a_take_comes_back_as_it_was_and_its_source_is_left_alone(vault: Vault, take: Path, tmp_path: Path) -> None:
    before = contents(take)
    sealed, index = vault.seal(take, ANNA)
    assert contents(take) == before and index.bytes == sum(len(v[0]) for v in before.values() if isinstance(v, tuple))
    vault.open(sealed, tmp_path / "back")
    assert contents(tmp_path / "back") == before
    assert vault.index(sealed).name == "take_0001" and vault.of(ANNA) == [sealed] == [vault.find(sealed.seal_id)]
    assert vault.of(BERT) == []


def test_nothing_readable_lies_in_the_vault(vault: Vault, take: Path) -> None:
    vault.seal(take, ANNA)
    for path in vault.folder.rglob("*"):
        assert "take" not in path.name and "a01" not in path.name
        if path.is_file():
            assert path.read_bytes().startswith(b"age-encryption.org/v1\n")
            assert b"Anna" not in path.read_bytes() and b"take_0001" not in path.read_bytes()


def test_the_source_goes_only_when_it_was_checked(vault: Vault, take: Path, tmp_path: Path) -> None:
    locked = Vault(vault.folder, Keystore(vault.keys.folder, vault.keys.mirrors))
    sealed, index = locked.seal(take, ANNA)  # the public key is enough
    with pytest.raises(InputError, match="locked"):
        locked.remove_source(take, sealed)
    blob = sealed.folder / index.files[0].blob
    blob.rename(tmp_path / "aside")
    with pytest.raises(InputError):
        vault.remove_source(take, sealed)
    assert take.exists()
    (tmp_path / "aside").rename(blob)
    vault.remove_source(take, sealed)
    assert not take.exists()


def test_a_source_that_changed_since_is_kept(vault: Vault, take: Path) -> None:
    _, index = vault.seal(take, ANNA)
    (take / "images" / "new.jpg").write_bytes(b"one more")
    with pytest.raises(InputError, match="changed"):
        folders.remove_sealed_source(take, index)
    assert (take / "images" / "new.jpg").is_file()


def test_one_persons_key_does_not_open_anothers(vault: Vault, take: Path, tmp_path: Path) -> None:
    sealed, _ = vault.seal(take, ANNA)
    vault.keys.add(BERT)
    with pytest.raises(InputError, match="another key"):
        folders.open_folder(sealed.folder, tmp_path / "x", vault.keys.identity(BERT))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("damage", ["bit", "cut", "swap", "missing", "index"])
def test_damage_is_found_and_nothing_is_left(vault: Vault, take: Path, tmp_path: Path, damage: str) -> None:
    sealed, index = vault.seal(take, ANNA)
    big = sealed.folder / next(one.blob for one in index.files if one.path.endswith("big.bin"))
    data = bytearray(big.read_bytes())
    if damage == "bit":
        data[200_000] ^= 1
        big.write_bytes(data)
    elif damage == "cut":
        big.write_bytes(data[: -(len(data) % 65552)])
    elif damage == "swap":
        shutil.copy(sealed.folder / next(one.blob for one in index.files if one.path.endswith("a01.jpg")), big)
    elif damage == "missing":
        big.unlink()
    else:
        (sealed.folder / "index.age").write_bytes(b"age-encryption.org/v1\n")
    with pytest.raises(InputError):
        vault.open(sealed, tmp_path / "back")
    assert not [path for path in tmp_path.iterdir() if "back" in path.name]


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "", "a\\..\\b"])
def test_an_index_cannot_lead_out_of_its_folder(vault: Vault, take: Path, path: str, tmp_path: Path) -> None:
    sealed, _ = vault.seal(take, ANNA)
    recipient, identity = vault.keys.recipient(ANNA), vault.keys.identity(ANNA)
    text = age_files.open_bytes((sealed.folder / "index.age").read_bytes(), identity).decode()
    forged = text.replace('"take.toml"', f'"{path}"'.replace("\\", "\\\\"))
    assert forged != text
    (sealed.folder / "index.age").write_bytes(age_files.seal_bytes(forged.encode(), recipient))
    with pytest.raises(InputError, match="no index"):
        vault.open(sealed, tmp_path / "back")


def test_links_are_refused_and_nothing_is_written(vault: Vault, take: Path, tmp_path: Path) -> None:
    (take / "images" / "link.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    with pytest.raises(InputError, match="link"):
        vault.seal(take, ANNA)
    assert vault.of(ANNA) == []


def test_memory_does_not_grow_with_the_file() -> None:
    class Zeros(io.RawIOBase):
        left, largest = 48 << 20, 0

        def read(self, size: int = -1) -> bytes:
            self.largest = max(self.largest, size if size >= 0 else self.left)
            given = min(size if size >= 0 else self.left, self.left)
            self.left -= given
            return bytes(given)

    class Nowhere(io.RawIOBase):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            return len(data)

    source = Zeros()
    seen = age_files.seal_stream(source, Nowhere(), age_files.new_identity()[1])
    assert seen.bytes == 48 << 20 and source.largest <= 1 << 20


def test_a_full_disk_stays_a_full_disk() -> None:
    class Full(io.RawIOBase):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise OSError(28, "No space left on device")

    secret, public = age_files.new_identity()
    with pytest.raises(OSError, match="No space") as raised:
        age_files.seal_stream(io.BytesIO(SECRET), Full(), public)
    assert raised.value.errno == 28
    with pytest.raises(OSError, match="No space"):
        age_files.open_stream(io.BytesIO(age_files.seal_bytes(SECRET, public)), Full(), secret)


@given(st.binary(max_size=70_000))
def test_bytes_come_back(data: bytes) -> None:
    secret, public = age_files.new_identity()
    assert age_files.open_bytes(age_files.seal_bytes(data, public), secret) == data


def test_erased_is_erased_in_copies_of_database_and_files_too(vault: Vault, take: Path, tmp_path: Path) -> None:
    personal = seal_personal({"name": "Anna Beispiel", "born": "2001-02-03"}, vault.keys.recipient(ANNA))
    sealed, _ = vault.seal(take, ANNA)
    other, _ = vault.seal(take, BERT)
    backup = tmp_path / "backup"
    shutil.copytree(vault.folder, backup)
    assert vault.erase(ANNA, NOW) == 1 and vault.erase(ANNA, NOW) == 0
    assert vault.of(ANNA) == [] and vault.keys.erased_at(ANNA) == "2026-11-08T12:00:00.000000Z"
    # The copies are there, and the master key is; all keys that are left are tried.
    restored = Vault(backup, vault.keys)
    with pytest.raises(SubjectErasedError):
        restored.open(restored.of(ANNA)[0], tmp_path / "back")
    left = [vault.keys.identity(BERT), (tmp_path / "usb" / "master").read_text()]
    for identity in left:
        for data in (personal.sealed, *(path.read_bytes() for path in (backup / ANNA).rglob("*.age"))):
            with pytest.raises(InputError, match="another key"):
                age_files.open_bytes(data, identity)
    with pytest.raises(SubjectErasedError):
        vault.seal(take, ANNA)
    for place in (vault.keys.folder, *vault.keys.mirrors):
        assert [path.name for path in place.iterdir() if ANNA in path.name] == [f"{ANNA}.erased"]
    vault.open(other, tmp_path / "bert")  # nobody else lost anything
    assert sealed.seal_id


def test_nothing_is_destroyed_while_a_mirror_is_away(vault: Vault, take: Path, tmp_path: Path) -> None:
    vault.seal(take, ANNA)
    (tmp_path / "mirror").rename(tmp_path / "unplugged")
    with pytest.raises(StorageError, match="mirror"):
        vault.erase(ANNA, NOW)
    assert vault.keys.identity(ANNA) and len(vault.of(ANNA)) == 1


def test_the_mirror_serves_when_the_disk_is_broken(vault: Vault, take: Path, tmp_path: Path) -> None:
    sealed, _ = vault.seal(take, ANNA)
    keys = Keystore(tmp_path / "mirror")
    keys.unlock(keyfile=tmp_path / "usb" / "master")
    Vault(vault.folder, keys).open(sealed, tmp_path / "back")
    assert (tmp_path / "back" / "images" / "a01.jpg").read_bytes() == SECRET


def test_a_key_put_in_place_of_a_persons_is_found(vault: Vault) -> None:
    vault.keys.add(ANNA)
    (vault.keys.folder / f"{ANNA}.pub").write_text(age_files.new_identity()[1])
    with pytest.raises(InputError, match="do not belong together"):
        vault.keys.identity(ANNA)


def test_key_stores_that_cannot_be_opened_say_why(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text(age_files.new_identity()[0])
    (tmp_path / "none").write_text("no key")
    keys = Keystore(vault.keys.folder)
    for bad in ("wrong", "none", "missing"):
        with pytest.raises(InputError):
            keys.unlock(keyfile=tmp_path / bad)
    with pytest.raises(InputError, match="No passphrase opens"):
        keys.unlock(passphrase="a passphrase")
    with pytest.raises(NotRegisteredError):
        vault.keys.identity(BERT)
    with pytest.raises(InputError, match="already"):
        Keystore.create(vault.keys.folder, keyfile=tmp_path / "second")
    with pytest.raises(InputError, match="no id"):
        vault.keys.add("../evil")
    assert not (tmp_path / "second").exists()


def test_a_key_store_tells_backups_to_leave_it_out_and_is_its_owners_alone(vault: Vault) -> None:
    vault.keys.add(ANNA)
    assert (vault.keys.folder / "CACHEDIR.TAG").read_bytes()[:43] == b"Signature: 8a477f597d28d172789f06886806bc55"
    assert vault.keys.folder.stat().st_mode & 0o077 == 0
    assert all((vault.keys.folder / f"{name}.age").stat().st_mode & 0o077 == 0 for name in vault.keys.people())
    archive = subprocess.run(
        ["tar", "--exclude-caches-all", "-cf", "-", "-C", vault.keys.folder.parent, "keystore"], capture_output=True
    )
    if archive.returncode == 0:
        assert b"AGE-SECRET" not in archive.stdout and f"{ANNA}.age".encode() not in archive.stdout


def test_a_new_master_key_shuts_copies_of_the_key_store(vault: Vault, take: Path, tmp_path: Path) -> None:
    sealed, _ = vault.seal(take, ANNA)
    vault.keys.add(BERT)
    shutil.copytree(vault.keys.folder, tmp_path / "stray copy")
    old = tmp_path / "usb" / "master"
    with pytest.raises(InputError, match="already"):
        vault.keys.rekey(keyfile=old)
    vault.keys.rekey(keyfile=tmp_path / "usb" / "new")
    vault.open(sealed, tmp_path / "back")
    for place, key in ((vault.keys.folder, old), (tmp_path / "stray copy", tmp_path / "usb" / "new")):
        with pytest.raises(InputError, match="not the master key"):
            Keystore(place).unlock(keyfile=key)
    mirror = Keystore(tmp_path / "mirror")
    mirror.unlock(keyfile=tmp_path / "usb" / "new")
    assert mirror.identity(ANNA) == vault.keys.identity(ANNA) and mirror.identity(BERT)


def test_a_new_master_key_that_was_interrupted_goes_on(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (ANNA, BERT):
        vault.keys.add(person)
    before = {person: vault.keys.identity(person) for person in (ANNA, BERT)}
    calls = 0
    real = Keystore._write

    def fails_late(self: Keystore, name: str, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise StorageError("The disk is full.")
        real(self, name, data)

    monkeypatch.setattr(Keystore, "_write", fails_late)
    with pytest.raises(StorageError):
        vault.keys.rekey(keyfile=tmp_path / "new")
    monkeypatch.setattr(Keystore, "_write", real)
    again = Keystore(vault.keys.folder, vault.keys.mirrors)
    again.unlock(keyfile=tmp_path / "usb" / "master")
    with pytest.raises(InputError, match="locked"):
        Keystore(vault.keys.folder).rekey(keyfile=tmp_path / "new")
    again.rekey(keyfile=tmp_path / "new")
    assert {person: again.identity(person) for person in (ANNA, BERT)} == before


@pytest.mark.slow
def test_a_passphrase_opens_and_another_does_not(tmp_path: Path) -> None:
    Keystore.create(tmp_path / "keys", passphrase="correct horse battery").add(ANNA)
    keys = Keystore(tmp_path / "keys")
    with pytest.raises(InputError, match="not that of"):
        keys.unlock(passphrase="incorrect horse")
    keys.unlock(passphrase="correct horse battery")
    assert keys.identity(ANNA).startswith("AGE-SECRET-KEY-1")
    shutil.copytree(tmp_path / "keys", tmp_path / "old")
    keys.rekey(passphrase="another horse battery")
    assert not (tmp_path / "keys" / "next.age").exists()
    # Cut off once the new key opened it and the file of the old one was still there.
    shutil.copy(tmp_path / "keys" / "master.age", tmp_path / "keys" / "next.age")
    shutil.copy(tmp_path / "keys" / "master.pub", tmp_path / "keys" / "next.pub")
    shutil.copy(tmp_path / "old" / "master.age", tmp_path / "keys" / "master.age")
    again = Keystore(tmp_path / "keys")
    with pytest.raises(InputError, match="not that of"):
        again.unlock(passphrase="correct horse battery")
    again.unlock(passphrase="another horse battery")
    assert again.identity(ANNA) == keys.identity(ANNA)
    with pytest.raises(pyrage.DecryptError):  # age's own format: `age -d` opens it as well
        pyrage.passphrase.decrypt((tmp_path / "keys" / "master.age").read_bytes(), "x")


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too short"):
        Keystore.create(tmp_path / "keys", passphrase="short")
    with pytest.raises(InputError, match="one of the two"):
        Keystore.create(tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=5))
def test_personal_data_come_back_and_are_bound_to_their_commitment(fields: dict[str, str]) -> None:
    secret, public = age_files.new_identity()
    sealed = seal_personal(fields, public)
    assert open_personal(sealed.sealed, secret, sealed.commitment) == fields
    again = seal_personal(fields, public)
    assert again.commitment != sealed.commitment  # a guess at the contents cannot be checked against it
    with pytest.raises(BadSignatureError):
        open_personal(again.sealed, secret, sealed.commitment)


def test_personal_data_that_are_none_are_refused() -> None:
    secret, public = age_files.new_identity()
    with pytest.raises(InputError):
        seal_personal({"name": 3}, public)  # type: ignore[dict-item]
    for data in (b"", b"{}", age_files.seal_bytes(b"{}", public), age_files.seal_bytes(b"[1]", public)):
        with pytest.raises(InputError):
            open_personal(data, secret)
