"""The colours of a chart's patches as a photograph shows them, and whether they can be used; in words if not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.capture.colour_charts import Chart
from scan3d.capture.colour_find import (
    ChartPlace,
    display,
    find_corners,
    homography,
    settle,
    straightened,
    transformed,
)
from scan3d.capture.colour_fit import ciede2000
from scan3d.errors import CaptureError, InputError

_CORE = 0.6  # of a patch's side is looked at: borders and their blur stay out
_SMALLEST_PX, _FEWEST_PX = 10.0, 25
_WIDEST_EDGE = 0.2  # of a patch: what is looked at begins there
_CLIPPED = 0.005  # share of a patch's pixels
_DARKEST = 0.02  # of the sensor's range, for the brightest patch
_AROUND = 0.22  # steps around a patch's middle that are looked at to tell charts apart
_MOST = 0.85  # of the patches; others may be covered or shine
_STRANGE = 9.0  # CIEDE2000 after a fit: another chart, or none
_CLEAR = 0.75  # of two ways to lay a chart, one must fit so much better
_AGAIN = "Photograph the chart again"


@dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """linear: (N, 3) mean colour of each patch's core, 1 = the sensor's range. noise: (N, 3) standard error of it.
    clipped: (N,) share of its pixels at the end of the range. count: (N,) pixels looked at."""

    linear: np.ndarray
    noise: np.ndarray
    clipped: np.ndarray
    count: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundChart:
    """A chart in a photograph. straight: (H, W, 3) uint8, seen from above, for people."""

    chart: Chart
    place: ChartPlace
    patches: Patches
    straight: np.ndarray


def read_patches(
    linear: np.ndarray, clipped: np.ndarray, chart: Chart, reference: np.ndarray, *, where: str,
    corners_px: np.ndarray | None = None, full: np.ndarray | None = None,
) -> FoundChart:  # fmt: skip
    """Find a chart in a linear photograph (H, W, 3), or take it from its corners (4, 2), and measure its patches.

    clipped: (H, W) bool. reference: (N, 3) linear Rec.709. where: camera and file, for messages. full: the photograph
    before its shading was mended, 1 = the sensor's range; by default the same. Raises CaptureError, or InputError for
    corners, in words for people.
    """
    shown = display(linear)
    rough = find_corners(shown, chart) if corners_px is None else _checked_corners(corners_px, linear.shape, where)
    if rough is None:
        what = f"No colour chart ({chart.name}) was found in the photograph."
        next_step = "Hold it nearer, facing the camera and evenly lit; or give its corners with --corners."
        raise CaptureError(what, where, next_step)
    turned = laid_right(_centre_colours(linear, chart, rough), chart, rough, reference, given=corners_px is not None,
                        where=where)  # fmt: skip
    place = settle(shown, chart, turned)
    patches = _measure(linear, clipped, chart, place)
    brightest = patches.linear.max() if full is None else _measure(full, clipped, chart, place).linear.max()
    _check(chart, place, patches, float(brightest), where)
    return FoundChart(chart=chart, place=place, patches=patches,
                      straight=straightened(shown, chart, place.corners_px))  # fmt: skip


def laid_right(
    colours_at: Sequence[np.ndarray], chart: Chart, corners_px: np.ndarray, reference: np.ndarray, *, given: bool,
    where: str,
) -> np.ndarray:  # fmt: skip
    """The corners in the order that fits the chart's colours.

    colours_at: the patches' colours for each of `orders()`. Raises CaptureError for a mirrored photograph and one whose
    colours are of another chart, InputError where corners were given from the wrong patch on.
    """
    misfit = np.array([_misfit(colours, reference) for colours in colours_at])
    best = int(np.argmin(misfit))
    order, is_mirrored = orders()[best], best >= 4
    if misfit[best] > _STRANGE:
        what = f"What was found does not have the colours of the chart {chart.name} (CIEDE2000 {misfit[best]:.0f})."
        next_step = "Name the chart that was photographed with --chart, or give the corners of the right place."
        raise CaptureError(what, where, next_step)
    if best == 0 or misfit[best] > _CLEAR * misfit[0]:
        order, is_mirrored = orders()[0], False
    if not _is_clockwise(corners_px[list(order)]):
        what = "The photograph shows the chart mirrored."
        raise CaptureError(what, where, "Use the photograph as the camera wrote it.")
    if order == orders()[0]:
        return corners_px
    if given and is_mirrored:
        raise InputError("The chart's corners go round the wrong way.", where, "Give them clockwise.")
    if given:
        right = " ".join(f"{x:.0f},{y:.0f}" for x, y in corners_px[list(order)])
        what = f"The chart's corners begin at the wrong patch: it lies turned by {90 * order[0]} degrees."
        raise InputError(what, where, f"Begin at the chart's first patch: {right}.")
    return np.asarray(corners_px[list(order)])


def orders() -> list[tuple[int, ...]]:
    """The eight ways to name a chart's corners in turn: four turns, and four of its mirror image."""
    turns = [tuple((k + j) % 4 for j in range(4)) for k in range(4)]
    mirrored = [tuple((k - j) % 4 for j in range(4)) for k in range(4)]
    return turns + mirrored


