"""`scan3d rights ledger head|witness|verify`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.rights_options import Registry
from scan3d.cli.session import Outcome, Session, run

ledger = typer.Typer(help="The ledger of everything that was allowed and used.", no_args_is_help=True)


@ledger.command("head")
def head(
    out: Annotated[Path, typer.Option(metavar="FILE.json", help="Where to write it.", show_default=False)],
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Sign where the ledger ends now. Whoever keeps it can prove later that nothing before it was changed."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import opened
        from scan3d.workflows.rights_shown import write_head

        with opened(registry) as found:
            data = write_head(found, out)
        return Outcome(data=data, lines=[f"Event {data['sequence']}: {out}. Keep it away from the studio's machines."])

    run(work, as_json=json, debug=debug)


@ledger.command("witness")
def witness(
    file: Annotated[Path, typer.Argument(metavar="HEAD.json", help="A head that somebody kept.", show_default=False)],
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Hold the ledger against a head that was kept outside, now and from now on."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import opened
        from scan3d.workflows.rights_shown import witness_head

        with opened(registry) as found:
            data = witness_head(found, file)
        return Outcome(data=data, lines=[f"The ledger holds event {data['sequence']} as it was then."])

    run(work, as_json=json, debug=debug)


@ledger.command("verify")
def verify(
    heads: Annotated[
        list[Path] | None, typer.Argument(metavar="HEAD.json", help="Heads kept outside.", show_default=False)
    ] = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check every event, every record and every state. Without a head kept outside, a cut end is not seen."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import opened
        from scan3d.workflows.rights_shown import verify_with

        with opened(registry) as found:
            data = verify_with(found, heads or [])
        lines = [f"{data['events']} events, {data['records']} records, {data['heads']} heads: nothing was changed."]
        return Outcome(data=data, lines=lines)

    run(work, as_json=json, debug=debug)
