"""Numbers to decimal text, whole arrays at a time: OBJ is text, and a million formatted lines are slow in
Python.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ZERO, _MINUS, _POINT = ord("0"), ord("-"), ord(".")


@dataclass(frozen=True, kw_only=True)
class Text:
    """A column of text: (N, width) uint8 characters and which of them are printed."""

    characters: NDArray[np.uint8]
    printed: NDArray[np.bool_]


def fixed(values: NDArray[np.floating], decimals: int) -> Text:
    """(N,) numbers in plain decimal notation with that many decimals, rounded half to even."""
    scaled = np.rint(np.asarray(values, np.float64) * 10.0**decimals).astype(np.int64)
    digits = _digits(np.abs(scaled), at_least=decimals + 1)
    head, tail = digits.characters[:, :-decimals], digits.characters[:, -decimals:]
    count = len(scaled)
    minus, point = np.full((count, 1), _MINUS, np.uint8), np.full((count, 1), _POINT, np.uint8)
    printed = [(scaled < 0)[:, None], digits.printed[:, :-decimals], np.ones((count, decimals + 1), bool)]
    return Text(characters=np.hstack([minus, head, point, tail]), printed=np.hstack(printed))


def whole(values: NDArray[np.integer]) -> Text:
    """(N,) numbers >= 0 without leading zeros."""
    return _digits(np.asarray(values, np.int64), at_least=1)


def lines(head: str, *columns: Text | str) -> bytes:
    """One line per row: the head, then the columns; text between the columns is the same in every row."""
    count = next(len(column.characters) for column in columns if isinstance(column, Text))
    parts = [_constant(column, count) if isinstance(column, str) else column for column in (head, *columns, "\n")]
    characters = np.hstack([part.characters for part in parts])
    return characters[np.hstack([part.printed for part in parts])].tobytes()


def _digits(values: NDArray[np.int64], at_least: int) -> Text:
    largest = int(values.max(initial=0))
    width = max(at_least, len(str(largest)))
    characters = np.empty((len(values), width), np.uint8)
    rest = values.astype(np.uint32) if largest < 2**32 else values.astype(np.uint64)
    for place in range(width - 1, -1, -1):
        whole_part = rest // rest.dtype.type(10)
        characters[:, place] = (rest - whole_part * rest.dtype.type(10)).astype(np.uint8)
        rest = whole_part
    printed = np.logical_or.accumulate(characters != 0, axis=1)
    printed[:, width - at_least :] = True
    return Text(characters=characters + np.uint8(_ZERO), printed=printed)


def _constant(text: str, count: int) -> Text:
    characters = np.broadcast_to(np.frombuffer(text.encode("ascii"), np.uint8), (count, len(text)))
    return Text(characters=characters, printed=np.ones((count, len(text)), bool))
