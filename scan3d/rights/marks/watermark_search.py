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

# Below this score the chips of a picture without a watermark agree with some number once in about ten thousand.
LEAST_SCORE = 8.3

# A picture is looked at in at most this size: the waves are far coarser.
_SHORTEST_SIDE_PX = 1024
_TILES = (1.2, TILES_A_SIDE * 1.3)  # along the shortest side; a crop leaves fewer
_CANDIDATES = 6
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
    flat = _flattened(grey)
    tiles = _likely_tiles(flat)
    best: Found | None = None
    for turned in (flat, flat[:, ::-1], np.rot90(flat), np.rot90(flat, -1), flat[::-1, ::-1]):
        for tile in tiles:
            found = _read(np.ascontiguousarray(turned), tile)
            if found is not None and found.score >= LEAST_SCORE and (best is None or found.score > best.score):
                best = found
            if best is not None and best.score > 1.5 * LEAST_SCORE:
                break
        if best is not None:
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
        if all(abs(np.log(tiles[number] / other)) > 3 * step for other in chosen):
            chosen.append(float(tiles[number]))
        if len(chosen) == _CANDIDATES:
            break
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
    """The number that waves of a tile about this large carry."""
    sides, value = _refined(flat, tile)
    noise = _noise(flat, sides)
    set_ = waves()
    reach = set_.reach
    known = value[set_.template[:, 0] + reach, set_.template[:, 1] + reach]
    known = known / noise[set_.template[:, 0] + reach, set_.template[:, 1] + reach]
    place = _offset(known * np.exp(-1j * set_.phases))
    turned = np.exp(-2j * np.pi * (set_.message @ place))
    at = set_.message[:, 0] + reach, set_.message[:, 1] + reach
    chips = value[at] / noise[at] * turned
    decoded = decode(np.stack([chips.real, -chips.imag], axis=1).ravel())
    return None if decoded is None else Found(id=decoded.id, score=decoded.score, tile_px=sides)


def _refined(flat: Floats, tile: float) -> tuple[tuple[float, float], Complexes]:
    """The tile's sides along y and x that gather most power, and the (2 reach + 1, reach + 1...) waves at them."""
    reach = waves().reach
    height, width = flat.shape
    sides = [tile, tile]
    finest = 0.4 / reach  # of a line of the spectrum, over the picture
    for spread in (3.0, 1.0, 0.4):
        for axis, length in ((0, height), (1, width)):
            moves = np.linspace(-spread, spread, 7) * finest * tile / length * tile
            tried = [(sides[0] + m, sides[1]) if axis == 0 else (sides[0], sides[1] + m) for m in moves]
            sides = list(max(tried, key=lambda pair: _gathered(_waves_at(flat, pair))))
    best = (sides[0], sides[1])
    return best, _waves_at(flat, best)


def _waves_at(flat: Floats, sides: tuple[float, float], offset: float = 0.0) -> Complexes:
    """(2 reach + 1, 2 reach + 1) complex: the picture's waves on the lattice of a tile, along y and x."""
    reach = waves().reach
    rows = turns(flat.shape[0], sides[0], reach, offset).conj()
    columns = turns(flat.shape[1], sides[1], reach, offset).conj()
    return np.asarray(rows @ (flat @ columns.T))


def _gathered(value: Complexes) -> float:
    set_ = waves()
    lattice = np.concatenate([set_.message, set_.template]) + set_.reach
    return float(np.square(np.abs(value[lattice[:, 0], lattice[:, 1]])).sum())


def _noise(flat: Floats, sides: tuple[float, float]) -> Floats:
    """(2 reach + 1, 2 reach + 1): the deviation of the picture's own waves, from between the lattice's points."""
    import cv2

    between = np.square(np.abs(_waves_at(flat, sides, 0.5))).astype(np.float32)
    return np.sqrt(cv2.blur(between, (5, 5)) + 1e-6)


def _offset(known: Complexes) -> Floats:
    """(2,) where the tile begins, in tiles along y and x: there the waves of known phase agree."""
    set_ = waves()
    sheet = np.zeros((_OFFSETS, _OFFSETS), np.complex128)
    sheet[set_.template[:, 0] % _OFFSETS, set_.template[:, 1] % _OFFSETS] = np.clip(np.abs(known), 0, 3) * np.exp(
        1j * np.angle(known)
    )
    agreement = np.fft.fft2(sheet).real
    return np.array(np.unravel_index(int(agreement.argmax()), agreement.shape)) / _OFFSETS
