"""`scan3d colour`: corrections from colour charts, white walls and the subject's overlaps.

<take>/results/colour/colour.json   all corrections and figures; `scan3d.capture.colour_correction` reads it
<take>/results/colour/colour.html   the charts as found and corrected, for people
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.capture.colour_charts import Chart
from scan3d.capture.colour_correction import FOLDER, FORMAT, FORMAT_VERSION, CameraColour, CorrectionSet, corrected
from scan3d.capture.colour_fit import Correction
from scan3d.capture.colour_linear import load_linear
from scan3d.capture.colour_shading import POWERS, Shading, corner_radius, flat_field
from scan3d.capture.take import Take
from scan3d.checks import Check, worst_first
from scan3d.errors import CalibrationError, CaptureError, InputError
from scan3d.geometry import Rig
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress
from scan3d.report.beside import link_pages
from scan3d.report.colour_page import write_colour_page
from scan3d.report.mesh_files import read_ply
from scan3d.workflows.cameras import rig_of
from scan3d.workflows.colour_charts import ChartResult, measure_chart
from scan3d.workflows.colour_overlaps import OverlapAgreement, agree_on_overlaps, light_for_overlaps
from scan3d.workflows.colour_shots import chart_of, chart_shots, flat_shots, read_corners
from scan3d.workflows.colour_verdicts import verdicts


@dataclass(frozen=True, kw_only=True)
class ColourOptions:
    """chart: `CHARTS` or a .toml file; None: the take's own. light: of the chart's photographs. corners: texts
    CAMERA=x,y,... . exposure: "rig": all cameras keep the exposure they have against each other, as the chart was
    turned to each of them; "chart": each is set by its own chart, which stood still. overlaps: use the scan's surface.
    """

    chart: str | None = None
    light: str = "D50"
    adaptation: str = "Bradford"
    corners: tuple[str, ...] = ()
    exposure: str = "rig"
    overlaps: bool = True


@dataclass(frozen=True, kw_only=True)
class ColourSummary:
    """What was written, and what there is to say. numbers: those of colour.json."""

    json_path: Path
    html_path: Path
    checks: tuple[Check, ...]
    numbers: Mapping[str, Any]


def correct_colours(
    take_dir: Path, options: ColourOptions, *, progress: Progress, workers: int | None = None
) -> ColourSummary:  # fmt: skip
    """Find out how the cameras of a take see colours; write TAKE/results/colour.

    Raises InputError where there is nothing to go by, CaptureError where no photograph of the chart can be used.
    """
    take = Take.open(take_dir)
    rig = _rig(take)
    chart = chart_of(take, options.chart)
    reference = chart.linear(options.light, options.adaptation)
    shots = chart_shots(take, in_view=options.chart is not None or bool(options.corners))
    mesh_path = take.results / "mesh.ply"
    can_agree = options.overlaps and rig is not None and mesh_path.is_file()
    flats = _flats(take, rig, progress, workers)
    if not shots and not flats and not can_agree:
        what = "There is nothing to correct colours by: no chart, no white wall and no scan."
        next_step = "Photograph a colour chart into chart/<camera_id>.<ext>, or run `scan3d reconstruct` first."
        raise InputError(what, str(take.root), next_step)
    results = _charts(take, shots, chart, reference, read_corners(take, options.corners), flats, progress, workers)
    borrowed: dict[str, str] = {}
    cameras = _cameras(take, results, flats, options.exposure, borrowed)
    overlaps = None
    if can_agree and rig is not None:
        overlaps = agree_on_overlaps(
            read_ply(mesh_path), rig.subset([c for c in rig.camera_ids if c in take.camera_ids]),
            light_for_overlaps(take), lambda camera_id: corrected(
                take, camera_id, light_for_overlaps(take), CorrectionSet(cameras=cameras)
            ), lens=not flats, progress=progress, workers=workers,
        )  # fmt: skip
        cameras = _agreed(cameras, overlaps, rig, results)
    checks = worst_first(verdicts(results, borrowed, overlaps, can_agree=can_agree))
    numbers = _numbers(take, options, chart, results, borrowed, cameras, flats, overlaps, checks)
    pictures = {result.shot.name: result.picture for result in results if result.picture is not None}
    json_path, html_path = write_colour_page(take.results / FOLDER, numbers, pictures)
    link_pages(take.results)
    return ColourSummary(json_path=json_path, html_path=html_path, checks=tuple(checks), numbers=numbers)


def _rig(take: Take) -> Rig | None:
    try:
        return rig_of(take)
    except CalibrationError:
        return None


def _flats(take: Take, rig: Rig | None, progress: Progress, workers: int | None) -> dict[str, Shading]:
    shots = flat_shots(take)

    def work(camera_id: str) -> Shading:
        path, where = shots[camera_id], f"camera {camera_id}, {shots[camera_id]}"
        photograph = load_linear(path, camera_id=camera_id, linear=take.settings.linear)
        i = rig[camera_id].intrinsics if rig is not None and camera_id in rig else None
        return flat_field(
            photograph.rgb, photograph.clipped, where=where, centre_px=None if i is None else (i.cx, i.cy)
        )

    with progress.task("flat fields", len(shots)) as task:
        return dict(zip(shots, run_units(work, shots, workers=workers, progress_task=task), strict=True))


def _charts(
    take: Take, shots: Sequence[Any], chart: Chart, reference: np.ndarray, corners: Mapping[str, np.ndarray],
    flats: Mapping[str, Shading], progress: Progress, workers: int | None,
) -> list[ChartResult]:  # fmt: skip
    with progress.task("charts", len(shots)) as task:
        results = run_units(
            lambda shot: measure_chart(
                shot, chart, reference, linear=take.settings.linear, shading=flats.get(shot.camera_id),
                corners_px=corners.get(shot.name, corners.get(shot.camera_id)),
            ),
            shots, workers=workers, progress_task=task,
        )  # fmt: skip
    problems = [result.problem for result in results if result.problem is not None]
    if problems and len(problems) == len(results):
        raise problems[0]
    mixed = {result.native for result in results if result.problem is None}
    if len(mixed) > 1:
        what = "Some photographs of the chart are RAW, others are developed."
        raise CaptureError(what, str(shots[0].path.parent), "Use one kind for all cameras.")
    return results


def _cameras(
    take: Take, results: Sequence[ChartResult], flats: Mapping[str, Shading], exposure: str, borrowed: dict[str, str]
) -> dict[str, CameraColour]:  # fmt: skip
    """Corrections of all cameras; one without a chart of its own borrows another's, which `borrowed` tells."""
    states = sorted({result.shot.state for result in results})
    native = any(result.native for result in results if result.fit is not None)
    table: dict[str, dict[str, Correction]] = {camera_id: {} for camera_id in take.camera_ids}
    for state in states:
        good = {r.shot.camera_id: r for r in results if r.shot.state == state and r.fit is not None}
        if not good:
            continue
        common = float(np.exp(np.mean([np.log(max(r.level, 1e-9)) for r in good.values()])))
        fits = {}
        for camera_id, r in good.items():
            assert r.fit is not None
            factor = common / r.level if exposure == "rig" else 1.0
            fits[camera_id] = Correction(kind=r.fit.correction.kind, matrix=r.fit.correction.matrix * factor)
        usual = _most_usual(fits)
        for camera_id in take.camera_ids:
            if camera_id not in fits:
                borrowed[f"{camera_id}/{state}" if state else camera_id] = usual
            table[camera_id][state] = fits.get(camera_id, fits[usual])
    return {
        camera_id: CameraColour(states=table[camera_id], native=native, shading=flats.get(camera_id))
        for camera_id in take.camera_ids
    }


