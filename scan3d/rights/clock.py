"""Where the time and new ids come from; both can be given, for runs that have to repeat."""

from __future__ import annotations

import random
import secrets
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Aware, UTC."""


class SystemClock:
    """The computer's own."""

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)


class Ids:
    """Ids, salts and watermarks that nobody can guess; or, from a given generator, the same ones again."""

    def __init__(self, source: random.Random | None = None) -> None:
        self._source = source or secrets.SystemRandom()

    def new_id(self) -> str:
        """A UUID of version 4: 32 hexadecimal digits."""
        bits = self._source.getrandbits(128)
        bits = bits & ~(0xF << 76) | (4 << 76)
        bits = bits & ~(3 << 62) | (2 << 62)
        return f"{bits:032x}"

    def salt(self) -> bytes:
        """32 bytes."""
        return self._source.getrandbits(256).to_bytes(32, "big")

    def watermark(self) -> int:
        """A number of 32 bits, not 0."""
        return self._source.randrange(1, 2**32)
