"""Invoices and payments: exact parts for everyone who shares in a use."""

from __future__ import annotations

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.errors import MixedCurrencyError, SplitMismatchError, WrongStateError
from scan3d.rights.orders import Part, Payment, PaymentKind
from scan3d.rights.records import Signed
from scan3d.rights.registry import Registry
from scan3d.rights.signers import check_new
from scan3d.rights.terms import Licence
from scan3d.rights.transactions import Reading, Writing

_FOLLOWS = {PaymentKind.INVOICE: ("delivered", "invoiced"), PaymentKind.PAYMENT: ("invoiced", "paid")}


def parts_of(licence: Licence) -> tuple[Part, ...]:
    """What each party is paid of one use; the parts sum to the rate."""
    amounts = licence.rate.split([split.percent for split in licence.splits])
    return tuple(
        Part(party_id=split.party_id, amount=amount) for split, amount in zip(licence.splits, amounts, strict=True)
    )


def draft_payment(registry: Registry, use_id: str, kind: PaymentKind) -> Payment:
    """The invoice or payment of one use by its licence, to be signed by the studio. Raises RightsError."""
    with registry.reading() as reading:
        licence = _licence(reading, use_id)
        return Payment(
            signed_at=reading.now,
            payment_id=registry.ids.new_id(),
            use_id=use_id,
            kind=kind,
            amount=licence.rate,
            parts=parts_of(licence),
        )


def add_payment(registry: Registry, writing: Writing, signed: Signed, record: Payment) -> None:
    """Takes an invoice of a delivered use, or the payment of an invoiced one. Raises RightsError."""
    row = writing.known(tables.uses, record.use_id)
    check_new(writing, signed, [registry.settings.studio_id], signing_days=registry.settings.signing_days)
    licence = _licence(writing, record.use_id)
    if record.amount.currency != licence.rate.currency:
        raise MixedCurrencyError(
            f"The licence is in {licence.rate.currency}.", record.payment_id, "Pay in the licence's currency."
        )
    if record.amount != licence.rate or record.parts != parts_of(licence):
        raise SplitMismatchError(
            f"A use costs {licence.rate}, split as the licence says.", record.payment_id, "Draft it again."
        )
    before, after = _FOLLOWS[record.kind]
    if row.state != before:
        raise WrongStateError(f"The use is {row.state}, not {before}.", record.use_id, "")
    writing.keep(signed, row.subject_id)
    paid = {
        "payment_id": record.payment_id,
        "use_id": record.use_id,
        "kind": record.kind.value,
        "amount": str(record.amount.amount),
        "currency": record.amount.currency,
        "at": time_text(writing.now),
    }
    writing.connection.execute(tables.payments.insert().values(**paid))
    writing.change(tables.uses, record.use_id, after, row.subject_id)


def _licence(reading: Reading, use_id: str) -> Licence:
    row = reading.known(tables.uses, use_id)
    if row.licence_id is None:
        raise WrongStateError("Quality control is not paid.", use_id, "")
    return reading.record(Licence, row.licence_id)
