"""The waves that a watermark is made of: harmonics of one tile that repeats over the picture.

A tile is a sixth of the picture's shortest side. Repeating it puts all energy on the points of a lattice in the
spectrum, whose spacing tells the scale of a picture that was resized, wherever it was cropped. One in five waves has
a phase known beforehand and tells where the tile begins; the others carry two chips each.
After M. Kutter, "Watermarking resisting to translation, rotation, and scaling" (1998), and S. Pereira and T. Pun,
"Robust template matching for affine resistant image watermarks" (2000); the waves, code and search are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from scan3d.rights.marks import codeword

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

TILES_A_SIDE = 6.0
# A smaller tile would put its waves where JPEG and shrinking leave nothing.
SMALLEST_TILE_PX = 128.0
LOWEST = 4.0  # waves a tile
_MESSAGE = codeword.CHIPS // 2
_TEMPLATE = _MESSAGE // 4


@dataclass(frozen=True, kw_only=True)
class Waves:
    """message (384, 2), template (96, 2): waves a tile along y and x; phases (96,): the template's, radians."""

    message: Ints
    template: Ints
    phases: Floats

    @property
    def reach(self) -> int:
        """The largest number of waves a tile along either axis."""
        return int(np.abs(np.concatenate([self.message, self.template])).max())


@cache
def waves() -> Waves:
    """The 480 waves of lowest frequency from LOWEST on, of half the plane: the other half is their mirror."""
    span = np.arange(-40, 41)
    y, x = (grid.ravel() for grid in np.meshgrid(span, span, indexing="ij"))
    half = (x > 0) | ((x == 0) & (y > 0))
    radius = np.hypot(y, x)
    chosen = np.flatnonzero(half & (radius >= LOWEST))
    chosen = chosen[np.lexsort((x[chosen], y[chosen], radius[chosen]))][: _MESSAGE + _TEMPLATE]
    every = np.stack([y[chosen], x[chosen]], axis=1).astype(np.int64)
    known = np.arange(len(every)) % 5 == 2
    phases = 2 * np.pi * codeword.uniform("phases", _TEMPLATE)
    return Waves(message=every[~known], template=every[known], phases=phases)


def tile_px(height: int, width: int) -> float:
    """The side of a tile in pixels; need not be whole."""
    return max(SMALLEST_TILE_PX, min(height, width) / TILES_A_SIDE)


def pattern(id: int, height: int, width: int) -> Floats:
    """(height, width) float32 of zero mean and unit deviation: the watermark of a number, before it is weighted."""
    chips = codeword.encode(id).reshape(-1, 2)
    set_ = waves()
    reach = set_.reach
    amplitudes = np.zeros((2 * reach + 1, 2 * reach + 1), np.complex64)
    amplitudes[set_.message[:, 0] + reach, set_.message[:, 1] + reach] = (chips[:, 0] - 1j * chips[:, 1]) / np.sqrt(2)
    amplitudes[set_.template[:, 0] + reach, set_.template[:, 1] + reach] = np.exp(1j * set_.phases)
    tile = tile_px(height, width)
    wave = (turns(height, tile, reach).T @ amplitudes @ turns(width, tile, reach)).real
    return np.asarray(wave / np.sqrt((len(set_.message) + len(set_.template)) / 2), np.float32)


def turns(length: int, tile: float, reach: int, offset: float = 0.0) -> npt.NDArray[np.complexfloating]:
    """(2 reach + 1, length) complex64: e^(2 pi i (k + offset) x / tile), x at pixels' centres, k = -reach .. reach."""
    place = (np.arange(length) + 0.5) / tile
    return np.exp(2j * np.pi * np.outer(np.arange(-reach, reach + 1) + offset, place)).astype(np.complex64)
