"""rights.toml: where a registry's database is, whose studio it is, and the limits that its terms must keep."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import tomli_w

from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes

FILE = "rights.toml"
_USUAL = "rights"

# Folders in which files wait for their marks.
STAGING_PREFIX = ".tmp-leaving-"

FOLDER_VARIABLE = "SCAN3D_RIGHTS"
DATABASE_VARIABLE = "SCAN3D_RIGHTS_DATABASE"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """folder: the registry's. commission_cap_percent: the most an agency takes of the model's pay.

    recovery_wait_hours: before a key that replaces a lost one is in force. signing_days: how old a signature may be
    when it is handed in.
    """

    folder: Path
    registry_id: str
    studio_id: str
    studio_name: str
    database: str = "sqlite:///registry.sqlite"
    commission_cap_percent: Decimal = Decimal(20)
    recovery_wait_hours: int = 72
    signing_days: int = 14

    @property
    def certificates(self) -> Path:
        """The studio's own certificate authority."""
        return self.folder / "ca"

    @property
    def keys(self) -> Path:
        """The studio's key and the passphrase that its machine knows."""
        return self.folder / "keys"

    @property
    def witnesses(self) -> Path:
        """Signed heads of the ledger that were brought back to be held against it."""
        return self.folder / "witness"


def write_settings(settings: Settings) -> None:
    """Writes rights.toml."""
    data = {
        "registry": {"id": settings.registry_id, "database": settings.database},
        "studio": {"id": settings.studio_id, "name": settings.studio_name},
        "limits": {
            "commission_cap_percent": str(settings.commission_cap_percent),
            "recovery_wait_hours": settings.recovery_wait_hours,
            "signing_days": settings.signing_days,
        },
    }
    write_bytes(settings.folder / FILE, tomli_w.dumps(data).encode())


def read_settings(folder: Path) -> Settings:
    """The settings of the registry in a folder. Raises InputError."""
    path = folder / FILE
    if not path.is_file():
        raise InputError("There is no registry of rights here.", str(folder), "Make one: scan3d rights init DIR")
    try:
        data = tomllib.loads(path.read_text())
        limits: dict[str, Any] = data.get("limits", {})
        return Settings(
            folder=folder.absolute(),
            registry_id=data["registry"]["id"],
            database=os.environ.get(DATABASE_VARIABLE) or data["registry"]["database"],
            studio_id=data["studio"]["id"],
            studio_name=data["studio"]["name"],
            commission_cap_percent=Decimal(str(limits.get("commission_cap_percent", 20))),
            recovery_wait_hours=int(limits.get("recovery_wait_hours", 72)),
            signing_days=int(limits.get("signing_days", 14)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise InputError(f"The registry's settings cannot be read: {error}.", str(path), "Correct the file.") from None


def find_registry(given: Path | None, near: Path | None = None) -> Path | None:
    """The registry's folder: as given, else $SCAN3D_RIGHTS, else the nearest above `near`.

    Above: in a folder, or in the folder "rights" in it. None where there is none. Raises InputError where one is named
    that is not there.
    """
    named = given or (Path(os.environ[FOLDER_VARIABLE]) if os.environ.get(FOLDER_VARIABLE) else None)
    if named is not None:
        folder = named.parent if named.name == FILE else named
        if not (folder / FILE).is_file():
            raise InputError("There is no registry of rights here.", str(folder), "Make one: scan3d rights init DIR")
        return folder
    for above in [] if near is None else [near.absolute(), *near.absolute().parents]:
        for folder in (above, above / _USUAL):
            if (folder / FILE).is_file():
                return folder
    return None
