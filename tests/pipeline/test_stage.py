from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from scan3d.pipeline.stage import Stage, canonical_json, insignificant, significant_options


class Colour(StrEnum):
    red = "red"


@dataclass(frozen=True, kw_only=True)
class Inner:
    step_mm: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Options:
    size: int = 3
    colour: Colour = Colour.red
    inner: Inner = Inner()
    scales: tuple[float, ...] = (1.0, 0.5)
    threads: int = insignificant(default=4)
    extra: Any = None


def test_only_what_matters_counts() -> None:
    assert significant_options(Options(threads=99)) == {
        "size": 3,
        "colour": "red",
        "inner": {"step_mm": 0.1},
        "scales": [1.0, 0.5],
        "extra": None,
    }


def test_one_spelling_whatever_the_order() -> None:
    assert canonical_json({"b": 0.1 + 0.2, "a": 1}) == b'{"a":1,"b":0.30000000000000004}'


@pytest.mark.parametrize("value", [Path("x"), {1, 2}, {1: 2}, object()])
def test_values_without_a_stable_spelling_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="'extra'"):
        significant_options(Options(extra=value))


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError):
        canonical_json(significant_options(Options(extra=float("nan"))))


def test_options_are_a_dataclass() -> None:
    with pytest.raises(TypeError, match="dataclass instance"):
        significant_options({"size": 3})
    with pytest.raises(TypeError, match="dataclass instance"):
        significant_options(Options)


def test_tool_versions() -> None:
    versions = Stage(name="depth", version=1, tools=("numpy", "no-such-tool")).tool_versions()
    assert versions["numpy"][0].isdigit()
    assert versions["no-such-tool"] == "absent"


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "a\\b"])
def test_a_stage_is_named_like_a_folder(name: str) -> None:
    with pytest.raises(ValueError):
        Stage(name=name, version=1)


def test_a_mutable_default_still_works() -> None:
    @dataclass(frozen=True)
    class WithList:
        values: list[int] = field(default_factory=lambda: [1, 2])

    assert significant_options(WithList()) == {"values": [1, 2]}
