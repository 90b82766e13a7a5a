"""What uses will cost, and who will be paid what of it, before anything is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scan3d.errors import InputError
from scan3d.rights import tables
from scan3d.rights.errors import QuotaExceededError
from scan3d.rights.licensing import check_active
from scan3d.rights.money import Money
from scan3d.rights.payments import parts_of
from scan3d.rights.statements.billing import Who, names
from scan3d.rights.terms import Licence
from scan3d.rights.transactions import Reading


@dataclass(frozen=True, kw_only=True)
class QuotePart:
    """What one party is paid of all uses together."""

    party_id: str
    who: Who
    percent: str
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Quote:
    """uses: how many; left: how many more the licence holds after them. parts: sum to the total."""

    licence_id: str
    uses: int
    left: int
    rate: Money
    total: Money
    parts: tuple[QuotePart, ...]

    def to_json(self) -> dict[str, Any]:
        """For machines; amounts are texts."""
        return {
            "licence_id": self.licence_id,
            "uses": self.uses,
            "left": self.left,
            "currency": self.rate.currency,
            "rate": str(self.rate.amount),
            "total": str(self.total.amount),
            "parts": [
                {
                    "party_id": part.party_id,
                    "name": part.who.name,
                    "role": part.who.role,
                    "percent": part.percent,
                    "amount": str(part.amount.amount),
                }
                for part in self.parts
            ],
        }


def quote(reading: Reading, licence_id: str, uses: int = 1) -> Quote:
    """What `uses` more uses under a licence cost. Each is invoiced and split by itself, and so it is here.

    Raises NotRegisteredError, RevokedError and the like for a licence that is not active, QuotaExceededError.
    """
    if uses < 1:
        raise InputError(f"{uses} uses cannot be quoted.", "--uses", "Give 1 or more.")
    row = reading.known(tables.licences, licence_id)
    licence = reading.record(Licence, licence_id)
    check_active(row, licence, reading.now)
    left = row.quota - row.taken - uses
    if left < 0:
        raise QuotaExceededError(
            f"{uses} uses are asked for, {row.quota - row.taken} are left.", licence_id, "Ask for fewer."
        )
    return quote_of(licence, names(reading), uses, left)


def quote_of(licence: Licence, who: dict[str, Who], uses: int, left: int) -> Quote:
    """The same of given terms."""
    parts = tuple(
        QuotePart(
            party_id=part.party_id,
            who=who[part.party_id],
            percent=format(split.percent, "f"),
            amount=part.amount * uses,
        )
        for split, part in zip(licence.splits, parts_of(licence), strict=True)
    )
    return Quote(
        licence_id=licence.licence_id,
        uses=uses,
        left=left,
        rate=licence.rate,
        total=licence.rate * uses,
        parts=parts,
    )
