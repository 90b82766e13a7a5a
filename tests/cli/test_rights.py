"""`scan3d rights` from a new registry to a paid use, and what it says when asked to do what it must not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scan3d.cli.app import app
from scan3d.rights.keys import Cost
from tests.rights.takes import make_take, rule, run

TERMS = """
twin = "{twin}"
licensee = "{brand}"
consent = "{consent}"
agency = "{agency}"
media = ["social"]
territories = ["DE"]
until = 2098-01-01
quota = 2
content = ["fashion"]
rate = "120.01 EUR"
deliverables = ["mesh"]

[splits]
subject = "65"
agency = "15"
studio = "20"
"""


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a take and an empty registry, where commands find it."""
    make_take(tmp_path / "take", monkeypatch)
    # Passphrases cost little here: how long they hold is not what is tested.
    monkeypatch.setitem(Cost.__init__.__kwdefaults__, "memory_kib", 64)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAN3D_PASSPHRASE", "correct horse")
    run("rights", "init", "rights", "--studio", "Studio Nord")
    return tmp_path


def enrol() -> dict[str, str]:
    """Anna, her agency, a brand, her consents and twin: their ids by name."""
    ids = {}
    for name in ("anna", "agency", "brand"):
        run("rights", "key", "new", f"{name}.key", "--owner", name)
    for name, role in (("agency", "agency"), ("brand", "licensee")):
        ids[name] = run("rights", "party", "add", name, "--role", role, "--key", f"{name}.key")["id"]
    anna = ("--agency", ids["agency"], "--floor", "100 EUR")
    ids["anna"] = run("rights", "subject", "add", "A17", "--key", "anna.key", *anna)["id"]
    for kind in ("scan", "build", "use"):
        said = ("--description", "Pictures and meshes of my twin", "--purpose", "advertising", "--until", "2099-01-01")
        consent = run("rights", "consent", "add", "--subject", ids["anna"], "--kind", kind, *said, "--key", "anna.key")
        ids["consent"] = consent["id"]
    ids["twin"] = run("rights", "twin", "add", "take", "--subject", ids["anna"])["id"]
    return ids


def test_from_a_new_registry_to_a_paid_use(studio: Path) -> None:
    ids = enrol()
    Path("terms.toml").write_text(TERMS.format(**ids))
    drafted = run("rights", "licence", "draft", "terms.toml", "--key", "anna.key", "--out", "licence.json")
    assert not drafted["handed_in"]
    run("rights", "sign", "licence.json", "--key", "brand.key")
    licence = run("rights", "submit", "licence.json")["id"]
    look = run("pose", "take", "--pose", "a", "--for", "qc")
    preview = Path(look["files"][0])
    assert look["rights"]["purpose"] == "qc" and preview.is_file()
    asked = ("--medium", "social", "--territory", "DE", "--content", "fashion", "--deliverable", "mesh")
    brief = ("--brief", "A mesh for the fitting room", "--scene", look["rights"]["scene"], "--preview", str(preview))
    request = run("rights", "request", licence, *asked, *brief, "--key", "brand.key")["id"]
    assert run("rights", "show", request)["state"]["state"] == "requested"
    assert rule("pose", "take", "--pose", "a", "--use", request) == "not_approved"
    assert rule("rights", "approve", request, "--key", "agency.key") == "wrong_signer"
    run("rights", "approve", request, "--key", "anna.key")
    assert rule("pose", "take", "--pose", "t", "--use", request) == "scene_out_of_scope"
    done = run("pose", "take", "--pose", "a", "--use", request)
    assert done["rights"]["licence"] == licence and Path(done["files"][0]).name == "a.glb"
    assert (Path(done["files"][0]).parent / "a.glb.signature.json").is_file()
    assert rule("pose", "take", "--pose", "a", "--use", request) == "replayed_approval"
    use = done["rights"]["use"]
    assert {one["use_id"]: one["state"] for one in run("rights", "use", "list")["uses"]}[use] == "delivered"
    invoice = run("rights", "use", "invoice", use)
    assert invoice["amount"] == "120.01 EUR" and invoice["parts"][ids["anna"]] == "78.01 EUR"
    run("rights", "use", "pay", use)
    assert rule("rights", "use", "pay", use) == "wrong_state"
    run("rights", "revoke", "licence", licence, "--reason", "Enough", "--key", "anna.key")
    assert rule("rights", "request", licence, *asked, *brief, "--key", "brand.key") == "revoked"
    assert run("rights", "ledger", "verify")["events"] > 30


