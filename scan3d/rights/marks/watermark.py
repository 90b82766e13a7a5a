"""Puts an imperceptible number into a picture: waves of low contrast, stronger where the picture hides them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scan3d.rights.marks.carrier import pattern, tile_px

Floats = npt.NDArray[np.floating]

# Standard deviations, in levels of 255, on a plain surface of middle brightness and where the picture's own contrast
# hides most.
PLAIN_LEVELS = 0.9
BUSY_LEVELS = 4.5
_BUSY_CONTRAST = 10.0  # the deviation within a sixteenth of a tile from which on a surface hides all it can
# One level is a larger part of a dark surface's light than of a bright one's: the eye sees ratios (Weber).
_DARK, _BRIGHT = 0.8, 1.0
# A small picture has fewer pixels to carry as many bits.
_AREA_PX, _SMALL = 500_000, 1.5

# A picture that is mostly dark and plain would carry too little: then all of it is made stronger, up to that much.
_AIMED_PSNR_DB, _MOST_GAIN = 43.0, 1.6
LEAST_PSNR_DB = 41.1  # Rounding to whole levels takes a little of it.


def embed(pixels: npt.NDArray[np.integer], id: int) -> npt.NDArray[np.integer]:
    """A copy of a picture that carries `id`, 0 .. 2**32 - 1.

    pixels: (H, W) or (H, W, C) uint8 or uint16 as displayed (sRGB); of two or four channels the last is alpha and
    stays. All colours move alike: luminance carries the mark, hue stays. PSNR is LEAST_PSNR_DB or more.
    """
    full = float(np.iinfo(pixels.dtype).max)
    grey = luminance(pixels)
    height, width = grey.shape
    strength = _strength(grey, tile_px(height, width))
    change = pattern(id, height, width) * strength * _for_lost_halves(grey, strength)
    # What would leave the scale is cut off and cannot count as change.
    change = np.clip(grey + change, 0, 255) - grey
    change *= min(1.0, _levels(LEAST_PSNR_DB) / max(_rms(change), 1e-9)) * (full / 255)
    marked = pixels.copy()
    colours = colour_channels(pixels)
    deltas = change if pixels.ndim == 2 else change[..., None]
    moved = np.clip(np.rint(pixels[..., :colours] + deltas if pixels.ndim == 3 else pixels + deltas), 0, full)
    if pixels.ndim == 2:
        return moved.astype(pixels.dtype)
    marked[..., :colours] = moved.astype(pixels.dtype)
    return marked


def _for_lost_halves(grey: Floats, strength: Floats) -> Floats:
    """(H, W) 1 .. 2: on pure white and black only one half of every wave fits onto the scale, so it is made larger."""
    room = np.minimum(grey, 255 - grey) / (1.5 * strength)
    return np.asarray(2 - np.clip(room, 0, 1), np.float32)


def luminance(pixels: npt.NDArray[np.integer]) -> Floats:
    """(H, W) float32, 0 .. 255: the mean of the colours, of any picture that `embed` takes."""
    scale = 255.0 / float(np.iinfo(pixels.dtype).max)
    if pixels.ndim == 2:
        return np.asarray(pixels * scale, np.float32)
    return np.asarray(pixels[..., : colour_channels(pixels)].mean(axis=2, dtype=np.float32) * scale, np.float32)


def colour_channels(pixels: npt.NDArray[np.integer]) -> int:
    """How many of the channels are colours: the last of two or four is alpha."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    return channels - 1 if channels in (2, 4) else channels


def _strength(grey: Floats, tile: float) -> Floats:
    """(H, W) float32: the standard deviation that the watermark may have at each pixel, in levels of 255."""
    import cv2

    size = max(3, round(tile / 16) | 1)
    mean = cv2.blur(grey, (size, size))
    contrast = np.sqrt(np.maximum(cv2.blur(grey * grey, (size, size)) - mean * mean, 0))
    hidden = np.minimum(contrast / _BUSY_CONTRAST, 1)
    # An edge between two plain surfaces hides nothing beside it: the least around, then smooth.
    hidden = cv2.blur(cv2.erode(hidden, np.ones((size, size), np.uint8)), (size, size))
    small = np.clip(np.sqrt(_AREA_PX / grey.size), 1, _SMALL)
    plain = PLAIN_LEVELS * small * (_DARK + (_BRIGHT - _DARK) * mean / 255)
    strength = plain + (BUSY_LEVELS - plain) * hidden
    gain = np.clip(_levels(_AIMED_PSNR_DB) / _rms(strength), 1, _MOST_GAIN)
    return np.asarray(gain * strength, np.float32)


def _levels(psnr_db: float) -> float:
    """The deviation, in levels of 255, that makes this PSNR."""
    return float(255 * 10 ** (-psnr_db / 20))


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
