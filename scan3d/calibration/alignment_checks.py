"""Verdicts on an alignment, camera by camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_scale import LocatedBoard
from scan3d.calibration.drift import Drift
from scan3d.calibration.sfm import SfmModel
from scan3d.checks import Check, Grade


@dataclass(frozen=True, kw_only=True)
class AlignmentLimits:
    """Where WARN begins. observations: fewer hold a camera badly (COLMAP itself gives up below 30). overlaps: verified
    pairs; with fewer, one wrong pair decides. reprojection_px: SIFT finds a place to about half a pixel; times_usual:
    of the usual camera's. tilt_deg: of cameras about what is taken for up. scale_spread: of the scale, as a share.
    """

    observations: int = 80
    overlaps: int = 3
    reprojection_px: float = 1.0
    times_usual: float = 2.0
    tilt_deg: float = 8.0
    scale_spread: float = 0.005


def check_alignment(
    model: SfmModel, unregistered: Mapping[str, str], limits: AlignmentLimits | None = None
) -> list[Check]:
    """How each photograph was aligned. unregistered: why the others were not."""
    limits = limits or AlignmentLimits()
    checks = [
        Check(
            name="aligned", grade=Grade.WARN, camera_id=camera_id, what=f"It could not be aligned: {reason}.",
            next_step="Photograph with more overlap to its neighbours, or calibrate with a board.",
        )
        for camera_id, reason in unregistered.items()
    ]  # fmt: skip
    usual = float(np.median([found["median_px"] for found in model.residuals.values()] or [0.0]))
    limit_px = max(limits.reprojection_px, limits.times_usual * usual)
    for camera_id, found in model.residuals.items():
        checks += [
            _observations(camera_id, int(found["observations"]), limits),
            _overlaps(camera_id, model.verified_pairs.get(camera_id, 0), limits),
            _reprojection(camera_id, float(found["median_px"]), limit_px),
        ]
    return checks


def _observations(camera_id: str, count: int, limits: AlignmentLimits) -> Check:
    few = count < limits.observations
    return Check(
        name="observations", grade=Grade.WARN if few else Grade.PASS, camera_id=camera_id, value=float(count),
        unit="places", limit=float(limits.observations), what=f"It is held by {count} places on the subject.",
        next_step="Its place is uncertain: add texture, or a photograph between it and its neighbours." if few else "",
    )  # fmt: skip


def _overlaps(camera_id: str, count: int, limits: AlignmentLimits) -> Check:
    few = count < limits.overlaps
    others = "one other photograph" if count == 1 else f"{count} other photographs"
    return Check(
        name="overlap", grade=Grade.WARN if few else Grade.PASS, camera_id=camera_id, value=float(count),
        unit="cameras", limit=float(limits.overlaps), what=f"It overlaps with {others}.",
        next_step="Add a photograph that shows what it shows, from a similar side." if few else "",
    )  # fmt: skip


def _reprojection(camera_id: str, median_px: float, limit_px: float) -> Check:
    off = median_px > limit_px
    return Check(
        name="reprojection", grade=Grade.WARN if off else Grade.PASS, camera_id=camera_id, value=median_px, unit="px",
        limit=limit_px, what=f"Places lie {median_px:.2f} px from where it should see them (median).",
        next_step="Look whether it is blurred, or fired at another moment than the others." if off else "",
    )  # fmt: skip


def check_scale(metric: bool, boards: Sequence[LocatedBoard], limits: AlignmentLimits | None = None) -> list[Check]:
    """Whether lengths are metres, and how surely. boards: that the scale comes from, if any."""
    limits = limits or AlignmentLimits()
    if not metric:
        next_step = "Give a known length with --distance A B METRES, or a board or marker with --target NAME."
        return [Check(name="scale", grade=Grade.WARN, what="The scale is arbitrary.", next_step=next_step)]
    if not boards:
        return [Check(name="scale", grade=Grade.PASS, what="Lengths are metres.")]
    best = boards[0]
    spread = max(best.spread, *(abs(b.metres_per_unit / best.metres_per_unit - 1.0) for b in boards))
    what = (
        f"The scale comes from {best.corners} corners of {best.board} in {len(best.cameras)} photographs, "
        f"\N{PLUS-MINUS SIGN} {spread:.2%}."
    )
    loose = spread > limits.scale_spread
    return [
        Check(
            name="scale", grade=Grade.WARN if loose else Grade.PASS, what=what, value=100 * spread, unit="%",
            limit=100 * limits.scale_spread,
            next_step="Use a larger or flatter board, or let more cameras see it." if loose else "",
        )
    ]  # fmt: skip


def check_upright(how: str, tilt_deg: float, limits: AlignmentLimits | None = None) -> Check:
    """How up is known: "floor" (a board), "exif" or "level" (cameras), with the cameras' usual tilt about it."""
    limits = limits or AlignmentLimits()
    words = {
        "floor": "Up is the normal of the board on the floor",
        "exif": "Up is what the cameras felt as up (EXIF)",
        "level": "Up follows from cameras held level",
        "known": "Up is that of the known cameras",
    }[how]
    unsure = how in ("exif", "level") and tilt_deg > limits.tilt_deg
    return Check(
        name="upright", grade=Grade.WARN if unsure else Grade.PASS, value=tilt_deg, unit="deg", limit=limits.tilt_deg,
        what=f"{words}; they are tilted by {tilt_deg:.1f}\N{DEGREE SIGN} about it in the middle.",
        next_step="Put a board on the floor and name it with --floor." if unsure else "",
    )  # fmt: skip


def check_known(drift: Drift, known: Sequence[str], loose: Sequence[str]) -> list[Check]:
    """Whether the cameras that were known still stand where they did, and which new ones hardly touch the others."""
    checks = []
    for camera_id, one in drift.cameras.items():
        if camera_id in loose:
            checks.append(
                Check(
                    name="extended", grade=Grade.WARN, camera_id=camera_id, value=float(one.observations),
                    unit="places", what="It shares too few places with the known cameras to be adjusted to them.",
                    next_step="Add texture or a photograph between it and the others, or calibrate it with a board.",
                )
            )  # fmt: skip
        elif camera_id in known:
            checks.append(
                Check(
                    name="known_camera", grade=Grade.WARN if one.named else Grade.PASS, camera_id=camera_id,
                    value=one.shift_px, unit="px",
                    what=f"It no longer stands where it was known, by {one.shift_px:.2f} px."
                    if one.named else "It stays as it was known.",
                    next_step="Leave it out of the known calibration, so that it is aligned anew." if one.named else "",
                )
            )  # fmt: skip
    return checks
