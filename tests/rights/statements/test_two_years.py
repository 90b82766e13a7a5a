"""Two years of a registry in five currencies: every share sums exactly, and a second run gives the same bytes."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from scan3d.rights.errors import NotRegisteredError, QuotaExceededError, RevokedError
from scan3d.rights.intent import TwinHashes
from scan3d.rights.money import Money, by_currency, total
from scan3d.rights.orders import PaymentKind
from scan3d.rights.payments import draft_payment
from scan3d.rights.records import Split, Target
from scan3d.rights.statements.csv_file import csv_bytes
from scan3d.rights.statements.pdf_file import pdf_bytes
from scan3d.rights.statements.period import Period
from scan3d.rights.statements.quotes import quote
from scan3d.rights.statements.statement import Statement, statement_for
from scan3d.rights.submit import submit
from scan3d.rights.uses import Output, note_delivered, note_marked, note_rendered, reserve
from scan3d.rights.verifying import verify_registry
from scan3d.rights.vocabulary import ConsentKind, Role
from tests.rights.house import House, build_house, intent

RATES = {"EUR": "333.33", "USD": "1249.99", "GBP": "87.01", "JPY": "10007", "KWD": "55.555"}
SHARES = ("61.37", "13.13", "24.5", "1")
YEARS = Period.parse("2026-09-01..2028-08-31")
PEOPLE = [f"person_{code}" for code in RATES]
BRANDS = ("brand", "rival")


def hashes_of(name: str) -> TwinHashes:
    digits = f"{name.encode().hex():0<63}"
    return TwinHashes(mesh_sha256=digits + "1", textures_sha256=digits + "2", body_sha256=digits + "3")


def enrol(house: House, name: str, code: str) -> dict[str, str]:
    """Somebody paid in that currency; returns their licence for each brand."""
    house.subject(name, agency_id=house.people["agency"].id)
    for kind in (ConsentKind.SCAN, ConsentKind.BUILD, ConsentKind.USE):
        house.consent(kind, name, ends_at=house.clock.now() + timedelta(days=800))
    house.twin(name, hashes_of(name))
    splits = tuple(
        Split(party_id=house.people[party].id, percent=Decimal(share))
        for party, share in zip((name, "agency", "studio", "guardian"), SHARES, strict=True)
    )
    terms = {"rate": Money.of(RATES[code], code), "splits": splits, "quota": 500}
    ends_at = house.clock.now() + timedelta(days=750)
    return {brand: house.licence(name, brand, ends_at=ends_at, **terms) for brand in BRANDS}


def use(house: House, name: str, brand: str, licence_id: str, pay: int) -> None:
    """One use from request to delivery; pay: how far it is paid, 0 to 2."""
    hashes, registry, use_id = hashes_of(name), house.registry, house.id()
    request = house.request(licence_id, brand, body_sha256=hashes.body_sha256)
    house.approve(request, name)
    reserve(registry, intent(request.request_id, twin=hashes), use_id=use_id, staging=Path("/nowhere"))
    note_rendered(registry, use_id)
    note_marked(registry, use_id, [Output(path=Path("/a.jpg"), sha256="a" * 64, marked=True)], "b" * 64)
    note_delivered(registry, use_id)
    for kind in (PaymentKind.INVOICE, PaymentKind.PAYMENT)[:pay]:
        house.clock.pass_(hours=5)
        submit(registry, registry.studio_key().sign(draft_payment(registry, use_id, kind)))


def two_years(folder: Path, count: int) -> House:
    house = build_house(folder, seed=7)
    house.party("guardian", Role.GUARDIAN)
    licences = {name: enrol(house, name, code) for name, code in zip(PEOPLE, RATES, strict=True)}
    for number in range(count):
        house.clock.pass_(hours=700 * 24 // count - 12)
        name, brand = PEOPLE[number % 5], BRANDS[number // 2 % 2]
        use(house, name, brand, licences[name][brand], number % 3)
    return house


def told(house: House, name: str, period: Period = YEARS) -> Statement:
    with house.registry.reading() as reading:
        return statement_for(reading, house.people[name].id, period, house.registry.settings.studio_name)


def files(house: House, names: list[str]) -> list[bytes]:
    made = [told(house, name) for name in names]
    return [kind(one) for one in made for kind in (csv_bytes, pdf_bytes)]


def check_sums(house: House, count: int) -> None:
    owed = [told(house, name) for name in BRANDS]
    paid = [told(house, name) for name in (*PEOPLE, "agency", "studio", "guardian")]
    assert sum(len(one.lines) for one in owed) == count == len(told(house, "studio").lines)
    gross = by_currency([sums.own for one in owed for sums in one.sums.values()])
    assert gross == by_currency([sums.own for one in paid for sums in one.sums.values()])
    assert gross == {code: Money.of(RATES[code], code) * (count // 5) for code in sorted(RATES)}
    # Months make the whole.
    months: dict[str, list[Money]] = defaultdict(list)
    for number in range(24):
        month = Period.parse(f"{2026 + (8 + number) // 12}-{(8 + number) % 12 + 1:02d}")
        for code, sums in told(house, "agency", month).sums.items():
            months[code].append(sums.own)
    assert {code: total(parts) for code, parts in months.items()} == {
        code: sums.own for code, sums in told(house, "agency").sums.items()
    }
    verify_registry(house.registry)


def test_a_few_uses_sum_exactly_and_repeat_to_the_byte(tmp_path: Path) -> None:
    first, again = two_years(tmp_path / "1", 10), two_years(tmp_path / "2", 10)
    check_sums(first, 10)
    assert files(first, ["brand", "person_KWD"]) == files(again, ["brand", "person_KWD"])


@pytest.mark.slow
def test_two_years_sum_exactly_and_repeat_to_the_byte(tmp_path: Path) -> None:
    first, again = two_years(tmp_path / "1", 120), two_years(tmp_path / "2", 120)
    check_sums(first, 120)
    everybody = [*PEOPLE, *BRANDS, "agency", "studio", "guardian"]
    assert files(first, everybody) == files(again, everybody)


def test_a_quote_is_of_a_licence_that_holds(tmp_path: Path) -> None:
    house = build_house(tmp_path / "1")
    licence_id = house.licence()
    with house.registry.reading() as reading:
        made = quote(reading, licence_id, 2)
        assert (str(made.total), made.left) == ("240.02 EUR", 1)
        assert [(part.who.name, str(part.amount.amount)) for part in made.parts] == [
            ("anna", "144.02"),
            ("agency", "36.00"),
            ("Studio Nord", "60.00"),
        ]
        with pytest.raises(QuotaExceededError):
            quote(reading, licence_id, 4)
        with pytest.raises(NotRegisteredError):
            quote(reading, "f" * 32)
        with pytest.raises(NotRegisteredError):
            statement_for(reading, "f" * 32, YEARS, "Studio Nord")
    house.hand_in(house.revocation(Target.LICENCE, licence_id), "anna")
    with house.registry.reading() as reading, pytest.raises(RevokedError):
        quote(reading, licence_id)
