"""Money, records and their bytes: exact, said in one way only, and nothing else accepted."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan3d.errors import InputError
from scan3d.rights.canonical import canonical, commitment, typed_bytes
from scan3d.rights.codec import from_json, time_of, time_text, to_json
from scan3d.rights.errors import FloatMoneyError, MixedCurrencyError, QuotaExceededError, SplitMismatchError
from scan3d.rights.money import DIGITS, Money, by_currency, total
from scan3d.rights.records import Approval, Consent, Signed, record_of
from scan3d.rights.territories import COUNTRIES, check_territories, covered
from scan3d.rights.vocabulary import ConsentKind

NOW = datetime(2026, 9, 1, 9, 0, 0, 5, tzinfo=UTC)


def consent(**fields: object) -> Consent:
    made = Consent(
        signed_at=NOW,
        consent_id="a" * 32,
        subject_id="b" * 32,
        kind=ConsentKind.USE,
        description="Pictures of my twin",
        purpose="advertising",
        starts_at=NOW,
        ends_at=NOW + timedelta(days=1),
        rate=Money.of("1.5", "EUR"),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(sorted(DIGITS)),
    st.lists(st.integers(0, 10_000), min_size=1, max_size=8).filter(any),
)
def test_parts_sum_to_the_whole_in_every_currency(units: int, currency: str, weights: list[int]) -> None:
    amount = Money.of(Decimal(units).scaleb(-DIGITS[currency]), currency)
    shares = [Decimal(weight * 100 // sum(weights)) for weight in weights]
    shares[-1] += 100 - sum(shares)
    parts = amount.split(shares)
    assert total(parts) == amount
    for part, share in zip(parts, shares, strict=True):
        assert abs(part.amount - amount.amount * share / 100) < part.unit


def test_the_largest_remainders_get_what_is_left() -> None:
    third = [Decimal("33.33"), Decimal("33.33"), Decimal("33.34")]
    assert [str(part) for part in Money.of(1, "EUR").split(third)] == ["0.33 EUR", "0.33 EUR", "0.34 EUR"]
    assert [str(part) for part in Money.of(2, "JPY").split(third)] == ["1 JPY", "0 JPY", "1 JPY"]
    for shares in ([Decimal(50)], [Decimal(120), Decimal(-20)], []):
        with pytest.raises(SplitMismatchError):
            Money.of(1, "EUR").split(shares)


def test_money_that_is_none() -> None:
    for amount, currency in (
        ("1.005", "EUR"),
        ("1.5", "JPY"),
        ("1", "XXX"),
        ("x", "EUR"),
        ("NaN", "EUR"),
        ("1e20", "EUR"),
    ):
        with pytest.raises(InputError):
            Money.of(amount, currency)
    with pytest.raises(FloatMoneyError):
        Money.of(1.0, "EUR")  # type: ignore[arg-type]
    with pytest.raises(FloatMoneyError):
        Money.of(1, "EUR") * 0.5  # type: ignore[operator]
    for mix in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: total([a, b])):
        with pytest.raises(MixedCurrencyError):
            mix(Money.of(1, "EUR"), Money.of(1, "USD"))
    assert Money.parse("12.5 eur") == Money.of("12.50", "EUR") and str(Money.of("-0", "EUR")) == "0.00 EUR"
    assert list(by_currency([Money.of(1, "USD"), Money.of(2, "EUR"), Money.of(3, "USD")])) == ["EUR", "USD"]


def test_canonical_bytes_are_those_of_rfc_8785() -> None:
    # The example of section 3.2.3 of the RFC, its keys sorted by UTF-16.
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert json.loads(canonical(value)) == value
    assert [*json.loads(canonical(value))] == ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert canonical([1e30, 4.5, 2e-3, 1e-27, "\x0f\n"]) == b'[1e+30,4.5,0.002,1e-27,"\\u000f\\n"]'
    for wrong in (float("nan"), 2**60, {"a": {1, 2}}, "\ud800"):
        with pytest.raises(InputError):
            canonical(wrong)
    assert typed_bytes("a", {}) != typed_bytes("b", {})


def test_records_come_back_as_they_were() -> None:
    made = consent()
    signed = Signed(record=made)
    again = Signed.loads(json.dumps(signed.to_json()))
    assert again.record == made and again.record.payload() == made.payload()
    elsewhere = consent(starts_at=NOW.astimezone(timezone(timedelta(hours=5))))
    assert elsewhere.payload() == made.payload()


@pytest.mark.parametrize(
    "change",
    [
        {"rate": {"amount": "1.5", "currency": "EUR"}},  # not as it would be written
        {"rate": {"amount": "1.50", "currency": "EUR", "more": 1}},
        {"rate": "1.50 EUR"},
        {"starts_at": "2026-09-01T09:00:00Z"},
        {"starts_at": "2026-09-01T09:00:00.000005+00:00"},
        {"starts_at": "2026-13-01T09:00:00.000005Z"},
        {"kind": "everything"},
        {"kind": 3},
        {"consent_id": "A" * 32},
        {"consent_id": "a" * 31},
        {"description": "short"},
        {"ends_at": "2026-09-01T09:00:00.000005Z"},
        {"more": 1},
        {"purpose": None},
    ],
)
def test_what_is_said_in_another_way_is_not_read(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        record_of("consent", {**to_json(consent()), **change})


def test_what_is_no_record() -> None:
    fields = to_json(consent())
    del fields["rate"]
    for document in ([], {}, {"type": "consent"}, {"type": "king", "record": {}, "signatures": []},
                     {"type": "consent", "record": fields, "signatures": []},
                     {"type": "consent", "record": to_json(consent()), "signatures": "x"},
                     {"type": ["consent"], "record": [], "signatures": []}):  # fmt: skip
        with pytest.raises(InputError):
            Signed.from_json(document)
    for text in ("", "{", "\xff", "[" * 100_000):
        with pytest.raises(InputError):
            Signed.loads(text)
    with pytest.raises(InputError):
        Consent(**{**consent().__dict__, "starts_at": NOW.replace(tzinfo=None)})


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_times_sort_as_text(when: datetime) -> None:
    text = time_text(when.replace(tzinfo=UTC))
    assert len(text) == 27 and time_of(text) == when.replace(tzinfo=UTC)
    assert text < time_text(when.replace(tzinfo=UTC) + timedelta(microseconds=1))


def test_a_commitment_tells_nothing_without_its_salt() -> None:
    payload = consent().payload()
    assert commitment(b"1" * 32, payload) != commitment(b"2" * 32, payload)
    assert len({kind.TYPE for kind in (Consent, Approval)}) == 2


def test_territories_are_those_of_iso_3166() -> None:
    assert len(COUNTRIES) == 249
    assert covered(["DE"], ["DE", "FR"]) and covered(["DE", "WORLD"], ["WORLD"]) and not covered(["WORLD"], ["DE"])
    for wrong in (["XX"], [], ["de"], ["DE", "EU"]):
        with pytest.raises(InputError):
            check_territories(wrong)


def test_a_refusal_crosses_processes_whole() -> None:
    error = QuotaExceededError("All are taken.", "a licence", "Agree on a new one.")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.rule == "quota_exceeded"


def test_a_money_of_json_is_checked_like_any() -> None:
    assert from_json(Money, {"amount": "2.00", "currency": "EUR"}) == Money.of(2, "EUR")
    with pytest.raises(FloatMoneyError):
        from_json(Money, {"amount": 2.0, "currency": "EUR"})
