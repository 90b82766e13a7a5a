"""`scan3d rights licence|request|approve`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.rights_hand_in import hand_in
from scan3d.cli.rights_options import Keys, Out, Passphrases, Registry

licence = typer.Typer(help="Terms under which a licensee may use a twin.", no_args_is_help=True)


@licence.command("example")
def example() -> None:
    """Print terms to start from, as TOML."""
    from scan3d.workflows.rights_terms import TERMS_EXAMPLE

    typer.echo(TERMS_EXAMPLE, nl=False)


@licence.command("draft")
def draft(
    terms: Annotated[Path, typer.Argument(metavar="TERMS.toml", show_default=False)],
    keys: Keys = None,
    passphrases: Passphrases = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a licence of terms. The person signs it first, then the licensee: then it is active."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_terms import read_terms

        return read_terms(found, terms)

    hand_in(made, keys=keys, passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)


def request(
    licence_id: Annotated[str, typer.Argument(metavar="LICENCE", show_default=False)],
    medium: Annotated[str, typer.Option(help="One of those licensed.", show_default=False)],
    territory: Annotated[list[str], typer.Option(metavar="CODE", help="ISO 3166, or WORLD.", show_default=False)],
    content: Annotated[str, typer.Option(help="One of those licensed.", show_default=False)],
    brief: Annotated[str, typer.Option(help="What it will be, for the person to judge.", show_default=False)],
    scene: Annotated[str, typer.Option(metavar="HASH", help="As --for qc has printed it.", show_default=False)],
    preview: Annotated[Path, typer.Option(metavar="FILE", help="What the person looks at.", show_default=False)],
    deliverable: Annotated[str, typer.Option(help="pictures, or mesh.")] = "pictures",
    body: Annotated[
        str | None, typer.Option(metavar="HASH", help="Of an edited body, as --for qc has printed it.")
    ] = None,
    uses: Annotated[int, typer.Option(help="Deliveries of this scene.", min=1)] = 1,
    days: Annotated[float, typer.Option(help="Time to answer; then it lapses.")] = 7,
    keys: Keys = None,
    passphrases: Passphrases = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask the person for a use; signed by the licensee."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_terms import Wanted, request_of

        wanted = Wanted(
            licence=licence_id, medium=medium, territories=tuple(territory), content=content, brief=brief, scene=scene,
            preview=preview, deliverable=deliverable, body=body, uses=uses, days=days,
        )  # fmt: skip
        return request_of(found, wanted)

    hand_in(made, keys=keys, passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)


def approve(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST", show_default=False)],
    deny: Annotated[bool, typer.Option("--deny", help="Say no; also takes back a yes.")] = False,
    days: Annotated[float, typer.Option(help="How long a yes holds.")] = 30,
    keys: Keys = None,
    passphrases: Passphrases = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Answer a request: look at it first (scan3d rights show REQUEST). Signed by the person; silence is a no."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_terms import answer_to

        return answer_to(found, request_id, approved=not deny, days=days)

    hand_in(made, keys=keys, passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)
