"""How cost grows with size: the exponent p of cost ~ size^p, from runs of several sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Exponents:
    """every: least squares in logs over all runs; views, pixels: over those that differ only in that;
    last_views, last_pixels: between the two largest of these, where what does not grow weighs least.
    """

    every: float
    views: float
    pixels: float
    last_views: float
    last_pixels: float

    def largest(self) -> float:
        """The least favourable of them."""
        return max(self.every, self.views, self.pixels, self.last_views, self.last_pixels)


def exponents(rows: Sequence[Mapping[str, Any]], tiny: Mapping[str, Any] | None = None) -> Exponents:
    """Exponents of cpu_s against views x mpx of rows, in any order.

    The run of the most common size in each direction is where both series meet.
    tiny: a run so small that its cost is what every run pays, whatever its size.  Then what a run costs beyond
    it is set against what it has beyond it in views x pixels, which is 1 exactly for cost = a + b size.
    """

    def size(row: Mapping[str, Any]) -> float:
        return row["views"] * row["mpx"] - (tiny["views"] * tiny["mpx"] if tiny else 0)

    def cost(row: Mapping[str, Any]) -> float:
        return row["cpu_s"] - (tiny["cpu_s"] if tiny else 0)

    def slope(chosen: Sequence[Mapping[str, Any]]) -> float:
        return exponent([size(r) for r in chosen], [cost(r) for r in chosen])

    by_views = _series(rows, "views", fixed="mpx")
    by_pixels = _series(rows, "mpx", fixed="views")
    return Exponents(
        every=slope(rows),
        views=slope(by_views),
        pixels=slope(by_pixels),
        last_views=slope(by_views[-2:]),
        last_pixels=slope(by_pixels[-2:]),
    )


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of log cost against log size, by least squares; NaN where a cost or size is not positive."""
    if min(*sizes, *costs) <= 0 or len(set(sizes)) < 2:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def _series(rows: Sequence[Mapping[str, Any]], along: str, *, fixed: str) -> list[Mapping[str, Any]]:
    """The rows that differ in one thing only, ascending in it."""
    values = [row[fixed] for row in rows]
    common = max(values, key=values.count)
    return sorted((row for row in rows if row[fixed] == common), key=lambda row: row[along])
