"""What all records share: the bytes that are signed, and the checks of their fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from scan3d.errors import InputError
from scan3d.rights.canonical import sha256, typed_bytes
from scan3d.rights.codec import to_json

SHORTEST_DESCRIPTION = 12

_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class Record:
    """Anything that is signed. TYPE: its name in the signed bytes. signed_at: what the signer's clock said."""

    TYPE: ClassVar[str] = ""

    signed_at: datetime

    @property
    def record_id(self) -> str:
        """The id under which the registry keeps it, once."""
        raise NotImplementedError

    def payload(self) -> bytes:
        """The bytes that are signed."""
        return typed_bytes(self.TYPE, to_json(self))

    def digest(self) -> str:
        """SHA-256 of the payload, hexadecimal."""
        return sha256(self.payload())


def check_id(value: str, name: str) -> None:
    """Raises InputError unless it is 32 hexadecimal digits."""
    if len(value) != 32 or not _HEX.fullmatch(value):
        raise InputError(f"'{value[:40]}' is no id.", name, "Ids are 32 hexadecimal digits.")


def check_ids(values: tuple[str, ...], name: str) -> None:
    """Raises InputError unless they are ids, each once."""
    for value in values:
        check_id(value, name)
    if len(set(values)) != len(values):
        raise InputError("An id is named twice.", name, "Name each once.")


def check_hash(value: str, name: str) -> None:
    """Raises InputError unless it is 64 hexadecimal digits."""
    if len(value) != 64 or not _HEX.fullmatch(value):
        raise InputError(f"'{value[:70]}' is no SHA-256 or key.", name, "Give 64 hexadecimal digits.")


def check_text(value: str, name: str, shortest: int) -> None:
    """Raises InputError for a text of fewer characters than `shortest`."""
    if len(value.strip()) < shortest:
        raise InputError(f"'{value}' says too little.", name, "Describe it, reasonably specifically.")


def check_count(value: int, name: str) -> None:
    """Raises InputError unless it is 1 or more."""
    if not 1 <= value < 2**31:
        raise InputError(f"{value} cannot be.", name, "Give 1 or more.")


def check_some(values: tuple[Any, ...], name: str) -> None:
    """Raises InputError for an empty list, or one that names something twice."""
    if not values or len(set(values)) != len(values):
        raise InputError("The list is empty, or names something twice.", name, "Name each once.")


def check_window(start: datetime, end: datetime) -> None:
    """Raises InputError unless it ends after it begins; both with a time zone."""
    for when in (start, end):
        to_json(when)
    if end <= start:
        raise InputError(f"It ends, {end}, before it begins, {start}.", "", "Give a later end.")
