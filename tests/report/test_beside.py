"""The report names the pages beside it, as they come."""

from pathlib import Path

import pytest

from scan3d.report.beside import link_pages

TEMPLATES = Path(__file__).parents[2] / "scan3d" / "report" / "templates"


def test_links_come_and_go_with_the_pages_and_the_rest_stays(tmp_path: Path) -> None:
    assert "<!-- pages --><!-- /pages -->" in (TEMPLATES / "report.html.j2").read_text()
    report = tmp_path / "report.html"
    link_pages(tmp_path)
    assert not report.exists()
    empty = "<main>\n<!-- pages --><!-- /pages -->\n<p>caf\u00e9</p></main>"
    report.write_text(empty, encoding="utf-8")
    link_pages(tmp_path)
    assert report.read_text(encoding="utf-8") == empty
    for name in ("body", "appearance"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.html").write_text("<p>")
        link_pages(tmp_path)
    text = report.read_text(encoding="utf-8")
    assert text.count("<nav") == 1 and text.index("body/body.html") < text.index("appearance/appearance.html")
    assert "colour" not in text and text.endswith("<p>caf\u00e9</p></main>")
    (tmp_path / "body" / "body.html").unlink()
    (tmp_path / "appearance" / "appearance.html").unlink()
    link_pages(tmp_path)
    assert report.read_text(encoding="utf-8") == empty


@pytest.mark.parametrize("text", ["<p>of an older version</p>", "<!-- pages --> cut off"])
def test_reports_of_other_versions_are_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.html").write_text(text)
    (tmp_path / "body").mkdir()
    (tmp_path / "body" / "body.html").write_text("<p>")
    link_pages(tmp_path)
    assert (tmp_path / "report.html").read_text() == text
