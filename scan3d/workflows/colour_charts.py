"""Every camera's chart measured: its correction, figures and picture, or in plain words why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.capture.colour_charts import Chart
from scan3d.capture.colour_find import straightened
from scan3d.capture.colour_fit import ChartFit, Correction, fit_chart, lab_of
from scan3d.capture.colour_linear import load_linear
from scan3d.capture.colour_patches import FoundChart, read_patches
from scan3d.capture.colour_shading import Shading
from scan3d.errors import CaptureError
from scan3d.workflows.colour_shots import ChartShot

_NEUTRAL_CHROMA = 4.0  # CIELAB
_STEP_PX = 56  # of the pictures for people
_INNER = (0.28, 0.72)  # of a step: where the reference is drawn into a patch


@dataclass(frozen=True, kw_only=True, eq=False)
class ChartResult:
    """A shot and what came of it: fit and figures, or problem. level: how bright the camera's own white becomes.
    middle_px: of the chart. picture: (H, W, 3) uint8, corrected, the reference inside each patch."""

    shot: ChartShot
    native: bool
    fit: ChartFit | None = None
    figures: Mapping[str, Any] | None = None
    level: float = 1.0
    middle_px: tuple[float, float] = (0.0, 0.0)
    picture: np.ndarray | None = None
    problem: CaptureError | None = None


def measure_chart(
    shot: ChartShot, chart: Chart, reference: np.ndarray, *, linear: bool, corners_px: np.ndarray | None,
    shading: Shading | None, lit_evenly: bool = False,
) -> ChartResult:  # fmt: skip
    """One chart from its photograph. A problem with the photograph is kept in the result; corners that are wrong raise
    InputError."""
    native = False
    try:
        photograph = load_linear(shot.path, camera_id=shot.camera_id, linear=linear)
        native = photograph.native
        height, width = photograph.rgb.shape[:2]
        flat = photograph.rgb if shading is None else photograph.rgb / shading.share(width, height)
        found = read_patches(
            flat, photograph.clipped, chart, reference, where=shot.where, corners_px=corners_px, full=photograph.rgb
        )
    except CaptureError as problem:
        return ChartResult(shot=shot, native=native, problem=problem)
    # The chart as it would be at the subject's exposure.
    measured = found.patches.linear / chart.exposure
    places = (chart.centres() - 0.5 * np.array([chart.columns - 1, chart.rows - 1])) / (chart.columns - 1)
    fit = fit_chart(measured, reference, places, uneven=not lit_evenly)
    return ChartResult(
        shot=shot,
        native=native,
        fit=fit,
        figures=_figures(found, fit, reference),
        level=white_level(fit.correction, measured, reference),
        middle_px=tuple(found.place.corners_px.mean(axis=0).tolist()),
        picture=_picture(flat / np.float32(chart.exposure), found, fit.correction, reference),
    )


def white_level(correction: Correction, measured: np.ndarray, reference: np.ndarray) -> float:
    """How bright a correction makes the chart's whitest patch for one unit of the camera's own green."""
    white = measured[np.argmax(reference.min(axis=1))]
    return float(correction.apply(white[None] / white[1])[0] @ (0.2126, 0.7152, 0.0722))


def _figures(found: FoundChart, fit: ChartFit, reference: np.ndarray) -> dict[str, Any]:
    worst = int(np.argmax(fit.held_out))
    return {
        "kind": fit.correction.kind,
        "mean": float(fit.held_out.mean()),
        "median": float(np.median(fit.held_out)),
        "worst": float(fit.held_out.max()),
        "worst_patch": worst + 1,
        "fitted_mean": float(fit.fitted.mean()),
        "tried": fit.tried,
        "uneven_percent": 100.0 * float(np.expm1(np.abs(fit.slope).max())),
        "stray_percent": 100.0 * fit.veil,
        "tone": _tone(found.patches.linear, reference, fit.veil),
        "noise_percent": 100.0 * float(np.median(found.patches.noise / np.maximum(found.patches.linear, 1e-6))),
        "brightest": float(found.patches.linear.max()),
        "patch_px": found.place.step_px(found.chart) * found.place.patch,
        "edge_px": found.place.step_px(found.chart) * found.place.edge,
        "corners_px": found.place.corners_px.tolist(),
        "patches": [{"ciede2000": float(d), "measured": m.tolist()}
                    for d, m in zip(fit.held_out, found.patches.linear, strict=True)],
    }  # fmt: skip


def _tone(measured: np.ndarray, reference: np.ndarray, veil: float) -> float | None:
    """Exponent by which the camera's greys follow the true ones: 1 where its values are linear, None without greys."""
    measured = measured - veil * measured[np.argmax(reference.min(axis=1))]
    lab = lab_of(reference)
    grey = (np.hypot(lab[:, 1], lab[:, 2]) < _NEUTRAL_CHROMA) & (reference[:, 1] > 0.05)
    if grey.sum() < 4:
        return None
    slope, _ = np.polyfit(np.log(reference[grey, 1]), np.log(np.maximum(measured[grey, 1], 1e-6)), 1)
    return float(slope)


def _picture(flat: np.ndarray, found: FoundChart, correction: Correction, reference: np.ndarray) -> np.ndarray:
    """The chart as corrected, seen from above, with a square of the true colour in each patch."""
    chart = found.chart
    straight = straightened(flat, chart, found.place.corners_px, step_px=_STEP_PX)
    picture = quantised(linear_to_srgb(correction.apply(straight.astype(np.float32))), np.uint8)
    true = quantised(linear_to_srgb(reference), np.uint8)
    first, last = (round(share * _STEP_PX) for share in _INNER)
    for (column, row), colour in zip(chart.centres().astype(int), true, strict=True):
        y, x = row * _STEP_PX, column * _STEP_PX
        picture[y + first : y + last, x + first : x + last] = colour
    return picture
