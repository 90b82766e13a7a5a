"""All that is signed, in one place, and a record together with its signatures.

Every record is frozen, knows the bytes that are signed (`payload`) and is checked where it is made. Ids are 32
hexadecimal digits. Times are aware, UTC when signed. Nothing in a record names the person: an alias, and a salted
commitment to the sealed personal data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.codec import from_json, to_json
from scan3d.rights.orders import (
    NewKey,
    Objection,
    Part,
    Payment,
    PaymentKind,
    Revocation,
    Suspension,
    Target,
)
from scan3d.rights.people import Consent, Party, Subject, Twin
from scan3d.rights.record import Record
from scan3d.rights.terms import Approval, Licence, Split, UseRequest

__all__ = [
    "TYPES",
    "Approval",
    "Consent",
    "Licence",
    "NewKey",
    "Objection",
    "Part",
    "Party",
    "Payment",
    "PaymentKind",
    "Record",
    "Revocation",
    "Signature",
    "Signed",
    "Split",
    "Subject",
    "Suspension",
    "Target",
    "Twin",
    "UseRequest",
    "fields_of",
    "record_of",
]

TYPES: dict[str, type[Record]] = {
    kind.TYPE: kind
    for kind in (
        *(Party, Subject, Twin, Consent, Licence, UseRequest, Approval),
        *(Revocation, Suspension, NewKey, Objection, Payment),
    )
}


@dataclass(frozen=True, kw_only=True)
class Signature:
    """key_id: 32 digits of the public key's hash. value: Ed25519 over the record's payload, 128 digits."""

    key_id: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A record and what was signed under it, in the order it was signed."""

    record: Record
    signatures: tuple[Signature, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The document that travels: {"type", "record", "signatures"}."""
        return {
            "type": self.record.TYPE,
            "record": fields_of(self.record),
            "signatures": [to_json(one) for one in self.signatures],
        }

    @classmethod
    def from_json(cls, data: Any, where: str = "") -> Signed:
        """The document read strictly. Raises InputError, and RightsError for what a record itself refuses."""
        if not isinstance(data, Mapping) or data.keys() != {"type", "record", "signatures"}:
            raise InputError("This is no signed record.", where, 'It has "type", "record" and "signatures".')
        record = record_of(data["type"], data["record"], where)
        given = data["signatures"]
        if not isinstance(given, list) or len(given) > 8:
            raise InputError("The signatures are no list.", where, "Ask the signer for the document again.")
        return cls(record=record, signatures=tuple(from_json(Signature, one, where) for one in given))

    @classmethod
    def loads(cls, text: str | bytes, where: str = "") -> Signed:
        """The document from its JSON text. Raises InputError."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError("The file is no JSON.", where, "Give a document that `scan3d rights` wrote.") from None
        return cls.from_json(data, where)


def record_of(kind: Any, fields: Any, where: str = "") -> Record:
    """The record of a type's name and its fields. Raises InputError."""
    if not isinstance(kind, str) or kind not in TYPES:
        raise InputError(f"There is no record of type '{kind}'.", where, f"Types: {', '.join(TYPES)}.")
    return from_json(TYPES[kind], fields, where)


def fields_of(record: Record) -> dict[str, Any]:
    """A record's fields as JSON values."""
    return dict(to_json(record))
