"""`scan3d rights vault`, and of `scan3d rights subject`: personal, export, erase"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.rights_options import Registry
from scan3d.cli.session import Outcome, Session, run

vault = typer.Typer(
    help="Scans at rest: encrypted under a key per person, which can be destroyed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Keyfile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The vault's master key; without it, its passphrase is asked for, or taken from SCAN3D_VAULT_PASSPHRASE.",
        show_default=False,
    ),
]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Id or alias.", show_default=False)]


@vault.command("init")
def vault_init(
    keystore: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the keys go; by default beside the registry, never in it.", show_default=False
        ),
    ] = None,
    mirror: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A second place for the keys, on another disk.", show_default=False),
    ] = None,
    keyfile: Keyfile = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make the vault of a registry. Its keys lie apart: keep them out of every backup, or nobody can be erased.

    --keyfile names a file that is made, for a disk of its own; without it a passphrase opens the vault.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_data import make_vault

        places = [str(place) for place in make_vault(registry, keystore, mirror or [], keyfile)]
        lines = [f"Keys: {place} (keep it out of backups and snapshots)" for place in places]
        return Outcome(data={"keystore": places[0], "mirrors": places[1:]}, lines=lines)

    run(work, as_json=json, debug=debug)


@vault.command("rekey")
def vault_rekey(
    keyfile: Keyfile = None,
    new_keyfile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A key file to make; without it, a new passphrase.", show_default=False),
    ] = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Put all keys under a new master key. Then destroy the old one: older copies of the keys are shut for good."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_data import rekey_vault

        count = rekey_vault(registry, keyfile, new_keyfile)
        old = f" Destroy {keyfile} now." if keyfile else ""
        return Outcome(data={"keys": count}, lines=[f"{count} keys are under the new master key.{old}"])

    run(work, as_json=json, debug=debug)


@vault.command("seal")
def vault_seal(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A take.", show_default=False)],
    subject: Annotated[str, typer.Option(metavar="PERSON", help="Whose it is: id or alias.", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Remove FOLDER once what is sealed was checked.")] = False,
    keyfile: Keyfile = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Encrypt a folder into the vault. This needs no passphrase, but with --remove it does."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_data import seal_take

        sealed, index = seal_take(registry, folder, subject, remove=remove, keyfile=keyfile, progress=session.progress)
        data = {"seal_id": sealed.seal_id, "subject_id": sealed.subject_id, "files": len(index.files)}
        left = "removed" if remove else "still there, unencrypted"
        lines = [
            f"Sealed as {sealed.seal_id}: {len(index.files)} files, {index.bytes / 1e6:.1f} MB. {folder} is {left}."
        ]
        return Outcome(data=data | {"bytes": index.bytes, "removed": remove}, lines=lines)

    run(work, as_json=json, debug=debug)


@vault.command("open")
def vault_open(
    seal_id: Annotated[str, typer.Argument(metavar="SEAL", help="As `vault seal` named it.", show_default=False)],
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.", show_default=False)],
    keyfile: Keyfile = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Decrypt a sealed folder into a new one."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_data import open_take

        index = open_take(registry, seal_id, to, keyfile, session.progress)
        data = {"folder": str(to), "name": index.name, "files": len(index.files), "bytes": index.bytes}
        return Outcome(data=data, lines=[f"{to}: {index.name}, {len(index.files)} files, {index.bytes / 1e6:.1f} MB"])

    run(work, as_json=json, debug=debug)


@vault.command("list")
def vault_list(person: Person, registry: Registry = None, json: Json = False, debug: Debug = False) -> None:
    """The sealed folders of a person."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_data import list_sealed

        names = [one.seal_id for one in list_sealed(registry, person)]
        return Outcome(data={"sealed": names}, lines=names or ["Nothing is sealed for this person."])

    run(work, as_json=json, debug=debug)


def personal(
    person: Person,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON or TOML, texts by name.", show_default=False)],
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Seal a person's name, birthday, addresses into the registry, in place of those before. FILE stays: remove it."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_data import seal_personal_file

        fields = seal_personal_file(registry, person, file)
        return Outcome(
            data={"fields": fields}, lines=[f"Sealed: {', '.join(fields)}. {file} is still there, readable."]
        )

    run(work, as_json=json, debug=debug)


def export_subject(
    person: Person,
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.", show_default=False)],
    keyfile: Keyfile = None,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Give a person everything that is kept of them: a page to read, JSON, and their files. It is not encrypted."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows import rights_data

        done = rights_data.export_subject(registry, person, to, keyfile, session.progress)
        counts = f"{done.records} records, {done.uses} uses, {done.files} files, {done.bytes / 1e6:.1f} MB"
        return Outcome(data=asdict(done), lines=[f"{to / 'index.html'}: {counts}"])

    run(work, as_json=json, debug=debug)


def erase_subject(
    person: Person,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone.")] = False,
    registry: Registry = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Erase a person: their key is destroyed, so that copies of database and files cannot be read either.

    Licences and payments stay, under a number; the ledger still verifies.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_data import erase_person

        done = erase_person(registry, person, sure=yes)
        lines = [
            f"Erased: {done.records} records, {done.folders} sealed folders. {done.kept} licences and payments stay."
        ]
        return Outcome(data=asdict(done), lines=lines)

    run(work, as_json=json, debug=debug)
