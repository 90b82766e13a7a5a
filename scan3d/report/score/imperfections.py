"""Whether the marks on a skin, moles above all, are still there in a scan's texture.

Around the place where a mark truly is, the result's texture is read on a grid in the tangent plane, in linear light.
What a ring around the mark says about the skin, by a plane through its luminances that outliers do not move, gives the
contrast of every place inside. A mark counts as found when a place within 2 mm shows half its contrast.

Skin is never even: how often the same search succeeds where there is no mark is measured as well ("by chance").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.capture.colour import srgb_to_linear
from scan3d.geometry import Camera
from scan3d.geometry.imperfections import Imperfection
from scan3d.report.score.shape import seen_by
from scan3d.report.surface_view import SurfaceView

WITHIN_M = 2e-3
LEAST_SHARE = 0.5
# A mark of less contrast has relief only: no texture can be asked for it.
LEAST_CONTRAST = 0.02
# Further from the true surface there is no surface that could show the mark.
_FAR_M = 5e-3
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_DARKEST = 1e-3
# Scars and veins: their size is their length; they are no narrower and no wider than this.
_LINES = ("scar", "vein")
_NARROW_M, _WIDE_M = 2e-3, 4e-3
# A piece of a line that is nearly straight, and the directions it is looked for in.
_PIECE_M = 6e-3
_DIRECTIONS = 12
_CONTROLS = 3


@dataclass(frozen=True, kw_only=True)
class MarkScore:
    """One mark.

    cameras    how many see its place at under 75 degrees; None where no cameras were given.
    contrast   the strongest of its sign within 2 mm in the result's texture; None where the result has no surface.
    offset_m   how far from the mark's true place; of a line, where along it it is strongest.
    found      contrast is at least half the true one, of the same sign, and its middle within 2 mm.
    by_chance  the share of places around, free of marks, where one of this size and contrast would count as found;
               None where there is no such place.
    """

    mark: Imperfection
    cameras: int | None
    contrast: float | None
    offset_m: float | None
    found: bool
    by_chance: float | None


def score_imperfections(
    marks: Sequence[Imperfection],
    truth: SurfaceView,
    result: SurfaceView,
    *,
    cameras: Sequence[Camera] | None = None,
) -> tuple[MarkScore, ...]:
    """Looks in the texture of `result` for every mark that has colour: |contrast| of at least 0.02.

    truth: the surface that the marks' positions lie on, same frame as the result. result must have a texture;
    its colours are sRGB-encoded and read in linear light. Raises InputError where it has none.
    """
    marks = [mark for mark in marks if abs(mark.contrast) >= LEAST_CONTRAST]
    if not marks:
        return ()
    places = np.array([mark.position_m for mark in marks], np.float64)
    normals = _face_normals(truth, places)
    seen = None if cameras is None else seen_by(truth, places, normals, cameras)
    scores = []
    for number, mark in enumerate(marks):
        found = _look_for(mark, places[number], normals[number], result)
        scores.append(
            MarkScore(
                mark=mark,
                cameras=None if seen is None else int(seen[number]),
                contrast=found.contrast,
                offset_m=found.offset_m,
                found=found.counts(mark),
                by_chance=_by_chance(mark, places[number], normals[number], places, truth, result),
            )
        )
    return tuple(scores)


@dataclass(frozen=True, kw_only=True)
class _Sight:
    contrast: float | None = None
    offset_m: float | None = None

    def counts(self, mark: Imperfection) -> bool:
        if self.contrast is None or self.offset_m is None:
            return False
        enough = np.sign(mark.contrast) * self.contrast >= LEAST_SHARE * abs(mark.contrast)
        return bool(enough and self.offset_m <= WITHIN_M)


def _look_for(
    mark: Imperfection, place: NDArray[np.float64], normal: NDArray[np.float64], result: SurfaceView
) -> _Sight:
    line = mark.kind in _LINES
    across_m, inner_m, outer_m = _window(mark)
    step_m = max(float(np.clip(across_m / 12, 0.12e-3, 0.25e-3)), outer_m / 150)
    if float(result.nearest(place[None])[1][0]) > _FAR_M:
        return _Sight()
    light, x, y = _patch(place, normal, outer_m, step_m, result)
    skin = _skin(light, x, y, inner_m, outer_m)
    if skin is None:
        return _Sight()
    contrast = np.sign(mark.contrast) * (1 - light / skin)
    middle = _along_lines(contrast, across_m, step_m) if line else _means(contrast, _disc(across_m / 6 / step_m))
    near = np.hypot(x, y) <= WITHIN_M
    if not np.isfinite(middle[near]).any():
        return _Sight()
    best = int(np.nanargmax(np.where(near, middle, np.nan)))
    whole = _means(contrast, _bell(across_m / 4 / step_m))
    at = best if line else _middle_of_mark(whole, best, x, y, across_m / 2)
    return _Sight(
        contrast=float(np.sign(mark.contrast) * middle.flat[best]),
        offset_m=float(np.hypot(x.flat[at], y.flat[at])),
    )


def _window(mark: Imperfection) -> tuple[float, float, float]:
    """How wide the mark is, and from where to where the ring of skin around it goes, metres.

    The ring leaves room for a mark that is 2 mm off. A line crosses its ring, which is short of hiding the skin.
    """
    size_m = mark.size_mm * 1e-3
    across_m, widest_m = (_NARROW_M, _WIDE_M) if mark.kind in _LINES else (size_m, size_m)
    across_m, widest_m = min(across_m, size_m), min(widest_m, size_m)
    inner_m = widest_m / 2 + WITHIN_M
    return across_m, inner_m, inner_m + max(2e-3, widest_m / 2)


def _by_chance(
    mark: Imperfection, place: NDArray[np.float64], normal: NDArray[np.float64], others: NDArray[np.float64],
    truth: SurfaceView, result: SurfaceView,
) -> float | None:  # fmt: skip
    """The same search at places around, too far from any mark to see one."""
    away_m = mark.size_mm * 0.5e-3 + WITHIN_M + _window(mark)[2]
    across, up = _axes(normal)
    turns = np.arange(_CONTROLS) * (2 * np.pi / _CONTROLS)
    wanted = place + away_m * (np.cos(turns)[:, None] * across + np.sin(turns)[:, None] * up)
    hits, off = truth.nearest(wanted)
    there = truth.points(hits).astype(np.float64)
    nearest_mark = np.linalg.norm(there[:, None] - others, axis=2).min(axis=1)
    free = (nearest_mark > 0.75 * away_m) & (off < away_m / 2)
    if not free.any():
        return None
    there, normals = there[free], _face_normals(truth, there[free])
    sights = [_look_for(mark, p, n, result) for p, n in zip(there, normals, strict=True)]
    return float(np.mean([sight.counts(mark) for sight in sights]))


def _patch(
    place: NDArray[np.float64], normal: NDArray[np.float64], outer_m: float, step_m: float, result: SurfaceView
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(N, N) luminance of the result in linear light over the tangent plane, nan where it has no surface there, and
    the (N, N) coordinates in that plane, metres from `place`.
    """
    across, up = _axes(normal)
    reach = np.arange(-np.ceil(outer_m / step_m), np.ceil(outer_m / step_m) + 1) * step_m
    x, y = np.meshgrid(reach, reach)
    points = place + x.reshape(-1, 1) * across + y.reshape(-1, 1) * up
    hits, off = result.nearest(points)
    light = srgb_to_linear(result.colours(hits)).astype(np.float64) @ _LUMINANCE
    # Half the patch below its plane: the skin has turned away by then, or it is another part of the body.
    light[off > outer_m / 2 + _FAR_M] = np.nan
    return light.reshape(x.shape), x, y


