"""What a calibration's numbers tell about each camera: residuals, lens, how sure its place is; boards of odd size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_calibration import BoardCalibration
from scan3d.calibration.board_prediction import BoardPrediction, median_length
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.verdict_limits import Limits
from scan3d.checks import Check, Grade
from scan3d.geometry import Camera
from scan3d.geometry.transforms import Array, skew

_LEAST_CORNERS = 16  # of a view, to tell noise from what is common to the board
_ALONE_IS_GOOD = 0.6  # rms by itself against the median in the rig
_BOARD_SIGMAS = 6.0
_CLIP = 4.0  # corners this many times further off than the median are outliers


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraResiduals:
    """Of one camera: corners px (N, 2), residuals (N, 2) without those that have no pixel, view (N,) each is from."""

    px: Array
    residuals: Array
    view: np.ndarray

    @property
    def median_px(self) -> float:
        """Median length of the residuals, NaN without any."""
        return median_length(self.residuals)


def camera_residuals(prediction: BoardPrediction, views: BoardViews) -> dict[str, CameraResiduals]:
    """Residuals by camera of the rig that has any.

    The solver's own, which allow for boards that moved between cameras that were not triggered together; predicted anew
    where the views are others than it was given.
    """
    found = {}
    solved = prediction.calibration.residuals
    by_view: dict[int, Array] = {}
    if len(solved) == len(views.views):
        by_view = {id(view): of_view.px for view, of_view in zip(views.views, solved, strict=True)}
    for camera_id in prediction.calibration.rig.camera_ids:
        px, residuals, numbers = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros(0, int)]
        for number, view in enumerate(views.of_camera(camera_id)):
            of_view = by_view[id(view)] if by_view else prediction.residuals_px(view)
            if of_view is None:
                continue
            known = np.isfinite(of_view).all(axis=1)
            px.append(view.px[known])
            residuals.append(of_view[known])
            numbers.append(np.full(known.sum(), number))
        joined = CameraResiduals(px=np.vstack(px), residuals=np.vstack(residuals), view=np.concatenate(numbers))
        if len(joined.px):
            found[camera_id] = joined
    return found


def residual_check(
    camera_id: str,
    all_residuals: Mapping[str, CameraResiduals],
    camera: Camera,
    limits: Limits,
    alone_px: float = float("nan"),
) -> Check:
    """A camera's median residual, by itself and beside the other cameras'. alone_px: rms when calibrated by itself."""
    median = all_residuals[camera_id].median_px
    others = [found.median_px for name, found in all_residuals.items() if name != camera_id]
    usual = float(np.median(others)) if others else float("nan")
    larger = max(1.0, float(np.hypot(camera.intrinsics.width, camera.intrinsics.height)) / limits.residual_diagonal_px)
    warn, fail = larger * limits.warn_residual_px, larger * limits.fail_residual_px
    apart = len(others) > 1 and median > limits.warn_residual_ratio * usual and median > 0.4 * warn
    grade = Grade.FAIL if median > fail else Grade.WARN if median > warn or apart else Grade.PASS
    compared = f" ({usual:.2f} px is usual in this rig)" if others else ""
    step = ""
    if grade is not Grade.PASS:
        step = "Look whether it sits tight and takes its picture with the others, at full size and in focus."
        if alone_px < _ALONE_IS_GOOD * median:
            # Its lens fits: the camera, or its moment, is where the others do not have it.
            step = (
                f"By itself it fits to {alone_px:.2f} px: it moved, or took its pictures at another moment than the "
                "others (of videos say --unsynchronised). Fix it, then calibrate again."
            )
    return Check(
        name="reprojection",
        grade=grade,
        camera_id=camera_id,
        what=f"corners lie {median:.2f} px from where the calibration has them{compared}.",
        next_step=step,
        value=round(median, 3),
        unit="px",
        limit=round(fail if grade is Grade.FAIL else warn, 3),
    )


def lens_check(
    camera_id: str,
    misfits: Mapping[str, tuple[float, float]],
    calibration: BoardCalibration,
    limits: Limits,
) -> Check | None:
    """Whether the best lens model leaves more than noise. misfits: of `lens_misfits`; None where it has none."""
    if camera_id not in misfits:
        return None
    size_px, ratio = misfits[camera_id]
    usual = float(np.median([other for name, (_, other) in misfits.items() if name != camera_id] or [1.0]))
    # A board that is not flat raises the ratio of all cameras: only what one has beyond the others is its lens.
    apart = ratio > limits.lens_ratio * max(1.0, usual)
    grade = Grade.PASS
    if apart and size_px > limits.warn_lens_px:
        grade = Grade.FAIL if size_px > limits.fail_lens_px else Grade.WARN
    lens = calibration.lens.get(camera_id, "lens")
    what = f"no lens model fits: the best ({lens}) leaves {size_px:.2f} px that are not noise."
    step = (
        "Look for glass before the lens, a zoom, focus or stabiliser that moved between shots; fix it and photograph "
        "the board again."
    )
    if grade is Grade.PASS:
        what, step = f"the lens model ({lens}) fits its pictures, to {size_px:.2f} px beyond their noise.", ""
    limit = limits.fail_lens_px if grade is Grade.FAIL else limits.warn_lens_px
    return Check(
        name="lens_model", grade=grade, camera_id=camera_id, what=what, next_step=step, value=round(size_px, 3),
        unit="px", limit=limit,
    )  # fmt: skip


def lens_misfits(
    calibration: BoardCalibration, all_residuals: Mapping[str, CameraResiduals]
) -> dict[str, tuple[float, float]]:
    """By camera: what its lens leaves when calibrated by itself, beyond the noise of corners (px), and over that noise.

    By itself: so that a camera that is triggered late, or stands elsewhere, is not taken for one with a bad lens.
    """
    found = {}
    for camera_id, residuals in all_residuals.items():
        alone, noise = calibration.alone_px.get(camera_id, float("nan")), corner_noise_px(residuals)
        if np.isfinite(alone) and np.isfinite(noise) and noise > 0:
            found[camera_id] = (float(np.sqrt(max(0.0, alone**2 - noise**2))), float(alone / noise))
    return found


def corner_noise_px(found: CameraResiduals) -> float:
    """Root mean square length of what residuals have that neighbouring corners do not share; NaN with few corners.

    A second-degree polynomial of the place takes from every view what its pose, or a lens, does to the whole board.
    """
    power, freedom = 0.0, 0
    for number in np.unique(found.view):
        mine = found.view == number
        px, residuals = found.px[mine], found.residuals[mine]
        if len(px) < _LEAST_CORNERS:
            continue
        u, v = ((px - px.mean(axis=0)) / max(float(np.ptp(px)), 1e-9)).T
        basis, _ = np.linalg.qr(np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1))
        good = np.ones(len(px), bool)
        for _ in range(2):  # The second time without outliers.
            weights, *_ = np.linalg.lstsq(basis[good], residuals[good], rcond=None)
            left = np.linalg.norm(residuals - basis @ weights, axis=1)
            good = left < _CLIP * max(float(np.median(left)), 1e-9)
        power += float((left[good] ** 2).sum())
        freedom += int(good.sum()) - basis.shape[1]
    return float(np.sqrt(power / freedom)) if freedom > 0 else float("nan")


def certainty_checks(camera: Camera, covariance: Array, distance_m: float, limits: Limits) -> Iterator[Check]:
    """How sure a camera's place and direction are. distance_m: from it to the boards."""
    camera_id = camera.camera_id
    centre_mm = 1e3 * float(np.sqrt(max(0.0, np.linalg.eigvalsh(covariance[:3, :3])[-1])))
    turn_deg = float(np.degrees(np.sqrt(max(0.0, np.linalg.eigvalsh(covariance[3:, 3:])[-1]))))
    metres = max(distance_m, 0.25)
    step = "Show it more boards together with other cameras: near and far, tilted, out to its corners."
    for name, value, unit, warn, fail, what in (
        ("centre_certainty", centre_mm, "mm", metres * limits.warn_centre_mm, metres * limits.fail_centre_mm, "place"),
        ("rotation_certainty", turn_deg, "deg", limits.warn_rotation_deg, limits.fail_rotation_deg, "direction"),
    ):
        unsure = not np.isfinite(value)
        grade = Grade.FAIL if unsure or value > fail else Grade.WARN if value > warn else Grade.PASS
        yield Check(
            name=name,
            grade=grade,
            camera_id=camera_id,
            what=f"its {what} is {'unknown' if unsure else f'known to {value:.2g} {unit}'}.",
            next_step="" if grade is Grade.PASS else step,
            value=None if unsure else round(value, 4),
            unit=unit,
            limit=round(fail if grade is Grade.FAIL else warn, 4),
        )


