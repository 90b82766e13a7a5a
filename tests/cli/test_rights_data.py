"""What people ask for on the command line: the vault, everything, nothing, statements, terms in the words of others."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scan3d.rights.vocabularies.odrl import from_odrl
from scan3d.rights.vocabularies.plus import from_xmp
from scan3d.rights.vocabularies.vrm import DENIED, check_vrm
from scan3d.rights.vocabulary import ConsentKind
from tests.rights.house import build_house
from tests.rights.takes import make_take, rule, run


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A registry with one person, her take and a vault that opens with master.key; their ids."""
    make_take(tmp_path / "take", monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAN3D_PASSPHRASE", "correct horse")
    run("rights", "init", "rights", "--studio", "Studio Nord")
    run("rights", "key", "new", "anna.key")
    anna = run("rights", "subject", "add", "A17", "--key", "anna.key")["id"]
    made = run("rights", "vault", "init", "--keyfile", "master.key", "--mirror", "mirror")
    assert made == {"keystore": str(tmp_path / "rights.keystore"), "mirrors": [str(tmp_path / "mirror")]}
    return {"anna": anna}


def test_from_the_vault_to_everything_and_nothing(studio: dict[str, str], tmp_path: Path) -> None:
    Path("anna.json").write_text(json.dumps({"name": "Anna Beispiel", "born": "2001-02-03"}))
    assert run("rights", "subject", "personal", "A17", "anna.json") == {"fields": ["born", "name"]}
    before = sorted(path.name for path in Path("take").rglob("*") if path.is_file())
    sealed = run("rights", "vault", "seal", "take", "--subject", "A17", "--remove", "--keyfile", "master.key")
    assert sealed["files"] == len(before) and not Path("take").exists()
    assert run("rights", "vault", "list", "A17") == {"sealed": [sealed["seal_id"]]}
    assert run("rights", "vault", "rekey", "--keyfile", "master.key", "--new-keyfile", "next.key") == {"keys": 1}
    assert "error" in run("rights", "vault", "open", sealed["seal_id"], "--to", "take", "--keyfile", "master.key")
    Path("next.key").replace("master.key")
    run("rights", "vault", "open", sealed["seal_id"], "--to", "take", "--keyfile", "master.key")
    assert sorted(path.name for path in Path("take").rglob("*") if path.is_file()) == before
    done = run("rights", "subject", "export", "A17", "--to", "out", "--keyfile", "master.key")
    assert (done["records"], done["files"]) == (1, len(before))
    assert "Anna Beispiel" in Path("out/index.html").read_text()

    unsure = run("rights", "subject", "erase", "A17", "--yes")["error"]
    assert unsure["exit_code"] == 2 and studio["anna"] in unsure["next_step"]
    assert run("rights", "subject", "erase", studio["anna"])["error"]["exit_code"] == 2
    erased = run("rights", "subject", "erase", studio["anna"], "--yes")
    assert (erased["records"], erased["folders"]) == (1, 1)
    assert rule("rights", "subject", "export", studio["anna"], "--to", "again", "--keyfile", "master.key") == (
        "subject_erased"
    )
    assert rule("rights", "vault", "seal", "take", "--subject", studio["anna"]) == "subject_erased"
    assert run("rights", "ledger", "verify")["erased"] == 1


def test_the_vault_asks_for_its_key(studio: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run("rights", "subject", "export", "A17", "--to", "out")["error"]
    assert "key file" in refused["what"] and not Path("out").exists()
    Path("wrong.key").write_text("AGE-SECRET-KEY-1")
    assert run("rights", "subject", "export", "A17", "--to", "out", "--keyfile", "wrong.key")["error"]["exit_code"] == 2
    again = run("rights", "vault", "init", "--keyfile", "second.key")["error"]
    assert "already" in again["what"] and not Path("second.key").exists()
    assert rule("rights", "vault", "list", "nobody") == "not_registered"
    assert run("rights", "subject", "personal", "A17", "anna.key.toml")["error"]["exit_code"] == 2
    Path("numbers.json").write_text('{"born": 2001}')
    assert "texts" in run("rights", "subject", "personal", "A17", "numbers.json")["error"]["what"]


def test_quotes_statements_and_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build_house(tmp_path / "rights")
    house.consent(ConsentKind.USE, ends_at=datetime(2099, 1, 1, tzinfo=UTC))
    licence = house.licence(ends_at=datetime(2098, 1, 1, tzinfo=UTC), quota=5)
    house.registry.close()
    monkeypatch.chdir(tmp_path)
    told = run("rights", "pay", "quote", licence, "--uses", "3")
    assert (told["total"], told["currency"], told["left"]) == ("360.03", "EUR", 2)
    assert [part["amount"] for part in told["parts"]] == ["216.03", "54.00", "90.00"]
    assert rule("rights", "pay", "quote", licence, "--uses", "6") == "quota_exceeded"
    for suffix, begins in ((".csv", b"\xef\xbb\xbfdelivered_at"), (".pdf", b"%PDF-"), (".json", b"{")):
        made = run("rights", "statement", "brand", "--period", "2026", "--out", f"s{suffix}")
        assert made["recipient"]["role"] == "licensee" and made["uses"] == []
        assert Path(f"s{suffix}").read_bytes().startswith(begins)
    assert run("rights", "statement", "brand", "--period", "last year")["error"]["exit_code"] == 2
    assert run("rights", "statement", "brand", "--period", "2026", "--out", "s.doc")["error"]["exit_code"] == 2
    assert rule("rights", "statement", "Nobody", "--period", "2026") == "not_registered"

    agreed = from_odrl(json.loads(run("rights", "terms", licence, "--as", "odrl")["document"]))
    assert (agreed.licence_id, str(agreed.rate)) == (licence, "120.01 EUR")
    assert run("rights", "terms", licence, "--as", "plus", "--out", "terms.xmp")["file"] == "terms.xmp"
    assert from_xmp(Path("terms.xmp").read_bytes()).licence_id == licence
    assert check_vrm(json.loads(run("rights", "terms", licence, "--as", "vrm")["document"])) == DENIED
    assert run("rights", "terms", licence, "--as", "cc0")["error"]["exit_code"] == 2
