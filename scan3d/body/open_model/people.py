"""The adults the shape space is made of: MakeHuman's targets in amounts that give published body measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from scan3d.body.open_model.cage import Cage, model_frame
from scan3d.body.open_model.tape import Tape
from scan3d.openhuman import Macro, OpenHuman, macro_targets

# Between the 0.5th and the 99.5th percentile of ANSUR II (Gordon et al. 2014, NATICK/TR-15/007: means and standard
# deviations of stature 1756 and 69 mm of men, 1628 and 64 mm of women; of the waist at the navel 941 and 112, 861 and
# 100 mm; of the hip 1017 and 77, 1020 and 76 mm), stature taken as normal, girths as log-normal.
RANGES_M: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "male": {"height": (1.58, 1.935), "waist": (0.69, 1.27), "hip": (0.84, 1.23)},
    "female": {"height": (1.46, 1.795), "waist": (0.635, 1.155), "hip": (0.84, 1.23)},
}
_WAIST_M = {"male": 0.941, "female": 0.861}
_STATURE_M = {"male": (1.756, 0.069), "female": (1.628, 0.064)}

# A local target's amount has this standard deviation, less where it would move the skin by more than this (metres,
# root mean square over what it moves).
_SPREAD, _LARGEST_M = 0.3, 0.009
_SIDES_DIFFER = 0.12
_DRAWS = 500
# How much taller the largest height makes somebody than the average one.
_STATURE_SLOPE_M = 0.5
_OPPOSITES = (("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex"))
_VARIED = (
    r"[lr]-(lower|upper)(arm|leg)-|measure-|[lr]-leg-|(lower|upper)legs-|torso-|hip-|stomach-tone|buttocks-|neck-|"
    r"head-|[lr]-cheek-|chin-|[lr]-ear-|[lr]-eye-|eyebrows-|forehead-|mouth-|nose-|[lr]-foot-scale|[lr]-hand-|"
    r"pelvis-tone|breast-(dist|point|trans|volume)"
)
_LEFT_OUT = r"-trans-(in|out)$|pregnant|navel|-age-|hand-trans|shape-pointed"


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """points: (N, M, 3) float32 of the asked rows, model frame, metres. male: (N,). height_m, waist_m, hip_m: (N,)."""

    points: np.ndarray
    male: np.ndarray
    height_m: np.ndarray
    waist_m: np.ndarray
    hip_m: np.ndarray


def draw_people(cage: Cage, rows: np.ndarray, count: int, seed: int, report: Callable[[], None]) -> People:
    """Adults, women and men in turn, as sculpted; rows: (M,) of the open human's vertices, the cage's first.

    Stature is drawn from ANSUR's normal, the other proportions freely, again until all measures lie within RANGES_M.
    """
    rng = np.random.default_rng(seed)
    human = cage.human
    matrix = _target_matrix(human, rows)
    base = model_frame(human.vertices[rows].astype(np.float64)).ravel()
    local = _local_targets(human, matrix)
    tape = Tape.of(cage)
    points = np.empty((count, len(rows), 3), np.float32)
    male, measures = np.arange(count) % 2 == 1, np.empty((count, 3))
    for number in range(count):
        sex = "male" if male[number] else "female"
        for _ in range(_DRAWS):
            drawn, measured = _drawn(rng, base, matrix, human, local, tape, sex)
            inside = all(
                low <= value <= high for value, (low, high) in zip(measured, RANGES_M[sex].values(), strict=True)
            )
            if inside and rng.random() < _wanted(measured[1], sex):
                break
        else:
            raise ValueError(f"nobody out of {_DRAWS} lies within the published ranges: the targets have changed")
        points[number], measures[number] = drawn, measured
        report()
    return People(points=points, male=male, height_m=measures[:, 0], waist_m=measures[:, 1], hip_m=measures[:, 2])


def _wanted(waist_m: float, sex: str) -> float:
    """The chance to keep somebody of a waist: MakeHuman's people are slimmer than ANSUR's, so some are left out."""
    low, mean = RANGES_M[sex]["waist"][0], _WAIST_M[sex]
    return float(np.clip((waist_m - low) / (mean - low), 0.1, 1))


def _drawn(
    rng: np.random.Generator,
    base: np.ndarray,
    matrix: Any,
    human: OpenHuman,
    local: list[_Local],
    tape: Tape,
    sex: str,
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """One adult (M, 3) and its measures, whatever they come to."""
    mean, deviation = _STATURE_M[sex]
    stature = mean + deviation * float(np.clip(rng.normal(), -2.57, 2.57))
    macro = Macro(
        male=float(np.clip(rng.normal(0.93 if sex == "male" else 0.07, 0.06), 0, 1)),
        age=float(rng.beta(1.3, 2.5) * 0.85),
        muscle=float(np.clip(rng.normal(0.55, 0.17), 0.1, 1)),
        weight=float(0.2 + 0.8 * rng.beta(2.4, 1.0)),
        cup=float(rng.uniform(0.2, 0.8)),
        firmness=float(rng.uniform(0.3, 0.9)),
        origin=tuple(rng.dirichlet([0.6, 0.6, 0.6]).tolist()),
    )
    amounts = _local_amounts(rng, local)
    height = 0.0
    for _ in range(2):
        drawn = (base + _row(human, macro_targets(macro) | amounts) @ matrix).reshape(-1, 3)
        height = float(np.ptp(drawn[tape.body, 1]))
        macro = replace(macro, height=float(np.clip(macro.height + (stature - height) / _STATURE_SLOPE_M, 0, 1)))
    scale = stature / height
    waist, hip = tape.girths(drawn)
    return drawn * scale, (stature, scale * waist, scale * hip)


@dataclass(frozen=True, kw_only=True)
class _Local:
    """A pair of opposite targets (or a single one), or both sides' pairs. up, down: names for positive, negative."""

    up: tuple[str, ...]
    down: tuple[str, ...]
    spread: float


