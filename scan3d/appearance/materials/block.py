"""A block of texels while it is solved: what views show of it is added up, then albedo, normals and gloss follow.

Where that is done, on the cores (`block_cores`) or on a GPU (`block_warp`), is for the block to know; in what order is
for `solve.Solver`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scan3d.appearance.materials.first_solve import FirstSolve
from scan3d.appearance.materials.lighting import Diffuse, Lobe
from scan3d.appearance.materials.observations import Kept, Lamp
from scan3d.appearance.materials.surface import Points

# What lies aslant is blurred: against the best view of a texel others count by this power of their share, which is
# the fourth of the cosine already. With one, normals of half a millimetre are off by 0.88 degrees instead of 0.83, with
# three by 0.81, and there is less to average over.
STRAIGHT = 2
ROBUST = 0.5  # of the guess: what differs by more is something else
_HOLD = 0.1  # of a usual texel's gloss: what the patch adds to each texel's own


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """What all blocks have in common: the lamps, what views see of the surface, and what the first solve found."""

    lamps: Sequence[Lamp]
    views: Kept
    common: FirstSolve


class Block(Protocol):
    """N texels under L lamps.

    Every view is looked through twice: for the best view of each texel (`note_best`), then for its diffuse light
    (`favour_best`, `add_diffuse`). `solve` closes that; a third time gives gloss (`add_gloss`, `gains`), where there is
    any. Photographs are loaded one at a time. All may raise what the views' photographs raise.
    """

    lobe: Lobe | None

    def look(self, number: int) -> bool:
        """Turn to a view, by its row; False where it sees nothing of the texels."""

    def note_best(self) -> None:
        """Remember how much the view counts for each texel, if none counted more."""

    def favour_best(self) -> None:
        """Let the view count less the more the best one of a texel counted more."""

    def add_diffuse(self, lamp: int) -> None:
        """Add the diffuse light that the view shows under a lamp, by its row."""

    def solve(self, *, turn: bool) -> Diffuse:
        """Albedo and normals from all that was added; turn: False keeps the mesh's normals."""

    def add_gloss(self, lamp: int) -> None:
        """Add the gloss that the view shows under a lamp; after `solve`."""

    def gains(self) -> np.ndarray:
        """(N,) float32 F0 of each texel, held by its patch where little gloss was seen."""


def lobe_of(common: FirstSolve, points: Points) -> Lobe | None:
    """The lobes that the first solve found, at points; None where no photograph shows gloss."""
    if common.fit is None:
        return None
    return Lobe(
        roughness=points.of(common.roughness),
        gain=points.of(common.specular),
        second_roughness=common.fit.second_roughness,
        second_share=common.fit.second_share,
        leak=common.fit.leak,
    )


def held_gains(up: np.ndarray, down: np.ndarray, lobe: Lobe) -> np.ndarray:
    """(N,) float32 F0 from the least squares of each texel, up / down (N,), with the patch's own for a prior."""
    hold = _HOLD * float(np.median(down[down > 0])) if (down > 0).any() else 1.0
    gain = (up + hold * lobe.gain) / (down + hold)
    return np.asarray(np.clip(gain, 0, 0.2), np.float32)
