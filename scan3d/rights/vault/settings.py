"""vault.toml, in the registry's folder: where the key store and its mirrors are."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes
from scan3d.rights.vault.keystore import Keystore
from scan3d.rights.vault.store import Vault

FILE = "vault.toml"
FOLDER = "vault"
# Beside the registry's folder, so that a backup of that folder has no keys in it.
_BESIDE = ".keystore"


def create_vault(
    registry: Path,
    *,
    keystore: Path | None = None,
    passphrase: str = "",
    keyfile: Path | None = None,
    mirrors: Sequence[Path] = (),
) -> Vault:
    """A vault for a registry that has none. keystore: by default beside the registry's folder, never in it.

    Raises InputError, StorageError.
    """
    registry = registry.absolute()
    check_no_vault(registry)
    places = [
        (keystore or registry.with_name(registry.name + _BESIDE)).absolute(),
        *(one.absolute() for one in mirrors),
    ]
    for place in (*places, *([keyfile.absolute()] if keyfile else [])):
        if place.is_relative_to(registry):
            raise InputError(
                "The keys would lie in the registry's folder, and in its backups.",
                str(place),
                "Choose a place outside.",
            )
    keys = Keystore.create(places[0], passphrase=passphrase, keyfile=keyfile, mirrors=places[1:])
    data = {"keystore": str(places[0]), "mirrors": [str(one) for one in places[1:]]}
    write_bytes(registry / FILE, tomli_w.dumps(data).encode())
    return Vault(registry / FOLDER, keys)


def check_no_vault(registry: Path) -> None:
    """Raises InputError for a registry that has one."""
    if has_vault(registry):
        raise InputError("This registry has a vault already.", str(registry / FILE), "Use it.")


def has_vault(registry: Path) -> bool:
    """Whether a registry has one."""
    return (registry / FILE).is_file()


def read_vault(registry: Path) -> Vault:
    """The vault of a registry, locked. Raises InputError where there is none."""
    path = registry / FILE
    if not path.is_file():
        raise InputError("This registry has no vault.", str(registry), "Make one: scan3d rights vault init")
    try:
        data = tomllib.loads(path.read_text())
        keys = Keystore(Path(data["keystore"]), [Path(one) for one in data["mirrors"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"The vault's settings cannot be read: {error}.", str(path), "Correct the file.") from None
    return Vault(registry / FOLDER, keys)
