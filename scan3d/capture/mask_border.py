"""The border of a foreground mask at full resolution, tight to a fraction of a pixel.

Light from subject and backdrop mixes linearly in a pixel, whatever blurs it. So the border lies where about
half of the light is the subject's, judged against the brightest light within the blur's reach; that leaves no
bright halo and does not eat what is dim. A pixel that is dim beside nothing bright (dark hair, a shadow side)
is judged by a mean over some pixels instead.
"""

from __future__ import annotations

import cv2
import numpy as np

from scan3d.capture.backdrop import Backdrop
from scan3d.capture.colour import quantised, srgb_to_linear

_HALF = 0.45  # of the subject's light: a shade below a half, as missing subject costs more than a thin halo
_GLOW = 0.25  # of the light nearby: less than that beside a brighter border is its blur, not subject
_MEAN = 0.8  # Gaussian, in coarse pixels, under which faint light is judged
_SPECK_PX = 40.0
_TELLING = 12.0  # noises of light above which half of it can be told from none


def refine_border(
    image: np.ndarray, coarse: np.ndarray, backdrop: Backdrop, scale: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Put the border of a coarse mask where it belongs.

    Args:
        image: (H, W, 3) uint8 or uint16, sRGB-encoded.
        coarse: (h, w) bool, not empty, of the image reduced by `scale`.
    Returns:
        mask (H, W) bool; alpha (H, W) float32, the subject's share of the light along the border, 0 or 1
        elsewhere; the distance in pixels over which the border is blurred.
    """
    height, width = image.shape[:2]
    band = 2.5 / scale + 1.0
    top, bottom, left, right = _box(coarse, scale, round(band) + 12, height, width)
    rough = _enlarged(coarse.astype(np.float32), scale, top, bottom, left, right) > 0.5
    light, noise = _foreign_light(image, backdrop, scale, top, bottom, left, right)
    blur_px = _edge_blur(light, rough, noise, band)
    radius = int(np.clip(np.ceil(2.0 * blur_px + 0.5), 2, 9))
    full = cv2.dilate(light, _disc(radius))
    # Where the subject hardly shines, half of it is less than the noise: there a mean over some pixels decides.
    telling = full > _TELLING * noise
    as_bytes = rough.astype(np.uint8)
    near = cv2.dilate(as_bytes, _square(round(band))) > cv2.erode(as_bytes, _square(round(band) + radius))
    reach = int(np.ceil(2.0 * (_MEAN / scale + blur_px)))
    faint = _faint(light, rough, reach, _MEAN / scale)
    fine = np.where(near & telling, light >= _HALF * full, rough & (faint | ~near))
    fine = _tidy(_without_moats(fine, rough & ~telling, rough, reach + 1), rough)
    as_bytes = fine.astype(np.uint8)
    edge = cv2.dilate(as_bytes, _disc(radius)) != cv2.erode(as_bytes, _disc(radius))
    share = np.clip(light / np.maximum(full, 1e-6), 0.0, 1.0)
    soft = np.where(edge & telling, share, fine).astype(np.float32)
    mask, alpha = np.zeros((height, width), bool), np.zeros((height, width), np.float32)
    mask[top:bottom, left:right], alpha[top:bottom, left:right] = fine, soft
    return mask, alpha, blur_px


def _box(coarse: np.ndarray, scale: float, margin: int, height: int, width: int) -> tuple[int, int, int, int]:
    """The subject's bounding box at full resolution with a margin: top, bottom, left, right."""
    rows, columns = np.flatnonzero(coarse.any(axis=1)), np.flatnonzero(coarse.any(axis=0))
    return (
        max(0, int(rows[0] / scale) - margin),
        min(height, int((rows[-1] + 1) / scale) + margin),
        max(0, int(columns[0] / scale) - margin),
        min(width, int((columns[-1] + 1) / scale) + margin),
    )


def _enlarged(small: np.ndarray, scale: float, top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """A window of a reduced image at full resolution, bilinear, pixel centres kept in place."""
    shift = 0.5 * scale - 0.5
    full_to_small = np.array([[scale, 0.0, scale * left + shift], [0.0, scale, scale * top + shift]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        small, full_to_small, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def _foreign_light(
    image: np.ndarray, backdrop: Backdrop, scale: float, top: int, bottom: int, left: int, right: int
) -> tuple[np.ndarray, float]:
    """Linear light that is not the backdrop's, (h, w) float32, and the noise of that light, for a window.

    Strips keep memory small and stay in the cache.
    """
    expected = srgb_to_linear(quantised(backdrop.expected, np.uint16))
    light = np.empty((bottom - top, right - left), np.float32)
    for row in range(top, bottom, 128):
        end = min(row + 128, bottom)
        behind = _enlarged(expected, scale, row, end, left, right)
        difference = cv2.subtract(srgb_to_linear(image[row:end, left:right]), behind)
        cv2.multiply(difference, difference, dst=difference)
        light[row - top : end - top] = cv2.sqrt(cv2.transform(difference, np.ones((1, 3), np.float32)))
    middle = np.median(backdrop.expected[::8, ::8].reshape(-1, 3), axis=0).astype(np.float32)
    slope = (srgb_to_linear(middle + backdrop.sigma) - srgb_to_linear(middle)) / scale
    return light, float(np.linalg.norm(slope))


def _faint(light: np.ndarray, rough: np.ndarray, reach: int, sigma: float) -> np.ndarray:
    """Where mean light is above the backdrop's, and no mere glow of a brighter border within reach.

    What is blurred needs no more pixels than its blur: large pictures are looked at in a smaller one.
    """
    shrink = max(1.0, sigma / 1.25)
    height, width = rough.shape
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = light if shrink == 1.0 else cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    mean = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    outside = cv2.resize(rough.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) == 0
    beside = mean[::2, ::2][outside[::2, ::2]]
    if len(beside) < 100:
        return np.ones_like(rough)
    middle = float(np.median(beside))
    spread = 1.4826 * float(np.median(np.abs(beside - middle)))
    mean = mean - np.float32(middle)
    faint = (mean > 4.0 * spread) & (mean > _GLOW * cv2.dilate(mean, _disc(int(np.ceil(reach / shrink)))))
    return cv2.resize(faint.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5


def _without_moats(fine: np.ndarray, dim: np.ndarray, rough: np.ndarray, reach: int) -> np.ndarray:
    """Give back what was taken for blur of a bright border though dim subject lies beyond it: hair beside skin."""
    kept = cv2.morphologyEx((fine & dim).astype(np.uint8), cv2.MORPH_OPEN, _disc(2))  # not the last of a blur
    if not kept.any():
        return fine
    closed = cv2.morphologyEx(fine.astype(np.uint8), cv2.MORPH_CLOSE, _square(reach)).astype(bool)
    return fine | (closed & rough & cv2.dilate(kept, _square(reach)).astype(bool))


def _edge_blur(light: np.ndarray, rough: np.ndarray, noise: float, band: float) -> float:
    """Pixels over which the subject's light falls from a half to 15%: the 30% quantile over the border."""
    contours, _ = cv2.findContours(rough.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([c[:, 0, :] for c in contours]).astype(np.float32)
    height, width = rough.shape
    reach = band + 8.0
    inside = (points > reach).all(axis=1) & (points[:, 0] < width - reach) & (points[:, 1] < height - reach)
    points = points[inside][:: max(1, int(inside.sum()) // 600)]
    if len(points) < 20:
        return 1.0
    shrink = max(1, round(band / 4.0))
    small = cv2.resize(
        rough.astype(np.float32), (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(small, (0, 0), max(2.0, band / 2 / shrink))
    gx, gy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    column = np.minimum((points[:, 0] / shrink).astype(int), soft.shape[1] - 1)
    row = np.minimum((points[:, 1] / shrink).astype(int), soft.shape[0] - 1)
    inward = np.stack([gx[row, column], gy[row, column]], axis=1)
    inward /= np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-12)
    steps = np.arange(-reach, reach, 0.5, dtype=np.float32)
    where = points[:, None, :] + steps[None, :, None] * inward[:, None, :]
    profile = cv2.remap(light, where[..., 0].astype(np.float32), where[..., 1].astype(np.float32), cv2.INTER_LINEAR)
    plateau = np.median(profile[:, -8:], axis=1)
    profile = profile[plateau > 20 * noise] / plateau[plateau > 20 * noise, None]
    if len(profile) < 20:
        return 1.0
    # The outermost place that reaches each level: shading inside the subject does not matter.
    half, tail = (profile >= 0.5).argmax(axis=1), (profile >= 0.15).argmax(axis=1)
    return float(np.quantile((half - tail) * 0.5, 0.3))


def _tidy(fine: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Drop specks that the rough mask does not have, fill pinholes that it does not have."""
    as_bytes = fine.astype(np.uint8)
    closed = cv2.morphologyEx(as_bytes, cv2.MORPH_CLOSE, _disc(1)).astype(bool)
    fine = fine | (closed & rough)
    tidy = fine.astype(np.uint8)
    contours, tree = cv2.findContours(tidy, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    for number, contour in enumerate(contours):
        is_pinhole = tree[0, number, 3] >= 0
        if cv2.contourArea(contour) < _SPECK_PX:
            cv2.drawContours(tidy, contours, number, int(is_pinhole), cv2.FILLED)
    return tidy.astype(bool)


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _square(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_RECT, (2 * radius + 1, 2 * radius + 1))
