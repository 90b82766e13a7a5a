"""Heads of the ledger that lie outside of the database: the last one seen here, and those that witnesses brought."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import threading
from pathlib import Path

from scan3d.errors import InputError
from scan3d.rights.codec import from_json, to_json
from scan3d.rights.errors import LedgerBrokenError
from scan3d.rights.ledger import Head
from scan3d.rights.settings import Settings

_LAST_SEEN = "last_seen.json"
_WITNESSED = ".head.json"


def read_heads(settings: Settings) -> list[Head]:
    """All that the ledger is held against. Raises LedgerBrokenError for one that cannot be read."""
    folder = settings.witnesses
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [_read(path) for path in paths if path.name == _LAST_SEEN or path.name.endswith(_WITNESSED)]


@functools.lru_cache(maxsize=256)
def _head(text: str) -> Head:
    return from_json(Head, json.loads(text))


def _read(path: Path) -> Head:
    try:
        return _head(path.read_text())
    except (OSError, ValueError, InputError):
        raise LedgerBrokenError(
            "A kept head of the ledger cannot be read.", str(path), "Put it back from who brought it, then verify."
        ) from None


def remember_head(settings: Settings, head: Head) -> None:
    """Notes the last head seen here. No flush to the disk: losing it loses no proof that somebody keeps."""
    # A folder that cannot be written to must not undo what the database has already accepted.
    with contextlib.suppress(OSError):
        _write(settings.witnesses / _LAST_SEEN, head)


def keep_head(settings: Settings, head: Head) -> Path:
    """Keeps a head that a witness brought, for every later transaction to be held against."""
    path = settings.witnesses / f"{head.sequence:09d}-{head.hash[:16]}{_WITNESSED}"
    _write(path, head)
    return path


def _write(path: Path, head: Head) -> None:
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    aside.write_text(json.dumps(to_json(head)))
    aside.replace(path)