def _most_usual(fits: Mapping[str, Correction]) -> str:
    """The camera whose correction of white, red, green and blue is nearest to the middle of all."""
    tests = np.array([[1.0, 1, 1], [0.8, 0.2, 0.2], [0.2, 0.8, 0.2], [0.2, 0.2, 0.8]])
    shown = {camera_id: fit.apply(tests) for camera_id, fit in fits.items()}
    middle = np.median(list(shown.values()), axis=0)
    return min(shown, key=lambda camera_id: float(np.abs(shown[camera_id] - middle).sum()))


def _agreed(
    cameras: Mapping[str, CameraColour], overlaps: OverlapAgreement, rig: Rig, results: Sequence[ChartResult]
) -> dict[str, CameraColour]:
    """The cameras with what the overlaps say; the level where the charts were stays."""
    terms = np.zeros(len(POWERS))
    terms[: len(overlaps.agreement.shading)] = overlaps.agreement.shading
    factors = dict(zip(overlaps.camera_ids, overlaps.agreement.factors, strict=True))
    out, levels = {}, []
    for camera_id, colour in cameras.items():
        r, g, b = (float(f) for f in factors.get(camera_id, np.ones(3)))
        shading = colour.shading
        if terms.any() and camera_id in rig:
            i = rig[camera_id].intrinsics
            shading = Shading(
                centre_px=(i.cx, i.cy), radius_px=corner_radius(i.width, i.height), terms=np.tile(terms, (3, 1))
            )
            middles = [q.middle_px for q in results if q.shot.camera_id == camera_id and q.fit is not None]
            levels += [float(shading.at(np.array(middle)).mean()) for middle in middles]
        out[camera_id] = replace(colour, factors=(r, g, b), shading=shading)
    if not levels:
        return out
    # The charts were measured before the shading was known.
    level = float(np.exp(np.mean(levels)))
    return {name: replace(c, factors=(c.factors[0] * level, c.factors[1] * level, c.factors[2] * level))
            for name, c in out.items()}  # fmt: skip


