"""What a stage declares, and the parts of its key that do not come from files."""

from __future__ import annotations

import dataclasses
import enum
import json
from dataclasses import dataclass
from importlib import metadata
from typing import Any

_SIGNIFICANT = "significant"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step from files to files.

    name: its folder in the store, e.g. "depth".
    version: raised by hand whenever the code would give other bytes for the same input.
    tools: names of the installed distributions whose version changes the result, e.g. ("open3d-cpu",).
    """

    name: str
    version: int
    tools: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or any(c in self.name for c in "/\\") or self.name.startswith("."):
            raise ValueError(f"'{self.name}' cannot be the name of a stage: it is a folder's name too")

    def tool_versions(self) -> dict[str, str]:
        """Installed version of every tool; "absent" for one that is not installed."""
        return {tool: _installed_version(tool) for tool in sorted(self.tools)}


def insignificant(**kwargs: Any) -> Any:
    """A dataclass field of options that cannot change the result, such as a number of threads.

    It is left out of the stage's key, so that changing it redoes nothing. Takes what dataclasses.field takes.
    """
    return dataclasses.field(metadata={_SIGNIFICANT: False}, **kwargs)


def significant_options(options: Any) -> dict[str, Any]:
    """The options that count, as plain JSON values.

    options: a dataclass instance of numbers, strings, booleans, None, enums, tuples, lists, dicts with
    string keys and further dataclasses. Raises TypeError for anything else: a path belongs into the inputs,
    where its bytes count.
    """
    if not dataclasses.is_dataclass(options) or isinstance(options, type):
        raise TypeError(f"options of a stage are a dataclass instance, not {type(options).__name__}")
    return {
        field.name: _plain(getattr(options, field.name), field.name)
        for field in dataclasses.fields(options)
        if field.metadata.get(_SIGNIFICANT, True)
    }


def canonical_json(value: Any) -> bytes:
    """One spelling of a value as JSON: sorted keys, no spaces, exact floats. ValueError on NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any, name: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, enum.Enum):
        return _plain(value.value, name)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return significant_options(value)
    if isinstance(value, tuple | list):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, name) for key, item in value.items()}
    raise TypeError(f"the option '{name}' is a {type(value).__name__}, which has no stable spelling in a key")


def _installed_version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"
