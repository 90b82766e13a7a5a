"""The delivered uses of a registry with what each is worth, and to whom."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import from_json, time_text
from scan3d.rights.money import Money
from scan3d.rights.orders import Part, Payment, PaymentKind
from scan3d.rights.payments import parts_of
from scan3d.rights.statements.period import Period
from scan3d.rights.terms import Licence, UseRequest
from scan3d.rights.transactions import Reading

ERASED = "(erased)"
PERSON = "person"


@dataclass(frozen=True, kw_only=True)
class Who:
    """name: a person's alias. role: of scan3d.rights.vocabulary.Role, or "person"."""

    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class BilledUse:
    """One delivered use. Days are ISO 8601, "" where it has not come to that. parts: sum to gross."""

    use_id: str
    delivered_at: str
    licence_id: str
    subject_id: str
    licensee_id: str
    medium: str
    territories: tuple[str, ...]
    content: str
    state: str
    gross: Money
    parts: tuple[Part, ...]
    invoiced_on: str = ""
    paid_on: str = ""


def billed_uses(reading: Reading, period: Period) -> list[BilledUse]:
    """All uses delivered within the period, by time; void ones and quality control are none."""
    uses, records = tables.uses, tables.records
    starts, ends = time_text(period.starts_at), time_text(period.ends_at)
    within = sa.and_(uses.c.delivered_at >= starts, uses.c.delivered_at < ends, uses.c.state != "void")
    request, licence = records.alias("request_record"), records.alias("licence_record")
    query = (
        sa.select(uses, request.c.body.label("request_body"), licence.c.body.label("licence_body"))
        .add_columns(tables.licences.c.licensee_id)
        .join(tables.licences, tables.licences.c.licence_id == uses.c.licence_id)
        .join(licence, licence.c.record_id == uses.c.licence_id)
        .outerjoin(request, request.c.record_id == uses.c.request_id)
        .where(within)
        .order_by(uses.c.delivered_at, uses.c.use_id)
    )
    payments = _payments(reading, within)
    return [
        _billed(
            row,
            _record(Licence, row.licence_body),
            _record(UseRequest, row.request_body) if row.request_body else None,
            payments.get(row.use_id, {}),
        )
        for row in reading.connection.execute(query).all()
    ]


def names(reading: Reading) -> dict[str, Who]:
    """Everybody by their id: parties by name, persons by alias, erased ones as such."""
    found = {
        row.party_id: Who(name=row.name, role=row.role)
        for row in reading.connection.execute(sa.select(tables.parties)).all()
    }
    for row in reading.connection.execute(sa.select(tables.subjects)).all():
        found[row.subject_id] = Who(name=row.alias or ERASED, role=PERSON)
    return found


@functools.lru_cache(maxsize=4096)
def _record(kind: Any, body: str) -> Any:
    """The same text is the same record: statements of many recipients read it once."""
    return from_json(kind, json.loads(body))


def _payments(reading: Reading, within: sa.ColumnElement[bool]) -> dict[str, dict[str, Payment]]:
    records, payments = tables.records, tables.payments
    query = (
        sa.select(payments.c.use_id, payments.c.kind, records.c.body)
        .join(records, records.c.record_id == payments.c.payment_id)
        .join(tables.uses, tables.uses.c.use_id == payments.c.use_id)
        .where(within, records.c.body.is_not(None))
    )
    found: dict[str, dict[str, Payment]] = {}
    for row in reading.connection.execute(query).all():
        found.setdefault(row.use_id, {})[row.kind] = _record(Payment, row.body)
    return found


def _billed(row: Any, licence: Licence, asked: UseRequest | None, payments: dict[str, Payment]) -> BilledUse:
    invoice, paid = payments.get(PaymentKind.INVOICE), payments.get(PaymentKind.PAYMENT)
    return BilledUse(
        use_id=row.use_id,
        delivered_at=row.delivered_at,
        licence_id=row.licence_id,
        subject_id=row.subject_id,
        licensee_id=row.licensee_id,
        medium=asked.medium.value if asked else ERASED,
        territories=asked.territories if asked else (),
        content=asked.content.value if asked else ERASED,
        state=row.state,
        gross=invoice.amount if invoice else licence.rate,
        parts=invoice.parts if invoice else parts_of(licence),
        invoiced_on=_day(invoice),
        paid_on=_day(paid),
    )


def _day(payment: Payment | None) -> str:
    return "" if payment is None else time_text(payment.signed_at)[:10]


def part_for(parts: Sequence[Part], party_id: str) -> Money | None:
    """What a party is paid of it, None for one that has no part."""
    return next((part.amount for part in parts if part.party_id == party_id), None)