def board_scale_errors(prediction: BoardPrediction, views: BoardViews) -> dict[str, tuple[float, float]]:
    """By board, how much longer its squares are than said, as a share, and the standard deviation of that.

    One Gauss-Newton step for a board's scale with its pose in every shot free and the cameras as they are: the scale of
    a single board is that of the rig, so its error is zero then; boards that disagree show with opposite signs.
    """
    grouped: dict[str, dict[str, list[BoardView]]] = {}
    for view in views.views:
        if view.camera_id in prediction.calibration.rig and prediction.world_from_board(view) is not None:
            grouped.setdefault(view.board, {}).setdefault(prediction.shot_of(view), []).append(view)
    errors = {}
    for board, shots in grouped.items():
        parts = [_scale_step(prediction, together) for together in shots.values() if len(together) > 1]
        slope, power = sum(part[0] for part in parts), sum(part[1] for part in parts)
        if power > 0:
            noise = np.concatenate([part[2] for part in parts])
            sd = 1.4826 * float(np.median(np.abs(noise)))
            errors[board] = (slope / power, sd / float(np.sqrt(power)))
    return errors


def _scale_step(prediction: BoardPrediction, together: list[BoardView]) -> tuple[float, float, Array]:
    """Of the views of one board in one shot: what a change of scale explains, how well it could be seen, residuals."""
    rows, right, wanted = [], [], []
    for view in together:
        camera, place = prediction.calibration.rig[view.camera_id], prediction.world_from_board(view)
        assert place is not None
        board = prediction.boards[view.board].points_m[view.point_ids]
        world = place.apply(board)
        px, by_point, _ = camera.intrinsics.project_jacobian(camera.cam_from_world.apply(world))
        by_world = by_point @ camera.cam_from_world.rotation
        arm = world - place.translation
        by_pose = np.concatenate([by_world, by_world @ -np.array([skew(a) for a in arm])], axis=2)
        residuals = view.px - px
        lengths = np.linalg.norm(residuals, axis=1)
        good = lengths < 5 * max(median_length(residuals), 1e-9)
        rows.append(by_pose[good].reshape(-1, 6))
        right.append((by_world @ arm[..., None])[good].reshape(-1))
        wanted.append(residuals[good].reshape(-1))
    poses, scale, residual = np.vstack(rows), np.concatenate(right), np.concatenate(wanted)
    if len(poses) < 8 or not np.isfinite(poses).all():
        return 0.0, 0.0, np.zeros(0)
    basis, _ = np.linalg.qr(poses)
    scale = scale - basis @ (basis.T @ scale)
    return float(scale @ residual), float(scale @ scale), residual - basis @ (basis.T @ residual)


