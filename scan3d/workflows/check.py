"""`scan3d check`: whether a take and its calibration are good, before and after a shot.

files -> photographs -> places that several cameras see -> drift, exposure -> verdict -> results/check.html, check.json
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scan3d.calibration.calibration_checks import check_age, check_coverage, check_drift
from scan3d.calibration.camera_gains import camera_gains
from scan3d.calibration.drift import Drift, DriftLimits, drift_of_tracks
from scan3d.calibration.feature_tracks import Tracks, link, match_along_epipolars, pairs_by_direction
from scan3d.calibration.toml_file import read_date, read_left_out, read_reprojection, write_calibration
from scan3d.calibration.upright import subject_centre
from scan3d.calibration.volume_coverage import VolumeCoverage, measure_volume, volume_of
from scan3d.capture.checks import check_output, check_take
from scan3d.capture.picture_checks import check_gains, check_pictures
from scan3d.capture.rig_file import read_rig_definition
from scan3d.capture.settings_checks import check_settings, check_times, moment_of
from scan3d.capture.take import Take
from scan3d.capture.take_limits import TakeLimits
from scan3d.checks import Check, Grade, worst, worst_first
from scan3d.errors import CalibrationError, CaptureError, Scan3dError
from scan3d.geometry import Rig
from scan3d.geometry.rig_definition import RigDefinition
from scan3d.pipeline.progress import Progress
from scan3d.report.check_report import CheckReport, write_check_report
from scan3d.workflows.cameras import left_out_of, rig_of
from scan3d.workflows.check_looks import Look, look_at_photographs
from scan3d.workflows.keep_calibration import kept_before


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckSummary:
    """What `check_take_folder` found. refined: cameras whose place in TAKE/calibration.toml is new; before: where the
    calibration from before is kept, None if nothing was refined."""

    checks: tuple[Check, ...]
    report_path: Path
    html_path: Path
    refined: tuple[str, ...] = ()
    before: Path | None = None

    @property
    def grade(self) -> Grade:
        """The worst of all."""
        return worst(self.checks)


def check_take_folder(
    take_dir: Path, *, rig: str | Path | None = None, refine: bool = False, progress: Progress,
    workers: int | None = None,
) -> CheckSummary:  # fmt: skip
    """Check a take against its calibration and write TAKE/results/check.html and check.json.

    Args:
        rig: the rig's definition, for its limits and the space it is made for; TAKE/rig.toml by default, if there.
        refine: put cameras that moved where they fit, in TAKE/calibration.toml; the one from before is kept beside.
    Raises:
        InputError, CaptureError, CalibrationError: there is no take, no photograph or no calibration to check.
    """
    take = Take.open(take_dir)
    calibrated = rig_of(take)
    definition = _definition(take, rig)
    limits = TakeLimits() if definition is None else TakeLimits().of_rig(definition.limits)
    check_output(take, needed_bytes=1 << 20)
    problems = check_take(take, calibrated, left_out=left_out_of(take))
    checks = [_of_problem(problem) for problem in problems]
    present = Rig(
        cameras=tuple(c for c in calibrated if c.camera_id in take.photographs),
        scale_is_metric=calibrated.scale_is_metric, source=calibrated.source,
    )  # fmt: skip
    bad = {check.camera_id for check in checks if check.camera_id} & set(take.camera_ids)
    usable = present.subset(camera_id for camera_id in present.camera_ids if camera_id not in bad)
    looks = look_at_photographs(
        take, skip=[c for c in take.camera_ids if c not in usable], progress=progress, workers=workers
    )
    if not problems:
        checks.append(_all_there(calibrated))
    exif = {camera_id: look.exif for camera_id, look in looks.items()}
    checks += [*check_settings(exif), *check_times(exif, limits)]
    checks += check_pictures([look.measures for look in looks.values()], limits)
    coverage = _coverage(calibrated, definition)
    checks += check_coverage(coverage, needed=_needed(definition))
    checks += check_age(_date(take), moment_of(exif), limits.age_days)
    drift, before = None, None
    if len(usable) >= 3:
        drift, found = _compare(looks, usable, limits, _drift_limits(definition), refine, progress, workers)
        checks += found
        if refine and drift.named:
            before = _write_refined(take, calibrated, drift)
    report = CheckReport(
        title=take.root.name, created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")[:19],
        rig=calibrated, checks=worst_first(checks), coverage=coverage, drift=drift,
        measures={camera_id: look.measures for camera_id, look in looks.items()},
        refined=drift.named if drift is not None and before is not None else (), limits=limits,
        calibration=str(_calibration_file(take) or take.colmap or ""),
    )  # fmt: skip
    report_path, html_path = write_check_report(take.results, report)
    return CheckSummary(
        checks=report.checks, report_path=report_path, html_path=html_path, refined=report.refined, before=before
    )


def _compare(
    looks: Mapping[str, Look], rig: Rig, limits: TakeLimits, drift_limits: DriftLimits, refine: bool,
    progress: Progress, workers: int | None,
) -> tuple[Drift, list[Check]]:  # fmt: skip
    """What places that several cameras see tell of the cameras: drift and exposure."""
    features = {camera_id: looks[camera_id].features for camera_id in rig.camera_ids}
    pairs = pairs_by_direction(rig, subject_centre(rig))
    with progress.task("compare", len(pairs)) as task:
        matches = match_along_epipolars(features, rig, pairs, workers=workers, task=task)
    tracks = link(features, matches)
    drift = drift_of_tracks(tracks, rig, drift_limits)
    checks = check_drift(drift, drift_limits, refined=drift.named if refine else ())
    if tracks.count:
        checks += check_gains(camera_gains(tracks, _colours(tracks, looks)), limits)
    return drift, checks


def _colours(tracks: Tracks, looks: Mapping[str, Look]) -> np.ndarray:
    """(M, 3) linear light at the observations."""
    rgb = np.zeros((len(tracks.px), 3), np.float32)
    for number, camera_id in enumerate(tracks.camera_ids):
        own = tracks.camera == number
        rgb[own] = looks[camera_id].measures.rgb[tracks.feature[own]]
    return rgb


def _write_refined(take: Take, rig: Rig, drift: Drift) -> Path:
    """Write TAKE/calibration.toml with the cameras that moved where they fit; returns where the old one is kept."""
    own = take.root / "calibration.toml"
    old = _calibration_file(take)
    if old is not None:
        before = kept_before(take.root, old)
    else:
        before = take.root / "calibration.before.toml"
        write_calibration(rig, before)
    source = f"{rig.source}; {', '.join(drift.named)} put where they fit by scan3d check".lstrip("; ")
    date = None if old is None else read_date(old)
    write_calibration(
        replace(drift_rig(rig, drift), source=source), own,
        left_out=() if old is None else read_left_out(old),
        reprojection_px={} if old is None else read_reprojection(old),
        date=None if date is None else date.replace(tzinfo=datetime.UTC),
    )  # fmt: skip
    return before


def drift_rig(rig: Rig, drift: Drift) -> Rig:
    """The whole rig with the cameras that moved where they fit."""
    return replace(rig, cameras=tuple(drift.rig[c.camera_id] if c.camera_id in drift.named else c for c in rig))


def _definition(take: Take, rig: str | Path | None) -> RigDefinition | None:
    if rig is not None:
        return read_rig_definition(rig)
    own = take.root / "rig.toml"
    return read_rig_definition(own) if own.is_file() else None


def _coverage(rig: Rig, definition: RigDefinition | None) -> VolumeCoverage:
    if definition is None:
        return measure_volume(rig, volume_of(rig))
    centre, radius = np.array(definition.subject_centre_m), definition.subject_radius_m
    return measure_volume(rig, volume_of(rig, centre_m=centre, radius_m=radius))


def _needed(definition: RigDefinition | None) -> int:
    own = None if definition is None else definition.limits.cameras_per_point
    return 3 if own is None else own


def _drift_limits(definition: RigDefinition | None) -> DriftLimits:
    own = None if definition is None else definition.limits.drift_px
    return DriftLimits() if own is None else DriftLimits(fail_px=own)


def _date(take: Take) -> datetime.datetime | None:
    file = _calibration_file(take)
    return None if file is None else read_date(file)


def _calibration_file(take: Take) -> Path | None:
    """The calibration.toml that is used; None where it is a COLMAP model."""
    above = take.calibration is not None and take.calibration.parent != take.root
    return None if above and take.colmap is not None else take.calibration


def _all_there(rig: Rig) -> Check:
    what = f"All {len(rig)} calibrated cameras have a photograph that can be read, of the right size and upright."
    return Check(name="photographs", grade=Grade.PASS, what=what, value=float(len(rig)))


def _of_problem(problem: Scan3dError) -> Check:
    """A problem of the take's files as a failed check."""
    camera = re.match(r"camera ([^,]+?)(?:,| in |$)", problem.where)
    name = "calibration" if isinstance(problem, CalibrationError) else "photographs"
    name = name if isinstance(problem, CalibrationError | CaptureError) else "files"
    return Check(
        name=name, grade=Grade.FAIL, what=problem.what, next_step=problem.next_step,
        camera_id=camera.group(1) if camera else "",
    )  # fmt: skip


def flagged(checks: Sequence[Check]) -> list[Check]:
    """Those that are no PASS, the worst first."""
    return [check for check in worst_first(checks) if check.grade is not Grade.PASS]
