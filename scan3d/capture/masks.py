"""Foreground masks of single photographs against a plain backdrop, dark surroundings or a clean plate.

At about half a megapixel, where noise is low, the subject is what deviates clearly from the backdrop, grown
with hysteresis (Canny 1986) to what deviates faintly: dark hair, the shadow side of skin. `mask_border` then
finds its border at full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from scan3d.capture.backdrop import (
    Backdrop,
    backdrop_from_border,
    backdrop_from_plate,
    dark_surroundings,
    reduced,
)
from scan3d.capture.mask_border import refine_border
from scan3d.errors import CaptureError

_COARSE_PIXELS = 0.4e6
_SMOOTH_PX = 1.0  # Gaussian at the coarse scale
_MIN_COMPONENT = 0.004  # of the largest one
_MAX_SOFT_HOLE = 0.02  # of the subject: a larger hole is background even where its rim is soft
_STEP = 5.0  # sigmas between the two sides of a border that is one


@dataclass(frozen=True, kw_only=True)
class ForegroundMask:
    """The subject in one photograph.

    mask: (H, W) bool. alpha: (H, W) float32, 0..1, soft along the border (blur, hair), 0 or 1 elsewhere.
    method: "backdrop", "plate" or "dark". reliable: whether the method suits this photograph.
    doubts: why not, in words. share: fraction of the photograph that is subject. edge_blur_px: half width of
    the subject's border.
    """

    mask: np.ndarray
    alpha: np.ndarray
    method: str
    reliable: bool
    doubts: tuple[str, ...]
    share: float
    edge_blur_px: float


def mask_from_backdrop(image: np.ndarray) -> ForegroundMask:
    """Separate the subject from a dark or plain backdrop, which may be unevenly lit but not structured.

    image: (H, W, 3) uint8 or uint16, sRGB-encoded. See `ForegroundMask.reliable` before using the result.
    """
    small, scale = reduced(image, _COARSE_PIXELS)
    return _separate(image, small, scale, backdrop_from_border(small), "backdrop")


def mask_from_plate(image: np.ndarray, plate: np.ndarray) -> ForegroundMask:
    """Separate the subject from a photograph of the empty scene by the same camera at the same place.

    image, plate: (H, W, 3) uint8 or uint16, sRGB-encoded. Raises CaptureError where their sizes differ.
    """
    if image.shape != plate.shape:
        what = (
            f"The clean plate is {plate.shape[1]} x {plate.shape[0]} pixels, "
            f"the photograph {image.shape[1]} x {image.shape[0]}."
        )
        raise CaptureError(what, "", "Take the clean plate again with the settings of the photographs.")
    small, scale = reduced(image, _COARSE_PIXELS)
    small_plate, _ = reduced(plate, _COARSE_PIXELS)
    return _separate(image, small, scale, backdrop_from_plate(small, small_plate), "plate")


def mask_from_darkness(image: np.ndarray) -> ForegroundMask | None:
    """Roughly separate a lit subject from dark, structured surroundings; None where they are not dark.

    For where to look, not for where not to: dark parts of the subject may be missing, bright things beside it
    included, so it never calls itself reliable.

    image: (H, W, 3) uint8 or uint16, sRGB-encoded.
    """
    small, scale = reduced(image, _COARSE_PIXELS)
    backdrop = dark_surroundings(small)
    return None if backdrop is None else _separate(image, small, scale, backdrop, "dark")


def _separate(image: np.ndarray, small: np.ndarray, scale: float, backdrop: Backdrop, method: str) -> ForegroundMask:
    deviation = backdrop.deviation(cv2.GaussianBlur(small, (0, 0), _SMOOTH_PX))
    low, high = _thresholds(deviation)
    coarse = _main_components(_fill_holes(_hysteresis(deviation, low, high), deviation, low))
    doubts = _doubts(coarse, small, deviation, low, backdrop, method)
    if coarse.any():
        mask, alpha, blur_px = refine_border(image, coarse, backdrop, scale)
    else:
        mask, alpha, blur_px = np.zeros(image.shape[:2], bool), np.zeros(image.shape[:2], np.float32), 0.0
    return ForegroundMask(
        mask=mask, alpha=alpha, method=method, reliable=not doubts, doubts=doubts,
        share=float(mask.mean()), edge_blur_px=blur_px,
    )  # fmt: skip


# -- coarse --------------------------------------------------------------------------------------------------


def _thresholds(deviation: np.ndarray) -> tuple[float, float]:
    """Low and high threshold in sigmas. Smoothing made noise smaller than sigma; its spread says by how much."""
    sample = deviation[::3, ::3]
    calm = sample[sample < 4.0]
    spread = float(np.quantile(calm, 0.8)) if len(calm) > 100 else 1.0
    low = float(np.clip(2.2 * spread, 1.6, 4.0))
    return low, 3.0 * low


def _hysteresis(deviation: np.ndarray, low: float, high: float) -> np.ndarray:
    """Pixels above `low` that are connected to pixels above `high`: (h, w) bool."""
    above = (deviation > low).astype(np.uint8)
    weak = cv2.morphologyEx(above, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    _, labels = cv2.connectedComponents(weak, connectivity=8)
    strong = np.unique(labels[(deviation > high) & (weak > 0)])
    keep = np.zeros(labels.max() + 1, bool)
    keep[strong] = True
    keep[0] = False
    return keep[labels]


def _fill_holes(mask: np.ndarray, deviation: np.ndarray, low: float) -> np.ndarray:
    """Fill what the subject encloses, unless the backdrop is seen through it: a large hole, or a sharp rim.

    A nostril or a shadow fades in; a gap between arm and body starts within the blur of the lens.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    filled = mask.copy()
    height, width = mask.shape
    subject = int(mask.sum())
    for label in range(1, count):
        left, top, w, h, area = stats[label]
        if left == 0 or top == 0 or left + w == width or top + h == height:
            continue
        window = np.s_[max(0, top - 12) : top + h + 12, max(0, left - 12) : left + w + 12]
        hole = labels[window] == label
        if area < 12 or (area < _MAX_SOFT_HOLE * subject and not _is_sharp(hole, deviation[window], low)):
            filled[window][hole] = True
    return filled


