"""`scan3d mark verify FILE`, `scan3d mark trace FILE` and `scan3d mark pack MODEL`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.session import Outcome, Session, run

mark = typer.Typer(help="The marks that a picture or model carries.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A picture, film or model.", show_default=False)]
Registry = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The rights registry; by default the nearest.", show_default=False),
]


@mark.command()
def verify(
    file: File,
    registry: Registry = None,
    anchor: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT.pem", help="The studio's certificate; by default the registry's own.", show_default=False
        ),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Say who made FILE, of whom, under which licence, whether it still holds and whether it was altered.

    Ends with exit code 1 unless everything holds.
    """
    holds = False

    def work(session: Session) -> Outcome:
        from scan3d.workflows.marks import verify_file

        nonlocal holds
        found = verify_file(file, registry=registry, anchor=anchor)
        holds = found.holds
        verdict = "Holds." if holds else "Does not hold."
        return Outcome(data=asdict(found), lines=[verdict, *found.findings])

    run(work, as_json=json, debug=debug)
    if not holds:
        raise typer.Exit(1)


@mark.command()
def trace(file: File, registry: Registry = None, json: Json = False, debug: Debug = False) -> None:
    """Find the use of a picture by its watermark alone, after its metadata were stripped.

    Ends with exit code 1 where there is no watermark, or none that the registry knows.
    """
    traced = False

    def work(session: Session) -> Outcome:
        from scan3d.workflows.marks import trace_file

        nonlocal traced
        found, use = trace_file(file, registry=registry)
        traced = found is not None and (use is not None or registry is None)
        data = {"watermark": None if found is None else asdict(found), "use": None if use is None else asdict(use)}
        lines = ["No watermark was found." if found is None else f"Watermark: {found.id}"]
        if use is not None:
            lines.append(f"Use {use.use_id} of {use.subject} for {use.licensee or 'the studio'}: {use.standing}.")
        elif found is not None:
            lines.append("No use of this number is known here.")
        return Outcome(data=data, lines=lines)

    run(work, as_json=json, debug=debug)
    if not traced:
        raise typer.Exit(1)


@mark.command()
def pack(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model that was marked when it left.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="By default MODEL.zip.", show_default=False)
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Put MODEL, its terms and its signature into one file to send; `mark verify` reads it."""

    def work(session: Session) -> Outcome:
        from scan3d.rights.marks.package import pack

        written = pack(model, out or model.with_name(f"{model.name}.zip"))
        return Outcome(data={"path": str(written)}, lines=[f"Package: {written}"])

    run(work, as_json=json, debug=debug)
