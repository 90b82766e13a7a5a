"""Single views that contradict the rest of the rig, and what explains them: a turned board, another camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_calibration import BoardCalibration
from scan3d.calibration.board_prediction import BoardPrediction, is_mirrored
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.targets import Target
from scan3d.geometry import Camera, Intrinsics, Rigid3

MIRRORED, TURNED, SWAPPED = "mirrored", "turned", "swapped"

# A view contradicts where its corners are this much further off than its camera's others, and this far at least.
_WORSE_THAN_USUAL = 8.0
_SHARE_OF_DIAGONAL = 0.003
# What explains it brings its corners this much nearer.
_NEARER = 0.2
# A pose of a camera is believed when this many of its views agree with it, and this share.
_AGREEING_VIEWS, _AGREEING_SHARE = 3, 0.6
_POSES_TRIED = 12


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A view that must not take part. index: in BoardViews.views. kind: MIRRORED, TURNED (board numbered from its other
    end) or SWAPPED (it is the picture of camera `other`). before_px, after_px: median residual as it is, as explained.
    """

    index: int
    kind: str
    camera_id: str
    shot: str
    other: str = ""
    before_px: float = float("nan")
    after_px: float = float("nan")


def mirrored_views(views: BoardViews, target: Target) -> tuple[Conflict, ...]:
    """Views that show their board as in a mirror; known before anything is calibrated."""
    boards = {board.name: board for board in target.boards}
    return tuple(
        Conflict(index=index, kind=MIRRORED, camera_id=view.camera_id, shot=view.shot)
        for index, view in enumerate(views.views)
        if is_mirrored(view, boards[view.board])
    )


def without(views: BoardViews, conflicts: Sequence[Conflict]) -> BoardViews:
    """The views without those in conflict; the cameras stay known."""
    aside = {conflict.index for conflict in conflicts}
    kept = tuple(view for index, view in enumerate(views.views) if index not in aside)
    return BoardViews(views=kept, sizes=views.sizes, images=views.images)


def contradicting_views(
    calibration: BoardCalibration, views: BoardViews, target: Target, known: Sequence[Conflict] = ()
) -> tuple[Conflict, ...]:
    """Views that the calibration contradicts and that a turned board or another camera's place explains.

    known: conflicts found before; those views are not looked at again.
    """
    prediction = BoardPrediction(calibration=calibration, target=target)
    aside = {conflict.index for conflict in known}
    by_camera: dict[str, list[tuple[int, BoardView]]] = {}
    for index, view in enumerate(views.views):
        if index not in aside and prediction.world_from_board(view) is not None:
            by_camera.setdefault(view.camera_id, []).append((index, view))
    found: list[Conflict] = []
    for camera_id, mine in by_camera.items():
        camera = _believed(camera_id, [view for _, view in mine], prediction)
        if camera is not None:
            found += _of_camera(camera, mine, prediction)
    return tuple(found)


def _of_camera(camera: Camera, mine: list[tuple[int, BoardView]], prediction: BoardPrediction) -> list[Conflict]:
    tolerance = tolerance_px(camera.intrinsics)
    errors = [prediction.median_px(view, camera) for _, view in mine]
    usual = float(np.median([error for error in errors if error < tolerance] or [0.0]))
    found = []
    for (index, view), before in zip(mine, errors, strict=True):
        if before <= max(tolerance, _WORSE_THAN_USUAL * usual):
            continue
        enough = _NEARER * min(before, 5 * tolerance)
        turned = prediction.median_px(view, camera, turned=True)
        if turned < enough:
            kind, other, after = TURNED, "", turned
        else:
            other, after = _nearest_camera(view, camera, prediction)
            kind = SWAPPED
        if after < enough:
            found.append(
                Conflict(
                    index=index, kind=kind, camera_id=view.camera_id, shot=view.shot, other=other, before_px=before,
                    after_px=after,
                )
            )  # fmt: skip
    return found


