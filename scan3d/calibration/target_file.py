"""The TOML of a target as tables of plain values; what they mean is `targets`' concern."""

from __future__ import annotations

import difflib
import math
import tomllib
from pathlib import Path
from typing import Any

from scan3d.errors import InputError
from scan3d.resources import targets_folder

_WORDS = ("name", "kind", "dictionary", "body")
_COUNTS = ("columns", "rows", "first_id")
_LENGTHS = ("square_m", "marker_m", "gap_m")
_SWITCHES = ("inverted", "legacy")
_KEYS = (*_WORDS, *_COUNTS, *_LENGTHS, *_SWITCHES)
_NEEDED = ("name", "kind", "columns", "rows", "square_m")


def target_names() -> tuple[str, ...]:
    """Names of the targets that ship with scan3d, sorted."""
    return tuple(sorted(path.stem for path in (targets_folder() / "targets").glob("*.toml")))


def read_tables(name_or_path: str) -> tuple[str, list[dict[str, Any]], str]:
    """The target's name, a table of every board with the keys that `targets` documents, and where it was read.

    Raises InputError for a missing file, one that is no TOML, and keys that are unknown, missing or of a wrong type.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in target_names():
            near = difflib.get_close_matches(str(name_or_path), target_names(), n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            what = f"There is no target {str(name_or_path)!r}."
            next_step = f"{hint}Known: {', '.join(target_names())}; or give the path of a .toml."
            raise InputError(what, str(targets_folder() / "targets"), next_step)
        path = targets_folder() / "targets" / f"{name_or_path}.toml"
    where = str(path)
    document = _load(path)
    boards = document.pop("board", None)
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise InputError("The target has no name.", where, 'Add a line such as name = "my_board".')
    if boards is None:
        return name, [_checked(document, where)], where
    if not isinstance(boards, list) or not boards or not all(isinstance(board, dict) for board in boards):
        raise InputError("The boards of the target are not tables.", where, "Write each as [[board]].")
    common = {key: value for key, value in document.items() if key != "name"}
    return name, [_checked({**common, **b}, f"[[board]] {k}, {where}") for k, b in enumerate(boards, 1)], where


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("The target cannot be read.", str(path), "Check the path, or name a target.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The target is no TOML: {error}.", str(path), "Mend the line that is named.") from error


def _checked(table: dict[str, Any], where: str) -> dict[str, Any]:
    for key in table:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise InputError(f"A board has no {key!r}.", where, f"{hint}Known: {', '.join(_KEYS)}.")
    for key in _NEEDED:
        if key not in table:
            raise InputError(
                f"The board lacks {key!r}.", where, "Add it; scan3d/calibration/targets.py lists all keys."
            )
    return {key: _value(key, value, where) for key, value in table.items()}


def _value(key: str, value: Any, where: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if key in _LENGTHS and number and value >= 0:
        return float(value)
    if key in _COUNTS and number and isinstance(value, int):
        return value
    if key in _WORDS and isinstance(value, str) and (value or key != "name"):
        return value
    if key in _SWITCHES and isinstance(value, bool):
        return value
    kind = (
        "a length in metres" if key in _LENGTHS
        else "a whole number" if key in _COUNTS
        else "true or false" if key in _SWITCHES
        else "a word in quotes"
    )  # fmt: skip
    raise InputError(f"{key} must be {kind}, not {value!r}.", where, "Correct the line.")
