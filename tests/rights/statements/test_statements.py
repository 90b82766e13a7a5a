"""Statements and quotes: sums that are exact, bytes that repeat, names that keep their letters."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan3d.errors import InputError
from scan3d.rights.money import Money, total
from scan3d.rights.orders import Part
from scan3d.rights.payments import parts_of
from scan3d.rights.statements.billing import BilledUse, Who
from scan3d.rights.statements.csv_file import HEADER, csv_bytes
from scan3d.rights.statements.pdf_file import amount_text, pdf_bytes
from scan3d.rights.statements.period import Period
from scan3d.rights.statements.quotes import quote_of
from scan3d.rights.statements.statement import COLUMNS, Statement, make_statement
from scan3d.rights.terms import Licence, Split
from scan3d.rights.vocabulary import Content, Medium, Purpose

ANNA, AGENCY, BRAND, STUDIO, GUARDIAN = (f"{number:032x}" for number in range(1, 6))
WHO = {
    ANNA: Who(name="Zoë Дарья", role="person"),
    AGENCY: Who(name="Łódź Models", role="agency"),
    BRAND: Who(name="Brand & Söhne", role="licensee"),
    STUDIO: Who(name="Studio", role="studio"),
    GUARDIAN: Who(name="Guardian", role="guardian"),
}
YEAR = Period.parse("2026")
CURRENCIES = ("EUR", "USD", "JPY", "KWD", "CHF")


def use(number: int, gross: Money, shares: dict[str, str], paid_on: str = "") -> BilledUse:
    amounts = gross.split([Decimal(share) for share in shares.values()])
    parts = tuple(Part(party_id=party, amount=amount) for party, amount in zip(shares, amounts, strict=True))
    return BilledUse(
        use_id=f"{number:032x}",
        delivered_at="2026-05-01T10:00:00.000000Z",
        licence_id="f" * 32,
        subject_id=ANNA,
        licensee_id=BRAND,
        medium="print",
        territories=("DE", "AT"),
        content="fashion",
        state="paid" if paid_on else "invoiced",
        gross=gross,
        parts=parts,
        invoiced_on="2026-05-02",
        paid_on=paid_on,
    )


SHARES = {ANNA: "66.6", AGENCY: "13.3", STUDIO: "15.05", GUARDIAN: "5.05"}


def statement(recipient: str, uses: list[BilledUse]) -> Statement:
    return make_statement(uses, WHO, recipient, YEAR, "Studio", (7, "ab" * 32))


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@given(st.lists(st.tuples(st.integers(1, 10**9), st.sampled_from(CURRENCIES), st.booleans()), max_size=12))
def test_every_share_is_accounted_for_in_every_currency(given: list[tuple[int, str, bool]]) -> None:
    uses = []
    for number, (units, code, paid) in enumerate(given):
        gross = Money(amount=units * Money.of(0, code).unit, currency=code)
        uses.append(use(number, gross, SHARES, "2026-06-01" if paid else ""))
    by_recipient = {one: statement(one, uses) for one in SHARES}
    owed = statement(BRAND, uses)
    for code, sums in owed.sums.items():
        assert sums.gross == sums.own == sums.paid + sums.open
        assert total([made.sums[code].own for made in by_recipient.values()]) == sums.own
        assert total([made.sums[code].paid for made in by_recipient.values()]) == sums.paid
    for line, row in zip(owed.lines, rows_of(csv_bytes(owed)), strict=True):
        assert total([line.shares[name] for name in COLUMNS]) == line.use.gross
        assert sum(Decimal(row[f"{name}_share"]) for name in COLUMNS) == Decimal(row["gross"])


def test_a_statement_says_who_is_paid_what() -> None:
    made = statement(
        AGENCY, [use(1, Money.of("100.00", "EUR"), SHARES), use(2, Money.of(7, "JPY"), SHARES, "2026-06-01")]
    )
    assert made.sums["EUR"].open == Money.of("13.30", "EUR") and made.sums["EUR"].paid.amount == 0
    assert made.sums["JPY"].paid == Money.of(1, "JPY") and not made.owes
    assert statement(BRAND, [line.use for line in made.lines]).owes
    assert made.to_json()["uses"][0]["shares"] == {
        "person": "66.60",
        "agency": "13.30",
        "studio": "15.05",
        "others": "5.05",
    }


def test_uses_of_others_are_not_told() -> None:
    mine = use(1, Money.of("10.00", "EUR"), {ANNA: "100"})
    assert statement(AGENCY, [mine]).lines == () and statement(ANNA, [mine]).lines != ()


def test_files_of_one_statement_have_equal_bytes_and_all_of_it() -> None:
    uses = [use(number, Money.of(f"{1000 + number}.37", "EUR"), SHARES, "2026-06-01") for number in range(70)]
    first, again = pdf_bytes(statement(ANNA, uses)), pdf_bytes(statement(ANNA, list(uses)))
    assert first == again and csv_bytes(statement(ANNA, uses)) == csv_bytes(statement(ANNA, list(uses)))
    read = pypdf.PdfReader(io.BytesIO(first))
    text = "\n".join(page.extract_text() for page in read.pages)
    assert len(read.pages) == 3 and f"page 3 of {len(read.pages)}" in text
    assert "Statement for Zoë Дарья" in text and "ab" * 32 in text and text.count("2026-05-01") == 70
    own = statement(ANNA, uses).sums["EUR"].own
    assert amount_text(own) in text and rows_of(csv_bytes(statement(ANNA, uses)))[69]["gross"] == "1069.37"
    assert read.metadata is not None and read.metadata.creation_date == datetime(2027, 1, 1, tzinfo=UTC)


def test_an_empty_statement_says_so() -> None:
    text = pypdf.PdfReader(io.BytesIO(pdf_bytes(statement(ANNA, [])))).pages[0].extract_text()
    assert "No uses were delivered" in text and csv_bytes(statement(ANNA, [])).decode("utf-8-sig").strip() == ",".join(
        HEADER
    )


def test_a_name_that_cannot_be_written_is_refused_not_mangled(tmp_path: Path) -> None:
    who = WHO | {ANNA: Who(name="李小龙", role="person")}
    made = make_statement([], who, ANNA, YEAR, "Studio", (1, "00"))
    with pytest.raises(InputError, match="cannot write '小李龙'"):
        pdf_bytes(made)
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    with pytest.raises(InputError, match="font"):
        pdf_bytes(made, tmp_path / "bad.ttf")
    assert csv_bytes(made)


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])
def test_a_name_never_becomes_a_formula(name: str) -> None:
    who = WHO | {BRAND: Who(name=name, role="licensee")}
    made = make_statement([use(1, Money.of("1.00", "EUR"), SHARES)], who, ANNA, YEAR, "Studio", (1, "00"))
    assert rows_of(csv_bytes(made))[0]["licensee"] == "'" + name


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
        ("2026-01-15..2026-02-14", "2026-01-15", "2026-02-14"),
    ],
)
def test_periods_are_read_as_people_write_them(text: str, first: str, last: str) -> None:
    period = Period.parse(text)
    assert (str(period.first), str(period.last)) == (first, last)
    assert Period.parse(str(period)) == period and period.starts_at < period.ends_at


@pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-Q5", "2026-02-30..2026-03-01", "2026-02..2026-01", "a..b"])
def test_other_periods_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        Period.parse(text)
    with pytest.raises(InputError, match="before it begins"):
        Period.parse("2026-02-01..2026-01-01")


@given(st.integers(0, 10**8), st.sampled_from(CURRENCIES), st.integers(1, 500))
def test_a_quote_is_what_the_invoices_will_sum_to(units: int, code: str, count: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    licence = Licence(
        licence_id="f" * 32,
        twin_id="e" * 32,
        twin_version=1,
        subject_id=ANNA,
        licensee_id=BRAND,
        consent_id="d" * 32,
        purpose=Purpose.USE,
        media=(Medium.PRINT,),
        territories=("DE",),
        starts_at=now,
        ends_at=datetime(2027, 1, 1, tzinfo=UTC),
        quota=1000,
        content=(Content.FASHION,),
        rate=Money(amount=units * Money.of(0, code).unit, currency=code),
        splits=tuple(Split(party_id=party, percent=Decimal(share)) for party, share in SHARES.items()),
        signed_at=now,
    )
    made = quote_of(licence, WHO, count, 0)
    assert made.total == licence.rate * count == total([part.amount for part in made.parts])
    invoiced = [parts_of(licence) for _ in range(3)]
    assert quote_of(licence, WHO, 3, 0).parts[0].amount == total([parts[0].amount for parts in invoiced])
    assert made.to_json()["total"] == str(made.total.amount)
