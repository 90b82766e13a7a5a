"""Where skin differs from the skin around it, in colour and at any size: places that may be marks.

At each size the difference of two means (the scale-normalised Laplacian of Lindeberg 1998) of the logarithms of the
three channels is compared with what it is elsewhere on the same skin: the distance of Mahalanobis (Reed and Xiaoli
1990). Melanin and blood, which mottle all skin, then count little, and what is not of their mix counts: a vein is
bluer than both. Where skin is more uneven, ears and brows, more is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.appearance.marks.skin_picture import mean_of_known

SIZES_MM = (1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
LEAST_STRENGTH = 5.0  # in standard deviations of the skin around
_AROUND_MM = 10.0
_EVEN = 1.53  # the square of the mean root of the length of three numbers that are normally distributed


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A place in the picture, its likely size, and how far it stands out: standard deviations of skin around."""

    row: int
    column: int
    size_mm: float
    strength: float


def candidates(albedo: np.ndarray, known: np.ndarray, texel_mm: float) -> list[Candidate]:
    """Extremes over places and sizes, strongest first. albedo: (H, W, 3) linear; known: (H, W) bool."""
    import cv2

    found: list[Candidate] = []
    for size_mm, strength in strengths(albedo, known, texel_mm):
        reach = 2 * max(1, round(0.35 * size_mm / texel_mm)) + 1
        top = (strength >= cv2.dilate(strength, np.ones((reach, reach), np.uint8))) & (strength > LEAST_STRENGTH)
        rows, columns = np.nonzero(top)
        found += [
            Candidate(row=int(r), column=int(c), size_mm=size_mm, strength=float(strength[r, c]))
            for r, c in zip(rows, columns, strict=True)
        ]
    return sorted(found, key=lambda c: -c.strength)


def strengths(albedo: np.ndarray, known: np.ndarray, texel_mm: float) -> list[tuple[float, np.ndarray]]:
    """For each size in millimetres, (H, W) float32: how far a blob of that size stands out there."""
    weight = known.astype(np.float32)
    colour = np.log(np.maximum(albedo, 1e-3)).astype(np.float32)
    colour -= colour[known].mean(axis=0)
    sigmas = {size: max(0.6, 0.25 * size / texel_mm) for size in SIZES_MM}
    out = []
    for size, sigma in sigmas.items():
        response = mean_of_known(colour, weight, sigma) - mean_of_known(colour, weight, 1.6 * sigma)
        out.append((size, _standing_out(response, weight, _AROUND_MM / texel_mm)))
    return out


def _standing_out(response: np.ndarray, weight: np.ndarray, around: float) -> np.ndarray:
    """Distances of Mahalanobis, over what they are around: there by the mean of the root, which marks hardly move."""
    import cv2

    inside = weight > 0
    values = response[inside]
    values = values[:: max(1, len(values) // 400_000)]
    spread = 1.4826 * np.median(np.abs(values), axis=0) + 1e-6
    usual = values[(np.abs(values) < 3 * spread).all(axis=1)]
    inverse = np.linalg.inv(np.cov(usual.T) + 1e-9 * np.eye(3))
    turn = np.linalg.cholesky(inverse).astype(np.float32)
    far = np.linalg.norm(response @ turn, axis=2) * weight
    # Blurred at a quarter of the size: what is around is broad.
    small = max(1, int(around / 8))
    low = (max(1, weight.shape[1] // small), max(1, weight.shape[0] // small))
    root, share = (cv2.resize(v, low, interpolation=cv2.INTER_AREA) for v in (np.sqrt(far), weight))
    root, share = (cv2.GaussianBlur(v, (0, 0), max(around / small, 0.5)) for v in (root, share))
    usual_there = cv2.resize((root / np.maximum(share, 1e-3)) ** 2, weight.shape[::-1]) / _EVEN
    return np.asarray(far / np.maximum(usual_there, 0.8), np.float32)
