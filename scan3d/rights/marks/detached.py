"""A signature beside a file that has no room for one: who signed which bytes, and under which terms.

FILE.signature.json is RFC 8785 canonical JSON, signed with Ed25519 by the certificate that signs C2PA manifests.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scan3d.rights.marks.certificates import Authority, signer_name, trusted_key

SUFFIX = ".signature.json"
# Stands before what is signed, so that no other signature of ours can be taken for one of these.
_PREFIX = b"scan3d.marks.detached.v1\n"


@dataclass(frozen=True, kw_only=True)
class Attestation:
    """state: "trusted", "valid" (another signer), "invalid" or "none", as in manifest.Provenance."""

    state: str
    signer: str = ""
    use: Mapping[str, Any] | None = None


def signature_path(path: Path) -> Path:
    """Where the signature of a file lies."""
    return path.with_name(path.name + SUFFIX)


def sign_detached(data: bytes, name: str, statement: Mapping[str, Any], authority: Authority) -> bytes:
    """The bytes of NAME.signature.json. statement: JSON values, what the studio states about the file's use."""
    payload = {
        "file": name,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "statement": dict(statement),
    }
    document = {
        "payload": payload,
        "signature": base64.b64encode(authority.key().sign(_signed_bytes(payload))).decode(),
        "certificate": authority.certificate,
    }
    return _canonical(document)


def read_detached(path: Path, anchor: str | None) -> Attestation:
    """What the signature beside a file is worth. anchor: PEM of the root that is trusted. Never raises for a bad one.

    The file may have been renamed; its bytes may not have changed.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        document = json.loads(signature_path(path).read_bytes())
    except FileNotFoundError:
        return Attestation(state="none")
    except (OSError, ValueError):
        return Attestation(state="invalid")
    try:
        payload, certificate = document["payload"], str(document["certificate"])
        signature = base64.b64decode(document["signature"], validate=True)
        key: Any = x509.load_pem_x509_certificates(certificate.encode())[0].public_key()
        key.verify(signature, _signed_bytes(payload))
        whole = payload["sha256"] == _sha256(path) and payload["bytes"] == path.stat().st_size
        statement = dict(payload["statement"])
    except (KeyError, TypeError, ValueError, AttributeError, OSError, InvalidSignature, UnsupportedAlgorithm):
        return Attestation(state="invalid")
    if not whole:
        return Attestation(state="invalid", signer=signer_name(certificate))
    trusted = anchor is not None and trusted_key(certificate, anchor) is not None
    return Attestation(
        state="trusted" if trusted else "valid", signer=signer_name(certificate), use=statement if trusted else None
    )


def _signed_bytes(payload: Mapping[str, Any]) -> bytes:
    return _PREFIX + _canonical(payload)


def _canonical(value: Mapping[str, Any]) -> bytes:
    import rfc8785

    return rfc8785.dumps(dict(value))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
