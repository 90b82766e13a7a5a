"""Finds the watermark in a picture that may have been resized, cropped, turned, mirrored or compressed; no original.

Scale first: the waves lie on a lattice in the spectrum, so the sum of the spectrum's power at the lattice's points,
each measured against its surroundings, has its peak at the right spacing. Then the place: the waves of known phase
correlate at one offset of the tile. Then the chips are read off the other waves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.rights.marks.carrier import TILES_A_SIDE, turns, waves
from scan3d.rights.marks.codeword import decode
from scan3d.rights.marks.watermark import luminance

Floats = npt.NDArray[np.floating]
Complexes = npt.NDArray[np.complexfloating]

# Random chips agree this well with the best word of the code once in two thousand times (400,000 drawn), and have a
# right CRC besides once in 65,536: with at most 48 readings a picture, an unmarked one shows any number once in some
# 10**6, and one of a registry of 10,000 once in 10**11.
LEAST_SCORE = 8.3

# A picture is looked at in at most this size: the waves are far coarser.
_SHORTEST_SIDE_PX = 720
_TILES = (1.2, TILES_A_SIDE * 1.3)  # along the shortest side; a crop leaves fewer
_CANDIDATES = 6
# The excess of power on the lattice, in deviations, below which no tile is worth being read.
_LEAST_POWER = 4.0
_LEAST_SIDE_PX = 64
_OFFSETS = 256  # positions of the tile that are tried along each axis


@dataclass(frozen=True, kw_only=True)
class Found:
    """id: what the watermark says. score: agreement in standard deviations of noise; see LEAST_SCORE.

    tile_px: the tile's side in this picture, (along y, along x).
    """

    id: int
    score: float
    tile_px: tuple[float, float]


def find(pixels: npt.NDArray[np.integer]) -> Found | None:
    """The watermark in a picture (as `watermark.embed` takes them), None without one that is certain enough."""
    grey, shrunk = _looked_at(luminance(pixels))
    if min(grey.shape) < _LEAST_SIDE_PX:
        return None
    flat = _flattened(grey)
    best: Found | None = None
    for tile in _likely_tiles(flat):
        found = _read(flat, tile)
        if found is not None and found.score >= LEAST_SCORE and (best is None or found.score > best.score):
            best = found
        if best is not None and best.score > 1.5 * LEAST_SCORE:
            break
    if best is None:
        return None
    y, x = best.tile_px
    return Found(id=best.id, score=best.score, tile_px=(y * shrunk[0], x * shrunk[1]))


def _looked_at(grey: Floats) -> tuple[Floats, tuple[float, float]]:
    """The picture, shrunk if it is large, and how much smaller it became along y and x."""
    import cv2

    height, width = grey.shape
    factor = _SHORTEST_SIDE_PX / min(height, width)
    if factor >= 1:
        return grey, (1.0, 1.0)
    size = round(width * factor), round(height * factor)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA), (height / size[1], width / size[0])


def _flattened(grey: Floats) -> Floats:
    """The picture without its own large shapes and contrasts: what a plain wall shows counts more than hair does."""
    import cv2

    sigma = max(2.0, min(grey.shape) / 60)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), sigma)
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), sigma))
    flat = np.clip(detail / (deviation + 1.0), -2.5, 2.5)
    height, width = flat.shape
    return np.asarray(flat * _taper(height)[:, None] * _taper(width), np.float32)


def _taper(length: int) -> Floats:
    from scipy.signal.windows import tukey

    return np.asarray(tukey(length, 0.3), np.float32)


def _likely_tiles(flat: Floats) -> list[float]:
    """Sides of the tile in pixels, the likeliest first."""
    import cv2
    from scipy.fft import next_fast_len, rfft2

    height, width = (next_fast_len(side, real=True) for side in flat.shape)
    power = np.square(np.abs(rfft2(flat, (height, width)))).astype(np.float32)
    around = cv2.blur(power, (17, 17))
    excess = np.minimum(power / (around + 1e-6), 12.0)
    lattice = np.concatenate([waves().message, waves().template])
    shortest = min(flat.shape)
    # The outermost wave may move by half a line of the spectrum from one tile to the next.
    step = 0.4 / (waves().reach * _TILES[1] * max(flat.shape) / shortest)
    tiles = np.exp(np.arange(np.log(shortest / _TILES[1]), np.log(shortest / _TILES[0]), step))
    score = np.array([_lattice_power(excess, lattice, tile, (height, width)) for tile in tiles])
    chosen: list[float] = []
    for number in np.argsort(-score):
        if score[number] < _LEAST_POWER or len(chosen) == _CANDIDATES:
            break
        if all(abs(np.log(tiles[number] / other)) > 3 * step for other in chosen):
            chosen.append(float(tiles[number]))
    return chosen


def _lattice_power(excess: Floats, lattice: npt.NDArray[np.int64], tile: float, size: tuple[int, int]) -> float:
    """The mean excess at the waves that a tile of this side would have, in standard deviations of noise."""
    y, x = np.rint(lattice[:, 0] * (size[0] / tile)), np.rint(lattice[:, 1] * (size[1] / tile))
    inside = (np.abs(y) < size[0] // 2) & (x < excess.shape[1])
    if inside.sum() < 60:
        return -np.inf
    values = excess[y[inside].astype(np.int64), x[inside].astype(np.int64)]  # Negative rows count from the end.
    return float((values.mean() - 1) * np.sqrt(len(values)))


def _read(flat: Floats, tile: float) -> Found | None:
    """The number that waves of a tile about this large carry, however the picture was turned or mirrored."""
    sides = _refined(flat, tile)
    value = _waves_at(flat, sides) / _noise(flat, sides)
    best: Found | None = None
    for turned in _turns(value):
        chips = _chips(turned)
        decoded = decode(chips)
        if decoded is not None and (best is None or decoded.score > best.score):
            best = Found(id=decoded.id, score=decoded.score, tile_px=sides)
    return best


def _turns(value: Complexes) -> list[Complexes]:
    """The waves of the picture as it is, turned and mirrored in all eight ways, where the template is clearest first.

    To turn a picture is to turn its waves; where the tile begins is found anew for each.
    """
    ways = [np.rot90(turned, k) for turned in (value, value[:, ::-1]) for k in range(4)]
    clear = [_offset(_template(way))[1] for way in ways]
    return [ways[number] for number in np.argsort(clear)[::-1][:2]]


def _template(value: Complexes) -> Complexes:
    """(96,) the waves of known phase, without that phase."""
    set_ = waves()
    return value[set_.template[:, 0] + set_.reach, set_.template[:, 1] + set_.reach] * np.exp(-1j * set_.phases)


def _chips(value: Complexes) -> Floats:
    set_ = waves()
    place, _ = _offset(_template(value))
    message = value[set_.message[:, 0] + set_.reach, set_.message[:, 1] + set_.reach]
    message = message * np.exp(-2j * np.pi * (set_.message @ place))
    return np.asarray(np.stack([message.real, -message.imag], axis=1).ravel())


def _refined(flat: Floats, tile: float) -> tuple[float, float]:
    """The tile's sides along y and x that gather most power on the lattice."""
    reach = waves().reach
    sides = [tile, tile]
    for spread in (3.0, 1.0, 0.4):
        for axis, length in enumerate(flat.shape):
            # The outermost wave moves by `spread` times 0.4 of a line of the spectrum.
            moves = np.linspace(-spread, spread, 7) * 0.4 / reach * tile / length * tile
            along = flat if axis == 0 else flat.T
            across = _along_one(along.T, sides[1 - axis])  # (2 reach + 1, the axis that moves)
            power = []
            for move in moves:
                value = across @ turns(length, sides[axis] + move, reach).conj().T
                power.append(_gathered(value.T if axis == 0 else value))
            sides[axis] += float(moves[int(np.argmax(power))])
    return sides[0], sides[1]


