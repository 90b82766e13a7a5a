"""Links from report.html to the pages that other commands write beside it: bodies, skin and colours come later."""

from __future__ import annotations

from pathlib import Path

from scan3d.pipeline.aside import write_bytes

PAGES = (("body/body.html", "Body"), ("appearance/appearance.html", "Skin"), ("colour/colour.html", "Colours"))
_BEGIN, _END = "<!-- pages -->", "<!-- /pages -->"


def link_pages(results: Path) -> None:
    """Have TAKE/results/report.html name the pages that are there; without a report nothing is done.

    The links are relative, and lead nowhere once the report is sent on alone. Raises StorageError where the file
    cannot be written to.
    """
    report = results / "report.html"
    if not report.is_file():
        return
    text = report.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        return
    links = [f'<a href="{path}">{name}</a>' for path, name in PAGES if (results / path).is_file()]
    nav = f'<nav aria-label="Pages beside this report">More pages: {" ".join(links)}</nav>' if links else ""
    made = f"{before}{begin}{nav}{end}{after}"
    if made != text:
        write_bytes(report, made.encode())
