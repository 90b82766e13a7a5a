"""What lies behind the subject: a plain or dark backdrop's colour and noise, or a clean plate.

Everything works on sRGB-encoded values scaled to 0..1: in that encoding photon noise is almost the same at
every brightness, so one sigma per channel describes a backdrop. Images are reduced to about a megapixel
first: averaging pixels lifts dark hair out of the noise, and nothing here needs more resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_SIGMA_FLOOR = 0.6 / 255  # of a mean of several 8-bit pixels: below this it is quantisation, not noise
_DARK = 0.35  # sRGB-encoded: a tenth of white
_PLANE, _QUADRATIC = 3, 6  # terms of a surface in x and y


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """The empty scene as it would look in one reduced photograph.

    expected: (h, w, 3) float32, sRGB-encoded 0..1, the backdrop behind everything.
    sigma: (3,) float32, noise and unevenness around it.
    border_share: fraction of the photograph's border that shows it.
    unevenness: largest sigma over the channels, before its floor.
    """

    expected: np.ndarray
    sigma: np.ndarray
    border_share: float
    unevenness: float

    def deviation(self, image: np.ndarray) -> np.ndarray:
        """How far each pixel is from the backdrop, in sigmas: (h, w) float32. image: (h, w, 3) float32, 0..1."""
        difference = (image - self.expected) / self.sigma
        return np.sqrt(np.einsum("hwc,hwc->hw", difference, difference, optimize=False))


def dark_surroundings(image: np.ndarray) -> Backdrop | None:
    """A dark but structured background, such as a room behind a subject lit by flash; None where it is not
    dark.

    What nine tenths of the border show counts as background, however it is structured, so a dark part of the
    subject
    is lost in it: only worth trying where a plain backdrop is not found.

    image: (h, w, 3) float32, sRGB-encoded 0..1.
    """
    rows, columns, _ = _border_samples(*image.shape[:2])
    upper = rows < 0.7 * image.shape[0]  # a bust or legs leave the picture below
    smooth = cv2.blur(image, (5, 5), borderType=cv2.BORDER_REPLICATE)
    border = smooth[rows[upper], columns[upper]]
    middle = np.median(border, axis=0)
    spread = np.quantile(np.abs(border - middle), 0.9, axis=0)
    if float((middle + spread).max()) > _DARK:
        return None
    return Backdrop(
        expected=np.broadcast_to(middle.astype(np.float32), image.shape).copy(),
        sigma=np.maximum(spread / 1.645, _SIGMA_FLOOR).astype(np.float32),
        border_share=0.9,
        unevenness=float(spread.max() / 1.645),
    )


def reduced(image: np.ndarray, max_pixels: float) -> tuple[np.ndarray, float]:
    """The image averaged down to at most `max_pixels`, as (h, w, 3) float32 0..1, and the scale (<= 1)
    applied.

    image: (H, W, 3) uint8 or uint16, sRGB-encoded.
    """
    height, width = image.shape[:2]
    scale = min(1.0, float(np.sqrt(max_pixels / (height * width))))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(np.iinfo(image.dtype).max), scale


def backdrop_from_border(image: np.ndarray, *, seed: int = 0) -> Backdrop:
    """Estimate a plain backdrop, evenly or unevenly lit, from the border of a reduced photograph.

    The subject may cover most of the border. A smooth surface (plane, then quadratic in x and y, per channel)
    is drawn through few border samples at a time; the one that most of the border agrees with wins, the upper
    border counting more than the lower, where a bust or legs leave the picture. It is then fitted robustly,
    with what lies inside the picture and agrees.

    image: (h, w, 3) float32, sRGB-encoded 0..1.
    """
    height, width = image.shape[:2]
    rows, columns, weight = _border_samples(height, width)
    smooth = cv2.blur(image, (5, 5), borderType=cv2.BORDER_REPLICATE)
    colour, design = smooth[rows, columns], _design(rows, columns, height, width)
    agrees = _consensus(design, colour, weight, tolerance=_border_tolerance(image), seed=seed)
    coefficients = _fit(design, colour, agrees, terms=_PLANE)
    coefficients = _fit(design, colour, _close(design, colour, coefficients, agrees), terms=_PLANE)
    step = max(1, round(min(height, width) / 120))
    inner_rows, inner_columns = (a.ravel() for a in np.mgrid[0:height:step, 0:width:step])
    all_design = np.vstack([design, _design(inner_rows, inner_columns, height, width)])
    all_colour = np.vstack([colour, smooth[inner_rows, inner_columns]])
    start = np.concatenate([agrees, np.zeros(len(inner_rows), bool)])
    for terms in (_PLANE, _QUADRATIC, _QUADRATIC):
        inside = _close(all_design, all_colour, coefficients, start)
        coefficients = _fit(all_design, all_colour, inside, terms=terms)
    expected = _surface(coefficients, height, width)
    kept = _close(design, colour, coefficients, agrees)
    residual = (image - expected)[rows, columns][kept]
    sigma = _robust_sigma(residual) if len(residual) >= 16 else np.full(3, np.inf)
    return Backdrop(
        expected=expected,
        sigma=np.maximum(sigma, _SIGMA_FLOOR).astype(np.float32),
        border_share=float(kept.mean()),
        unevenness=float(sigma.max()),
    )


def backdrop_from_plate(image: np.ndarray, plate: np.ndarray) -> Backdrop:
    """The backdrop as a photograph without the subject shows it, brought to this photograph's exposure.

    The gain per channel is the median ratio over the half of the pixels that changed least, so neither the
    subject nor its shadow weighs in.

    image, plate: (h, w, 3) float32, sRGB-encoded 0..1, of the same shape.
    """
    difference = np.abs(image - plate).max(axis=2)
    for _ in range(2):
        unchanged = difference <= np.median(difference)
        bright = unchanged & (plate.min(axis=2) > 8 / 255)
        if bright.sum() >= 64:
            gain = np.median(image[bright] / plate[bright], axis=0)
            plate = np.clip(plate * gain, 0.0, 1.0).astype(np.float32)
        difference = np.abs(image - plate).max(axis=2)
    unchanged = difference <= np.median(difference)
    sigma = _robust_sigma((image - plate)[unchanged]) * 1.7  # the calmer half understates the spread
    height, width = image.shape[:2]
    rows, columns, _ = _border_samples(height, width)
    limit = 5 * max(float(sigma.max()), _SIGMA_FLOOR)
    return Backdrop(
        expected=plate,
        sigma=np.maximum(sigma, _SIGMA_FLOOR).astype(np.float32),
        border_share=float((difference[rows, columns] < limit).mean()),
        unevenness=float(sigma.max()),
    )


def _border_samples(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and weights of samples on two rings at the border, about one per three pixels."""
    rows, columns = [], []
    for inset in (2, 2 + round(0.015 * min(height, width))):
        along_x, along_y = np.arange(inset, width - inset, 3), np.arange(inset, height - inset, 3)
        rows += [np.full(len(along_x), inset), np.full(len(along_x), height - 1 - inset), along_y, along_y]
        columns += [along_x, along_x, np.full(len(along_y), inset), np.full(len(along_y), width - 1 - inset)]
    r, c = np.concatenate(rows), np.concatenate(columns)
    return r, c, 1.0 - 0.7 * (r / height) ** 2


