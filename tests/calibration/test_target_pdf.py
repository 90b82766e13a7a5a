"""Boards on paper: what a page's stream draws, read back as numbers and as a picture, is the board at its own size."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.board_artwork import board_artwork
from scan3d.calibration.pdf_pages import Page, pdf_bytes
from scan3d.calibration.target_file import target_names
from scan3d.calibration.target_pdf import PAPER_MM, write_target_pdf
from scan3d.calibration.targets import Target, read_target, target_with_square
from scan3d.errors import InputError
from scan3d.geometry.artwork import Artwork, Shape

_POINT_MM = 25.4 / 72
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_RECTANGLE = re.compile(rf"{_NUMBER} {_NUMBER} {_NUMBER} {_NUMBER} re f")


def _pages(path: Path) -> list[tuple[tuple[float, float], str]]:
    """Size in mm and stream of every page, by the file's own cross-references."""
    data = path.read_bytes()
    start = int(data.rsplit(b"startxref", 1)[1].split()[0])
    assert data[start : start + 4] == b"xref"
    count = int(data[start:].split()[2])
    for number, line in enumerate(data[start:].splitlines()[3 : 2 + count], 1):
        assert data[int(line[:10]) :].startswith(f"{number} 0 obj".encode())
    pages = []
    for body in re.findall(rb"/Type /Page /Parent.*?endobj", data, re.S):
        box = [float(side) for side in re.search(rb"MediaBox \[([^\]]*)\]", body).group(1).split()]
        contents = int(re.search(rb"/Contents (\d+)", body).group(1))
        place = int(data[start:].splitlines()[2 + contents][:10])
        head, _, rest = data[place:].partition(b"stream\n")
        length = int(re.search(rb"/Length (\d+)", head).group(1))
        pages.append(((box[2] * _POINT_MM, box[3] * _POINT_MM), zlib.decompress(rest[:length]).decode("latin-1")))
    return pages