def test_heads_that_were_kept_find_a_ledger_that_went_back(studio: Path) -> None:
    database = Path("rights/registry.sqlite")
    old = database.read_bytes()
    enrol()
    run("rights", "ledger", "head", "--out", "head.json")
    assert run("rights", "ledger", "verify", "head.json")["heads"] == 2
    run("rights", "ledger", "witness", "head.json")
    edited = json.loads(Path("head.json").read_text())
    edited["head"]["sequence"] -= 1
    Path("edited.json").write_text(json.dumps(edited))
    assert rule("rights", "ledger", "verify", "edited.json") == "bad_signature"
    for beside in Path("rights").glob("registry.sqlite-*"):
        beside.unlink()
    database.write_bytes(old)
    assert rule("rights", "ledger", "verify") == "ledger_rolled_back"
    for kept in Path("rights/witness").iterdir():
        kept.unlink()
    assert rule("rights", "ledger", "verify", "head.json") == "ledger_rolled_back"


def test_without_a_registry_nothing_is_asked_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_take(tmp_path / "take", monkeypatch)
    told = run("pose", tmp_path / "take", "--pose", "a")
    assert told["notes"] == ["No rights registry: no consent is recorded for this twin."]
    assert run("pose", tmp_path / "take", "--pose", "a", "--use", "0" * 32)["error"]["exit_code"] == 2


def test_a_refusal_is_three_lines_and_nothing_is_written(studio: Path) -> None:
    done = CliRunner().invoke(app, ["pose", "take", "--pose", "a"])
    lines = done.stderr.strip().splitlines()
    assert done.exit_code == 8 and not done.stdout and len(lines) <= 3
    assert lines[0].startswith("Refused (not_registered): ")
    assert not Path("take/results/poses").exists()


def test_bad_input_is_told_in_plain_words(studio: Path) -> None:
    Path("broken.json").write_text('{"type": "licence"')
    Path("other.json").write_text("[1, 2]")
    Path("terms.toml").write_text('twin = "x"\n')
    for arguments in (
        ("rights", "init", "rights", "--studio", "Again"),
        ("rights", "init", "new", "--studio", "S", "--database", "mysql://x"),
        ("rights", "submit", "broken.json"),
        ("rights", "submit", "other.json"),
        ("rights", "submit", "nowhere.json"),
        ("rights", "licence", "draft", "terms.toml"),
        ("rights", "sign", "other.json"),
        ("rights", "party", "add", "x", "--role", "king", "--key", "rights/keys/studio.key"),
        ("rights", "key", "show", "terms.toml"),
        ("rights", "ledger", "verify", "terms.toml"),
        ("rights", "ledger", "verify", "--registry", "nowhere"),
        ("pose", "take", "--pose", "a", "--for", "qc", "--registry", "nowhere"),
    ):
        assert run(*arguments)["error"]["exit_code"] == 2, arguments
    assert not Path("new").exists()
    assert not list(Path().glob(".tmp-*"))


def test_the_example_terms_are_complete(studio: Path) -> None:
    done = CliRunner().invoke(app, ["rights", "licence", "example"])
    ids = enrol()
    text = re.sub(r"^(twin|licensee|consent|agency) = .*$", "", done.stdout, flags=re.M)
    named = "".join(
        f'{name} = "{ids[key]}"\n'
        for name, key in (("twin", "twin"), ("licensee", "brand"), ("consent", "consent"), ("agency", "agency"))
    )
    Path("terms.toml").write_text(named + text.replace("2026-12-01", "2090-01-01").replace("2027-05-31", "2098-01-01"))
    assert run("rights", "licence", "draft", "terms.toml", "--out", "x.json")["signatures"] == 0
