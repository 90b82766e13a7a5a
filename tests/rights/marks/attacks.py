"""What happens to pictures on their way: coded, shrunk, cut, recoloured."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Attack = Callable[[Pixels, np.random.Generator], Pixels]


def coded(format: str, quality: int) -> Attack:
    def attack(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, format, quality=quality)
        return np.asarray(Image.open(out).convert("RGB"))

    return attack


def scaled(factor: float) -> Attack:
    def attack(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        size = round(width * factor), round(height * factor)
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))

    return attack


def cropped(part: float) -> Attack:
    """Cuts this part of both sides away, wherever chance puts the rest."""

    def attack(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = (round(side * (1 - part)) for side in pixels.shape[:2])
        top, left = rng.integers(pixels.shape[0] - height + 1), rng.integers(pixels.shape[1] - width + 1)
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])

    return attack


def recoloured(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Less saturated, brighter and warmer."""
    linear = pixels.astype(np.float64)
    grey = linear.mean(axis=2, keepdims=True)
    toned = 255 * ((grey + 0.7 * (linear - grey)) / 255) ** 0.85
    return np.clip(np.rint(toned * (1.08, 1.0, 0.88) + (4, 0, -6)), 0, 255).astype(np.uint8)


def darkened(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return np.rint(0.85 * 255 * (pixels / 255.0) ** 1.3).astype(np.uint8)


def both(*attacks: Attack) -> Attack:
    def attack(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        for one in attacks:
            pixels = one(pixels, rng)
        return pixels

    return attack


ATTACKS: dict[str, Attack] = {
    **{f"JPEG {quality}": coded("JPEG", quality) for quality in (95, 90, 80, 70, 60, 50)},
    "WebP 75": coded("WEBP", 75),
    "half size": scaled(0.5),
    "crop of 20 %": cropped(0.2),
    "colour shift": recoloured,
    "darker": darkened,
}

TOGETHER: dict[str, Attack] = {
    "half size, JPEG 75": both(scaled(0.5), coded("JPEG", 75)),
    "half size, JPEG 50": both(scaled(0.5), coded("JPEG", 50)),
    "crop, half size": both(cropped(0.2), scaled(0.5)),
    "crop, half size, JPEG 50": both(cropped(0.2), scaled(0.5), coded("JPEG", 50)),
    "crop, colour, half size, WebP 75": both(cropped(0.2), recoloured, scaled(0.5), coded("WEBP", 75)),
    "crop of 50 %": cropped(0.5),
    "70 %, JPEG 60": both(scaled(0.7), coded("JPEG", 60)),
    "140 %, JPEG 50": both(scaled(1.4), coded("JPEG", 50)),
    "a third of the size": scaled(1 / 3),
    "JPEG 30": coded("JPEG", 30),
}
