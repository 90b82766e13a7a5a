"""Ed25519 keys: made, kept in a file under a passphrase, used to sign, and checked.

The file is sealed by ChaCha20-Poly1305 under a key that Argon2id (RFC 9106) derives from the passphrase.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from scan3d.errors import InputError
from scan3d.pipeline.aside import written_aside
from scan3d.rights.canonical import canonical, sha256
from scan3d.rights.errors import BadSignatureError
from scan3d.rights.record import Record
from scan3d.rights.records import Signature, Signed

_FORMAT = "scan3d key 1"
_SHORTEST_PASSPHRASE = 8
_MOST_MEMORY_KIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What trying one passphrase costs: RFC 9106's second recommended choice. Smaller only in tests."""

    memory_kib: int = 1 << 16
    iterations: int = 3
    lanes: int = 4


class SigningKey:
    """A private key in memory. public_key: 64 hexadecimal digits; key_id: 32, of its hash."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._private.public_key().public_bytes_raw().hex()
        self.key_id = key_id_of(self.public_key)

    @classmethod
    def new(cls) -> SigningKey:
        """A key that nobody had before."""
        return cls(os.urandom(32))

    def sign_bytes(self, payload: bytes) -> Signature:
        """The signature over these bytes."""
        return Signature(key_id=self.key_id, value=self._private.sign(payload).hex())

    def sign(self, what: Record | Signed) -> Signed:
        """The record with this key's signature added to those it has."""
        signed = what if isinstance(what, Signed) else Signed(record=what)
        signature = self.sign_bytes(signed.record.payload())
        return Signed(record=signed.record, signatures=(*signed.signatures, signature))

    def seed(self) -> bytes:
        """The 32 secret bytes."""
        return self._private.private_bytes_raw()


def key_id_of(public_key: str) -> str:
    """32 hexadecimal digits that name a public key."""
    return sha256(bytes.fromhex(public_key))[:32]


def verify(public_key: str, payload: bytes, signature: Signature, where: str = "") -> None:
    """Raises BadSignatureError unless the signature is that of these bytes by this key."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        public.verify(bytes.fromhex(signature.value), payload)
    except (InvalidSignature, ValueError):
        raise BadSignatureError(
            "A signature is not that of this document.", where, "It was changed after signing: ask for it again."
        ) from None


def write_key(path: Path, key: SigningKey, passphrase: str, *, owner: str = "", cost: Cost | None = None) -> None:
    """Writes a key file that only its owner can read; an existing file is never replaced. Raises InputError."""
    if path.exists():
        raise InputError("There is a file of that name already.", str(path), "A key is never replaced: choose another.")
    if len(passphrase) < _SHORTEST_PASSPHRASE:
        raise InputError("The passphrase is too short.", "", f"Use {_SHORTEST_PASSPHRASE} characters or more.")
    cost = cost or Cost()
    salt, nonce = os.urandom(16), os.urandom(12)
    about = {
        "format": _FORMAT,
        "owner": owner,
        "public_key": key.public_key,
        "argon2id": {
            "salt": salt.hex(),
            "memory_kib": cost.memory_kib,
            "iterations": cost.iterations,
            "lanes": cost.lanes,
        },
        "nonce": nonce.hex(),
    }
    sealed = ChaCha20Poly1305(_derived(passphrase, salt, cost)).encrypt(nonce, key.seed(), canonical(about))
    with written_aside(path) as aside:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(about | {"sealed": sealed.hex()}, out, indent=1)


def read_public_key(path: Path) -> tuple[str, str]:
    """(public key, owner's name) of a key file; no passphrase is needed. Raises InputError."""
    about = _read(path)
    return str(about["public_key"]), str(about["owner"])


def read_key(path: Path, passphrase: str) -> SigningKey:
    """The key in a file. Raises InputError for a wrong passphrase or a damaged file."""
    about = _read(path)
    sealed = bytes.fromhex(about.pop("sealed"))
    given = about["argon2id"]
    cost = Cost(**{name: int(given[name]) for name in ("memory_kib", "iterations", "lanes")})
    if not (cost.memory_kib <= _MOST_MEMORY_KIB and 1 <= cost.iterations <= 100 and 1 <= cost.lanes <= 64):
        raise _damaged(path)
    cipher = ChaCha20Poly1305(_derived(passphrase, bytes.fromhex(given["salt"]), cost))
    try:
        key = SigningKey(cipher.decrypt(bytes.fromhex(about["nonce"]), sealed, canonical(about)))
    except (InvalidTag, ValueError):
        raise InputError(
            "The passphrase is not that of this key, or the file is damaged.", str(path), "Try the passphrase again."
        ) from None
    return key


def _derived(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    kdf = Argon2id(
        salt=salt, length=32, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )  # fmt: skip
    return kdf.derive(passphrase.encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"The key cannot be read: {error.strerror}.", str(path), "Give a key file.") from None
    except ValueError:
        raise _damaged(path) from None
    texts = ("format", "owner", "public_key", "nonce", "sealed")
    whole = isinstance(about, dict) and all(isinstance(about.get(name), str) for name in texts)
    given = about.get("argon2id") if whole else None
    if not isinstance(given, dict) or about["format"] != _FORMAT or not {"salt", *Cost.__annotations__} <= given.keys():
        raise _damaged(path)
    return dict(about)


def _damaged(path: Path) -> InputError:
    return InputError("The file is no key, or damaged.", str(path), "Give what `scan3d rights key new` wrote.")
