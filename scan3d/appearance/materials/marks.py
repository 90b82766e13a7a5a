"""Moles, freckles, scars and blemishes as data: found in the albedo that was measured, which stays as it is.

A mark is a place whose luminance differs from the skin around it more than that skin differs from itself. Blobs are
found at all sizes by the difference of two means (Lindeberg 1998), over the texels of the surface only; each is then
measured by itself: its size where it has half its contrast, its contrast against the ring around it. Brows, lips,
nostrils and hair have no even skin around them: what is there is no mark.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scan3d.geometry.imperfections import Imperfection

LEAST_MM = 1.0
_LEAST_CONTRAST = 0.12  # skin without marks is mottled by 0.08
_FINER = 4  # steps per texel in which a mark is measured
_UNEVEN = 1.8  # times what a seventh of the skin around differs
_SIGNIFICANT = 4.0  # times what the skin around differs from itself
_SIZES_MM = (1.2, 1.7, 2.4, 3.4, 4.8)
_MOST_MM = 9.0
Place = Callable[[int, int], np.ndarray]
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blob:
    row: int
    column: int
    size_mm: float
    contrast: float
    long: float
    red: float


def find_marks(
    albedo: np.ndarray, known: np.ndarray, place: Place, texel_m: float, *, part: str = "skin"
) -> list[Imperfection]:
    """Marks of one tile, strongest first.

    albedo: (H, W, 3) linear. known: (H, W) bool, texels that were seen. place: (row, column) -> metres, of a
    texel on the surface. texel_m: side of a texel. Marks on both sides of a seam are found twice; see
    `without_doubles`.
    """
    if not known.any():
        return []
    light = np.log(np.maximum(albedo @ _LUMINANCE, 1e-3)).astype(np.float32)
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    top, left = rows[0], columns[0]
    cut = (slice(top, rows[-1] + 1), slice(left, columns[-1] + 1))
    light, inside = light[cut], known[cut]
    candidates = _candidates(light, inside, texel_m)
    marks = []
    taken = np.zeros(light.shape, bool)
    for _, row, column, size_mm in candidates:
        if taken[row, column]:
            continue
        step = _steps_mm(known, place, row + top, column + left, texel_m)
        blob = _measured(albedo[cut], light, inside, row, column, size_mm, step)
        if blob is None:
            continue
        reach = max(1, round(0.5e-3 * blob.size_mm / texel_m * 1.2))
        taken[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = True
        marks.append(_record(blob, place, top, left, known.shape, part))
    return marks


def without_doubles(marks: list[Imperfection]) -> list[Imperfection]:
    """Of marks that lie on each other, the larger: a seam shows one mark on two charts."""
    kept: list[Imperfection] = []
    for mark in sorted(marks, key=lambda m: -m.size_mm):
        place = np.asarray(mark.position_m)
        if all(np.linalg.norm(place - other.position_m) > 0.5e-3 * max(mark.size_mm, other.size_mm) for other in kept):
            kept.append(mark)
    return sorted(kept, key=lambda m: -abs(m.contrast))


def _means(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    up = cv2.GaussianBlur(values * weight, (0, 0), sigma)
    return np.asarray(up / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4))


def _candidates(light: np.ndarray, inside: np.ndarray, texel_m: float) -> list[tuple[float, int, int, float]]:
    """(strength, row, column, size) of extremes over places and sizes, strongest first."""
    import cv2

    weight = inside.astype(np.float32)
    found = []
    for size_mm in _SIZES_MM:
        sigma = size_mm * 1e-3 / texel_m / 4
        if sigma < 0.5:
            continue
        fine, coarse = _means(light, weight, sigma), _means(light, weight, 2.2 * sigma)
        strength = np.where(inside, np.abs(coarse - fine), 0).astype(np.float32)
        reach = 2 * max(1, round(1.5 * sigma)) + 1
        top = (strength >= cv2.dilate(strength, np.ones((reach, reach), np.uint8))) & (strength > 0.02)
        for row, column in np.argwhere(top):
            found.append((float(strength[row, column]), int(row), int(column), size_mm))
    return sorted(found, reverse=True)


def _measured(
    albedo: np.ndarray,
    light: np.ndarray,
    inside: np.ndarray,
    row: int,
    column: int,
    size_mm: float,
    step: tuple[float, float],
) -> _Blob | None:
    """Size, contrast and shape of what lies there; None where it does not stand out from its ring."""
    import cv2

    reach = int(np.ceil((1.3 * size_mm + 2.0) / min(step)))
    if row < reach or column < reach or row + reach >= light.shape[0] or column + reach >= light.shape[1]:
        return None
    cut = (slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1))
    patch, known = np.exp(light[cut]), inside[cut]
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * np.reshape(step, (2, 1, 1))
    away = np.hypot(x, y)
    ring = known & (away > 0.75 * size_mm + 0.4) & (away <= 1.3 * size_mm + 2.0)
    if known.mean() < 0.9 or ring.sum() < 20:
        return None
    basis = np.stack([np.ones_like(x), x, y], axis=-1)
    weight = np.ones(int(ring.sum()))
    for _ in range(6):
        plane = np.linalg.lstsq(basis[ring] * weight[:, None], patch[ring] * weight, rcond=None)[0]
        weight = 1 / np.sqrt(np.maximum(np.abs(patch[ring] - basis[ring] @ plane), 0.005 * np.median(patch[ring])))
    skin = np.maximum(basis @ plane, 1e-3)
    share = 1 - patch / skin
    # Six sevenths of the skin around must be skin: a neighbouring mark may stand there, brows and ears may not.
    noise = 1.4826 * float(np.median(np.abs(share[ring])))
    uneven = float(np.quantile(np.abs(share[ring]), 0.86))
    middle = known & (away <= max(0.2 * size_mm, 0.8 * max(step)))
    contrast = float(share[middle].mean())
    if abs(contrast) < max(_LEAST_CONTRAST, _SIGNIFICANT * noise, _UNEVEN * uneven):
        return None
    rows, columns = (_FINER * n for n in share.shape)
    fine = cv2.resize(np.where(known, share, 0), (columns, rows), interpolation=cv2.INTER_CUBIC)
    half = (np.sign(contrast) * fine > 0.5 * abs(contrast)).astype(np.uint8)
    _, label = cv2.connectedComponents(half, connectivity=4)
    middle_at = _FINER * reach + _FINER // 2
    own = label == label[middle_at, middle_at]
    if not half[middle_at, middle_at]:
        return None
    pixel = float(np.sqrt(step[0] * step[1])) / _FINER
    ys, xs = ((np.argwhere(own) + 0.5) / _FINER - (reach + 0.5)).T * np.reshape(step, (2, 1))
    if np.abs(ys).max() >= reach * step[0] or np.abs(xs).max() >= reach * step[1]:
        return None
    area = own.sum() * pixel**2
    centre = np.array([xs.mean(), ys.mean()])
    spread = np.cov(np.stack([xs, ys])) + np.eye(2) * pixel**2 / 12 if own.sum() > 2 else np.eye(2) * pixel**2 / 12
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 1e-9))
    long = float(values[1] / values[0])
    # The width at half contrast is about 0.85 of a mark whose edge fades.
    size = float(2 * np.sqrt(area / np.pi) * np.sqrt(long)) / 0.87
    if size < LEAST_MM or size > _MOST_MM or float(np.hypot(*centre)) > 0.5 * size:
        return None
    hue, core = albedo[cut], known & (share * np.sign(contrast) > 0.5 * abs(contrast)) & (away < 0.6 * size)
    ratio = hue[core | middle].mean(axis=0) / np.maximum(hue[ring].mean(axis=0), 1e-4)
    return _Blob(
        row=row + round(float(centre[1]) / step[0]), column=column + round(float(centre[0]) / step[1]), size_mm=size,
        contrast=contrast, long=long, red=float(ratio[0] / max(ratio[1], 1e-4)),
    )  # fmt: skip


def _steps_mm(known: np.ndarray, place: Place, row: int, column: int, texel_m: float) -> tuple[float, float]:
    """How far the next texel down and across lies on the surface, millimetres: charts may be stretched."""
    steps = []
    for down, across in ((1, 0), (0, 1)):
        a, b = (row - 2 * down, column - 2 * across), (row + 2 * down, column + 2 * across)
        inside = min(*a, *b) >= 0 and b[0] < known.shape[0] and b[1] < known.shape[1] and known[a] and known[b]
        apart = float(np.linalg.norm(place(*b) - place(*a))) / 4 if inside else texel_m
        steps.append(1e3 * (apart if 0.3 * texel_m < apart < 3 * texel_m else texel_m))
    return steps[0], steps[1]


def _kind(blob: _Blob) -> str:
    if blob.contrast < 0:
        return "scar"
    if blob.long > 3 and blob.contrast < 0.2:
        return "vein"
    if blob.contrast > 0.38:
        return "mole"
    return "blemish" if blob.red > 1.35 and blob.size_mm > 2.5 else "freckle"


def _record(blob: _Blob, place: Place, top: int, left: int, shape: tuple[int, ...], part: str) -> Imperfection:
    row, column = blob.row + top, blob.column + left
    x, y, z = (float(v) for v in place(row, column))
    return Imperfection(
        kind=_kind(blob),
        part=part,
        position_m=(x, y, z),
        uv=((column + 0.5) / shape[1], 1 - (row + 0.5) / shape[0]),
        size_mm=round(blob.size_mm, 2),
        contrast=round(blob.contrast, 3),
    )
