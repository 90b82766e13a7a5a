"""Records to JSON and back, by their fields' types: strictly, so that what was signed can be said in one way only."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from scan3d.errors import InputError
from scan3d.rights.errors import FloatMoneyError
from scan3d.rights.money import Money

T = TypeVar("T")

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_LONGEST_TEXT = 100_000


def time_text(when: datetime) -> str:
    """UTC to the microsecond, always of one length: "2026-11-08T12:00:00.000000Z". Raises InputError without a zone."""
    if when.tzinfo is None:
        raise InputError(f"The time {when} has no time zone.", "", "Give times in UTC.")
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def time_of(text: str) -> datetime:
    """The time that time_text wrote. Raises ValueError for anything else."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"'{text}' is no time in UTC")
    return datetime.fromisoformat(text)


def to_json(value: Any) -> Any:
    """JSON values of a record or a field of one."""
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    return value


def from_json(kind: type[T], data: Any, where: str = "") -> T:
    """The record of this type that `data` says. Raises InputError for unknown, missing and ill-typed fields.

    Only what to_json would write is read: two spellings of one record cannot both be valid.
    """
    try:
        return typing.cast(T, _read(kind, data, kind.__name__))
    except (ValueError, TypeError, InvalidOperation) as error:
        raise InputError(
            f"The record is not valid: {error}.", where, "Ask for a new one from whoever made it."
        ) from None


@functools.cache
def _fields(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _read(kind: Any, data: Any, name: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is types.UnionType or origin is typing.Union:
        return None if data is None else _read(typing.get_args(kind)[0], data, name)
    if origin is tuple:
        _must(isinstance(data, list), name)
        return tuple(_read(typing.get_args(kind)[0], one, name) for one in data)
    if kind is bool or kind is int:
        _must(type(data) is kind, name)
        return data
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(typing.cast(type, kind), data, name)
    return _read_text(kind, data, name)


def _read_dataclass(kind: type, data: Any, name: str) -> Any:
    _must(isinstance(data, Mapping), name)
    if kind is Money and isinstance(data.get("amount"), float):
        raise FloatMoneyError(f"{name} is a binary fraction.", "", 'Write the amount as text: "120.00".')
    hints = _fields(kind)
    if data.keys() != hints.keys():
        raise ValueError(f"{name} has other fields than {', '.join(sorted(hints))}")
    read = kind(**{field: _read(hint, data[field], f"{name}.{field}") for field, hint in hints.items()})
    if kind is Money:
        _must(str(read.amount) == data["amount"], name)
    return read


def _read_text(kind: Any, data: Any, name: str) -> Any:
    if kind is Decimal and isinstance(data, float):
        raise FloatMoneyError(f"{name} is a binary fraction.", "", 'Write it as text: "12.5".')
    _must(isinstance(data, str) and len(data) <= _LONGEST_TEXT, name)
    if kind is str:
        return data
    if kind is datetime:
        return time_of(data)
    read = date.fromisoformat(data) if kind is date else kind(data)
    # "1e2" and "100", "20261108" and "2026-11-08" say the same: only the one that we would write is taken.
    _must(to_json(read) == data, name)
    return read


def _must(holds: bool, name: str) -> None:
    if not holds:
        raise ValueError(f"{name} is not what it should be")
