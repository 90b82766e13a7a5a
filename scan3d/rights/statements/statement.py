"""A statement: the uses of a period that concern somebody, what each brings them, and the sums by currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scan3d.rights.errors import NotRegisteredError
from scan3d.rights.money import Money, by_currency, total
from scan3d.rights.orders import Part
from scan3d.rights.statements.billing import PERSON, BilledUse, Who, billed_uses, names, part_for
from scan3d.rights.statements.period import Period
from scan3d.rights.tables import ledger_head
from scan3d.rights.transactions import Reading
from scan3d.rights.vocabulary import Role

# Every part is in one of these, so that they sum to the whole.
COLUMNS = (PERSON, Role.AGENCY.value, Role.STUDIO.value, "others")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One use. own: what the recipient is paid of it or, for a licensee, what they owe. shares: by COLUMNS."""

    use: BilledUse
    person: str
    licensee: str
    own: Money
    shares: Mapping[str, Money]


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Of one currency. paid, open: of own."""

    gross: Money
    own: Money
    paid: Money
    open: Money


@dataclass(frozen=True, kw_only=True)
class Statement:
    """recipient_id: a person, agency, licensee or studio. head: the ledger's last event by then, and its hash."""

    recipient_id: str
    recipient: Who
    studio: str
    period: Period
    lines: tuple[Line, ...]
    sums: Mapping[str, Sums]
    head: tuple[int, str]

    @property
    def owes(self) -> bool:
        """Whether the recipient pays, and is not paid."""
        return self.recipient.role == Role.LICENSEE

    def to_json(self) -> dict[str, Any]:
        """For machines; amounts are texts."""
        return {
            "recipient": {"id": self.recipient_id, "name": self.recipient.name, "role": self.recipient.role},
            "studio": self.studio,
            "period": {"first": str(self.period.first), "last": str(self.period.last)},
            "ledger": {"sequence": self.head[0], "hash": self.head[1]},
            "uses": [_line_json(line) for line in self.lines],
            "sums": {
                code: {name: str(getattr(one, name).amount) for name in ("gross", "own", "paid", "open")}
                for code, one in self.sums.items()
            },
        }


def statement_for(reading: Reading, recipient_id: str, period: Period, studio: str) -> Statement:
    """What concerns a person, agency, licensee or studio. Raises NotRegisteredError for anybody else."""
    who = names(reading)
    if recipient_id not in who:
        raise NotRegisteredError("The registry knows nobody of this id.", recipient_id, "Check the id.")
    end = reading.connection.execute(ledger_head.select()).one()
    return make_statement(
        billed_uses(reading, period), who, recipient_id, period, studio, (int(end.sequence), str(end.hash))
    )


def make_statement(
    uses: Sequence[BilledUse],
    who: Mapping[str, Who],
    recipient_id: str,
    period: Period,
    studio: str,
    head: tuple[int, str],
) -> Statement:
    """The same of given uses."""
    owes = who[recipient_id].role == Role.LICENSEE
    lines = []
    for use in uses:
        own = use.gross if owes and use.licensee_id == recipient_id else part_for(use.parts, recipient_id)
        if own is not None:
            lines.append(
                Line(
                    use=use,
                    person=who[use.subject_id].name,
                    licensee=who[use.licensee_id].name,
                    own=own,
                    shares=_shares(use.parts, who),
                )
            )
    return Statement(
        recipient_id=recipient_id,
        recipient=who[recipient_id],
        studio=studio,
        period=period,
        lines=tuple(lines),
        sums=_sums(lines),
        head=head,
    )


def _shares(parts: Sequence[Part], who: Mapping[str, Who]) -> dict[str, Money]:
    nothing = Money.of(0, parts[0].amount.currency)
    found = dict.fromkeys(COLUMNS, nothing)
    for part in parts:
        role = who[part.party_id].role
        column = role if role in COLUMNS else COLUMNS[-1]
        found[column] = found[column] + part.amount
    return found


def _sums(lines: Sequence[Line]) -> dict[str, Sums]:
    sums = {}
    for code, gross in by_currency([line.use.gross for line in lines]).items():
        own = [line for line in lines if line.own.currency == code]
        nothing = Money.of(0, code)
        paid = total([nothing, *(line.own for line in own if line.use.paid_on)])
        whole = total([nothing, *(line.own for line in own)])
        sums[code] = Sums(gross=gross, own=whole, paid=paid, open=whole - paid)
    return sums


def _line_json(line: Line) -> dict[str, Any]:
    use = line.use
    return {
        "use_id": use.use_id,
        "delivered_at": use.delivered_at,
        "licence_id": use.licence_id,
        "person": line.person,
        "licensee": line.licensee,
        "medium": use.medium,
        "territories": list(use.territories),
        "content": use.content,
        "state": use.state,
        "invoiced_on": use.invoiced_on or None,
        "paid_on": use.paid_on or None,
        "currency": use.gross.currency,
        "gross": str(use.gross.amount),
        "own": str(line.own.amount),
        "shares": {name: str(amount.amount) for name, amount in line.shares.items()},
    }
