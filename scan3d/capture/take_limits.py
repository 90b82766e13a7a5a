"""What a take is asked for before anything is computed from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scan3d.geometry.rig_definition import RigLimits


@dataclass(frozen=True, kw_only=True)
class TakeLimits:
    """Limits of the checks of a take; each pair is where WARN and where FAIL begins.

    blur_px: more than the other cameras have. A pixel of blur costs a correlation window of 9 pixels a tenth of its
    detail, three most of it. clipped: share of the subject at white, where nothing can be measured. dark: linear
    luminance of the subject's middle below which an 8-bit photograph has few steps left. exposure_stops: from the
    usual camera; textures show more than a tenth, and 8 bits cannot make up for a whole one. white_balance: the same
    for red or blue against green, as a factor. time_skew_s: people sway by 10 mm a second (Prieto et al. 1996).
    clock_skew_s: where EXIF has whole seconds only. age_days: rigs move with temperature and by being touched.
    """

    blur_px: tuple[float, float] = (0.8, 2.0)
    clipped: tuple[float, float] = (0.005, 0.05)
    dark: float = 0.01
    exposure_stops: tuple[float, float] = (0.15, 1.0)
    white_balance: tuple[float, float] = (0.08, 0.5)
    time_skew_s: float = 0.05
    clock_skew_s: float = 2.0
    age_days: float = 30.0

    def of_rig(self, limits: RigLimits) -> TakeLimits:
        """The same limits, with those that a rig's definition gives."""
        own = self
        if limits.time_skew_s is not None:
            own = replace(own, time_skew_s=limits.time_skew_s)
        if limits.exposure_spread is not None:
            own = replace(own, exposure_stops=(limits.exposure_spread, max(1.0, limits.exposure_spread)))
        if limits.calibration_age_days is not None:
            own = replace(own, age_days=limits.calibration_age_days)
        return own
