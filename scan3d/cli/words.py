"""Numbers in the words of the people who read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time to wait, no finer than an estimate is true: "20 s", "4 min", "1 h 20 min"."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
