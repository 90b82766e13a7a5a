"""Whether marks that were found are still in a picture of the skin: after it was carried to another chart, filled,
merged or packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry.imperfections import Imperfection

LEAST_KEPT = 0.5  # of the contrast: what a mark has at its own edge
_CORE, _RING = 0.25, (0.62, 1.1)  # of the size: the middle, and the skin around
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_NARROWEST_MM = 2.0  # a long mark's width; its size says nothing of it


@dataclass(frozen=True, kw_only=True)
class LostMark:
    """A mark whose contrast there is (`shown`, as Imperfection has it) is less than half of what was found; NaN where
    the picture does not show the place."""

    mark: Imperfection
    shown: float


def marks_kept(
    albedo: np.ndarray,
    marks: Sequence[Imperfection],
    *,
    texel_m: float | np.ndarray,
    known: np.ndarray | None = None,
    uv: np.ndarray | None = None,
    least: float = LEAST_KEPT,
) -> list[LostMark]:
    """The marks that a picture has lost; empty where all are there.

    albedo: (H, W, 3) linear. known: (H, W) bool, where it shows skin. uv: (N, 2) where the marks lie on this picture's
    chart; None: at their own. NaN is a mark on another picture. texel_m: side of a texel, or (N,) that at each mark.
    A mark may lie a millimetre off. Long marks are looked at in their middle.
    """
    places = np.array([mark.uv for mark in marks]).reshape(-1, 2) if uv is None else np.asarray(uv, np.float64)
    texels_mm = 1e3 * np.broadcast_to(np.asarray(texel_m, np.float64), (len(marks),))
    light = np.asarray(albedo @ _LUMINANCE, np.float64)
    if known is not None:
        light = np.where(known, light, np.nan)
    lost = []
    for mark, place, texel_mm in zip(marks, places, texels_mm, strict=True):
        if not np.isfinite(place).all():
            continue
        shown = _shown(light, mark, place, float(texel_mm))
        if not shown * np.sign(mark.contrast) >= least * abs(mark.contrast):
            lost.append(LostMark(mark=mark, shown=shown))
    return lost


def _shown(light: np.ndarray, mark: Imperfection, place: np.ndarray, texel_mm: float) -> float:
    """The contrast of the mark's sign that is strongest within a millimetre, or NaN."""
    import cv2

    across_mm = min(mark.size_mm, 8.0) if mark.kind not in ("vein", "scar") else _NARROWEST_MM
    across = max(across_mm / texel_mm, 2.0)
    reach = int(np.ceil(_RING[1] * across + 1 / texel_mm)) + 1
    row, column = (1 - place[1]) * light.shape[0] - 0.5, place[0] * light.shape[1] - 0.5
    if not (-0.5 <= row <= light.shape[0] - 0.5 and -0.5 <= column <= light.shape[1] - 0.5):
        return float("nan")
    rows, columns = (np.arange(2 * reach + 1) - reach + round(float(middle)) for middle in (row, column))
    inside = ((rows >= 0) & (rows < light.shape[0]))[:, None] & ((columns >= 0) & (columns < light.shape[1]))
    patch = light[np.clip(rows, 0, light.shape[0] - 1)[:, None], np.clip(columns, 0, light.shape[1] - 1)]
    patch = np.where(inside, patch, np.nan)
    away = np.hypot((rows - row)[:, None], columns - column)
    ring = patch[(away > _RING[0] * across) & (away < _RING[1] * across + 1)]
    if np.isfinite(ring).sum() < 8:
        return float("nan")
    share = 1 - patch / max(float(np.nanmedian(ring)), 1e-6)
    there = np.isfinite(share).astype(np.float64)
    size = 2 * max(0, int(np.floor(_CORE * across))) + 1
    core = cv2.blur(np.nan_to_num(share), (size, size)) / np.maximum(cv2.blur(there, (size, size)), 1e-9)
    near = (away <= max(1 / texel_mm, 1.0)) & (there > 0)
    if not near.any():
        return float("nan")
    sign = np.sign(mark.contrast)
    return float(sign * (sign * core[near]).max())
