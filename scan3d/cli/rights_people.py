"""`scan3d rights key|party|subject|twin|consent`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scan3d.cli.options import Debug, Json, Take
from scan3d.cli.rights_hand_in import hand_in
from scan3d.cli.rights_options import Key, Keys, Out, Passphrases, Reason, Registry
from scan3d.cli.session import Outcome, Session, run

key = typer.Typer(help="Keys that people sign with.", no_args_is_help=True)
party = typer.Typer(help="Agencies, licensees and guardians.", no_args_is_help=True)
subject = typer.Typer(help="The persons scanned.", no_args_is_help=True)
twin = typer.Typer(help="Their twins.", no_args_is_help=True)
consent = typer.Typer(help="What they agree to.", no_args_is_help=True)

_Text = Annotated[str | None, typer.Option(show_default=False)]


@key.command("new")
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to keep it.", show_default=False)],
    owner: Annotated[str, typer.Option(help="Whose it is, for people who see the file.")] = "",
    passphrase: Annotated[Path | None, typer.Option("--passphrase-file", metavar="FILE", show_default=False)] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a key, sealed by a passphrase. Whoever has both signs as its owner: keep them apart."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_people import key_about, new_key

        new_key(file, owner, passphrase)
        about = key_about(file)
        return Outcome(data={"file": str(file), **about}, lines=[f"{file}: key {about['key_id']}"])

    run(work, as_json=json, debug=debug)


@key.command("show")
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)], json: Json = False, debug: Debug = False
) -> None:
    """Show the public half of a key."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_people import key_about

        about = key_about(file)
        return Outcome(data=about, lines=[f"{name}: {value}" for name, value in about.items()])

    run(work, as_json=json, debug=debug)


@key.command("replace")
def replace(
    party_id: Annotated[str, typer.Option("--of", metavar="ID", help="The person or party.", show_default=False)],
    old: Annotated[str, typer.Option(metavar="KEY_ID", help="The key in force.", show_default=False)],
    new_file: Annotated[Path, typer.Option("--new", metavar="FILE", help="The next key.", show_default=False)],
    reason: Reason,
    lost: Annotated[
        bool, typer.Option("--lost", help="The old one is lost: the guardian, or two whom the person named, sign.")
    ] = False,
    keys: Keys = None,
    passphrases: Passphrases = None,
    new_passphrase: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The next key's passphrase.", show_default=False)
    ] = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Replace a key: signed by the old one (--key), or, when that is lost, by those who recover it."""

    def work(session: Session) -> Outcome:
        from scan3d.rights.keys import read_key
        from scan3d.workflows.rights_desk import Pens, opened, passphrase_for, settle, told
        from scan3d.workflows.rights_people import new_key_of

        fresh = read_key(new_file, passphrase_for(new_file, new_passphrase))
        pens = Pens(keys=tuple(keys or ()), passphrases=tuple(passphrases or ()), out=out)
        with opened(registry) as found:
            about = settle(found, new_key_of(found, party_id, old, fresh, lost=lost, reason=reason), pens)
        return Outcome(data=about, lines=told(about))

    run(work, as_json=json, debug=debug)


@key.command("object")
def object_(
    rotation: Annotated[str, typer.Argument(metavar="ID", help="The recovery's id.", show_default=False)],
    keys: Keys = None,
    passphrases: Passphrases = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Object to the recovery of a key that is not lost, while it waits; signed by that key."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_people import objection_of

        return objection_of(found, rotation)

    hand_in(made, keys=keys, passphrases=passphrases, registry=registry, as_json=json, debug=debug)


@party.command("add")
def add_party(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    role: Annotated[str, typer.Option(help="agency, licensee, guardian or studio.", show_default=False)],
    key_file: Key,
    passphrases: Passphrases = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Register a party by the key that they hold."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_people import party_of

        return party_of(found, name, role, key_file)

    hand_in(made, keys=[key_file], passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)


@subject.command("add")
def add_subject(
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Never their name.", show_default=False)],
    keys: Annotated[
        list[Path], typer.Option("--key", metavar="FILE", help="Their key; for a minor, then the guardian's.")
    ],
    passphrases: Passphrases = None,
    of_age_on: Annotated[
        str | None, typer.Option(metavar="DAY", help="Of a minor, e.g. 2030-05-01.", show_default=False)
    ] = None,
    guardian: _Text = None,
    agency: _Text = None,
    recovery: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Who may replace a lost key: two of these.")
    ] = None,
    floor: Annotated[
        str | None, typer.Option(metavar="MONEY", help='The least per use: "100 EUR".', show_default=False)
    ] = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Register a person, by an alias and the key that they hold."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_people import subject_of

        return subject_of(
            found, alias, keys[0], of_age_on=of_age_on, guardian=guardian, agency=agency,
            recovery=tuple(recovery or ()), floor=floor,
        )  # fmt: skip

    hand_in(made, keys=keys, passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)


@twin.command("add")
def add_twin(
    take: Take,
    of: Annotated[str, typer.Option("--subject", metavar="ID", show_default=False)],
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Register the twin that lies in a take, as it lies there now; signed by the studio."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import Pens, opened, settle, told
        from scan3d.workflows.rights_people import twin_of

        with opened(registry) as found:
            record = twin_of(found, take, of)
            about = settle(found, record, Pens(), studio=True) | {"version": record.version}
        return Outcome(data=about, lines=[*told(about), f"Version {record.version}."])

    run(work, as_json=json, debug=debug)


@consent.command("add")
def add_consent(
    of: Annotated[str, typer.Option("--subject", metavar="ID", show_default=False)],
    kind: Annotated[str, typer.Option(help="scan, build, use or train.", show_default=False)],
    description: Annotated[str, typer.Option(help="What they agree to, reasonably specifically.", show_default=False)],
    purpose: Annotated[str, typer.Option(show_default=False)],
    until: Annotated[str, typer.Option(metavar="DAY", show_default=False)],
    starts: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Now by default.")] = None,
    rate: Annotated[str | None, typer.Option(metavar="MONEY", help="The least per use under it.")] = None,
    keys: Keys = None,
    passphrases: Passphrases = None,
    out: Out = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Register what a person agrees to; signed by them, or a minor's guardian."""

    def made(found: Any) -> Any:
        from scan3d.workflows.rights_people import consent_of

        return consent_of(found, of, kind, description, purpose, starts, until, rate)

    hand_in(made, keys=keys, passphrases=passphrases, out=out, registry=registry, as_json=json, debug=debug)