def _waves_at(flat: Floats, sides: tuple[float, float], offset: float = 0.0) -> Complexes:
    """(2 reach + 1, 2 reach + 1) complex: the picture's waves on the lattice of a tile, along y and x."""
    columns = turns(flat.shape[1], sides[1], waves().reach, offset).conj()
    return np.asarray(_along_one(flat, sides[0], offset) @ columns.T)


def _along_one(flat: Floats, side: float, offset: float = 0.0) -> Complexes:
    """(2 reach + 1, width) complex: the waves along y of each column."""
    wave = turns(flat.shape[0], side, waves().reach, offset)
    both = np.concatenate([wave.real, wave.imag]) @ flat
    return np.asarray(both[: len(wave)] - 1j * both[len(wave) :])


def _gathered(value: Complexes) -> float:
    set_ = waves()
    lattice = np.concatenate([set_.message, set_.template]) + set_.reach
    return float(np.square(np.abs(value[lattice[:, 0], lattice[:, 1]])).sum())


def _noise(flat: Floats, sides: tuple[float, float]) -> Floats:
    """(2 reach + 1, 2 reach + 1): the deviation of the picture's own waves, from between the lattice's points."""
    import cv2

    between = np.square(np.abs(_waves_at(flat, sides, 0.5))).astype(np.float32)
    return np.sqrt(cv2.blur(between, (5, 5)) + 1e-6)


def _offset(known: Complexes) -> tuple[Floats, float]:
    """((2,) where the tile begins, in tiles along y and x: there the waves of known phase agree; how much they do)."""
    from scipy.fft import fft2

    set_ = waves()
    sheet = np.zeros((_OFFSETS, _OFFSETS), np.complex64)
    strength = np.minimum(3 / np.maximum(np.abs(known), 3), 1)  # No single wave outvotes the others.
    sheet[set_.template[:, 0] % _OFFSETS, set_.template[:, 1] % _OFFSETS] = known * strength
    agreement = fft2(sheet).real
    peak = np.unravel_index(int(agreement.argmax()), agreement.shape)
    return np.array(peak) / _OFFSETS, float(agreement[peak])