def _is_sharp(hole: np.ndarray, deviation: np.ndarray, low: float) -> bool:
    # Backdrop seen through ends within the smoothing, some 3 pixels; a shadow goes on falling off beyond that.
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3)
    near = deviation[(distance > 3.0) & (distance <= 5.0)]
    far = deviation[(distance > 8.0) & (distance <= 11.0)]
    if not len(near) or not len(far):
        return False
    inside = float(np.median(deviation[hole]))
    return inside < 0.7 * low and float(np.median(near)) > 0.75 * float(np.median(far))


def _main_components(mask: np.ndarray) -> np.ndarray:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 1:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0.0
    return (areas >= _MIN_COMPONENT * areas.max())[labels]


def _doubts(
    mask: np.ndarray, small: np.ndarray, deviation: np.ndarray, low: float, backdrop: Backdrop, method: str
) -> tuple[str, ...]:
    """Reasons not to trust the mask; empty where there is none."""
    doubts = []
    if method == "dark":
        doubts.append("the surroundings are dark but not plain: dark parts of the subject may be missing")
    share = float(mask.mean())
    if share < 0.005:
        doubts.append("nothing stands out from the backdrop")
    elif share > 0.9:
        doubts.append("almost the whole photograph stands out from the backdrop")
    if backdrop.border_share < 0.3:
        doubts.append(f"only {backdrop.border_share:.0%} of the border looks like one backdrop")
    if backdrop.unevenness > 10 / 255:
        doubts.append(f"the backdrop is uneven ({backdrop.unevenness * 255:.0f} levels of 255)")
    if method == "backdrop" and mask[2].mean() > 0.5:
        doubts.append("the upper border is not backdrop")
    if doubts or not mask.any():
        return tuple(doubts)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    ring = cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)
    outside = ~ring
    stray = float((deviation[outside] > low).mean()) if outside.any() else 0.0
    if stray > 0.08:
        doubts.append(f"{stray:.0%} of what lies beside the subject does not look like the backdrop")
    faint = _faint_share(mask, small, backdrop)
    if faint > 0.25:
        doubts.append(f"{faint:.0%} of the subject's border hardly differs from the backdrop beside it")
    return tuple(doubts)


def _faint_share(mask: np.ndarray, small: np.ndarray, backdrop: Backdrop) -> float:
    """Share of the subject's border without a step: where the means over the pixels to either side are alike.

    A spot of light on the backdrop ends without a step, and so does a shadow.
    """
    core = cv2.erode(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    rim = mask & (core == 0)
    if not rim.any():
        return 0.0
    means = []
    for side in (mask.astype(np.float32), 1.0 - mask):
        light, weight = cv2.blur(small * side[..., None], (11, 11)), cv2.blur(side, (11, 11))
        means.append(light[rim] / np.maximum(weight[rim], 1e-6)[:, None])
    step = (np.abs(means[0] - means[1]) / backdrop.sigma).max(axis=1)
    return float((step < _STEP).mean())
