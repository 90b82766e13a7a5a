"""The scripts of examples/ run."""

import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scan3d.capture.rig_file import read_rig_definition, rig_names


def test_rigs_are_drawn_with_all_their_cameras_inside_the_picture(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_rigs.py", "--out", str(tmp_path)])
    runpy.run_path(str(repository / "examples" / "draw_rigs.py"), run_name="__main__")
    for name in rig_names():
        root = ET.parse(tmp_path / f"rig_{name}.svg").getroot()
        circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
        assert len(circles) == 3 * read_rig_definition(name).camera_count
        for circle in circles:
            assert 0 <= float(circle.get("cx", "nan")) <= 340 and 0 <= float(circle.get("cy", "nan")) <= 340
        assert (repository / "docs" / "pictures" / f"rig_{name}.svg").is_file(), "run examples/draw_rigs.py"


@pytest.mark.parametrize("people", [6, pytest.param(30, marks=pytest.mark.slow)])
def test_thirty_people_are_paid_and_obeyed(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], people: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["thirty_people.py", "--out", str(tmp_path / "out"), "--people", str(people)])
    runpy.run_path(str(repository / "examples" / "thirty_people.py"), run_name="__main__")
    told = capsys.readouterr().out
    for line in (
        f"{people} people own their twins; {people * 4 // 3} licences",
        "M02 says no:             denied",
        "M05 does not answer:     lapsed",
        "A use on television:     media_out_of_scope",
        "M04 revokes Brand West:  revoked",
        "A stripped picture is of M01 for Brand Ost, licensed until",
    ):
        assert line in told
    for brand, count in (("Brand Ost", people * 2 // 3 + 1), ("Brand West", people * 2 // 3)):
        assert len(list((tmp_path / "out" / brand).glob("*.jpg"))) == count
        rows = (tmp_path / "out" / f"statement {brand}.csv").read_text().splitlines()
        assert len(rows) == count + 1 and all(brand in row for row in rows[1:])
        assert (tmp_path / "out" / f"statement {brand}.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.slow
def test_skin_is_drawn_beside_its_photograph(repository: Path, tmp_path: Path) -> None:
    from PIL import Image

    script = runpy.run_path(str(repository / "examples" / "skin_pictures.py"))
    script["main"].__globals__.update(SIZE=(48, 60), SAMPLES=4)
    script["main"](tmp_path / "skin.jpg", texture_size=512)
    with Image.open(tmp_path / "skin.jpg") as sheet:
        assert sheet.size == (3 * 48, 3 * 60)