def _skin(
    light: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], inner_m: float, outer_m: float
) -> NDArray[np.float64] | None:
    """(N, N) luminance that the skin would have without the mark: a plane through those of a ring around it.

    By least absolute deviations (reweighted least squares), so that a second mark or a hair in the ring hardly moves
    it. None where too little of the ring is there or it is black.
    """
    radius = np.hypot(x, y)
    ring = (radius >= inner_m) & (radius <= outer_m)
    known = ring & np.isfinite(light)
    if known.sum() < 0.3 * ring.sum() or np.median(light[known]) < _DARKEST:
        return None
    basis = np.stack([np.ones(light.shape), x / outer_m, y / outer_m], axis=-1)
    rows, values = basis[known], light[known]
    weight = np.ones(len(values))
    plane: NDArray[np.floating] = np.zeros(3)
    for _ in range(12):
        plane = np.linalg.lstsq(rows * weight[:, None], values * weight, rcond=None)[0]
        weight = 1 / np.sqrt(np.maximum(np.abs(values - rows @ plane), 0.01 * np.median(values)))
    return np.maximum(basis @ plane, _DARKEST)


def _disc(radius: float) -> NDArray[np.float64]:
    """Weights, 1 within a radius in grid steps."""
    return (_distances(radius) <= max(radius, 0.5)).astype(np.float64)


