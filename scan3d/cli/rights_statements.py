"""`scan3d rights statement`, `scan3d rights pay quote`, `scan3d rights terms`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.rights_options import Registry
from scan3d.cli.session import Outcome, Session, run

pay = typer.Typer(help="What uses cost.", no_args_is_help=True)

LicenceId = Annotated[str, typer.Argument(metavar="LICENCE", help="Its id.", show_default=False)]


def statement(
    who: Annotated[
        str, typer.Argument(metavar="WHO", help="A person, agency, licensee or studio.", show_default=False)
    ],
    period: Annotated[
        str,
        typer.Option(metavar="DAYS", help="2026, 2026-Q3, 2026-11 or 2026-01-15..2026-02-14.", show_default=False),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .pdf, .csv or .json to write.", show_default=False)
    ] = None,
    font: Annotated[
        Path | None,
        typer.Option(metavar="FILE.ttf", help="For names beyond Latin, Greek and Cyrillic.", show_default=False),
    ] = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """What a person, agency, licensee or the studio is paid, or owes, for the uses of a period."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_statements import make_statement

        made, written = make_statement(registry, who, period, out, font)
        owes = "owed" if made.owes else "earned"
        lines = [f"{made.recipient.name}, {made.period}: {len(made.lines)} uses"]
        lines += [f"{sums.own} {owes}: {sums.paid.amount} paid, {sums.open.amount} open" for sums in made.sums.values()]
        return Outcome(data=made.to_json(), lines=[*lines, *([str(written)] if written else [])])

    run(work, as_json=json, debug=debug)


@pay.command()
def quote(
    licence: LicenceId,
    uses: Annotated[int, typer.Option(metavar="N", help="How many.")] = 1,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """What uses under a licence will cost, and who is paid what of it."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_statements import make_quote

        made = make_quote(registry, licence, uses)
        lines = [f"{made.total} for {made.uses} at {made.rate}; {made.left} more are left."]
        lines += [f"{part.amount} to {part.who.name} ({part.who.role}, {part.percent} %)" for part in made.parts]
        return Outcome(data=made.to_json(), lines=lines)

    run(work, as_json=json, debug=debug)


def terms(
    licence: LicenceId,
    vocabulary: Annotated[
        str, typer.Option("--as", metavar="odrl|plus|vrm", help="In whose words.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it.", show_default=False)] = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """A licence in the words of others: ODRL 2.2 (JSON-LD), PLUS and IPTC (XMP), or VRM 1.0's meta."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_statements import terms_as

        said = terms_as(registry, licence, vocabulary, out)
        return Outcome(data=said, lines=[said.get("file") or said["document"].rstrip()])

    run(work, as_json=json, debug=debug)