def _design(rows: np.ndarray, columns: np.ndarray, height: int, width: int) -> np.ndarray:
    x, y = 2.0 * columns / width - 1.0, 2.0 * rows / height - 1.0
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _surface(coefficients: np.ndarray, height: int, width: int) -> np.ndarray:
    """The surface of `_design` at every pixel: (h, w, 3) float32 within 0..1."""
    one, cx, cy, cxx, cxy, cyy = coefficients.astype(np.float32)
    x = (2.0 * np.arange(width, dtype=np.float32) / width - 1.0)[None, :, None]
    y = (2.0 * np.arange(height, dtype=np.float32) / height - 1.0)[:, None, None]
    surface = (one + cy * y + cyy * y * y) + x * (cx + cxy * y + cxx * x)
    return np.clip(surface, 0.0, 1.0, out=surface)


def _border_tolerance(image: np.ndarray) -> float:
    """How far a smoothed border sample may be from the surface: the picture's own noise, at least some levels."""
    noise = np.abs(image[1::4, 1::4] - image[:-1:4, :-1:4])
    return max(5.0 / 255, 2.0 * float(np.median(noise)))


def _consensus(
    design: np.ndarray, colour: np.ndarray, weight: np.ndarray, *, tolerance: float, seed: int
) -> np.ndarray:
    """Samples that agree with the best of many surfaces, each through three samples (RANSAC, Fischler 1981)."""
    random = np.random.default_rng(seed)
    best, best_score = np.zeros(len(colour), bool), -1.0
    for attempt in range(160):
        # Every fourth attempt is a flat colour: three samples far apart seldom all lie on a small patch of
        # backdrop.
        if attempt % 4 == 0:
            error = np.abs(colour - colour[random.integers(len(colour))])
        else:
            chosen = random.choice(len(colour), 3, replace=False)
            plane = design[chosen, :3]
            if abs(np.linalg.det(plane)) < 0.2:
                continue
            error = np.abs(colour - design[:, :3] @ np.linalg.solve(plane, colour[chosen]))
        agrees = error.max(axis=1) < tolerance
        score = float((weight * agrees).sum())
        if score > best_score:
            best, best_score = agrees, score
    return best


def _fit(design: np.ndarray, colour: np.ndarray, use: np.ndarray, *, terms: int) -> np.ndarray:
    """Least-squares surface over the samples in `use`: (6, 3), the higher terms zero where they are not asked for."""
    coefficients = np.zeros((_QUADRATIC, 3))
    if use.sum() < 4 * terms:
        terms = 1
    if use.any():
        a = design[use, :terms]
        ridge = 1e-4 * len(a) * np.eye(terms)  # curvature that the samples do not determine stays zero
        ridge[0, 0] = 0.0
        coefficients[:terms] = np.linalg.solve(a.T @ a + ridge, a.T @ colour[use])
    return coefficients


def _close(design: np.ndarray, colour: np.ndarray, coefficients: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Samples within four robust sigmas (measured over `start`) of the surface."""
    error = np.abs(colour - design @ coefficients)
    if not start.any():
        return start
    spread = np.maximum(1.4826 * np.median(error[start], axis=0), _SIGMA_FLOOR)
    return (error / spread).max(axis=1) < 4.0


def _robust_sigma(residual: np.ndarray) -> np.ndarray:
    """Sigma per channel from the median absolute residual; residual (N, 3)."""
    return 1.4826 * np.median(np.abs(residual), axis=0)
