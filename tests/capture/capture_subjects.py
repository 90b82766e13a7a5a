"""Synthetic photographs of a shaded, freckled bust before a backdrop, with the exact mask."""

from __future__ import annotations

import cv2
import numpy as np

from scan3d.capture.colour import linear_to_srgb

HEIGHT, WIDTH = 480, 360


def subject(*, side_light: bool = False, dark_hair: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Linear colour (H, W, 3), defined everywhere, and the exact mask (H, W) bool: head, neck, shoulders."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) + 0.5
    head = ((x - 180) / 75) ** 2 + ((y - 150) / 100) ** 2
    mask = (head < 1) | (((x - 180) / 40) ** 2 + ((y - 260) / 80) ** 2 < 1)
    mask |= ((x - 180) / 170) ** 2 + ((y - 440) / 120) ** 2 < 1
    shade = 0.35 + 0.3 * np.clip(1 - head, 0, 1)
    freckles = cv2.GaussianBlur(random.standard_normal((HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.5)
    colour = shade[..., None] * np.array([0.55, 0.33, 0.25]) * (1 + 0.3 * freckles[..., None])
    if side_light:
        colour *= np.clip((x - 90) / 180, 0.02, 1)[..., None]
    if dark_hair:
        colour = np.where((y < 130)[..., None], 0.006, colour)
    return colour, mask


def backdrop(kind: str) -> tuple[np.ndarray, float]:
    """Linear backdrop (H, W, 3) and the noise of the photograph in levels of 255."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) + 0.5
    u, v = x / WIDTH, y / HEIGHT
    flat = {
        "black": (0.0008 + 0 * u, 2.0),
        "grey": (0.18 + 0.12 * u + 0.08 * v * v, 2.0),
        "noisy grey": (0.18 + 0.12 * u + 0.08 * v * v, 6.0),
        "white": (0.95 - 0.25 * ((u - 0.5) ** 2 + (v - 0.5) ** 2), 2.0),
        "spot": (0.03 + 0.25 * np.exp(-((u - 0.5) ** 2 + (v - 0.4) ** 2) / 0.15), 2.0),
    }
    if kind == "green":
        return np.stack([0.03 + 0 * u, 0.35 + 0.2 * v, 0.06 + 0 * u], axis=2), 2.0
    if kind == "room":
        random = np.random.default_rng(5)
        blocks = cv2.resize(random.random((8, 6, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
        return 0.5 * blocks, 2.0
    level, noise = flat[kind]
    return np.repeat(level[..., None], 3, axis=2), noise


def photograph(
    behind: np.ndarray,
    colour: np.ndarray,
    mask: np.ndarray,
    *,
    noise: float,
    blur_px: float = 0.6,
    seed: int = 0,
) -> np.ndarray:
    """The subject before the backdrop through a blurring lens, (H, W, 3) uint8 sRGB, compressed as JPEG."""
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), blur_px)[..., None]
    light = alpha * colour + (1 - alpha) * behind
    levels = linear_to_srgb(light) * 255 + np.random.default_rng(seed).normal(0, noise, light.shape)
    levels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, 93])[1], cv2.IMREAD_COLOR)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float((a & b).sum() / (a | b).sum())
