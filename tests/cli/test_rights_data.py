"""What people ask for on the command line: the vault, everything, nothing, statements, terms in the words of others."""

import json
from pathlib import Path

import pytest

from scan3d.rights.vocabularies.odrl import from_odrl
from scan3d.rights.vocabularies.plus import from_xmp
from scan3d.rights.vocabularies.vrm import DENIED, check_vrm
from tests.rights.takes import make_take, rule, run

TERMS = """
twin = "{twin}"
licensee = "{brand}"
consent = "{consent}"
media = ["social"]
territories = ["DE"]
until = 2098-01-01
quota = 5
content = ["fashion"]
rate = "120.01 EUR"

[splits]
subject = "80"
studio = "20"
"""


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


def licensed(ids: dict[str, str]) -> str:
    run("rights", "key", "new", "brand.key")
    ids["brand"] = run("rights", "party", "add", "Brand", "--role", "licensee", "--key", "brand.key")["id"]
    for kind in ("scan", "build", "use"):
        said = ("--description", "Pictures of my twin", "--purpose", "advertising", "--until", "2099-01-01")
        consent = run("rights", "consent", "add", "--subject", ids["anna"], "--kind", kind, *said, "--key", "anna.key")
        ids["consent"] = consent["id"]
    ids["twin"] = run("rights", "twin", "add", "take", "--subject", ids["anna"])["id"]
    Path("terms.toml").write_text(TERMS.format(**ids))
    drafted = run("rights", "licence", "draft", "terms.toml", "--key", "anna.key", "--key", "brand.key")
    return str(drafted["id"])


def test_from_the_vault_to_everything_and_nothing(studio: dict[str, str], tmp_path: Path) -> None:
    Path("anna.json").write_text(json.dumps({"name": "Anna Beispiel", "born": "2001-02-03"}))
    assert run("rights", "subject", "personal", "A17", "anna.json") == {"fields": ["born", "name"]}
    before = sorted(path.name for path in Path("take").rglob("*") if path.is_file())
    sealed = run("rights", "vault", "seal", "take", "--subject", "A17", "--remove", "--keyfile", "master.key")
    assert sealed["files"] == len(before) and not Path("take").exists()
    assert run("rights", "vault", "list", "A17") == {"sealed": [sealed["seal_id"]]}
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


def test_quotes_statements_and_terms(studio: dict[str, str]) -> None:
    licence = licensed(studio)
    told = run("rights", "pay", "quote", licence, "--uses", "3")
    assert (told["total"], told["currency"], told["left"]) == ("360.03", "EUR", 2)
    assert [part["amount"] for part in told["parts"]] == ["288.03", "72.00"]
    assert rule("rights", "pay", "quote", licence, "--uses", "6") == "quota_exceeded"
    for suffix, begins in ((".csv", b"\xef\xbb\xbfdelivered_at"), (".pdf", b"%PDF-"), (".json", b"{")):
        made = run("rights", "statement", "Brand", "--period", "2026", "--out", f"s{suffix}")
        assert made["recipient"]["role"] == "licensee" and made["uses"] == []
        assert Path(f"s{suffix}").read_bytes().startswith(begins)
    assert run("rights", "statement", "Brand", "--period", "last year")["error"]["exit_code"] == 2
    assert run("rights", "statement", "Brand", "--period", "2026", "--out", "s.doc")["error"]["exit_code"] == 2
    assert rule("rights", "statement", "Nobody", "--period", "2026") == "not_registered"

    agreed = from_odrl(json.loads(run("rights", "terms", licence, "--as", "odrl")["document"]))
    assert (agreed.licence_id, str(agreed.rate)) == (licence, "120.01 EUR")
    assert run("rights", "terms", licence, "--as", "plus", "--out", "terms.xmp")["file"] == "terms.xmp"
    assert from_xmp(Path("terms.xmp").read_bytes()).licence_id == licence
    assert check_vrm(json.loads(run("rights", "terms", licence, "--as", "vrm")["document"])) == DENIED
    assert run("rights", "terms", licence, "--as", "cc0")["error"]["exit_code"] == 2
