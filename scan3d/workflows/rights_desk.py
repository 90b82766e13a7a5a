"""`scan3d rights`: records are made, signed with the keys at hand, and handed in, or written for others to sign."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes
from scan3d.rights.keys import SigningKey, read_key
from scan3d.rights.records import Record, Signed
from scan3d.rights.registry import Registry
from scan3d.rights.settings import find_registry
from scan3d.rights.submit import submit

PASSPHRASE_VARIABLE = "SCAN3D_PASSPHRASE"


@dataclass(frozen=True, kw_only=True)
class Pens:
    """What to sign with. keys: files. passphrases: a file for each, or one for all; else asked for, or in the
    environment. out: where to write the document instead of handing it in."""

    keys: tuple[Path, ...] = ()
    passphrases: tuple[Path, ...] = ()
    out: Path | None = None

    def read(self) -> list[SigningKey]:
        """The keys, opened. Raises InputError."""
        if len(self.passphrases) not in (0, 1, len(self.keys)):
            raise InputError(
                f"{len(self.passphrases)} passphrases for {len(self.keys)} keys.",
                "--passphrase-file",
                "Give one for each key, in their order, or one for all.",
            )
        files = self.passphrases if len(self.passphrases) > 1 else self.passphrases * len(self.keys)
        return [
            read_key(key, passphrase_for(key, files[number] if files else None)) for number, key in enumerate(self.keys)
        ]


def passphrase_for(key: Path, file: Path | None) -> str:
    """From the file, else from the environment, else asked for without showing it. Raises InputError."""
    if file is not None:
        try:
            return file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise InputError("The passphrase's file cannot be read.", str(file), "Give another.") from None
    if os.environ.get(PASSPHRASE_VARIABLE):
        return os.environ[PASSPHRASE_VARIABLE]
    if not sys.stdin.isatty():
        raise InputError(
            "The key needs its passphrase.", str(key), f"Give --passphrase-file FILE, or set {PASSPHRASE_VARIABLE}."
        )
    return getpass.getpass(f"Passphrase of {key.name}: ")


@contextmanager
def opened(folder: Path | None) -> Iterator[Registry]:
    """The registry named, or found from here. Raises InputError where there is none."""
    found = find_registry(folder, Path.cwd())
    if found is None:
        raise InputError("There is no registry of rights here.", "--registry", "Make one: scan3d rights init DIR")
    registry = Registry.open(found)
    try:
        yield registry
    finally:
        registry.close()


def settle(registry: Registry, record: Record | Signed, pens: Pens, *, studio: bool = False) -> dict[str, Any]:
    """Signs with the pens (and the studio's key), then hands it in, or writes it to pens.out; says which, as JSON."""
    signed = record if isinstance(record, Signed) else Signed(record=record)
    for key in [*pens.read(), *([registry.studio_key()] if studio else [])]:
        signed = key.sign(signed)
    about = {"type": signed.record.TYPE, "id": signed.record.record_id, "signatures": len(signed.signatures)}
    if pens.out is not None:
        write_document(pens.out, signed)
        return {**about, "document": str(pens.out), "handed_in": False}
    submit(registry, signed)
    return {**about, "handed_in": True}


def sign_document(path: Path, pens: Pens) -> Signed:
    """A document with further signatures; written to pens.out, or back in its place. No registry is needed."""
    signed = read_document(path)
    keys = pens.read()
    if not keys:
        raise InputError("There is no key to sign with.", "--key", "Give --key FILE.")
    for key in keys:
        signed = key.sign(signed)
    write_document(pens.out or path, signed)
    return signed


def read_document(path: Path) -> Signed:
    """A signed record's document. Raises InputError."""
    try:
        return Signed.loads(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"The document cannot be read: {error.strerror}.", str(path), "Check the path.") from None


def write_document(path: Path, signed: Signed) -> None:
    """Writes the document, whole or not at all."""
    write_bytes(path, (json.dumps(signed.to_json(), indent=1, ensure_ascii=False) + "\n").encode())


def time_at(text: str, option: str) -> datetime:
    """2026-12-31, midnight UTC, or a time with its zone. Raises InputError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"'{text}' is no time.", option, "Give 2026-12-31, or 2026-12-31T18:00+01:00.") from None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def one_of(kind: Any, text: str, option: str) -> Any:
    """The word of a vocabulary. Raises InputError with those there are."""
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"'{text}' is not known.", option, f"Choose one of {', '.join(kind)}.") from None


def told(about: dict[str, Any]) -> Sequence[str]:
    """What settle() has done, as a line."""
    name = str(about["type"]).replace("_", " ").capitalize()
    if about["handed_in"]:
        return [f"{name} {about['id']} is registered."]
    return [f"{name} {about['id']}: {about['document']}, {about['signatures']} signatures. Then: scan3d rights submit"]