def _local_targets(human: OpenHuman, matrix: Any) -> list[_Local]:
    """All that vary, each with its right side's twin where there is one."""
    names = [name for name in human.target_names if re.match(_VARIED, name) and not re.search(_LEFT_OUT, name)]
    result = []
    for name in names:
        stem, _, end = name.rpartition("-")
        opposite = next((f"{stem}-{a}" for a, b in _OPPOSITES if b == end), "")
        is_second = any(end == a and f"{stem}-{b}" in names for a, b in _OPPOSITES)
        if is_second or name.startswith("r-"):
            continue
        sides = ("l-", "r-") if name.startswith("l-") else ("",)
        up = tuple(side + name.removeprefix("l-") for side in sides)
        down = tuple(side + opposite.removeprefix("l-") for side in sides) if opposite in names else ()
        moves = matrix[[human.target_names.index(up[0])]].toarray().reshape(-1, 3)
        lengths = np.linalg.norm(moves, axis=1)
        typical = float(np.sqrt((lengths[lengths > 0] ** 2).mean())) if lengths.any() else 1.0
        result.append(_Local(up=up, down=down, spread=min(_SPREAD, _LARGEST_M / typical)))
    return result


def _local_amounts(rng: np.random.Generator, local: list[_Local]) -> dict[str, float]:
    """Normal amounts up to two and a half deviations, both sides nearly alike."""
    amounts = {}
    for part in local:
        common = rng.normal()
        for side, name in enumerate(part.up):
            value = part.spread * float(np.clip(common + _SIDES_DIFFER * rng.normal(), -2.5, 2.5))
            if value > 0:
                amounts[name] = value
            elif part.down:
                amounts[part.down[side]] = -value
    return amounts


def _target_matrix(human: OpenHuman, rows: np.ndarray) -> Any:
    """(targets, 3 M) sparse moves of the asked rows, model frame, metres."""
    from scipy.sparse import csr_array

    place = np.full(len(human.vertices), -1)
    place[rows] = np.arange(len(rows))
    values, columns, starts = [], [], [0]
    for name in human.target_names:
        moved, moves = human.target(name)
        kept = place[moved] >= 0
        values.append(model_frame(moves[kept]).ravel())
        columns.append((3 * place[moved[kept]][:, None] + np.arange(3)).ravel())
        starts.append(starts[-1] + len(values[-1]))
    data = (np.concatenate(values), np.concatenate(columns), np.array(starts))
    return csr_array(data, shape=(len(human.target_names), 3 * len(rows)))


def _row(human: OpenHuman, amounts: Mapping[str, float]) -> Any:
    """(1, targets) sparse row of amounts, by name."""
    from scipy.sparse import csr_array

    index = _index(human)
    columns = np.array([index[name] for name in amounts])
    return csr_array((np.array(list(amounts.values())), columns, [0, len(columns)]), shape=(1, len(index)))


@cache
def _index(human: OpenHuman) -> dict[str, int]:
    return {name: number for number, name in enumerate(human.target_names)}
