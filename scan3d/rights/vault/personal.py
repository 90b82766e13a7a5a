"""Personal data of a person: sealed as files are, and committed to in their signed record by a salted hash."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from scan3d.errors import InputError
from scan3d.rights.canonical import canonical, commitment, typed_bytes
from scan3d.rights.errors import BadSignatureError
from scan3d.rights.vault.age_files import open_bytes, seal_bytes

_FORMAT = "scan3d personal 1"


@dataclass(frozen=True, kw_only=True)
class SealedPersonal:
    """sealed: an age file, for the registry's table. commitment: 64 digits, for the record the person signs."""

    sealed: bytes
    commitment: str


def seal_personal(fields: Mapping[str, str], recipient: str, salt: bytes | None = None) -> SealedPersonal:
    """Name, birthday, addresses, whatever there is, as texts by name. salt: 32 bytes nobody knows, sealed with them.

    The commitment without the salt tells nothing, so nothing is left once the key is destroyed. Raises InputError.
    """
    for name, value in fields.items():
        if not isinstance(value, str) or not name:
            raise InputError("Personal data are texts by their names.", str(name), 'Write {"name": "..."}.')
    salt = os.urandom(32) if salt is None else salt
    text = canonical({"format": _FORMAT, "fields": dict(fields), "salt": salt.hex()})
    return SealedPersonal(sealed=seal_bytes(text, recipient), commitment=_commitment(fields, salt))


def open_personal(sealed: bytes, identity: str, expected: str = "") -> dict[str, str]:
    """The fields. expected: the commitment in the signed record. Raises InputError, BadSignatureError for others."""
    try:
        data = json.loads(open_bytes(sealed, identity, "personal data"))
        fields, salt = dict(data["fields"]), bytes.fromhex(data["salt"])
        if data["format"] != _FORMAT:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise InputError("These are no sealed personal data.", "", "Restore the registry from a copy.") from None
    if expected and _commitment(fields, salt) != expected:
        raise BadSignatureError("The personal data are not those that the person signed for.", "", "Find out why.")
    return fields


def _commitment(fields: Mapping[str, str], salt: bytes) -> str:
    return commitment(salt, typed_bytes("personal", dict(fields)))
