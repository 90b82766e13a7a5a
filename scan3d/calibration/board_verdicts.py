"""The verdict on a calibration from boards: what is wrong, with which camera, and what to do next.

Every kind of fault has a check of its own name:

    no_board_seen, too_few_views, camera_missing     it saw nothing, or not enough
    image_mirrored, board_turned                     pictures, or single boards, the wrong way round
    cameras_swapped, off_plan, camera_unknown        pictures in another camera's folder
    disconnected, inconsistent                       nothing, or nothing that agrees, ties it to the other cameras
    sharpness, lens_model, reprojection              out of focus, a lens no model fits, corners that do not agree
    board_coverage, centre_certainty, rotation_certainty
    square_size                                      a board that is larger or smaller than said

A camera is judged by its first cause: one whose pictures are mirrored is not also told that its place is uncertain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scan3d.calibration.board_calibration import NO_LENS, TOO_FEW_VIEWS, BoardCalibration
from scan3d.calibration.board_prediction import BoardPrediction
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.fit_checks import (
    board_scale_checks,
    board_scale_errors,
    camera_residuals,
    certainty_checks,
    lens_check,
    lens_misfits,
    residual_check,
)
from scan3d.calibration.plan_checks import plan_checks
from scan3d.calibration.targets import Target
from scan3d.calibration.verdict_limits import Limits, limits_for
from scan3d.calibration.view_checks import (
    blur_checks,
    conflict_checks,
    coverage_check,
    coverage_counts,
    seen_checks,
    views_by_camera,
)
from scan3d.calibration.view_conflicts import (
    Conflict,
    contradicting_views,
    mirrored_views,
    without,
)
from scan3d.checks import Check, Grade, worst
from scan3d.geometry.rig_definition import RigDefinition


def judge_calibration(
    calibration: BoardCalibration,
    views: BoardViews,
    target: Target,
    rig_definition: RigDefinition | None = None,
    *,
    conflicts: Sequence[Conflict] | None = None,
    limits: Limits | None = None,
) -> tuple[Check, ...]:
    """Checks of a calibration, camera by camera in the order of the views' sizes, those of the whole rig last.

    views: all that was seen, also what the calibration was not made from. conflicts: views that were set aside; found
    here where None. rig_definition: the plan, without which nobody can tell two swapped cameras, or the size of a rig
    that was calibrated from a single board. limits: by default those of the plan, see `limits_for`.
    """
    limits = limits or limits_for(rig_definition)
    if conflicts is None:
        mirrored = mirrored_views(views, target)
        conflicts = (*mirrored, *contradicting_views(calibration, views, target, mirrored))
    good = without(views, conflicts)
    checks = [*seen_checks(views, limits), *conflict_checks(conflicts, views)]
    checks += _after_setting_aside(checks, good, limits)
    if rig_definition is not None:
        with_pictures = [name for name in views.sizes if views.images.get(name, 1) or views.of_camera(name)]
        checks += plan_checks(calibration.rig, rig_definition, with_pictures, limits)
    checks += _left_out_checks(calibration, good, target, failed(checks), limits)
    checks += _fit_checks(calibration, good, target, failed(checks), limits)
    order = {camera_id: number for number, camera_id in enumerate(views.sizes)}
    return tuple(sorted(checks, key=lambda check: order.get(check.camera_id, len(order))))


def failed(checks: Sequence[Check]) -> set[str]:
    """Cameras with a FAIL: their first cause is known."""
    return {check.camera_id for check in checks if check.grade is Grade.FAIL and check.camera_id}


def _after_setting_aside(checks: Sequence[Check], good: BoardViews, limits: Limits) -> Iterator[Check]:
    """Cameras to which too little is left once views in conflict are set aside."""
    named = {check.camera_id for check in checks if check.name in ("no_board_seen", "too_few_views")} | failed(checks)
    rest = {camera_id: size for camera_id, size in good.sizes.items() if camera_id not in named}
    left = BoardViews(views=good.views, sizes=rest, images=good.images)
    yield from seen_checks(left, limits)


def _left_out_checks(
    calibration: BoardCalibration, views: BoardViews, target: Target, known: set[str], limits: Limits
) -> Iterator[Check]:
    """Cameras that are not in the rig, and why."""
    counts = views_by_camera(views)
    rig = set(calibration.rig.camera_ids)
    shots = _shots_by_camera(views, target)
    of_rig = set().union(*(shots.get(name, set()) for name in rig)) if rig else set()
    for camera_id, reason in calibration.left_out.items():
        if camera_id in known or camera_id in rig:
            continue
        if reason == TOO_FEW_VIEWS:
            what = f"its {counts.get(camera_id, 0)} views are too few, or too alike, to find its lens."
            step = f"Take {limits.warn_views} shots in which it sees the board, near and far, tilted to all sides."
            yield _fail("too_few_views", camera_id, what, step, float(counts.get(camera_id, 0)), limits.fail_views)
        elif reason == NO_LENS:
            what = "no lens model fits what it saw of the board."
            step = "Look for a zoom or focus that moved, glass before the lens, or pictures cut to another size."
            yield _fail("lens_model", camera_id, what, step)
        elif shots.get(camera_id, set()) & of_rig:
            what = "its views contradict the other cameras': no single place explains them."
            step = "Look whether it moved, or was triggered at another moment than the others; then calibrate again."
            yield _fail("inconsistent", camera_id, what, step)
    yield from _groups(calibration, shots, known)


def _groups(calibration: BoardCalibration, shots: dict[str, set[tuple[str, str]]], known: set[str]) -> Iterator[Check]:
    """Cameras that see the board well but never together with the rig's."""
    rig = calibration.rig.camera_ids
    of_rig = set().union(*(shots.get(name, set()) for name in rig)) if rig else set()
    apart = [name for name in calibration.left_out if name not in rig and name not in known and shots.get(name)]
    apart = [name for name in apart if not shots[name] & of_rig and calibration.left_out[name] == "disconnected"]
    for camera_id in apart:
        friends = [name for name in apart if name != camera_id and shots[name] & shots[camera_id]]
        group = f" (nor do {', '.join(friends[:4])}, which see it with {camera_id})" if friends else ""
        what = f"it never sees the board in one shot with the {len(rig)} cameras of the rig{group}."
        near = _nearest(camera_id, calibration)
        step = f"Hold the board where {camera_id} and {near} both see it, in three shots or more."
        yield _fail("disconnected", camera_id, what, step, 0.0, 3.0)