def board_scale_checks(errors: Mapping[str, tuple[float, float]], limits: Limits) -> Iterator[Check]:
    """Boards whose squares are not as long as said, told from the other boards of the target.

    Of two boards that disagree nothing here tells which is wrong: one check names both.
    """
    if len(errors) < 2:
        return
    middle = float(np.median([error for error, _ in errors.values()]))
    if len(errors) == 2:
        (one, (first, sd)), (other, (second, _)) = errors.items()
        ratio = f"Boards {one} and {other}: the squares of {one}, against those of {other}, are"
        found = [(ratio, f"{one}, {other}", first - second, sd)]
    else:
        found = [(f"Board {n}: its squares are", ", ".join(errors), e - middle, sd) for n, (e, sd) in errors.items()]
    for words, names, off, sd in found:
        if abs(off) <= max(limits.warn_board_scale, _BOARD_SIGMAS * sd):
            continue
        grade = Grade.FAIL if abs(off) > limits.fail_board_scale else Grade.WARN
        yield Check(
            name="square_size",
            grade=grade,
            what=f"{words} {abs(off):.2%} {'longer' if off > 0 else 'shorter'} than said.",
            next_step=f"Measure ten squares of each board ({names}) with a ruler and write square_m in the target.",
            value=round(100 * abs(off), 3),
            unit="%",
            limit=100 * (limits.fail_board_scale if grade is Grade.FAIL else limits.warn_board_scale),
        )
