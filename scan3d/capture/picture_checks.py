"""Photographs of a take against each other: focus, clipping, darkness, exposure, white balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scan3d.capture.photo_measures import PhotoMeasures
from scan3d.capture.take_limits import TakeLimits
from scan3d.checks import Check, Grade


def check_pictures(measures: Sequence[PhotoMeasures], limits: TakeLimits) -> list[Check]:
    """Focus, clipping and darkness of every camera."""
    return [*_focus(measures, limits), *(check for one in measures for check in _light(one, limits))]


def _focus(measures: Sequence[PhotoMeasures], limits: TakeLimits) -> list[Check]:
    known = {one.camera_id: one.blur_px for one in measures if np.isfinite(one.blur_px)}
    if not known:
        return []
    usual = float(np.median(list(known.values())))
    checks = []
    for camera_id, blur in known.items():
        # Blurs add as squares; what the usual camera has is its lens's and the subject's own softness.
        more = float(np.sqrt(max(blur**2 - usual**2, 0.0)))
        grade, limit = _graded(more, limits.blur_px)
        what = (
            f"It is as sharp as the others ({blur:.1f} px of blur)."
            if grade is Grade.PASS
            else f"It is blurred by {more:.1f} px more than the others."
        )
        next_step = "" if grade is Grade.PASS else "Focus it on the subject again, clean its lens, then calibrate it."
        checks.append(
            Check(
                name="focus", grade=grade, camera_id=camera_id, what=what, next_step=next_step, value=more, unit="px",
                limit=limit,
            )
        )  # fmt: skip
    return checks


def _light(one: PhotoMeasures, limits: TakeLimits) -> list[Check]:
    grade, limit = _graded(one.clipped_share, limits.clipped)
    next_step = "" if grade is Grade.PASS else "Lower the exposure, or dim or diffuse the light that it reflects."
    checks = [
        Check(
            name="clipping", grade=grade, camera_id=one.camera_id, next_step=next_step, unit="%", limit=100 * limit,
            what=f"{100 * one.clipped_share:.1f}% of the subject is at white.", value=100 * one.clipped_share,
        )
    ]  # fmt: skip
    if one.luminance < limits.dark:
        checks.append(
            Check(
                name="darkness", grade=Grade.WARN, camera_id=one.camera_id, value=100 * one.luminance, unit="%",
                limit=100 * limits.dark, what=f"The subject is dark: its middle is at {one.luminance:.2%} of white.",
                next_step="Give more light or a longer exposure.",
            )
        )  # fmt: skip
    return checks


def check_gains(gains: Mapping[str, np.ndarray], limits: TakeLimits) -> list[Check]:
    """Exposure and white balance from the light of places that cameras see in common.

    gains: camera id -> (3,) natural logarithms of its red, green and blue against the usual camera's.
    """
    checks = []
    for camera_id, gain in gains.items():
        stops = float(gain[1] / np.log(2.0))
        grade, limit = _graded(abs(stops), limits.exposure_stops)
        way = "brighter" if stops > 0 else "darker"
        checks.append(
            Check(
                name="exposure", grade=grade, camera_id=camera_id, value=abs(stops), unit="stops", limit=limit,
                what=f"Places on the subject are {abs(stops):.2f} stops {way} than in other photographs.",
                next_step="" if grade is Grade.PASS else _EXPOSURE,
            )
        )  # fmt: skip
        colour = np.array([gain[0] - gain[1], gain[2] - gain[1]])
        worst = int(np.argmax(np.abs(colour)))
        share = float(np.expm1(abs(colour[worst])))
        grade, limit = _graded(share, limits.white_balance)
        way = "more" if colour[worst] > 0 else "less"
        checks.append(
            Check(
                name="white_balance", grade=grade, camera_id=camera_id, value=100 * share, unit="%", limit=100 * limit,
                what=f"It has {share:.0%} {way} {('red', 'blue')[worst]} against green than the others.",
                next_step="" if grade is Grade.PASS else "Set one fixed white balance on all cameras, not automatic.",
            )
        )  # fmt: skip
    return checks


_EXPOSURE = "Compare its aperture, exposure time and ISO with the others'; look whether a light failed on its side."


def _graded(value: float, limits: tuple[float, float]) -> tuple[Grade, float]:
    """The grade and the limit that was passed, or the next one."""
    warn, fail = limits
    if value > fail:
        return Grade.FAIL, fail
    return (Grade.WARN if value > warn else Grade.PASS), warn
