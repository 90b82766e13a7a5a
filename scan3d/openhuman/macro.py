"""The large proportions of an adult, as MakeHuman mixes them: sex, age, muscle, weight, height, origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

_ORIGINS = ("african", "asian", "caucasian")


@dataclass(frozen=True, kw_only=True)
class Macro:
    """Where somebody lies between MakeHuman's extremes, each 0..1 with the average at 0.5 (sex: 0 female, 1 male).

    age: 0 is 25 years, 1 is 90, as MakeHuman counts them; the children's targets are not part of the data.
    origin: shares of the african, asian and caucasian targets; they sum to 1.
    """

    male: float = 0.5
    age: float = 0.0
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    cup: float = 0.5
    firmness: float = 0.5
    origin: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)


def macro_targets(macro: Macro) -> dict[str, float]:
    """Target name -> weight: products of the parts, linear between the anchors (MakeHuman's macro.json)."""
    sexes = {"female": 1 - macro.male, "male": macro.male}
    ages = {"young": 1 - macro.age, "old": macro.age}
    muscles = _three(macro.muscle, "muscle")
    weights = _three(macro.weight, "weight")
    heights = {"minheight": max(0.0, 1 - 2 * macro.height), "maxheight": max(0.0, 2 * macro.height - 1)}
    result: dict[str, float] = {}
    for (sex, a), (age, b) in product(sexes.items(), ages.items()):
        for origin, share in zip(_ORIGINS, macro.origin, strict=True):
            result[f"{origin}-{sex}-{age}"] = a * b * share
        for (muscle, c), (weight, d) in product(muscles.items(), weights.items()):
            name = f"{sex}-{age}-{muscle}-{weight}"
            result[f"universal-{name}"] = a * b * c * d
            for height, e in heights.items():
                result[f"{name}-{height}"] = a * b * c * d * e
            if sex == "female":
                result.update(_breast(name, a * b * c * d, macro))
    return {name: value for name, value in result.items() if value > 0}


def _three(value: float, word: str) -> Mapping[str, float]:
    low, high = max(0.0, 1 - 2 * value), max(0.0, 2 * value - 1)
    return {f"min{word}": low, f"average{word}": 1 - low - high, f"max{word}": high}


def _breast(name: str, share: float, macro: Macro) -> dict[str, float]:
    """The average of both is the base shape and has no target."""
    pairs = product(_three(macro.cup, "cup").items(), _three(macro.firmness, "firmness").items())
    return {
        f"{name}-{cup}-{firmness}": share * a * b
        for (cup, a), (firmness, b) in pairs
        if (cup, firmness) != ("averagecup", "averagefirmness")
    }
