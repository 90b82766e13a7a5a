"""A target on paper: a page for each board, at exact size, with a ruler that tells whether the printer kept it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scan3d.calibration.board_artwork import board_artwork, quiet_zone_m
from scan3d.calibration.pdf_pages import Page, pdf_bytes, text_width_mm
from scan3d.calibration.targets import Board, Target
from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes

# ISO 216, millimetres, the short side first.
PAPER_MM = {
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "A2": (420.0, 594.0),
    "A1": (594.0, 841.0),
    "A0": (841.0, 1189.0),
}
_UNPRINTABLE_MM = 4.0  # most printers leave so much of a sheet white
_STRIP_MM = 6.5  # for the ruler and the words beneath a board
_LETTERS_MM = 2.3
_LARGEST_MM = 5000.0
_RULERS_MM = (200, 100, 50)


@dataclass(frozen=True, kw_only=True)
class PrintedPage:
    """One page: the board on it, and the sheet. page: "A3", or its size."""

    board: str
    page: str
    width_mm: float
    height_mm: float


def write_target_pdf(target: Target, path: Path, *, page: str | None = None) -> tuple[PrintedPage, ...]:
    """Write a page for each board of the target, in vectors, at its exact size.

    Args:
        page: "A4" to "A0", or "420x594" in millimetres; by default the smallest of A4 to A0 that holds the board.
    Raises:
        InputError: no such page, a board does not fit on it, or `path` cannot be a file.
        StorageError: the file cannot be written.
    """
    drawn, said = [], []
    for board in target.boards:
        name, width, height = _sheet(board, target, page)
        drawn.append(_page(board, target, width, height))
        said.append(PrintedPage(board=board.name, page=name, width_mm=width, height_mm=height))
    content = pdf_bytes(drawn, title=f"scan3d {target.name}")
    in_the_way = next((folder for folder in path.parents if folder.exists() and not folder.is_dir()), None)
    if path.is_dir() or in_the_way is not None:
        what = "The output is a folder." if in_the_way is None else "The folder of the output is a file."
        raise InputError(what, str(in_the_way or path), "Name a file in a folder: --out board.pdf.")
    write_bytes(path, content)
    return tuple(said)


def _needed_mm(board: Board) -> tuple[float, float]:
    """Width and height of board, margins and strip."""
    width, height = (1e3 * side for side in board.size_m)
    quiet = 1e3 * quiet_zone_m(board)
    side = max(quiet, _UNPRINTABLE_MM)
    return width + 2 * side, height + side + quiet + _STRIP_MM + _UNPRINTABLE_MM


def _sheet(board: Board, target: Target, page: str | None) -> tuple[str, float, float]:
    """Name, width and height of the sheet, lying as the board does."""
    width, height = _needed_mm(board)
    where = f"board {board.name}, target {target.name}"
    choices = {page.upper(): _paper(page)} if page is not None else PAPER_MM
    for name, (short, long) in choices.items():
        for w, h in ((long, short), (short, long)) if width >= height else ((short, long), (long, short)):
            if width <= w + 1e-6 and height <= h + 1e-6:
                return name, w, h
    fits = [name for name, (short, long) in PAPER_MM.items() if _fits(width, height, short, long)]
    what = f"The board needs a page of {width:.0f} x {height:.0f} mm, with its margins and ruler."
    if fits:
        raise InputError(what, where, f"Use --page {fits[0]}, or a smaller square with --square-mm.")
    raise InputError(what, where, f"Give its size: --page {width + 10:.0f}x{height + 10:.0f}; or a smaller square.")


def _fits(width: float, height: float, short: float, long: float) -> bool:
    return max(width, height) <= long and min(width, height) <= short


def _paper(page: str) -> tuple[float, float]:
    if page.upper() in PAPER_MM:
        return PAPER_MM[page.upper()]
    size = re.fullmatch(r"(\d+(?:\.\d+)?)[xX×](\d+(?:\.\d+)?)", page)
    sides = sorted(float(side) for side in size.groups()) if size else []
    if not sides or not 20.0 <= sides[0] <= sides[1] <= _LARGEST_MM:
        what = f"There is no page {page!r}."
        raise InputError(what, "--page", f"Use one of {', '.join(PAPER_MM)}, or millimetres such as 420x594.")
    return sides[0], sides[1]


def _page(board: Board, target: Target, width: float, height: float) -> Page:
    page = Page(width_mm=width, height_mm=height)
    wide, high = (1e3 * side for side in board.size_m)
    quiet = 1e3 * quiet_zone_m(board)
    strip_top = height - _UNPRINTABLE_MM - _STRIP_MM
    # What room is left goes half above the board and half between it and the ruler.
    least = max(quiet, _UNPRINTABLE_MM)
    left, top = (width - wide) / 2, least + (strip_top - high - least - quiet) / 2
    artwork = board_artwork(board)
    if artwork.black_ground:
        page.rectangle(left - quiet, top - quiet, left + wide + quiet, top + high + quiet)
    for shape in artwork.shapes:
        corners = (left + 1e3 * shape.x0, top + 1e3 * shape.y0, left + 1e3 * shape.x1, top + 1e3 * shape.y1)
        (page.ellipse if shape.round else page.rectangle)(*corners, black=shape.black)
    _ruler(page, board, target, strip_top)
    return page


def _ruler(page: Page, board: Board, target: Target, top: float) -> None:
    """A ruler along the lower edge, and beside it what the board measures."""
    left = max(_UNPRINTABLE_MM + 2.0, 8.0)
    words = _words(board, target)
    room = page.width_mm - 2 * left
    longest = next((length for length in _RULERS_MM if length + 6 <= room), 20)
    beside = [length for length in _RULERS_MM if length + 10 + max(map(len, words)) * _LETTERS_MM * 0.5 <= room]
    length = beside[0] if beside else min(longest, 50)
    base = top + 1.0
    page.rectangle(left - 0.1, base, left + length + 0.1, base + 0.2)
    for mm in range(length + 1):
        tick = 2.6 if mm % 10 == 0 else 1.8 if mm % 5 == 0 else 1.1
        page.rectangle(left + mm - 0.06, base, left + mm + 0.06, base + tick)
    for mm in range(0, length + 1, 10 if length <= 100 else 20):
        label = f"{mm} mm" if mm == length else str(mm)
        page.text(left + mm + 0.4, base + 4.6, label, height_mm=2.0)
    for line, text in enumerate(words):
        at = left + length + 9.0
        size = min(_LETTERS_MM, _LETTERS_MM * (page.width_mm - _UNPRINTABLE_MM - at) / text_width_mm(text, _LETTERS_MM))
        page.text(at, base + 2.2 + 2.7 * line, text, height_mm=size)


def _words(board: Board, target: Target) -> list[str]:
    name = target.name if len(target.boards) == 1 else f"{target.name}: {board.name}"
    wide, high = (1e3 * side for side in board.size_m)
    what = {"apriltag": "tag", "circles": "dot to dot", "asymmetric_circles": "row to row"}.get(board.kind, "square")
    return [
        f"scan3d {name}. Print at 100 %, no fitting to the page; check the ruler, then measure the board.",
        f"{what} {1e3 * board.square_m:.3f} mm, pattern {wide:.2f} x {high:.2f} mm. "
        "Give back what you measured: --square-mm.",
    ]
