"""Streams in the age format (age-encryption.org/v1): X25519 and ChaCha20-Poly1305, in pieces of 64 KiB.

The `age` and `rage` programs read and write the same, so that nothing depends on this program alone.
"""

from __future__ import annotations

import hashlib
import io
from typing import IO, Any

import pyrage

from scan3d.errors import InputError


class Hashed:
    """A stream that is read or written once and counts and hashes what passes; None drops what is written."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.failure: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        assert self._stream is not None
        return self._seen(self._kept(self._stream.read, size))

    def write(self, data: bytes) -> int:
        self._seen(data)
        return len(data) if self._stream is None else int(self._kept(self._stream.write, data))

    def flush(self) -> None:
        if self._stream is not None:
            self._kept(self._stream.flush)

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits of what has passed."""
        return self._hash.hexdigest()

    def _seen(self, data: bytes) -> bytes:
        self._hash.update(data)
        self.bytes += len(data)
        return data

    def _kept(self, call: Any, *given: Any) -> Any:
        # pyrage says in words only what the stream raised: a full disk has to stay one.
        try:
            return call(*given)
        except OSError as error:
            self.failure = error
            raise


def seal_stream(source: IO[bytes], target: IO[bytes], recipient: str) -> Hashed:
    """Encrypts all that is left of `source` for a recipient ("age1..."); memory does not grow with it.

    Returns what was read: its size and hash. Raises OSError as the streams do, InputError for no recipient.
    """
    read, written = Hashed(source), Hashed(target)
    try:
        pyrage.encrypt_io(read, written, [pyrage.x25519.Recipient.from_str(recipient)])
    except pyrage.RecipientError:
        raise InputError("This is no public key of age.", recipient[:80], "Give one that begins with age1.") from None
    except (pyrage.EncryptError, OSError) as error:
        raise _stream_failure(read, written) or error from None
    _raise_failure(read, written)
    return read


def open_stream(source: IO[bytes], target: IO[bytes] | None, identity: str, where: str = "") -> Hashed:
    """Decrypts `source`; returns what was written: its size and hash. target: None to check it only.

    What has been written when it raises is true, but not all: the caller drops it. Raises OSError as the streams do,
    InputError for a damaged file, one cut off, or another key.
    """
    read, written = Hashed(source), Hashed(target)
    try:
        pyrage.decrypt_io(read, written, [identity_of(identity)])
    except (pyrage.DecryptError, OSError) as error:
        failure = _stream_failure(read, written)
        if failure is not None:
            raise failure from None
        raise _unreadable(error, where) from None
    _raise_failure(read, written)
    return written


def seal_bytes(data: bytes, recipient: str) -> bytes:
    """The same for what fits into memory."""
    out = io.BytesIO()
    seal_stream(io.BytesIO(data), out, recipient)
    return out.getvalue()


def open_bytes(sealed: bytes, identity: str, where: str = "") -> bytes:
    """The same for what fits into memory. Raises InputError."""
    out = io.BytesIO()
    open_stream(io.BytesIO(sealed), out, identity, where)
    return out.getvalue()


def new_identity() -> tuple[str, str]:
    """A secret key ("AGE-SECRET-KEY-1...") and its public one ("age1...")."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient_of(identity: str) -> str:
    """The public key of a secret one. Raises InputError."""
    return str(identity_of(identity).to_public())


def identity_of(text: str) -> Any:
    """The secret key that an identity file holds (lines of # are comments). Raises InputError, never showing it."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        (line,) = lines
        return pyrage.x25519.Identity.from_str(line)
    except (ValueError, pyrage.IdentityError):
        raise InputError(
            "This is no secret key of age.", "", "Give the file that `age-keygen` or scan3d wrote."
        ) from None


def _stream_failure(*streams: Hashed) -> OSError | None:
    return next((stream.failure for stream in streams if stream.failure is not None), None)


def _raise_failure(*streams: Hashed) -> None:
    """What pyrage's buffers met while they were emptied at the very end is not raised by it."""
    failure = _stream_failure(*streams)
    if failure is not None:
        raise failure


def _unreadable(error: Exception, where: str) -> InputError:
    if "matching keys" in str(error):
        return InputError("The sealed data are for another key.", where, "The person's key may have been destroyed.")
    return InputError("The sealed data are damaged or cut off.", where, "Take them from another copy.")
