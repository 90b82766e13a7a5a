"""How different two pictures are: structural similarity and CIEDE2000, from their definitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scan3d.capture.colour import srgb_to_linear

_WINDOW_PX = 7
# IEC 61966-2-1, and the CIE's white of D65 for the 2 degree observer.
_XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_D65 = np.array([0.95047, 1.0, 1.08883])


def structural_similarity(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """(H, W) mean over channels of the similarity of two (H, W, C) pictures in [0, 1], -1 to 1 (alike).

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", with the even
    window of 7 pixels, sample covariance, K1 = 0.01 and K2 = 0.03.
    """
    channels = range(a.shape[2])  # one after the other: a photograph is large
    total = sum(_similarity(np.asarray(a[..., k], np.float64), np.asarray(b[..., k], np.float64)) for k in channels)
    return np.asarray(total / len(channels))


def _similarity(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import uniform_filter

    mean_x, mean_y = uniform_filter(x, _WINDOW_PX), uniform_filter(y, _WINDOW_PX)
    sample = _WINDOW_PX**2 / (_WINDOW_PX**2 - 1)
    variances = sample * (uniform_filter(x * x + y * y, _WINDOW_PX) - mean_x**2 - mean_y**2)
    covariance = sample * (uniform_filter(x * y, _WINDOW_PX) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return np.asarray(alike / ((mean_x**2 + mean_y**2 + c1) * (variances + c2)))


def lab_of_srgb(rgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) CIE L*a*b* under D65 of sRGB-encoded colours in [0, 1]."""
    xyz = srgb_to_linear(np.asarray(rgb, np.float64)).astype(np.float64) @ _XYZ_FROM_RGB.T / _D65
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """(...) colour difference of two (..., 3) CIE L*a*b* colours.

    Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula: implementation notes", with kL = kC = kH = 1.
    """
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(lab, np.float64), -1, 0) for lab in (first, second))
    chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma7 / (chroma7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0
    turn = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    # Exactly opposite hues: the formula's own choice of sign, which the mean hue below depends on.
    turn = np.where((turn == -180) & (h2 > h1), 180.0, turn)
    lightness, chroma = l2 - l1, c2 - c1
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_c, mean_h = (c1 + c2) / 2, np.where(grey, h1 + h2, _mean_hue(h1, h2))
    waves = ((0.17, 1, -30), (-0.24, 2, 0), (-0.32, 3, 6), (0.20, 4, -63))
    t = 1 - sum(size * np.cos(np.radians(times * mean_h + shift)) for size, times, shift in waves)
    off = ((l1 + l2) / 2 - 50) ** 2
    in_l = lightness / (1 + 0.015 * off / np.sqrt(20 + off))
    in_c, in_h = chroma / (1 + 0.045 * mean_c), hue / (1 + 0.015 * mean_c * t)
    bend = np.sin(2 * np.radians(30 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    turned = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)) * bend
    return np.asarray(np.sqrt(in_l**2 + in_c**2 + in_h**2 + turned * in_c * in_h))


def _mean_hue(h1: NDArray[np.float64], h2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees halfway between two hues the short way round; at exactly opposite ones their plain mean."""
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    return np.asarray(np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2)
