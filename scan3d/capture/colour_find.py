"""Where a colour chart lies in a photograph: found by OpenCV's `mcc`, or from its corners; then set on its patches.

A place is four pixels: the middles of the patches in the chart's corners - of the Classic those of dark skin, bluish
green, black and white. Pixels are as everywhere: the first one's middle is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.capture.colour_charts import Chart

_SIDES_PX = (1600, 900, 3200)  # photographs are searched at these sizes, one after the other
_STEP_PX = 40  # from patch to patch in the straightened picture
_ROUNDS = 3
_REACH = 0.72  # of a step: how far from a patch's middle its border may lie
_LEAST, _MOST = 0.25, 1.0  # area of a patch, of a step's square
_FEWEST = 0.5  # of the patches must have shown their borders
_EDGE_REACH = 0.62
_UNSEEN_PATCH = 0.7


@dataclass(frozen=True, kw_only=True, eq=False)
class ChartPlace:
    """corners_px: (4, 2). patch: side of a patch in steps from one to the next, 0..1. edge: how wide the patches'
    borders are drawn, in steps: blur. agreement: rms distance of the patches' middles from the plane's, in steps;
    None where the borders were not seen."""

    corners_px: np.ndarray
    patch: float
    edge: float
    agreement: float | None

    def px_from_chart(self, chart: Chart) -> np.ndarray:
        """(3, 3) homography from steps on the chart to pixels."""
        return homography(chart, self.corners_px)

    def step_px(self, chart: Chart) -> float:
        """The shortest way from one patch to the next."""
        at = transformed(self.px_from_chart(chart), chart.centres()).reshape(chart.rows, chart.columns, 2)
        steps = [np.linalg.norm(np.diff(at, axis=axis), axis=-1).min() for axis in (0, 1)]
        return float(min(steps))


def display(linear: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 sRGB of a linear picture, brightened so that its bright parts are bright."""
    level = float(np.quantile(linear.max(axis=-1)[::4, ::4], 0.995))
    return quantised(linear_to_srgb(linear * (0.9 / max(level, 1e-6))), np.uint8)


