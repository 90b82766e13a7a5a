"""Settings that differ across a rig, and cameras that did not fire together, by EXIF."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from scan3d.capture.exif import Exif
from scan3d.capture.take_limits import TakeLimits
from scan3d.checks import Check, Grade

_FIELDS: tuple[tuple[str, str, Callable[[Exif], object]], ...] = (
    ("exposure_time", "exposure time", lambda e: e.exposure_s and f"{_fraction(e.exposure_s)} s"),
    ("aperture", "aperture", lambda e: e.f_number and f"f/{e.f_number:g}"),
    ("iso", "sensitivity", lambda e: e.iso and f"ISO {e.iso:g}"),
    ("focal_length", "focal length", lambda e: e.focal_mm and f"{e.focal_mm:.1f} mm"),
    ("body", "camera model", lambda e: " ".join((e.make, e.model)).strip()),
    ("lens", "lens", lambda e: e.lens),
)
_BRIGHTENING = ("exposure_time", "aperture", "iso")


def check_settings(exif: Mapping[str, Exif]) -> list[Check]:
    """A check per setting that EXIF holds: PASS where all agree, else one WARN per camera unlike most others.

    Photographs without EXIF are left out; where none has any, there is nothing to check.
    """
    checks = []
    for name, words, value in _FIELDS:
        found = {camera_id: value(one) for camera_id, one in exif.items()}
        told = {camera_id: str(text) for camera_id, text in found.items() if text}
        if not told:
            continue
        usual, _ = Counter(told.values()).most_common(1)[0]
        others = {camera_id: text for camera_id, text in told.items() if text != usual}
        if not others:
            what = f"The {words} is {usual} on all {len(told)} cameras."
            checks.append(Check(name=name, grade=Grade.PASS, what=what))
        elif len(others) > 0.5 * len(told):
            what = f"The {words} differs from camera to camera: {', '.join(sorted(set(told.values()))[:4])}."
            checks.append(Check(name=name, grade=Grade.WARN, what=what, next_step=_next_step(name)))
        else:
            checks += [
                Check(
                    name=name, grade=Grade.WARN, camera_id=camera_id, next_step=_next_step(name),
                    what=f"Its {words} is {text}, of most others {usual}.",
                )
                for camera_id, text in others.items()
            ]  # fmt: skip
    return checks


def _next_step(name: str) -> str:
    if name in _BRIGHTENING:
        return "Set it as on the other cameras (manual mode), and take the photograph again."
    if name == "focal_length":
        return "Put the zoom back and calibrate again; a rig wants lenses that cannot turn."
    return "Nothing to do if the calibration is of this very camera and lens."


def _fraction(seconds: float) -> str:
    return f"1/{round(1.0 / seconds)}" if seconds < 0.4 else f"{seconds:g}"


def check_times(exif: Mapping[str, Exif], limits: TakeLimits) -> list[Check]:
    """Whether the cameras fired together, as far as their clocks say."""
    times = {camera_id: moment for camera_id, one in exif.items() if (moment := _moment(one)) is not None}
    if len(times) < 2:
        return []
    exact = all(exif[camera_id].subsecond for camera_id in times)
    limit = limits.time_skew_s if exact else limits.clock_skew_s
    middle = float(np.median(list(times.values())))
    span = max(times.values()) - min(times.values())
    unit = "" if exact else " (EXIF has whole seconds only)"
    if span <= limit:
        what = f"All photographs were taken within {span:.3g} s{unit}."
        return [Check(name="time_skew", grade=Grade.PASS, what=what, value=span, unit="s", limit=limit)]
    late = {camera_id: moment - middle for camera_id, moment in times.items() if abs(moment - middle) > 0.5 * limit}
    next_step = "Check its trigger cable and delay; if they are right, set the clocks of all cameras by one computer."
    if len(late) > 0.4 * len(times):
        what = f"The photographs were taken over {span:.3g} s{unit}."
        return [
            Check(
                name="time_skew", grade=Grade.WARN, what=what, value=span, unit="s", limit=limit,
                next_step=next_step.replace("its trigger cable", "the trigger"),
            )
        ]  # fmt: skip
    return [
        Check(
            name="time_skew", grade=Grade.WARN, camera_id=camera_id, value=abs(off), unit="s", limit=0.5 * limit,
            what=f"It fired {abs(off):.3g} s {'after' if off > 0 else 'before'} the others by its clock{unit}.",
            next_step=next_step,
        )
        for camera_id, off in late.items()
    ]  # fmt: skip


def moment_of(exif: Mapping[str, Exif]) -> datetime.datetime | None:
    """When the take was photographed by its cameras' clocks (the middle one); None where EXIF does not say."""
    known = sorted(moment for one in exif.values() if (moment := _moment(one)) is not None)
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=known[len(known) // 2]) if known else None


def _moment(exif: Exif) -> float | None:
    """Seconds since 1970 on the camera's own clock."""
    try:
        whole = datetime.datetime.strptime(exif.time, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    digits = exif.subsecond if exif.subsecond.isdigit() else "0"
    return (whole - datetime.datetime(1970, 1, 1)).total_seconds() + float(f"0.{digits}")
