"""What one photograph tells of its camera: blur, clipping, darkness, and the light at places that others see too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FINE, _MIDDLE, _COARSE = 0.7, 1.4, 2.8  # px, sigmas of the blurs whose differences are compared
_LIVELY_SHARE = 0.1  # of the subject: where most detail is
_PATCH_SIGMA_PX = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotoMeasures:
    """Of the subject in one photograph.

    blur_px: sigma of the Gaussian that would leave as much fine detail of a sharp edge; nan without detail.
    clipped_share: of the subject's pixels, those with a channel at its maximum. luminance: median, linear, 0..1.
    rgb: (N, 3) float32 linear light around places asked for.
    """

    camera_id: str
    blur_px: float
    clipped_share: float
    luminance: float
    rgb: np.ndarray


def measure_photograph(
    camera_id: str, image: np.ndarray, mask: np.ndarray | None, places_px: np.ndarray
) -> PhotoMeasures:
    """Measure a photograph.

    Args:
        image: (H, W, 3) uint8 or uint16, sRGB-encoded. mask: (H, W) bool, the subject; None: everything.
        places_px: (N, 2) pixels, centres at 0.5, where the light is wanted.
    """
    import cv2

    top = 255 if image.dtype == np.uint8 else 65535
    inside = np.ones(image.shape[:2], bool) if mask is None or not mask.any() else mask
    subject = image[inside]
    # The largest value of all stands for clipping too: programs that brighten leave it just below white.
    clipped = float((subject >= 0.996 * top).any(axis=1).mean())
    linear = _linear(image.astype(np.float32) / top)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    soft = cv2.GaussianBlur(linear, (0, 0), _PATCH_SIGMA_PX)
    x, y = (np.ascontiguousarray(places_px[:, k] - 0.5, np.float32).reshape(1, -1) for k in (0, 1))
    rgb = cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0] if len(places_px) else None
    return PhotoMeasures(
        camera_id=camera_id,
        blur_px=edge_blur_px(image.mean(axis=2, dtype=np.float32) / top, inside),
        clipped_share=clipped,
        luminance=float(np.median(luminance[inside])),
        rgb=np.zeros((0, 3), np.float32) if rgb is None else rgb,
    )


def edge_blur_px(grey: np.ndarray, inside: np.ndarray) -> float:
    """Blur of the liveliest tenth of a picture (H, W), from the ratio of two octaves of its detail.

    Edges have a spectrum that falls with the square of the frequency; a Gaussian blur takes from the finer octave
    more than from the coarser one by an amount that depends on its sigma alone.
    """
    import cv2

    a, b, c = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (_FINE, _MIDDLE, _COARSE))
    fine, coarse = (a - b) ** 2, (b - c) ** 2
    # Not at the silhouette: its sharpness is that of the background too, and clothes and hair are softer there.
    inner = cv2.erode(inside.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    if inner.sum() < 1000:
        return float("nan")
    weight = cv2.GaussianBlur(coarse, (0, 0), 3.0)
    lively = inner & (weight >= np.quantile(weight[inner], 1.0 - _LIVELY_SHARE))
    # The coarser octave reaches further from an edge than the finer one: all of it counts.
    lively = inner & (cv2.dilate(lively.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0)
    total = float(coarse[lively].mean())
    if total < 1e-9:
        return float("nan")
    sigmas = np.linspace(0.0, 12.0, 481)
    ratio = float(fine[lively].mean()) / total
    return float(np.interp(-ratio, -_ratios(sigmas), sigmas))


def _ratios(sigmas: np.ndarray) -> np.ndarray:
    """Energy of the finer octave over that of the coarser one, of an edge blurred by each sigma."""
    w = np.linspace(1e-3, np.pi, 2000)

    def energy(low: float, high: float) -> np.ndarray:
        band = np.exp(-0.5 * (low * w) ** 2) - np.exp(-0.5 * (high * w) ** 2)
        return np.asarray((np.exp(-((sigmas[:, None] * w) ** 2)) * band**2 / w**2).sum(axis=1))

    return energy(_FINE, _MIDDLE) / energy(_MIDDLE, _COARSE)


def _linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)
