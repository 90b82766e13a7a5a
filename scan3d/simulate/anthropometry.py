"""Who the virtual subjects are: adults drawn so that height, waist and hip lie within published percentiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scan3d.openhuman import Macro, macro_targets
from scan3d.simulate.body_surface import body_surface
from scan3d.simulate.measure import measure


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """cage: (C, 3) the open human's vertices at rest, feet on z = 0, metres. parameters: JSON values.
    hair_chances: of hair.STYLES."""

    cage: np.ndarray
    parameters: Mapping[str, object]
    hair_chances: tuple[float, ...]


# Between the 1st and the 99th percentile of ANSUR II (Gordon et al. 2014, NATICK/TR-15/007: means and standard
# deviations of stature 1756 and 69 mm of men, 1628 and 64 mm of women; of the waist at the navel 941 and 112, 861 and
# 100 mm; of the hip 1017 and 77, 1020 and 76 mm), stature taken as normal, girths as log-normal; rounded inwards.
RANGES_M: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "male": {"height_m": (1.60, 1.915), "waist_m": (0.72, 1.22), "hip_m": (0.86, 1.20)},
    "female": {"height_m": (1.48, 1.775), "waist_m": (0.66, 1.11), "hip_m": (0.86, 1.20)},
}
_DRAWS = 200  # one in two to three is inside


def sample_person(rng: np.random.Generator) -> Person:
    """A person drawn from a generator, again until height, waist and hip lie within RANGES_M."""
    for _ in range(_DRAWS):
        person = _drawn(rng)
        if within_ranges(person.parameters):
            return person
    raise AssertionError("nobody out of 200 lies within the ranges: the shapes drawn from have changed")


def within_ranges(parameters: Mapping[str, Any]) -> bool:
    """Whether height, waist and hip of a person lie within RANGES_M for their sex."""
    ranges = RANGES_M[str(parameters["sex"])]
    return all(low <= float(parameters[name]) <= high for name, (low, high) in ranges.items())


def _drawn(rng: np.random.Generator) -> Person:
    body = body_surface()
    male = bool(rng.random() < 0.5)
    macro = Macro(
        male=float(np.clip(rng.normal(0.93 if male else 0.07, 0.05), 0, 1)),
        age=float(rng.beta(1.3, 3.0) * 0.7),
        muscle=float(np.clip(rng.normal(0.55, 0.13), 0.2, 0.9)),
        weight=float(np.clip(rng.normal(0.57, 0.13), 0.25, 0.9)),
        height=float(np.clip(rng.normal(0.5, 0.08), 0.3, 0.75)),
        cup=float(rng.uniform(0.3, 0.7)),
        firmness=float(rng.uniform(0.4, 0.8)),
        origin=tuple(rng.dirichlet([0.6, 0.6, 0.6]).tolist()),
    )
    cage = body.human.shaped(macro_targets(macro))
    cage = cage - [0, 0, body.surface.points(cage)[:, 2].min()]
    measures = {name: round(value, 4) for name, value in asdict(measure(body, cage)).items()}
    parameters = {"sex": "male" if male else "female", "age": round(25 + 65 * macro.age), **measures}
    chances = (0.2, 0.3, 0.4, 0.1) if male else (0.04, 0.1, 0.36, 0.5)
    return Person(cage=cage, parameters=parameters, hair_chances=chances)
