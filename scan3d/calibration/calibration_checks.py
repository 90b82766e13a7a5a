"""Verdicts on a calibration in use: cameras that moved since, its age, and what it leaves unseen."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from scan3d.calibration.drift import CameraDrift, Drift, DriftLimits
from scan3d.calibration.volume_coverage import VolumeCoverage
from scan3d.checks import Check, Grade

_NEEDED = 3  # cameras that must see a place: two measure it, a third confirms
_SHARE = 0.02  # of the wall that may have fewer: the rim of the volume


def check_drift(drift: Drift, limits: DriftLimits, *, refined: Sequence[str] = ()) -> list[Check]:
    """A check per camera. refined: cameras that were put back; they are told, and no longer fail."""
    few = [one.camera_id for one in drift.cameras.values() if one.observations < limits.observations]
    if not drift.cameras or len(few) > 0.5 * len(drift.cameras):
        what = f"Only {drift.places} places on the subject are seen by several cameras: too few to tell who moved."
        next_step = "Texture helps: patterned clothes, make-up dots. Or calibrate again if the rig was touched."
        return [Check(name="drift", grade=Grade.WARN, what=what, next_step=next_step)]
    return [_drift_of(one, drift, limits, one.camera_id in refined) for one in drift.cameras.values()]


def _drift_of(one: CameraDrift, drift: Drift, limits: DriftLimits, refined: bool) -> Check:
    value, unit = one.shift_px, "px"
    if one.observations < limits.observations:
        return Check(
            name="drift", grade=Grade.WARN, camera_id=one.camera_id, value=float(one.observations), unit="places",
            limit=float(limits.observations),
            what=f"It shares only {one.observations} places with other cameras: whether it moved cannot be told.",
            next_step="Look at its photograph; if it is good, it sees too little texture, or moved very far.",
        )  # fmt: skip
    if not one.named:
        what = f"It agrees with the calibration at {one.observations} places."
        return Check(name="drift", grade=Grade.PASS, camera_id=one.camera_id, what=what, value=value, unit=unit)
    how = _movement(one)
    if refined:
        what = f"It {how} since the calibration ({value:.2f} px) and was put where it fits."
        return Check(
            name="drift", grade=Grade.WARN, camera_id=one.camera_id, value=value, unit=unit, limit=limits.warn_px,
            what=what, next_step="Tighten its mount, and calibrate with a board when there is time.",
        )  # fmt: skip
    failed = value > limits.fail_px
    rival = f" It may also be {one.rival}, which explains nearly as much." if one.rival else ""
    return Check(
        name="drift", grade=Grade.FAIL if failed else Grade.WARN, camera_id=one.camera_id, value=value, unit=unit,
        limit=limits.fail_px if failed else limits.warn_px,
        what=f"It no longer agrees with the calibration, by {value:.2f} px: it {how}.{rival}",
        next_step="Look whether it was touched, and run `scan3d check --refine` or calibrate again.",
    )  # fmt: skip


def _movement(one: CameraDrift) -> str:
    turned = None if one.turned_deg is None else f"turned by about {one.turned_deg:.2g}\N{DEGREE SIGN}"
    moved = None if one.moved_mm is None else f"moved by about {one.moved_mm:.2g} mm"
    return " or ".join(words for words in (turned, moved) if words) or "moved"


def check_coverage(coverage: VolumeCoverage, *, needed: int = _NEEDED) -> list[Check]:
    """Whether every side of the subject is seen by enough cameras."""
    few = float((coverage.cameras < needed).mean())
    least, azimuth, height = coverage.least()
    if few <= _SHARE:
        what = f"Every side of the subject's space is seen by {max(least, needed)} cameras or more."
        if least < needed:
            what = f"All but {few:.1%} of the subject's space is seen by {needed} cameras or more."
        return [Check(name="coverage", grade=Grade.PASS, what=what, value=100 * few, unit="%", limit=100 * _SHARE)]
    what = (
        f"{few:.0%} of the subject's space is seen by fewer than {needed} cameras from its own side; "
        f"only {least} see it {side_words(azimuth)} at {height:.2f} m."
    )
    blind = float((coverage.cameras < 2).mean())
    return [
        Check(
            name="coverage", grade=Grade.FAIL if blind > 0.25 else Grade.WARN, what=what, value=100 * few, unit="%",
            limit=100 * _SHARE, next_step="Add a camera there, or turn a neighbour towards it.",
        )
    ]  # fmt: skip


def side_words(azimuth_deg: float) -> str:
    """An azimuth in words, as seen by the subject: 0 is in front, 90 at its left."""
    names = (
        "in front",
        "front left",
        "at the left",
        "back left",
        "behind",
        "back right",
        "at the right",
        "front right",
    )
    return names[round((azimuth_deg % 360.0) / 45.0) % 8]


def check_age(calibrated: datetime.datetime | None, taken: datetime.datetime | None, limit_days: float) -> list[Check]:
    """How old the calibration was when the take was taken; nothing where its date is not known.

    Both without a time zone: a day more or less does not count.
    """
    if calibrated is None:
        return []
    days = ((taken or datetime.datetime.now()) - calibrated).total_seconds() / 86400.0
    # Clocks of cameras are often wrong by hours, and their zones are not told.
    days = float(np.where(-1.0 < days < 0.0, 0.0, days))
    if days < 0:
        what = f"The calibration is {-days:.0f} days younger than the take."
        next_step = "Nothing to do if the rig was not touched in between; else use the one from before."
        return [
            Check(name="calibration_age", grade=Grade.WARN, what=what, next_step=next_step, value=days, unit="days")
        ]
    grade = Grade.WARN if days > limit_days else Grade.PASS
    what = f"The calibration was {days:.0f} days old." if days >= 1 else "The calibration was made on the same day."
    next_step = "Photograph the board again soon." if grade is Grade.WARN else ""
    return [
        Check(
            name="calibration_age",
            grade=grade,
            what=what,
            next_step=next_step,
            value=days,
            unit="days",
            limit=limit_days,
        )
    ]
