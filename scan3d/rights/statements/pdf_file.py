"""A statement as PDF: A4 across, a table of the uses, the sums by currency, and the ledger's end on every page.

The bytes depend on the statement, the font and the version of fpdf2 only: the document's date is the period's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from scan3d.errors import InputError
from scan3d.rights.money import Money
from scan3d.rights.statements.statement import COLUMNS, Line, Statement

_MARGIN_MM = 12.0
_ROW_MM = 5.2
_GREY = 110
_WIDTHS_MM = (18, 32, 32, 22, 20, 16, 10, 20.5, 20.5, 20.5, 20.5, 20.5, 20.5)
_HEADS = ("delivered", "person", "licensee", "medium", "where", "state", "", "gross", *COLUMNS, "own")


def pdf_bytes(statement: Statement, font: Path | None = None) -> bytes:
    """The same statement gives the same bytes.

    font: a TrueType font for scripts that the built-in one (Latin, Greek, Cyrillic) cannot write.
    Raises InputError for a name that the font cannot write.
    """
    page = _Page(statement)
    page.use_fonts(font or _built_in("DejaVuSans"), font or _built_in("DejaVuSans-Bold"))
    page.begin()
    page.uses()
    page.sums()
    return bytes(page.output())


def amount_text(money: Money) -> str:
    """1,234.50"""
    return f"{money.amount:,}"


class _Page(FPDF):
    """The statement on paper. fpdf2 asks it for the foot of each page."""

    def __init__(self, statement: Statement) -> None:
        super().__init__(orientation="landscape", format="A4")
        self._statement = statement
        self.set_creation_date(statement.period.ends_at)
        self.set_title(f"Statement {statement.period}")
        self.set_author(statement.studio)
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(False)
        self.alias_nb_pages("{pages}")

    def use_fonts(self, regular: Path, bold: Path) -> None:
        """Raises InputError for a file that is no font, or one without the letters of a name."""
        for style, path in (("", regular), ("B", bold)):
            try:
                self.add_font("text", style, path)
            except Exception as error:  # font readers raise what their tables make them stumble over
                raise InputError(f"The font cannot be read: {error}.", str(path), "Give a TrueType font.") from None
            _check_letters(self._statement, self.fonts[f"text{style}"], path)

    def begin(self) -> None:
        """The first page's head: who, for what days, what the columns say."""
        statement = self._statement
        self.add_page()
        self._line(f"Statement for {statement.recipient.name}", size=16, bold=True, height=9)
        days = f"{statement.period.first} to {statement.period.last} (UTC)"
        self._line(f"{statement.recipient.role.capitalize()} {statement.recipient_id}", height=5)
        self._line(f"Uses delivered {days}, recorded by {statement.studio}", height=5)
        own = "what the licensee owes" if statement.owes else "what the recipient is paid of it"
        self._line(
            f"gross: what is paid for a use; person, agency, studio, others: their shares of it; own: {own}.",
            size=8,
            grey=True,
        )
        self.ln(3)

    def uses(self) -> None:
        """The table, its head again on every page."""
        self._heads()
        for line in self._statement.lines:
            self._room(_ROW_MM)
            self._row(_cells(line))
        if not self._statement.lines:
            self._line("No uses were delivered in this period.", grey=True)
        self.ln(3)

    def sums(self) -> None:
        """A row for each currency; amounts of different currencies are never added."""
        if not self._statement.sums:
            return
        self._room(_ROW_MM * (len(self._statement.sums) + 2), heads=False)
        self._line("Sums", size=11, bold=True, height=7)
        self._row(("", *[""] * 5, "", "gross", "own", "paid", "open"), bold=True)
        for code, one in self._statement.sums.items():
            amounts = [amount_text(money) for money in (one.gross, one.own, one.paid, one.open)]
            self._row((*[""] * 6, code, *amounts))

    def footer(self) -> None:
        """Page, and the ledger's end that these figures go with."""
        sequence, digest = self._statement.head
        self.set_y(-10)
        self._style(7, grey=True)
        width = self.epw / 2
        self.cell(width, 4, f"Ledger: event {sequence}, {digest}")
        self.cell(width, 4, f"page {self.page_no()} of {{pages}}", align="R")

    def _heads(self) -> None:
        self._row(_HEADS, bold=True)
        self.set_draw_color(_GREY)
        self.line(_MARGIN_MM, self.get_y(), self.w - _MARGIN_MM, self.get_y())

    def _room(self, height: float, *, heads: bool = True) -> None:
        if self.get_y() + height > self.h - 14:
            self.add_page()
            if heads:
                self._heads()

    def _row(self, cells: Sequence[str], *, bold: bool = False) -> None:
        self._style(7.5, bold=bold)
        for number, (text, width) in enumerate(zip(cells, _WIDTHS_MM, strict=False)):
            self.cell(width, _ROW_MM, self._fitting(text, width - 2), align="R" if number > 6 else "L")
        self.ln(_ROW_MM)

    def _fitting(self, text: str, width: float) -> str:
        """Cut where the column ends; the whole is in the CSV."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "…") > width:
            text = text[:-1]
        return text + "…"

    def _line(
        self, text: str, *, size: float = 9, bold: bool = False, grey: bool = False, height: float = _ROW_MM
    ) -> None:
        self._style(size, bold=bold, grey=grey)
        self.cell(self.epw, height, self._fitting(text, self.epw - 2), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _style(self, size: float, *, bold: bool = False, grey: bool = False) -> None:
        self.set_font("text", "B" if bold else "", size)
        self.set_text_color(_GREY if grey else 0)


def _built_in(name: str) -> Path:
    return Path(str(files("scan3d.rights.statements") / "fonts" / f"{name}.ttf"))


def _cells(line: Line) -> tuple[str, ...]:
    use = line.use
    shares = [amount_text(line.shares[name]) for name in COLUMNS]
    return (
        *(use.delivered_at[:10], line.person, line.licensee, use.medium, " ".join(use.territories), use.state),
        *(use.gross.currency, amount_text(use.gross), *shares, amount_text(line.own)),
    )


def _check_letters(statement: Statement, font: Any, where: Path) -> None:
    """Raises InputError rather than write a name without its letters."""
    texts = {statement.recipient.name, statement.studio}
    texts |= {name for line in statement.lines for name in (line.person, line.licensee)}
    for text in sorted(texts):
        missing = "".join(sorted({sign for sign in text if ord(sign) not in font.cmap}))
        if missing:
            raise InputError(
                f"The font cannot write '{missing}' of '{text}'.", str(where), "Name a font that can: --font FILE.ttf"
            )
