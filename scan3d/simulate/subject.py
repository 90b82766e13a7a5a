"""What stands in the virtual studio: surfaces with materials, and a record of what is on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.materials import Part


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """Somebody in the virtual studio.

    name: of files and reports. parts: what is rendered. imperfections: the truth about the skin. parameters: JSON
    values that made the body (seed, sex, age, height_m, waist_m, hip_m, tone, pose, garment, ...), for the record.
    """

    name: str
    parts: tuple[Part, ...]
    imperfections: tuple[Imperfection, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