def find_corners(shown: np.ndarray, chart: Chart) -> np.ndarray | None:
    """(4, 2) pixels of the corner patches, roughly; None where no chart is found.

    shown: (H, W, 3) uint8 sRGB. Only the layouts of the Classic and the SG are known to `cv2.mcc`.
    """
    import cv2

    layouts = {(6, 4): cv2.mcc.MCC24, (14, 10): cv2.mcc.SG140}
    layout = layouts.get((chart.columns, chart.rows))
    if layout is None:
        return None
    tried = set()
    for side in _SIDES_PX:
        factor = min(1.0, side / max(shown.shape[:2]))
        if factor in tried:
            continue
        tried.add(factor)
        small = cv2.resize(shown, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else shown
        detector = cv2.mcc.CCheckerDetector.create()
        detector.setColorChartType(layout)
        if not detector.process(np.ascontiguousarray(small[..., ::-1]), 1):
            continue
        patches = np.array(detector.getBestColorChecker().getColorCharts(), float).reshape(-1, 4, 2).mean(axis=1)
        if len(patches) == chart.columns * chart.rows:
            return np.asarray((_by_rows(patches, chart)[list(chart.corner_patches())] + 0.5) / factor)
    return None


def _by_rows(patches: np.ndarray, chart: Chart) -> np.ndarray:
    """Patches (N, 2) row by row: of the SG they come column by column, which shows where they leap back."""
    steps = np.linalg.norm(np.diff(patches, axis=0), axis=1)
    if steps[chart.rows - 1] > 2 * steps[0] and steps[chart.columns - 1] < 2 * steps[0]:
        return patches.reshape(chart.columns, chart.rows, 2).swapaxes(0, 1).reshape(-1, 2)
    return patches


def homography(chart: Chart, corners_px: np.ndarray) -> np.ndarray:
    """(3, 3) from steps on the chart to pixels, by the middles of its corner patches."""
    import cv2

    steps = chart.centres()[list(chart.corner_patches())]
    return np.asarray(cv2.getPerspectiveTransform(steps.astype(np.float32), np.asarray(corners_px, np.float32)))


def transformed(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, 2) points through a homography."""
    out = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(out[:, :2] / out[:, 2:])


def settle(shown: np.ndarray, chart: Chart, corners_px: np.ndarray) -> ChartPlace:
    """Set a rough place right: each patch's own borders say where its middle is, and all lie in one plane."""
    import cv2

    corners, place = np.asarray(corners_px, float), None
    for _ in range(_ROUNDS):
        straight = straightened(shown, chart, corners)
        middles, areas = _patches(straight, chart)
        seen = np.isfinite(areas)
        if seen.mean() < _FEWEST:
            break
        pixels = transformed(homography(chart, corners), middles[seen])
        matrix, _ = cv2.findHomography(chart.centres()[seen], pixels, cv2.RANSAC, 0.08 * _length_px(corners, chart))
        if matrix is None:
            break
        corners = transformed(matrix, chart.centres()[list(chart.corner_patches())])
        away = np.linalg.norm(middles[seen] - transformed(np.linalg.inv(homography(chart, corners)) @ matrix,
                                                          chart.centres()[seen]), axis=1)  # fmt: skip
        patch = float(np.sqrt(np.median(areas[seen])))
        place = ChartPlace(corners_px=corners, patch=patch, edge=0.0, agreement=float(np.sqrt(np.median(away**2))))
    if place is None:  # patches without gaps, or blurred ones: the width of what borders there are will tell
        place = ChartPlace(corners_px=np.asarray(corners_px, float), patch=_UNSEEN_PATCH, edge=0.0, agreement=None)
    edge = _edge_width(straightened(shown, chart, place.corners_px), chart, place.patch)
    return ChartPlace(corners_px=place.corners_px, patch=place.patch, edge=edge, agreement=place.agreement)


def straightened(picture: np.ndarray, chart: Chart, corners_px: np.ndarray, *, step_px: int = _STEP_PX) -> np.ndarray:
    """The chart seen from straight above, (rows x step, columns x step, ...): one square of `step_px` per patch."""
    import cv2

    # From the straight picture's pixels (OpenCV counts from the first one's middle) to steps, to the photograph's.
    steps = np.array([[1 / step_px, 0, 0.5 / step_px - 0.5], [0, 1 / step_px, 0.5 / step_px - 0.5], [0, 0, 1]])
    shift = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    matrix = shift @ homography(chart, corners_px) @ steps
    size = (chart.columns * step_px, chart.rows * step_px)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _length_px(corners: np.ndarray, chart: Chart) -> float:
    return float(np.linalg.norm(corners[1] - corners[0]) / (chart.columns - 1))


def _patches(straight: np.ndarray, chart: Chart) -> tuple[np.ndarray, np.ndarray]:
    """Middles (N, 2) in steps and areas (N,) in steps squared of the patches as drawn; NaN where no border is seen."""
    import cv2

    s = _STEP_PX
    pad, reach = s // 2, round(_REACH * s)
    wide = cv2.copyMakeBorder(straight, pad, pad, pad, pad, cv2.BORDER_REPLICATE).astype(np.float32)
    middles, areas = np.full((chart.rows * chart.columns, 2), np.nan), np.full(chart.rows * chart.columns, np.nan)
    for k, (column, row) in enumerate(chart.centres().astype(int)):
        x, y = pad + column * s + s // 2, pad + row * s + s // 2
        x0, y0 = max(0, x - reach), max(0, y - reach)
        window = wide[y0 : y + reach + 1, x0 : x + reach + 1]
        own = np.median(wide[y - s // 8 : y + s // 8, x - s // 8 : x + s // 8].reshape(-1, 3), axis=0)
        away = np.abs(window - own).max(axis=2)
        inside = (away < 0.4 * np.quantile(away, 0.9)).astype(np.uint8)
        _, labels, stats, centroids = cv2.connectedComponentsWithStats(inside, connectivity=4)
        label = labels[y - y0, x - x0]
        left, top, width, height, area = stats[label]
        touches = left == 0 or top == 0 or left + width == window.shape[1] or top + height == window.shape[0]
        square = area > 0.8 * width * height and _LEAST < area / s**2 < _MOST
        if label and square and not touches:
            corner = np.array([x0, y0])
            middles[k] = (np.array(centroids[label]) + corner - pad + 0.5) / s - 0.5
            areas[k] = area / s**2
    return middles, areas


def _edge_width(straight: np.ndarray, chart: Chart, patch: float) -> float:
    """The way over which a patch's border rises, in steps: contrast by steepest slope, the middle of all patches."""
    s = _STEP_PX
    grey = straight.astype(np.float32).mean(axis=2)
    widths = []
    for column, row in chart.centres().astype(int):
        x, y = (column + 0.5) * s, (row + 0.5) * s
        reach, half = _EDGE_REACH * s, 0.25 * patch * s
        for way in (-1, 1):
            at = (x + way * np.arange(0, reach)).round().astype(int)
            if at.min() < 0 or at.max() >= grey.shape[1]:
                continue
            profile = grey[round(y - half) : round(y + half), at].mean(axis=0)
            contrast, slope = profile.max() - profile.min(), np.abs(np.diff(profile)).max()
            if contrast > 40:
                widths.append(contrast / slope / s)
    return float(np.median(widths)) if widths else 0.0