def _nearest_camera(view: BoardView, own: Camera, prediction: BoardPrediction) -> tuple[str, float]:
    """The other camera whose place explains a view best, and the median residual there."""
    best = ("", float("inf"))
    for camera in prediction.calibration.rig:
        size = (camera.intrinsics.width, camera.intrinsics.height)
        if camera.camera_id != view.camera_id and size == (own.intrinsics.width, own.intrinsics.height):
            error = prediction.median_px(view, camera)
            best = min(best, (camera.camera_id, error), key=lambda found: found[1])
    return best


def _believed(camera_id: str, mine: list[BoardView], prediction: BoardPrediction) -> Camera | None:
    """The camera where the calibration has it if most of its views agree; else where most of them would agree, numbered
    either way; None where there is no such place."""
    intrinsics = prediction.calibration.intrinsics.get(camera_id)
    camera = prediction.cameras.get(camera_id)
    if camera is not None:
        intrinsics = camera.intrinsics
        if _agreeing(camera, mine, prediction) >= _AGREEING_SHARE * len(mine):
            return camera
    if intrinsics is None or len(mine) < _AGREEING_VIEWS:
        return None
    best, most = camera, _AGREEING_SHARE * len(mine) if camera is None else _agreeing(camera, mine, prediction)
    tried = mine[:: max(1, len(mine) // _POSES_TRIED)]
    for view in tried:
        for turned in (False, True):
            resected = _resected(camera_id, intrinsics, view, prediction, turned)
            if resected is None:
                continue
            count = _agreeing(resected, mine, prediction, turned_too=True)
            if count > most and count >= max(_AGREEING_VIEWS, _AGREEING_SHARE * len(mine)):
                best, most = resected, count
    return best


def _agreeing(camera: Camera, mine: list[BoardView], prediction: BoardPrediction, *, turned_too: bool = False) -> int:
    """How many views a camera's place agrees with; a pose from one view is good to a few times the usual tolerance."""
    tolerance = (3.0 if turned_too else 1.0) * tolerance_px(camera.intrinsics)
    count = 0
    for view in mine:
        fits = prediction.median_px(view, camera) < tolerance
        count += fits or (turned_too and prediction.median_px(view, camera, turned=True) < tolerance)
    return count


def _resected(
    camera_id: str, intrinsics: Intrinsics, view: BoardView, prediction: BoardPrediction, turned: bool
) -> Camera | None:
    """The camera placed by one view alone, of a board whose place the others know."""
    import cv2

    world_from_board = prediction.world_from_board(view)
    rays = intrinsics.unproject(view.px)
    good = np.isfinite(rays).all(axis=1)
    if world_from_board is None or good.sum() < 6 or (turned and prediction.half_turns[view.board] is None):
        return None
    board = prediction.boards[view.board].points_m[view.point_ids]
    # IPPE wants the plane z = 0: solved in the board's frame, where a turned board is a turned frame.
    found, rotation, translation = cv2.solvePnP(
        board[good], rays[good, None, :2], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
    )
    if not found:
        return None
    cam_from_board = Rigid3(rotation=cv2.Rodrigues(rotation)[0], translation=translation[:, 0])
    if turned:
        corners = prediction.boards[view.board].points_m
        middle = corners.min(axis=0) + corners.max(axis=0)
        half = Rigid3(rotation=np.diag([-1.0, -1.0, 1.0]), translation=np.array([middle[0], middle[1], 0.0]))
        cam_from_board = cam_from_board @ half
    return Camera(
        camera_id=camera_id, intrinsics=intrinsics, cam_from_world=cam_from_board @ world_from_board.inverse()
    )


def tolerance_px(intrinsics: Intrinsics) -> float:
    """Residuals beyond this are no noise: 0.3 % of the picture's diagonal, 4 px of a megapixel."""
    return _SHARE_OF_DIAGONAL * float(np.hypot(intrinsics.width, intrinsics.height))