def _drawn(stream: str, height_mm: float) -> list[Shape]:
    """Filled rectangles and ellipses in millimetres from the upper left corner, as the stream's matrix places them."""
    lines = stream.splitlines()
    matrix = [float(v) for v in lines[0].removesuffix(" cm").split()]
    np.testing.assert_allclose([matrix[0] * _POINT_MM, -matrix[3] * _POINT_MM], 1.0, atol=1e-7)
    np.testing.assert_allclose(matrix[5] * _POINT_MM, height_mm, atol=1e-4)
    shapes, black = [], True
    for line in lines[1:]:
        if line in ("0 g", "1 g"):
            black = line == "0 g"
        elif found := _RECTANGLE.fullmatch(line):
            x, y, w, h = map(float, found.groups())
            shapes.append(Shape(x0=x, y0=y, x1=x + w, y1=y + h, black=black))
        elif line.endswith("c f"):
            points = np.array([float(v) for v in re.findall(_NUMBER, line)]).reshape(-1, 2)[[0, 3, 6, 9, 12]]
            (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
            shapes.append(Shape(x0=x0, y0=y0, x1=x1, y1=y1, black=black, round=True))
    return shapes


@pytest.mark.parametrize("name", target_names())
def test_every_target_is_drawn_at_its_own_size(tmp_path: Path, name: str) -> None:
    target = read_target(name)
    said = write_target_pdf(target, tmp_path / "board.pdf")
    pages = _pages(tmp_path / "board.pdf")
    assert len(pages) == len(target.boards) == len(said)
    for board, page, ((width, height), stream) in zip(target.boards, said, pages, strict=True):
        assert (width, height) == pytest.approx((page.width_mm, page.height_mm), abs=1e-3)
        assert sorted((width, height)) == pytest.approx(sorted(PAPER_MM[page.page]), abs=1e-3)
        shapes = _drawn(stream, height)
        wanted = board_artwork(board).shapes
        left = 0.5 * (width - 1e3 * board.size_m[0])
        top = shapes[0].y0 - 1e3 * wanted[0].y0
        for shape, true in zip(shapes, wanted, strict=False):
            exact = 1e3 * np.array([true.x0, true.y0, true.x1, true.y1]) + [left, top, left, top]
            np.testing.assert_allclose([shape.x0, shape.y0, shape.x1, shape.y1], exact, atol=2e-4)
            assert (shape.black, shape.round) == (true.black, true.round)
        # Nothing lies where printers do not print, and the ruler is clear of the board.
        assert min(min(s.x0, s.y0, width - s.x1, height - s.y1) for s in shapes) > 3.9
        assert min(s.y0 for s in shapes[len(wanted) :]) > top + 1e3 * board.size_m[1] + 0.5


def test_the_ruler_is_as_long_as_it_says(tmp_path: Path) -> None:
    write_target_pdf(read_target("charuco_a3"), tmp_path / "board.pdf")
    ((_, height), stream) = _pages(tmp_path / "board.pdf")[0]
    length = int(re.search(r"\((\d+) mm\) Tj", stream).group(1))
    ticks = [s for s in _drawn(stream, height) if s.x1 - s.x0 == pytest.approx(0.12) and s.y1 - s.y0 > 2.5]
    middles = sorted(0.5 * (s.x0 + s.x1) for s in ticks)
    np.testing.assert_allclose(np.diff(middles), 10.0, atol=1e-3)
    assert middles[-1] - middles[0] == pytest.approx(length, abs=1e-3)
    assert "square 28.000 mm" in stream and "392.00 x 280.00 mm" in stream and "100 %" in stream


def test_the_pages_picture_is_the_board(tmp_path: Path) -> None:
    target = read_target("charuco_a4_pair")
    write_target_pdf(target, tmp_path / "board.pdf")
    for board, ((width, height), stream) in zip(target.boards, _pages(tmp_path / "board.pdf"), strict=True):
        shapes = _drawn(stream, height)
        page = Artwork(width_m=width, height_m=height, shapes=tuple(shapes))
        left, top = 0.5 * (width - 1e3 * board.size_m[0]), shapes[0].y0
        rng = np.random.default_rng(0)
        places = rng.uniform((0, 0), board.size_m, (4000, 2))
        black = page.is_black(1e3 * places + (left, top))
        assert (black == board_artwork(board).is_black(places)).mean() > 0.9995  # but for rounding at edges


def test_inverted_boards_lie_on_black(tmp_path: Path) -> None:
    board = read_target("charuco_a3").boards[0]
    target = Target(name="n", boards=(replace(board, columns=8, rows=6, inverted=True),))
    write_target_pdf(target, tmp_path / "board.pdf")
    ((_, height), stream) = _pages(tmp_path / "board.pdf")[0]
    ground, first = _drawn(stream, height)[:2]
    assert ground.black and not first.black
    assert first.x0 - ground.x0 == pytest.approx(7.0, abs=1e-3)  # a quarter of a square


def test_pages_are_chosen_or_given(tmp_path: Path) -> None:
    target = read_target("charuco_a3")
    path = tmp_path / "b.pdf"
    assert write_target_pdf(target, path, page="a2")[0].page == "A2"
    assert write_target_pdf(target, path, page="310x430")[0].width_mm == 430
    tall = replace(target.boards[0], columns=10, rows=14)
    sheet = write_target_pdf(Target(name="t", boards=(tall,)), path)[0]
    assert (sheet.page, sheet.width_mm, sheet.height_mm) == ("A3", 297, 420)
    before = path.read_bytes()
    with pytest.raises(InputError, match="Use --page A3"):
        write_target_pdf(target, path, page="A4")
    with pytest.raises(InputError, match=r"Give its size: --page \d+x\d+"):
        write_target_pdf(target_with_square(target, 0.2), path)
    for wrong in ("A9", "3x4", "x", "9999x9999"):
        with pytest.raises(InputError, match="no page"):
            write_target_pdf(target, path, page=wrong)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="folder"):
        write_target_pdf(target, tmp_path)


def test_the_same_board_is_the_same_file(tmp_path: Path) -> None:
    for name in "ab":
        write_target_pdf(read_target("circles_a3"), tmp_path / f"{name}.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_target_pdf(read_target("circles_a3"), tmp_path / "file" / "board.pdf")
    write_target_pdf(read_target("circles_a3"), tmp_path / "new" / "folder" / "board.pdf")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["board.pdf"]


def test_text_is_escaped_and_pages_have_a_limit() -> None:
    page = Page(width_mm=100, height_mm=100)
    page.text(1, 2, "a (b) \\ ≥", height_mm=3)
    assert rb"(a \(b\) \\ ?) Tj" in page.content()
    assert pdf_bytes([page], title="t").startswith(b"%PDF-1.6")
    with pytest.raises(ValueError, match="at most"):
        Page(width_mm=6000, height_mm=100)
