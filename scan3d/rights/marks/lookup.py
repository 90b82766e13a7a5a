"""What a registry knows about a mark; a protocol, so that marks can be read without one and tested without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class MarkedUse:
    """A use as the registry has it.

    subject: the person's alias. licence_state: None for quality control. in_force: whether files of this use may be
    shown now; standing: the same in a sentence. files: SHA-256 of what was delivered.
    """

    use_id: str
    watermark_id: int
    purpose: str
    subject: str
    licence_id: str | None
    licensee: str | None
    licence_state: str | None
    use_state: str
    delivered_at: str | None
    ends_at: str | None
    in_force: bool
    standing: str
    files: tuple[str, ...]


class UseLookup(Protocol):
    """Finds the use that a mark belongs to; None where the registry knows none."""

    def by_watermark(self, watermark_id: int) -> MarkedUse | None:
        """By the number in a picture's watermark."""

    def by_use(self, use_id: str) -> MarkedUse | None:
        """By the id that metadata carry."""
