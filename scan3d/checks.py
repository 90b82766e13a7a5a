"""A check: one number beside its limit, as a verdict that says what to do next; shared by all who judge a capture."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Grade(enum.StrEnum):
    """How a check ended, the best first."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    name        what was looked at, an identifier such as "board_coverage".
    grade       PASS, WARN or FAIL.
    what        the observation, a plain sentence.
    next_step   what to do about it; empty where nothing is to be done.
    camera_id   the camera it is about; empty when it is about the whole.
    value, unit the number found, None where it is no number. unit: "px", "mm", "deg", "%", "s", "" and the like.
    limit       the number at which the grade would have changed to the worse, or to FAIL when it is FAIL.
    """

    name: str
    grade: Grade
    what: str
    next_step: str = ""
    camera_id: str = ""
    value: float | None = None
    unit: str = ""
    limit: float | None = None

    def sentence(self) -> str:
        """Camera, observation and next step on one line."""
        camera = f"{self.camera_id}: " if self.camera_id else ""
        return " ".join(part for part in (f"{camera}{self.what}", self.next_step) if part)


_BADNESS = {Grade.PASS: 0, Grade.WARN: 1, Grade.FAIL: 2}


def worst(checks: Iterable[Check]) -> Grade:
    """The worst grade; PASS where there are no checks."""
    return max((check.grade for check in checks), key=_BADNESS.__getitem__, default=Grade.PASS)


def worst_first(checks: Iterable[Check]) -> tuple[Check, ...]:
    """FAIL before WARN before PASS, otherwise in the order they came."""
    return tuple(sorted(checks, key=lambda check: -_BADNESS[check.grade]))
