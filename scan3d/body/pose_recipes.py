"""What the pose library says of a pose, in words and degrees: data/poses.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from scan3d.errors import InputError

FILE = Path(__file__).parent / "data" / "poses.toml"


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """Degrees. shift: of the pelvis to its left, a share of the leg. drop: of its right side. turn: to its left. tilt:
    of the pelvis forward. lower: a share of the leg. bend: of the spine forward. lean: to its left. twist: of the
    chest against the pelvis, to its left."""

    shift: float = 0.0
    drop: float = 0.0
    turn: float = 0.0
    tilt: float = 0.0
    lower: float = 0.0
    bend: float = 0.0
    lean: float = 0.0
    twist: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Head:
    """Degrees, against the chest. turn: to its left. nod: down. tilt: to its left shoulder."""

    turn: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Degrees, or a place for the wrist to reach; x points away from the body's middle, y up, z forward.

    out, forward: from hanging, to the side and to the front. twist: of the upper arm inwards. elbow: bend. roll: of the
    hand, the palm turning to the back. flex: of the wrist to the palm. raise_: of the shoulder.
    at: where the wrist is: x and z in half widths and half depths of the trunk at height y, 0 at the hips' joints and 1
    at the neck's. clear: metres added to it. elbow_to: direction the elbow goes to. hand, palm: directions of the hand
    and of what its palm faces, in the chest's frame.
    """

    out: float = 12.0
    forward: float = 0.0
    twist: float = 0.0
    elbow: float = 8.0
    roll: float = 0.0
    flex: float = 0.0
    raise_: float = 0.0
    at: tuple[float, float, float] | None = None
    clear: tuple[float, float, float] = (0.0, 0.0, 0.0)
    elbow_to: tuple[float, float, float] = (1.0, 0.0, -0.4)
    hand: tuple[float, float, float] | None = None
    palm: tuple[float, float, float] | None = None
    fingers: str = "relaxed"


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Where the foot stands, as shares of the leg's length from below the hip; or angles, when `knee` is given.

    out, forward: shares, or degrees of the thigh. turn_out: degrees of the foot. heel: degrees it is raised by.
    height: of the foot above the floor, a share. knee: degrees; the foot then stays level.
    """

    out: float = 0.03
    forward: float = 0.0
    turn_out: float = 4.0
    heel: float = 0.0
    height: float = 0.0
    knee: float | None = None


@dataclass(frozen=True, kw_only=True)
class PoseRecipe:
    """One pose of the library. about: what it is, for people. left and right are the body's own."""

    about: str = ""
    trunk: Trunk = Trunk()
    head: Head = Head()
    left_arm: Arm = Arm()
    right_arm: Arm = Arm()
    left_leg: Leg = Leg()
    right_leg: Leg = Leg()


@dataclass(frozen=True, kw_only=True)
class Fingers:
    """Degrees of the three joints of each finger. spread: of index and little finger away from the others."""

    index: tuple[float, float, float] = (0.0, 0.0, 0.0)
    middle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ring: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pinky: tuple[float, float, float] = (0.0, 0.0, 0.0)
    thumb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: float = 0.0


def pose_names() -> tuple[str, ...]:
    """Names of the library's poses."""
    return tuple(_library()[0])


def pose_recipe(name: str) -> PoseRecipe:
    """One pose of the library. Raises InputError where there is none of that name."""
    recipes = _library()[0]
    if name not in recipes:
        raise InputError(f"There is no pose '{name}'.", "pose", f"Choose one of {', '.join(recipes)}.")
    return recipes[name]


def finger_recipe(name: str) -> Fingers:
    """How fingers are closed. Raises KeyError where the library has none of that name."""
    return _library()[1][name]


@cache
def _library() -> tuple[dict[str, PoseRecipe], dict[str, Fingers]]:
    table = tomllib.loads(FILE.read_text())
    fingers = {name: _made(Fingers, values) for name, values in table.pop("fingers").items()}
    kinds = {"trunk": Trunk, "head": Head, "arm": Arm, "leg": Leg}
    recipes = {}
    for name, values in table.items():
        # "arms" and "legs" say it for both sides.
        sides: dict[str, Any] = {}
        for part in ("arm", "leg"):
            both = values.pop(f"{part}s", None)
            if both is not None:
                sides |= {f"{side}_{part}": both for side in ("left", "right")}
        made = {
            part: _made(kinds[part.split("_")[-1]], given)
            for part, given in (sides | values).items()
            if part != "about"
        }
        recipes[name] = PoseRecipe(about=values.get("about", ""), **made)
    return recipes, fingers


def _made(kind: type[Any], values: Mapping[str, Any]) -> Any:
    known = {one.name for one in fields(kind)}
    renamed = {f"{name}_" if f"{name}_" in known else name: value for name, value in values.items()}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in renamed.items()})
