"""Clothes and hair: the body stays inside of what hangs or grows on it, and touches it where that lies close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.body.fit.anatomy import PARTS, part_of_joints
from scan3d.body.fit.posing import Body
from scan3d.body.fit.surface_match import Pairs, geman_mcclure

_CLOTHED = tuple(PARTS.index(name) for name in ("torso", "arms", "legs"))
# A pair with the body outside of the cloth counts so much more than one with the body inside of it.
_OUTSIDE, _INSIDE = 6.0, 0.25
_MARGIN_M = 0.0025  # how deep under cloth the body is held: cloth is about so thick
_THROUGH_M = 0.02  # what lies deeper inside the body than that is another part's cloth
_TOUCHING_M = 0.008  # cloth further off the body says little about where the body is
# ... but that it is somewhere in the middle of its sleeves and legs: without this pull, bodies come out too thin.
_HANGING, _HANGING_HAIR, _HANGING_M = 0.10, 0.03, 0.04


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloth:
    """Weighs pairs on covered parts. clothed: (V,) of the body's vertices. known: (N,) 0..1 of the scan's points, how
    surely each is cloth, or None where nobody knows. hairy: (V,) where hair grows, whatever is known of cloth."""

    clothed: np.ndarray
    hairy: np.ndarray
    known: np.ndarray | None = None

    @classmethod
    def over(cls, body: Body, hairy: np.ndarray, known: np.ndarray | None = None) -> Cloth:
        """Cloth may be anywhere but on head, hands and feet; where it is known, there only."""
        clothed = np.isin(part_of_joints(body.names)[body.strongest], _CLOTHED)
        return cls(clothed=clothed, hairy=hairy, known=known)

    @classmethod
    def only_hair(cls, hairy: np.ndarray) -> Cloth:
        """Tight clothes are the body. Hair is not: taken for the skull it lifts the whole face, by 9 mm for short hair
        on a scan of 1.4 mm a pixel, where it now lies within 2."""
        return cls(clothed=np.zeros(len(hairy), bool), hairy=hairy)

    def weighed(self, pairs: Pairs, weight: np.ndarray, *, back: bool) -> tuple[np.ndarray, np.ndarray]:
        """(N,) weights, one-sided under cloth, and (N, 3) offsets to a place a little below the cloth.

        weight: (N,) by distance and normals. back: the pairs were sought from the body.
        """
        under = self.clothed[pairs.corners[:, 0]]
        if self.known is not None and not back:
            under = self.known[pairs.rows] > 0.5
        hairy = self.hairy[pairs.corners[:, 0]]
        under = under | hairy
        across = pairs.across() - _MARGIN_M
        off = np.maximum(across, 0)
        hanging = np.where(hairy, _HANGING_HAIR, _HANGING) * geman_mcclure(off, _HANGING_M)
        touching = _INSIDE * geman_mcclure(off, _TOUCHING_M) + hanging
        touching *= not back
        outside = _OUTSIDE * pairs.trust * geman_mcclure(pairs.distance, _THROUGH_M)
        one_sided = np.where(across < 0, outside, weight * touching)
        offset = pairs.offset - np.where(under, _MARGIN_M, 0.0)[:, None] * pairs.normal
        return np.where(under, one_sided, weight), offset


def looseness_m(part: np.ndarray, distance_m: np.ndarray) -> float:
    """How far off the body the clothes hang: the 90th percentile of |distance| (N,) over trunk and legs.

    1 to 2 mm of noise on skin or tight cloth give 3 to 5 mm, a shirt two sizes too wide 12.
    """
    clothed = np.isin(part, [PARTS.index(name) for name in ("torso", "legs")])
    return float(np.percentile(np.abs(distance_m[clothed]), 90)) if clothed.any() else 0.0
