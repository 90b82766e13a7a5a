"""`scan3d rights vault` and `subject export|erase|personal`: what is sealed, given out and destroyed."""

from __future__ import annotations

import getpass
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.pipeline.progress import Progress
from scan3d.rights import tables
from scan3d.rights.errors import NotRegisteredError
from scan3d.rights.person.erasure import Erased, erase_subject
from scan3d.rights.person.export import Exported, export_person
from scan3d.rights.registry import Registry
from scan3d.rights.transactions import Reading
from scan3d.rights.vault.folders import Index
from scan3d.rights.vault.personal import seal_personal
from scan3d.rights.vault.registered import keep_personal, open_for, seal_for
from scan3d.rights.vault.settings import check_no_vault, create_vault, has_vault, read_vault
from scan3d.rights.vault.store import Sealed, Vault
from scan3d.workflows.rights_desk import opened

PASSPHRASE_VARIABLE = "SCAN3D_VAULT_PASSPHRASE"
NEW_PASSPHRASE_VARIABLE = "SCAN3D_VAULT_NEW_PASSPHRASE"


def make_vault(
    registry: Path | None, keystore: Path | None, mirrors: Sequence[Path], keyfile: Path | None
) -> tuple[Path, ...]:
    """A vault for the registry, its master key in a new key file or under a passphrase; returns the key folders."""
    with opened(registry) as found:
        folder = found.settings.folder
        check_no_vault(folder)
        passphrase = "" if keyfile else vault_passphrase(again=True)
        vault = create_vault(folder, keystore=keystore, mirrors=mirrors, keyfile=keyfile, passphrase=passphrase)
        return (vault.keys.folder, *vault.keys.mirrors)


def rekey_vault(registry: Path | None, keyfile: Path | None, new_keyfile: Path | None) -> int:
    """Wraps all persons' keys under a new master key; returns how many. Raises InputError, StorageError."""
    with opened(registry) as found, _vault(found, keyfile) as vault:
        if new_keyfile is None:
            vault.keys.rekey(passphrase=vault_passphrase(again=True, variable=NEW_PASSPHRASE_VARIABLE))
        else:
            vault.keys.rekey(keyfile=new_keyfile)
        return len(vault.keys.people())


def seal_take(
    registry: Path | None, folder: Path, person: str, *, remove: bool, keyfile: Path | None, progress: Progress
) -> tuple[Sealed, Index]:
    """Seals a folder for a person (id or alias); remove: and removes it. Raises InputError, RightsError."""
    with opened(registry) as found, _vault(found, keyfile, unlocked=remove) as vault:
        return seal_for(found, vault, folder, whom(found, person), remove=remove, progress=progress)


def open_take(registry: Path | None, seal_id: str, target: Path, keyfile: Path | None, progress: Progress) -> Index:
    """Writes a sealed folder back, to a new folder. Raises InputError, RightsError."""
    with opened(registry) as found, _vault(found, keyfile) as vault:
        return open_for(found, vault, vault.find(seal_id), target, progress)


def list_sealed(registry: Path | None, person: str) -> list[Sealed]:
    """A person's sealed folders. Raises InputError, RightsError."""
    with opened(registry) as found, _vault(found, None, unlocked=False) as vault:
        return vault.of(whom(found, person))


def seal_personal_file(registry: Path | None, person: str, path: Path) -> list[str]:
    """Seals what a JSON or TOML file says of a person; returns the names of its fields. The file stays."""
    fields = _fields(path)
    with opened(registry) as found, _vault(found, None, unlocked=False) as vault:
        subject_id = whom(found, person)
        keep_personal(found, subject_id, seal_personal(fields, vault.keys.recipient(subject_id)))
    return sorted(fields)


def export_subject(
    registry: Path | None, person: str, target: Path, keyfile: Path | None, progress: Progress
) -> Exported:
    """Gives a person all that is kept of them, in a new folder. Raises InputError, RightsError."""
    with opened(registry) as found:
        if not has_vault(found.settings.folder):
            return export_person(found, None, whom(found, person), target, progress)
        with _vault(found, keyfile) as vault:
            return export_person(found, vault, whom(found, person), target, progress)


def erase_person(registry: Path | None, person: str, *, sure: bool) -> Erased:
    """Erases a person for good. Raises InputError unless they are named by their id, and `sure`."""
    with opened(registry) as found:
        subject_id = whom(found, person)
        if not sure or person != subject_id:
            raise InputError(
                "Erasing cannot be undone: scans, personal data and records of this person are gone for good.",
                subject_id,
                f"Export first, if they want it; then: scan3d rights subject erase {subject_id} --yes",
            )
        vault = read_vault(found.settings.folder) if has_vault(found.settings.folder) else None
        return erase_subject(found, vault, subject_id)


def whom(registry: Registry, text: str) -> str:
    """The id of a person: as given, or by their alias. Raises NotRegisteredError, InputError for two of one alias."""
    with registry.reading() as reading:
        return find_somebody(reading, text, tables.subjects, "alias")


def find_somebody(reading: Reading, text: str, table: sa.Table, name: str) -> str:
    """The first column of the row that has this id or this name. Raises NotRegisteredError, InputError."""
    either = sa.or_(table.c[0] == text, table.c[name] == text)
    found = list(reading.connection.execute(sa.select(table.c[0]).where(either)).scalars())
    if not found:
        raise NotRegisteredError(f"The registry knows nobody called '{text}'.", "", "Check the id or the name.")
    if len(found) > 1:
        raise InputError(f"{len(found)} are called '{text}'.", "", f"Name one by the id: {', '.join(found)}.")
    return str(found[0])


def vault_passphrase(*, again: bool = False, variable: str = PASSPHRASE_VARIABLE) -> str:
    """From the environment, else asked for without showing it. Raises InputError."""
    if os.environ.get(variable):
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise InputError("The vault needs its key.", "", f"Give a key file, or set {variable}.")
    typed = getpass.getpass("New passphrase of the vault: " if again else "Passphrase of the vault: ")
    if again and getpass.getpass("Once more: ") != typed:
        raise InputError("The two are not the same.", "", "Try it again.")
    return typed


@contextmanager
def _vault(registry: Registry, keyfile: Path | None, *, unlocked: bool = True) -> Iterator[Vault]:
    vault = read_vault(registry.settings.folder)
    if unlocked:
        if keyfile is None and vault.keys.has_keyfile:
            raise InputError("The vault opens with a key file.", str(vault.keys.folder), "Give --keyfile FILE.")
        vault.keys.unlock(passphrase="" if keyfile else vault_passphrase(), keyfile=keyfile)
    yield vault


def _fields(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
        fields = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"The personal data cannot be read: {error}.", str(path), "Give JSON or TOML.") from None
    if not isinstance(fields, dict) or not fields:
        raise InputError("The file holds no table.", str(path), 'Write {"name": "...", "born": "..."}.')
    return fields
