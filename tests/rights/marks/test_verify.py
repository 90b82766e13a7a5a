from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scan3d.errors import InputError
from scan3d.rights.marks import manifest
from scan3d.rights.marks.certificates import Authority
from scan3d.rights.marks.lookup import MarkedUse
from scan3d.rights.marks.order import Marked, MarkOrder, mark_file
from scan3d.rights.marks.verify import verify
from scan3d.rights.marks.watermark import embed
from tests.rights.marks.figures import figure

pytest.importorskip("c2pa", reason="c2pa-python is not installed")

Studio = tuple[Path, Authority]
ID = 1_618_033_988


class Register:
    """One use, as a registry would tell it."""

    def __init__(self, marked: Marked, **fields: object) -> None:
        use = MarkedUse(
            use_id="u1",
            watermark_id=ID,
            purpose="use",
            subject="Ada",
            licence_id="L-1",
            licensee="Marke",
            licence_state="active",
            use_state="delivered",
            delivered_at="2026-09-01T00:00:00.000000Z",
            ends_at="2027-01-01T00:00:00.000000Z",
            in_force=True,
            standing="licensed until 2027-01-01",
            files=(marked.sha256,),
        )
        self.use = replace(use, **fields)  # type: ignore[arg-type]

    def by_watermark(self, watermark_id: int) -> MarkedUse | None:
        return self.use if watermark_id == self.use.watermark_id else None

    def by_use(self, use_id: str) -> MarkedUse | None:
        return self.use if use_id == self.use.use_id else None


@pytest.fixture
def marked(studio: Studio, tmp_path: Path) -> Marked:
    Image.fromarray(figure(480, 400)).save(tmp_path / "render.png")
    claims = {"subject": "Ada", "licensee": "Marke", "licence": "L-1"}
    order = MarkOrder(use_id="u1", watermark_id=ID, certificates=studio[0], claims=claims)
    return mark_file(tmp_path / "render.png", tmp_path / "picture.png", order)


def test_a_marked_picture_holds(marked: Marked, studio: Studio) -> None:
    for lookup in (None, Register(marked)):
        found = verify(marked.path, studio[1].anchor, lookup)
        assert found.holds and found.altered is False and found.signature == "trusted"
        assert found.watermark is not None and found.watermark.id == ID
        assert found.findings[0] == "Signed by Studio Nörd, and unchanged since."
        assert "use u1, subject Ada, licence L-1, licensee Marke" in found.findings[1]
    assert found.use is not None and found.findings[-1] == "This file is byte for byte as delivered."


def test_a_foreign_signer_is_not_trusted(marked: Marked, stranger: Studio) -> None:
    found = verify(marked.path, stranger[1].anchor, Register(marked))
    assert not found.holds and found.signature == "valid" and found.stated is None
    assert "not trusted" in found.findings[0]
    assert not verify(marked.path, None).holds


def test_an_altered_picture_does_not_hold_but_is_still_known(marked: Marked, studio: Studio) -> None:
    data = bytearray(marked.path.read_bytes())
    data[data.index(b"IEND") - 9] ^= 4  # in the check sum of the pixels
    marked.path.write_bytes(data)
    found = verify(marked.path, studio[1].anchor, Register(marked))
    assert not found.holds and found.altered is True
    assert found.findings[0].startswith("Altered")


def test_stripped_and_coded_anew_the_watermark_leads_to_the_use(marked: Marked, studio: Studio) -> None:
    stripped = marked.path.with_name("stripped.jpg")
    Image.open(marked.path).convert("RGB").resize((320, 384)).save(stripped, quality=70)
    found = verify(stripped, studio[1].anchor, Register(marked))
    assert not found.holds and found.signature == "none" and found.altered is None and found.xmp == {}
    assert found.use is not None and found.use.use_id == "u1"
    assert found.findings[-1].startswith("This file is not the file that was delivered")


@pytest.mark.parametrize(
    "fields", [{"in_force": False, "standing": "the licence ended"}, {"use_id": "u2"}, {"files": ()}]
)
def test_what_the_registry_does_not_confirm_does_not_hold(
    fields: dict[str, object], marked: Marked, studio: Studio
) -> None:
    found = verify(marked.path, studio[1].anchor, Register(marked, **fields))
    assert not found.holds and found.signature == "trusted"


def test_marks_that_disagree_are_told(marked: Marked, studio: Studio, tmp_path: Path) -> None:
    """The studio's own key on a picture with another use's watermark: somebody mixed files up."""
    other = embed(figure(480, 400, seed=3), 4711)
    Image.fromarray(other.astype(np.uint8)).save(tmp_path / "other.png")
    statement = manifest.Statement(use_id="u1", watermark_id=ID, claims={}, labelled=False)
    data, _ = manifest.sign((tmp_path / "other.png").read_bytes(), ".png", statement, studio[1])
    (tmp_path / "other.png").write_bytes(data)
    found = verify(tmp_path / "other.png", studio[1].anchor)
    assert found.signature == "trusted" and not found.holds
    assert any("watermark is that of another use" in line for line in found.findings)


def test_nothing_on_it(studio: Studio, tmp_path: Path) -> None:
    Image.fromarray(figure(200, 160)).save(tmp_path / "plain.png")
    found = verify(tmp_path / "plain.png", studio[1].anchor, None)
    assert (found.signature, found.holds, found.watermark, dict(found.xmp)) == ("none", False, None, {})
    with pytest.raises(InputError):
        verify(tmp_path / "nowhere.png", studio[1].anchor)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".glb", ".obj", ".mp4", ".webp", ".tif"])
def test_rubbish_is_judged_not_stumbled_over(suffix: str, studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / f"rubbish{suffix}"
    for data in (b"", b"rubbish", np.random.default_rng(0).bytes(5000)):
        path.write_bytes(data)
        assert not verify(path, studio[1].anchor).holds


def test_a_model_holds_by_the_signature_beside_it(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "in.obj").write_text("v 0 0 0\n")
    order = MarkOrder(use_id="u1", watermark_id=ID, certificates=studio[0])
    marked = mark_file(tmp_path / "in.obj", tmp_path / "out.obj", order)
    assert verify(marked.path, studio[1].anchor, Register(marked)).holds
    terms = marked.sidecars[0].read_text()
    marked.sidecars[0].write_text(terms.replace("PROHIBITED", "ALLOWED"))
    found = verify(marked.path, studio[1].anchor, Register(marked))
    assert found.signature == "trusted" and not found.holds and "not those that were signed" in found.findings[1]
    marked.sidecars[0].write_text(terms)
    marked.path.write_text("v 0 0 1\n")
    found = verify(marked.path, studio[1].anchor, Register(marked))
    assert not found.holds and found.altered is True and found.xmp["scan3d:UseID"] == "u1"
