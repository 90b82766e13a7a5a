"""Money: a decimal amount in an ISO 4217 currency, whole in its smallest unit; shares that sum exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.errors import FloatMoneyError, MixedCurrencyError, SplitMismatchError

# ISO 4217: active currencies by the digits of their minor unit.
_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
DIGITS: dict[str, int] = {code: digits for digits, codes in _CODES.items() for code in codes.split()}
_MOST = Decimal(10) ** 15


@dataclass(frozen=True, kw_only=True, order=False)
class Money:
    """amount: exact, no finer than the currency's smallest unit. currency: ISO 4217, "EUR".

    Raises FloatMoneyError for a float, InputError for what is no amount or no currency.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in DIGITS:
            raise InputError(f"'{self.currency}' is no currency of ISO 4217.", "", "Give a code such as EUR or USD.")
        object.__setattr__(self, "amount", _decimal(self.amount))
        if not self.amount.is_finite() or abs(self.amount) >= _MOST:
            raise InputError(f"{self.amount} is no amount of money.", "", "Give a number such as 120.00.")
        whole = self.amount.quantize(self.unit)
        if whole != self.amount:
            raise InputError(
                f"{self.amount} {self.currency} is finer than the currency's smallest unit, {self.unit}.",
                "",
                "Round it before it is agreed.",
            )
        object.__setattr__(self, "amount", whole + 0)  # no negative zero

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Money:
        """12 EUR: Money.of("12.00", "EUR")."""
        return cls(amount=_decimal(amount), currency=currency)

    @classmethod
    def parse(cls, text: str) -> Money:
        """ "12.50 EUR", as people write it. Raises InputError."""
        parts = text.split()
        if len(parts) != 2:
            raise InputError(f"'{text}' is no amount of money.", "", 'Give "120.00 EUR".')
        return cls.of(parts[0], parts[1].upper())

    @property
    def unit(self) -> Decimal:
        """The smallest amount of this currency: 0.01 of most."""
        return Decimal(1).scaleb(-DIGITS[self.currency])

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def __add__(self, other: Money) -> Money:
        return Money(amount=self.amount + self._same(other), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(amount=self.amount - self._same(other), currency=self.currency)

    def __mul__(self, times: int) -> Money:
        if isinstance(times, bool) or not isinstance(times, int):
            raise FloatMoneyError("Money is multiplied by whole numbers only.", "", "Use split() for shares.")
        return Money(amount=self.amount * times, currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def _same(self, other: Money) -> Decimal:
        if not isinstance(other, Money) or other.currency != self.currency:
            raise MixedCurrencyError(
                f"{self} and {other} are not of one currency.", "", "Agree on one currency for the whole licence."
            )
        return other.amount

    def split(self, shares: Sequence[Decimal]) -> tuple[Money, ...]:
        """Parts by their shares in percent, which sum to 100; the parts sum to this to the smallest unit.

        What rounding leaves goes, a unit each, to the largest remainders, the first of equals first (Hamilton's
        method). Raises SplitMismatchError.
        """
        exact = [Fraction(_decimal(share)) for share in shares]
        if sum(exact) != 100 or any(share < 0 for share in exact):
            said = " + ".join(map(str, shares))
            raise SplitMismatchError(f"Shares of {said} % are not 100 %.", "", "Give shares that sum to 100.")
        units = int(self.amount / self.unit)
        wanted = [share * units / 100 for share in exact]
        floors = [math.floor(value) for value in wanted]
        order = sorted(range(len(exact)), key=lambda i: (floors[i] - wanted[i], i))
        for i in order[: units - sum(floors)]:
            floors[i] += 1
        return tuple(Money(amount=part * self.unit, currency=self.currency) for part in floors)


def total(amounts: Sequence[Money]) -> Money:
    """Their sum; there is at least one. Raises MixedCurrencyError."""
    first, *others = amounts
    for other in others:
        first = first + other
    return first


def by_currency(amounts: Sequence[Money]) -> Mapping[str, Money]:
    """Sums by currency, sorted by its code."""
    sums: dict[str, Money] = {}
    for one in amounts:
        sums[one.currency] = sums[one.currency] + one if one.currency in sums else one
    return dict(sorted(sums.items()))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, float):
        raise FloatMoneyError(f"{value!r} is a binary fraction.", "", 'Give money as text or Decimal: "120.00".')
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise InputError(f"{value!r} is no amount of money.", "", 'Give text or Decimal: "120.00".')
    try:
        return Decimal(value)
    except InvalidOperation:
        raise InputError(f"'{value}' is no amount of money.", "", "Give a number such as 120.00.") from None