def _along_lines(contrast: NDArray[np.float64], across_m: float, step_m: float) -> NDArray[np.float64]:
    """(N, N) the largest of the means over straight pieces, a third of the width wide, in all directions.

    A line is faint: only along its length does it stand out from the pores around it.
    """
    half, width = _PIECE_M / 2 / step_m, max(across_m / 6 / step_m, 0.5)
    steps = np.arange(-np.ceil(half), np.ceil(half) + 1)
    x, y = np.meshgrid(steps, steps)
    best = np.full(contrast.shape, -np.inf)
    for turn in np.arange(_DIRECTIONS) * (np.pi / _DIRECTIONS):
        along, aside = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        piece = ((np.abs(along) <= half) & (np.abs(aside) <= width)).astype(np.float64)
        best = np.fmax(best, _means(contrast, piece))
    return np.where(np.isfinite(best), best, np.nan)


def _bell(sigma: float) -> NDArray[np.float64]:
    """Gaussian weights: their mean over a mark has its top in the mark's middle, whether its border is hard or soft."""
    return np.asarray(np.exp(-0.5 * (_distances(2.5 * sigma) / sigma) ** 2))


def _distances(reach: float) -> NDArray[np.float64]:
    steps = np.arange(-np.ceil(reach), np.ceil(reach) + 1)
    return np.asarray(np.hypot(steps[:, None], steps))


def _means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, N) weighted means around each place; nan does not count."""
    import cv2

    known = np.isfinite(values)
    total, count = (
        cv2.filter2D(part, cv2.CV_64F, weights, borderType=cv2.BORDER_CONSTANT)
        for part in (np.where(known, values, 0.0), known.astype(np.float64))
    )
    return np.asarray(np.where(count > 0.5, total / np.maximum(count, 0.5), np.nan))


def _middle_of_mark(
    whole: NDArray[np.float64], start: int, x: NDArray[np.float64], y: NDArray[np.float64], step_m: float
) -> int:
    """Climbs the mean contrast over places of the mark's size to its top: the middle of the mark `start` is on."""
    at = start
    for _ in range(10):
        around = np.hypot(x - x.flat[at], y - y.flat[at]) <= step_m
        best = int(np.nanargmax(np.where(around, whole, np.nan)))
        if best == at or whole.flat[best] <= whole.flat[at]:
            break
        at = best
    return at


def _face_normals(surface: SurfaceView, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) unit normals of the faces nearest to the points."""
    return surface.mesh.face_normals()[surface.nearest(points)[0].face].astype(np.float64)


def _axes(normal: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors that span the plane across a normal."""
    across = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    across /= np.linalg.norm(across)
    return across, np.cross(normal, across)
