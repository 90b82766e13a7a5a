"""What a registry tells: a record and how it stands, all uses, heads of its ledger, and whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes
from scan3d.rights import tables
from scan3d.rights.codec import from_json, to_json
from scan3d.rights.errors import NotRegisteredError, UnknownKeyError
from scan3d.rights.keys import verify
from scan3d.rights.ledger import Head, check_end
from scan3d.rights.records import Signature
from scan3d.rights.registry import Registry
from scan3d.rights.verifying import verify_registry
from scan3d.rights.witness import keep_head

_STATES = (
    *(tables.subjects, tables.twins, tables.consents, tables.licences, tables.requests, tables.uses),
    *(tables.parties, tables.keys),
)


def shown(registry: Registry, record_id: str) -> dict[str, Any]:
    """{"record", "state"} of an id: what was signed, and its row. Raises NotRegisteredError."""
    with registry.reading() as reading:
        row = reading.row(tables.records, record_id)
        states = [(table.name, reading.row(table, record_id)) for table in _STATES]
    state = next((dict(found._mapping) for _, found in states if found is not None), {})
    if row is None and not state:
        raise NotRegisteredError(f"There is no entry {record_id}.", "", "Check the id.")
    state.pop("sealed", None)
    record = {} if row is None or row.body is None else {"type": row.type, **json.loads(row.body)}
    return {"record": record, "state": state}


def listed_uses(registry: Registry) -> list[dict[str, Any]]:
    """All uses, the oldest first."""
    hidden = {"host", "staging"}
    with registry.reading() as reading:
        rows = reading.connection.execute(sa.select(tables.uses).order_by(tables.uses.c.reserved_at)).all()
    return [{name: value for name, value in row._mapping.items() if name not in hidden} for row in rows]


def write_head(registry: Registry, path: Path) -> dict[str, Any]:
    """Writes the ledger's end, signed by the studio."""
    head = registry.head()
    signature = registry.studio_key().sign_bytes(head.payload())
    document = {"type": Head.TYPE, "head": to_json(head), "signature": to_json(signature)}
    write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())
    return {"file": str(path), "sequence": head.sequence, "hash": head.hash}


def read_head(registry: Registry, path: Path) -> Head:
    """A head that somebody kept, if this registry's studio has signed it. Raises InputError, RightsError."""
    try:
        document = json.loads(path.read_bytes())
        head = from_json(Head, document["head"], str(path))
        signature = from_json(Signature, document["signature"], str(path))
    except OSError as error:
        raise InputError(f"The head cannot be read: {error.strerror}.", str(path), "Check the path.") from None
    except (ValueError, KeyError, TypeError):
        raise InputError("This is no head of a ledger.", str(path), "Give what `ledger head` wrote.") from None
    with registry.reading() as reading:
        key = reading.key(signature.key_id)
    if key is None or key.party_id != registry.settings.studio_id:
        raise UnknownKeyError("The head was not signed by this studio.", str(path), "Give what `ledger head` wrote.")
    verify(key.public_key, head.payload(), signature, str(path))
    return head


def witness_head(registry: Registry, path: Path) -> dict[str, Any]:
    """Holds the ledger against a head, and keeps it for every later transaction. Raises RightsError."""
    head = read_head(registry, path)
    with registry.reading() as reading:
        check_end(reading.connection, reading.connection.execute(sa.select(tables.ledger_head)).one(), [head])
    keep_head(registry.settings, head)
    return {"sequence": head.sequence, "hash": head.hash}


def verify_with(registry: Registry, paths: Sequence[Path]) -> dict[str, Any]:
    """Checks the whole registry, also against these heads. Raises RightsError."""
    heads = [read_head(registry, path) for path in paths]
    return asdict(verify_registry(registry, heads))