def _is_clockwise(corners_px: np.ndarray) -> bool:
    x, y = corners_px.T
    return bool(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) > 0)


def _checked_corners(corners_px: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    corners = np.asarray(corners_px, float)
    if corners.shape != (4, 2) or not np.isfinite(corners).all():
        what = "The chart's corners must be four pixels x,y."
        raise InputError(what, where, "Give the middles of its corner patches, clockwise from the first.")
    if (corners < 0).any() or (corners > (shape[1], shape[0])).any():
        raise InputError("The chart's corners lie outside of the photograph.", where, "Read them off again.")
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    turns = np.sign(sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0])
    if abs(turns.sum()) < 4:
        what = "The chart's corners do not make a four-sided figure."
        raise InputError(what, where, "Give them in turn, clockwise from the first patch, none between two others.")
    return corners


def _centre_colours(flat: np.ndarray, chart: Chart, corners_px: np.ndarray) -> list[np.ndarray]:
    """The colours around the patches' middles for each of `orders()`; (N, 3) each."""
    height, width = flat.shape[:2]
    grid = np.array(list(itertools.product(np.linspace(-_AROUND, _AROUND, 5), repeat=2)))
    found = []
    for order in orders():
        places = (chart.centres()[:, None] + grid).reshape(-1, 2)
        at = transformed(homography(chart, corners_px[list(order)]), places)
        x = np.clip(at[:, 0].astype(int), 0, width - 1)
        y = np.clip(at[:, 1].astype(int), 0, height - 1)
        found.append(np.median(flat[y, x].reshape(-1, len(grid), 3), axis=1))
    return found


def _misfit(colours: np.ndarray, reference: np.ndarray) -> float:
    """Mean CIEDE2000 that a 3 x 3 matrix leaves on most patches, errors weighed by darkness."""
    even = 1.0 / (reference.mean(axis=1, keepdims=True) + 0.05)
    away, kept = np.zeros(len(reference)), np.ones(len(reference), bool)
    for _ in range(2):
        matrix = np.linalg.lstsq((colours * even)[kept], (reference * even)[kept], rcond=None)[0]
        away = ciede2000(colours @ matrix, reference)
        kept = away <= np.quantile(away, _MOST)
    return float(away[kept].mean())


def _measure(flat: np.ndarray, clipped: np.ndarray, chart: Chart, place: ChartPlace) -> Patches:
    """Pixels whose middles lie in each patch's core; the mean without its outliers (dust, scratches, glints)."""
    import cv2

    matrix = place.px_from_chart(chart)
    half = 0.5 * _CORE * place.patch
    square = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    rows = []
    for centre in chart.centres():
        outline = transformed(matrix, centre + square)
        x0, y0 = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        x1, y1 = np.ceil(outline.max(axis=0)).astype(int) + 1
        window = flat[y0:y1, x0:x1]
        inside = np.zeros(window.shape[:2], np.uint8)
        cv2.fillConvexPoly(inside, np.round((outline - (x0, y0) - 0.5) * 16).astype(np.int32), 1, shift=4)
        values = window[inside > 0].astype(np.float64)
        if len(values) == 0:
            rows.append((np.zeros(3), np.zeros(3), 0.0, 0))
            continue
        middle = np.median(values, axis=0)
        spread = 1.4826 * np.median(np.abs(values - middle), axis=0) + 1e-6
        good = (np.abs(values - middle) < 4 * spread).all(axis=1)
        kept = values[good] if good.any() else values
        noise = kept.std(axis=0) / np.sqrt(len(kept))
        rows.append((kept.mean(axis=0), noise, float(clipped[y0:y1, x0:x1][inside > 0].mean()), len(kept)))
    linear, noise, share, count = zip(*rows, strict=True)
    return Patches(linear=np.array(linear), noise=np.array(noise), clipped=np.array(share), count=np.array(count))


def _check(chart: Chart, place: ChartPlace, patches: Patches, brightest: float, where: str) -> None:
    side = place.step_px(chart) * place.patch
    if side < _SMALLEST_PX or patches.count.min() < min(_FEWEST_PX, 0.2 * side**2):
        what = f"The chart is too small in the photograph: its patches are {side:.0f} pixels."
        raise CaptureError(what, where, f"{_AGAIN} from nearer: 20 pixels a patch are plenty.")
    if place.edge > _WIDEST_EDGE * place.patch:
        share = 100 * place.edge / place.patch
        what = f"The chart is blurred: the borders of its patches are {share:.0f} % of a patch wide."
        raise CaptureError(what, where, f"{_AGAIN} in focus and held still.")
    over = np.flatnonzero(patches.clipped > _CLIPPED)
    if len(over):
        names = ", ".join(str(k + 1) for k in over[:6])
        what = f"The chart is overexposed: patches {names} of {len(patches.clipped)} reach the end of the range."
        raise CaptureError(what, where, f"{_AGAIN} with less light; the subject's exposure may need less, too.")
    if brightest < _DARKEST:
        what = f"The chart is too dark: its white fills {100 * brightest:.1f} % of the range."
        raise CaptureError(what, where, f"{_AGAIN} with more light, or a longer exposure.")
