"""`scan3d rights use|recover`"""

from __future__ import annotations

from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.rights_options import Reason, Registry
from scan3d.cli.session import Outcome, Session, run

use = typer.Typer(help="What has left, and what is owed for it.", no_args_is_help=True)

_Use = Annotated[str, typer.Argument(metavar="USE", show_default=False)]


@use.command("list")
def list_uses(registry: Registry = None, json: Json = False, debug: Debug = False) -> None:
    """List all uses, the oldest first."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import opened
        from scan3d.workflows.rights_shown import listed_uses

        with opened(registry) as found:
            uses = listed_uses(found)
        lines = [f"{one['use_id']}  {one['state']:10} {one['purpose']:5} {one['reserved_at']}" for one in uses]
        return Outcome(data={"uses": uses}, lines=lines)

    run(work, as_json=json, debug=debug)


@use.command("invoice")
def invoice(use_id: _Use, registry: Registry = None, json: Json = False, debug: Debug = False) -> None:
    """Write the invoice of a delivered use, signed by the studio."""
    _settle_payment(use_id, "invoice", registry, json, debug)


@use.command("pay")
def pay(use_id: _Use, registry: Registry = None, json: Json = False, debug: Debug = False) -> None:
    """Note that an invoiced use was paid, signed by the studio."""
    _settle_payment(use_id, "payment", registry, json, debug)


def _settle_payment(use_id: str, kind: str, registry: Registry, json: bool, debug: bool) -> None:
    def work(session: Session) -> Outcome:
        from scan3d.rights.orders import PaymentKind
        from scan3d.rights.payments import draft_payment
        from scan3d.workflows.rights_desk import Pens, opened, settle

        with opened(registry) as found:
            record = draft_payment(found, use_id, PaymentKind(kind))
            about = settle(found, record, Pens(), studio=True)
        parts = {part.party_id: str(part.amount) for part in record.parts}
        lines = [f"{record.amount}:", *(f"  {party}  {amount}" for party, amount in parts.items())]
        return Outcome(data={**about, "amount": str(record.amount), "parts": parts}, lines=lines)

    run(work, as_json=json, debug=debug)


@use.command("void")
def void_use(use_id: _Use, reason: Reason, registry: Registry = None, json: Json = False, debug: Debug = False) -> None:
    """Give back a use of which nothing has left, as one whose machine is gone."""

    def work(session: Session) -> Outcome:
        from scan3d.rights.uses import void
        from scan3d.workflows.rights_desk import opened

        with opened(registry) as found:
            void(found, use_id, reason)
        return Outcome(data={"use": use_id, "state": "void"}, lines=[f"Given back: {use_id}"])

    run(work, as_json=json, debug=debug)


def recover(registry: Registry = None, json: Json = False, debug: Debug = False) -> None:
    """Finish what was interrupted on this machine: what was marked is delivered, all else is given back."""

    def work(session: Session) -> Outcome:
        from scan3d.rights.delivery import recover as finish
        from scan3d.workflows.rights_desk import opened

        with opened(registry) as found:
            done = finish(found, session.say)
        return Outcome(data={"finished": [one.use_id for one in done]}, lines=[f"{len(done)} uses finished."])

    run(work, as_json=json, debug=debug)