def _numbers(
    take: Take, options: ColourOptions, chart: Chart, results: Sequence[ChartResult], borrowed: Mapping[str, str],
    cameras: Mapping[str, CameraColour], flats: Mapping[str, Shading], overlaps: OverlapAgreement | None,
    checks: Sequence[Check],
) -> dict[str, Any]:  # fmt: skip
    means = [r.figures["mean"] for r in results if r.figures is not None]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "take": take.root.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "chart": {"name": chart.name, "columns": chart.columns, "rows": chart.rows},
        "light": options.light,
        "adaptation": options.adaptation,
        "exposure": options.exposure,
        "held_out_ciede2000": None
        if not means
        else {
            "mean": float(np.mean(means)),
            "median": float(np.median([r.figures["median"] for r in results if r.figures is not None])),
            "worst": float(max(r.figures["worst"] for r in results if r.figures is not None)),
        },
        "charts": [
            {"camera_id": r.shot.camera_id, "state": r.shot.state, "photograph": _named(take, r.shot.path),
             "problem": None if r.problem is None else r.problem.what, "figures": r.figures}
            for r in results
        ],
        "borrowed": dict(borrowed),
        "flat_fields": {name: _corner_share(shading) for name, shading in flats.items()},
        "overlaps": None if overlaps is None else _overlap_numbers(overlaps),
        "checks": [asdict(check) for check in checks],
        "corrections": CorrectionSet(cameras=cameras).record(),
    }  # fmt: skip


def _named(take: Take, path: Path) -> str:
    return path.relative_to(take.root).as_posix() if path.is_relative_to(take.root) else str(path)


def _corner_share(shading: Shading) -> float:
    """The share of the light that reaches a corner."""
    return float(np.exp(shading.terms.sum(axis=1).mean()))


def _overlap_numbers(overlaps: OverlapAgreement) -> dict[str, Any]:
    a = overlaps.agreement
    return {
        "light": overlaps.light,
        "points": overlaps.points,
        "before_percent": 100 * a.before,
        "after_percent": 100 * a.after,
        "ciede2000_before": overlaps.ciede2000_before,
        "ciede2000_after": overlaps.ciede2000_after,
        "lens_in_corners": float(np.exp(a.shading.sum())),
        "cameras": {
            name: {
                "factors": a.factors[k].tolist(),
                "error_percent": 100 * float(a.error[k]),
                "points": int(a.shared[k]),
            }
            for k, name in enumerate(overlaps.camera_ids)
        },
    }  # fmt: skip
