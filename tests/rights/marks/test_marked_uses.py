"""Marks on files that a real registry has let out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from scan3d.cli.app import app
from scan3d.rights.intent import Intent
from scan3d.rights.marked_uses import RegistryLookup
from scan3d.rights.marks.order import Marked, MarkOrder, mark_file
from scan3d.rights.marks.verify import verify
from scan3d.rights.records import Target
from scan3d.rights.uses import Output, note_delivered, note_marked, note_rendered, reserve
from scan3d.rights.vocabulary import Purpose
from tests.rights.house import House, intent
from tests.rights.marks.figures import figure

pytest.importorskip("c2pa", reason="c2pa-python is not installed")


def delivered(house: House, wanted: Intent, folder: Path) -> tuple[str, Marked]:
    """(the use, its picture) as render would have let it out."""
    use_id = house.id()
    permit = reserve(house.registry, wanted, use_id=use_id, staging=folder / "staging")
    Image.fromarray(figure(480, 400)).save(folder / "render.png")
    order = MarkOrder(
        use_id=use_id,
        watermark_id=permit.watermark_id,
        certificates=house.registry.settings.certificates,
        not_for_use=permit.not_for_use,
        claims=permit.claims,
    )
    marked = mark_file(folder / "render.png", folder / "picture.png", order)
    note_rendered(house.registry, use_id)
    output = Output(path=marked.path, sha256=marked.sha256, marked=True)
    note_marked(house.registry, use_id, [output], marked.manifest_sha256)
    note_delivered(house.registry, use_id)
    return use_id, marked


def anchor(house: House) -> str:
    return (house.registry.settings.certificates / "root.pem").read_text()


def test_a_delivered_picture_holds_until_its_licence_ends(house: House, tmp_path: Path) -> None:
    licence = house.licence()
    use_id, marked = delivered(house, house.approved(licence), tmp_path)
    lookup = RegistryLookup(house.registry)
    found = verify(marked.path, anchor(house), lookup)
    assert found.holds and found.use is not None
    assert (found.use.use_id, found.use.subject, found.use.licensee) == (use_id, "anna", "brand")
    assert found.use.licence_id == licence and found.use.files == (marked.sha256,)
    assert found.use == lookup.by_watermark(found.use.watermark_id)
    # Revoked: nothing new, but what was delivered follows the licence.
    house.hand_in(house.revocation(Target.LICENCE, licence), "anna")
    found = verify(marked.path, anchor(house), lookup)
    assert found.holds and found.use is not None and "no new uses" in found.use.standing
    house.clock.pass_(days=91)
    found = verify(marked.path, anchor(house), lookup)
    assert not found.holds and found.signature == "trusted"
    assert found.use is not None and "the licence ended at" in found.use.standing


def test_quality_control_never_holds(house: House, tmp_path: Path) -> None:
    use_id, marked = delivered(house, intent(purpose=Purpose.QC), tmp_path)
    found = verify(marked.path, anchor(house), RegistryLookup(house.registry))
    assert found.signature == "trusted" and not found.holds
    assert found.use is not None and found.use.use_id == use_id and "not for use" in found.use.standing


def test_a_use_that_was_never_delivered_does_not_hold(house: House, tmp_path: Path) -> None:
    wanted = house.approved(house.licence())
    permit = reserve(house.registry, wanted, use_id=house.id(), staging=tmp_path)
    use = RegistryLookup(house.registry).by_watermark(permit.watermark_id)
    assert use is not None and not use.in_force and use.standing == "never delivered: the use is reserved"
    assert RegistryLookup(house.registry).by_watermark(permit.watermark_id ^ 1) is None


def _run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["mark", *arguments])
    return done.exit_code, done.stdout + done.stderr


def test_verify_and_trace_from_the_command_line(house: House, tmp_path: Path) -> None:
    use_id, marked = delivered(house, house.approved(house.licence()), tmp_path)
    root = str(house.registry.settings.certificates / "root.pem")
    registry = str(house.registry.settings.folder)
    before = marked.path.read_bytes()
    code, out = _run("verify", str(marked.path), "--registry", registry, "--json")
    said = json.loads(out)
    assert said["signature"] == "trusted" and said["altered"] is False and said["use"]["use_id"] == use_id
    assert (code == 0) == said["holds"]  # The licence of the house ends on a day of the calendar.
    # Away from the registry, by the studio's certificate alone.
    code, out = _run("verify", str(marked.path), "--anchor", root)
    assert "Signed by Studio Nord, and unchanged since." in out
    # Stripped of all metadata, shrunk and coded anew: the pixels lead back.
    stripped = tmp_path / "stripped.jpg"
    Image.open(marked.path).convert("RGB").resize((300, 360)).save(stripped, quality=75)
    code, out = _run("trace", str(stripped), "--registry", registry, "--json")
    assert code == 0 and json.loads(out)["use"]["use_id"] == use_id
    code, out = _run("trace", str(stripped), "--registry", registry)
    assert code == 0 and f"Use {use_id} of anna for brand" in out
    code, out = _run("verify", str(stripped), "--registry", registry)
    assert code == 1 and out.startswith("Does not hold.\nNot signed")
    assert marked.path.read_bytes() == before


def test_trace_says_when_there_is_nothing(tmp_path: Path) -> None:
    Image.fromarray(figure(480, 400)).save(tmp_path / "plain.png")
    code, out = _run("trace", str(tmp_path / "plain.png"))
    assert code == 1 and "No watermark was found." in out
    code, out = _run("trace", str(tmp_path / "nowhere.png"), "--json")
    assert code == 2 and json.loads(out)["error"]["kind"] == "InputError"
    code, out = _run("verify", str(tmp_path / "plain.png"), "--registry", str(tmp_path))
    assert code == 2 and "no registry" in out