def _nearest(camera_id: str, calibration: BoardCalibration) -> str:
    """A camera of the rig to tie another to: the next by name, as neighbours mostly are."""
    names = sorted([*calibration.rig.camera_ids, camera_id])
    place = names.index(camera_id)
    return names[place - 1] if place else names[1] if len(names) > 1 else "another camera"


def _shots_by_camera(views: BoardViews, target: Target) -> dict[str, set[tuple[str, str]]]:
    """The (body, shot) pairs that each camera saw a board of."""
    body = {board.name: board.body or board.name for board in target.boards}
    shots: dict[str, set[tuple[str, str]]] = {}
    for view in views.views:
        shots.setdefault(view.camera_id, set()).add((body[view.board], view.shot))
    return shots


def _fit_checks(
    calibration: BoardCalibration, views: BoardViews, target: Target, known: set[str], limits: Limits
) -> Iterator[Check]:
    """Focus, coverage, residuals, lens and certainty of the cameras whose fault is not known yet; sizes of boards."""
    counts = views_by_camera(views)
    sharpness = [check for check in blur_checks(views, limits) if check.camera_id not in known]
    yield from sharpness
    for camera_id, count in counts.items():
        if camera_id not in known and count:
            yield coverage_check(coverage_counts(views, camera_id), camera_id, count, limits)
    prediction = BoardPrediction(calibration=calibration, target=target)
    scales = tuple(board_scale_checks(board_scale_errors(prediction, views), limits))
    yield from scales
    if worst(scales) is Grade.FAIL:  # Boards of wrong sizes pull at every camera: none of them is to blame.
        return
    blurred = {check.camera_id for check in sharpness if check.grade is not Grade.PASS}
    fits = tuple(_residual_checks(prediction, views, known | blurred, limits))
    yield from fits
    if worst(fits) is Grade.FAIL:  # Certainty follows from the residuals: one camera's fault would make all unsure.
        return
    for camera in calibration.rig:
        name = camera.camera_id
        judged = name not in known | blurred and counts[name] >= limits.warn_views and len(calibration.rig) > 1
        if judged and name in calibration.covariance:
            distance = _distance_m(prediction, views, name)
            yield from certainty_checks(camera, calibration.covariance[name], distance, limits)


def _residual_checks(
    prediction: BoardPrediction, views: BoardViews, known: set[str], limits: Limits
) -> Iterator[Check]:
    """Lens and residuals of the cameras whose fault is not known yet; of one whose lens is wrong the lens alone."""
    calibration = prediction.calibration
    residuals = camera_residuals(prediction, views)
    misfits = lens_misfits(calibration, residuals)
    for camera in calibration.rig:
        name = camera.camera_id
        if name in known or name not in residuals:
            continue
        lens = lens_check(name, misfits, calibration, limits)
        if lens is not None:
            yield lens
        if lens is None or lens.grade is Grade.PASS:
            alone = calibration.alone_px.get(name, float("nan"))
            yield residual_check(name, residuals, camera, limits, alone)


def _distance_m(prediction: BoardPrediction, views: BoardViews, camera_id: str) -> float:
    """Median distance from a camera to the boards that it saw."""
    centre = prediction.calibration.rig[camera_id].centre
    places = [prediction.points_world(view) for view in views.of_camera(camera_id)]
    return float(np.median([float(np.linalg.norm(p.mean(axis=0) - centre)) for p in places if p is not None] or [1.0]))


def _fail(
    name: str, camera_id: str, what: str, step: str, value: float | None = None, limit: float | None = None
) -> Check:
    return Check(
        name=name, grade=Grade.FAIL, camera_id=camera_id, what=what, next_step=step, value=value, limit=limit
    )  # fmt: skip
