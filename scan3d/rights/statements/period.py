"""The days that a statement is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from scan3d.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Period:
    """first, last: days, both inside, in UTC."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InputError(f"The period ends, {self.last}, before it begins, {self.first}.", "", "Swap the days.")

    @classmethod
    def parse(cls, text: str) -> Period:
        """2026, 2026-Q3, 2026-11, or 2026-01-15..2026-02-14. Raises InputError."""
        try:
            return cls._parsed(text)
        except ValueError:
            raise InputError(
                f"'{text}' is no period.", "", "Give 2026, 2026-Q3, 2026-11, or 2026-01-15..2026-02-14."
            ) from None

    @classmethod
    def _parsed(cls, text: str) -> Period:
        if ".." in text:
            first, last = text.split("..")
            return cls(first=date.fromisoformat(first), last=date.fromisoformat(last))
        year, quarter, month = _parts(text)
        if quarter:
            return cls._months(year, 3 * quarter - 2, 3)
        return cls._months(year, month, 1) if month else cls._months(year, 1, 12)

    @classmethod
    def _months(cls, year: int, month: int, count: int) -> Period:
        end = month - 1 + count
        after = date(year + end // 12, end % 12 + 1, 1)
        return cls(first=date(year, month, 1), last=after - timedelta(days=1))

    @property
    def starts_at(self) -> datetime:
        """Inside."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def ends_at(self) -> datetime:
        """The first instant that is not inside."""
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


def _parts(text: str) -> tuple[int, int, int]:
    """Year, quarter and month, 0 for those not named. Raises ValueError."""
    found = re.fullmatch(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", text)
    if found is None:
        raise ValueError(text)
    return int(found[1]), int(found[2] or 0), int(found[3] or 0)
