"""The bytes that are signed and hashed: canonical JSON (RFC 8785) behind the name of their type."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import rfc8785

from scan3d.errors import InputError


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON of a value. Raises InputError for what JSON cannot say exactly."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
        raise InputError(f"This cannot be signed: {error}.", "", "Use text, whole numbers, lists and tables.") from None


def typed_bytes(kind: str, fields: Mapping[str, Any]) -> bytes:
    """What is signed: a record of one type can never pass for one of another."""
    return prefixed(kind, canonical(fields))


def prefixed(kind: str, body: bytes) -> bytes:
    """As typed_bytes(), of JSON that is canonical already."""
    return b"scan3d/1/" + kind.encode() + b"\n" + body


def sha256(data: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def commitment(salt: bytes, payload: bytes) -> str:
    """What the ledger keeps of a record: without the salt it tells nothing, even of guessable contents."""
    return hmac.new(salt, payload, hashlib.sha256).hexdigest()
