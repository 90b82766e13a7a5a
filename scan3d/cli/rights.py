"""`scan3d rights`: whose twins they are, what was allowed, by whom, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.rights_data import erase_subject, export_subject, personal, vault
from scan3d.cli.rights_hand_in import hand_in
from scan3d.cli.rights_ledger import ledger
from scan3d.cli.rights_options import Keys, Out, Passphrases, Reason, Registry
from scan3d.cli.rights_people import consent, key, party, subject, twin
from scan3d.cli.rights_statements import pay, statement, terms
from scan3d.cli.rights_terms import approve, licence, request
from scan3d.cli.rights_uses import recover, use
from scan3d.cli.session import Outcome, Session, run

rights = typer.Typer(
    help="Whose twins they are: consents, licences, approvals, and a ledger of every use.", no_args_is_help=True
)
for group, name in ((key, "key"), (party, "party"), (subject, "subject"), (twin, "twin"), (consent, "consent")):
    rights.add_typer(group, name=name)
rights.add_typer(licence, name="licence")
rights.command()(request)
rights.command()(approve)
rights.add_typer(use, name="use")
rights.command()(recover)
rights.add_typer(ledger, name="ledger")
rights.add_typer(pay, name="pay")
rights.command()(statement)
rights.command()(terms)
rights.add_typer(vault, name="vault")
subject.command("personal")(personal)
subject.command("export")(export_subject)
subject.command("erase")(erase_subject)

_Kind = Annotated[str, typer.Argument(metavar="KIND", help="consent, licence, twin or subject.", show_default=False)]
_Id = Annotated[str, typer.Argument(metavar="ID", help="Of what it is about.", show_default=False)]


@rights.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, e.g. rights beside the takes.", show_default=False)
    ],
    studio: Annotated[str, typer.Option(help="The studio's name, in every certificate.", show_default=False)],
    database: Annotated[
        str, typer.Option(metavar="URL", help="postgresql://... for a registry that several machines share.")
    ] = "sqlite:///registry.sqlite",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a registry: its database, the studio's key and its certificate authority."""

    def work(session: Session) -> Outcome:
        from scan3d.rights.founding import found_registry

        registry = found_registry(folder, studio, database=database)
        registry.close()
        data = {"folder": str(folder), "registry": registry.settings.registry_id, "studio": registry.settings.studio_id}
        lines = [f"Registry {folder}, of {studio} ({data['studio']}).", "Keep copies of keys/ and ca/ apart from it."]
        return Outcome(data=data, lines=lines)

    run(work, as_json=json, debug=debug)


@rights.command()
def sign(
    document: Annotated[Path, typer.Argument(metavar="DOC.json", help="A record to sign.", show_default=False)],
    keys: Keys = None,
    passphrases: Passphrases = None,
    out: Out = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Add a signature to a document; needs no registry, so that people sign where they are."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import Pens, sign_document

        pens = Pens(keys=tuple(keys or ()), passphrases=tuple(passphrases or ()), out=out)
        signed = sign_document(document, pens)
        data = {"document": str(out or document), "signatures": len(signed.signatures)}
        return Outcome(data=data, lines=[f"{data['document']}: {data['signatures']} signatures."])

    run(work, as_json=json, debug=debug)


@rights.command()
def submit(
    document: Annotated[Path, typer.Argument(metavar="DOC.json", help="A signed record.", show_default=False)],
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Hand a signed document in."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import Pens, opened, read_document, settle, told

        signed = read_document(document)
        with opened(registry) as found:
            about = settle(found, signed, Pens())
        return Outcome(data=about, lines=told(about))

    run(work, as_json=json, debug=debug)


@rights.command()
def show(
    record: Annotated[str, typer.Argument(metavar="ID", help="Of any record or use.", show_default=False)],
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a record as it was signed, and how it stands."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import opened
        from scan3d.workflows.rights_shown import shown

        with opened(registry) as found:
            about = shown(found, record)
        lines = [f"{name}: {value}" for part in about.values() if part for name, value in part.items()]
        return Outcome(data=about, lines=lines)

    run(work, as_json=json, debug=debug)


@rights.command()
def revoke(
    kind: _Kind,
    target: _Id,
    reason: Reason,
    keys: Keys = None,
    passphrases: Passphrases = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Take something back for good: no new use of it begins. Signed by the person."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_terms import revocation_of

        return revocation_of(found, kind, target, reason)

    hand_in(made, keys=keys, passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)


@rights.command()
def suspend(
    kind: _Kind,
    target: _Id,
    reason: Reason,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on.")] = False,
    keys: Keys = None,
    passphrases: Passphrases = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Stop something for the time being, or let it go on (--resume). Signed by the person."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_terms import suspension_of

        return suspension_of(found, kind, target, reason, suspended=not resume)

    hand_in(made, keys=keys, passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)
