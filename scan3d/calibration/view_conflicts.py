"""Single views that contradict the rest of the rig, and what explains them: a turned board, another camera."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.board_calibration import BoardCalibration
from scan3d.calibration.board_prediction import BoardPrediction, is_mirrored
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.targets import Target
from scan3d.calibration.view_poses import cam_from_board, half_turn_pose
from scan3d.geometry import Camera, Intrinsics

MIRRORED, TURNED, SWAPPED = "mirrored", "turned", "swapped"

# A view contradicts where its corners are this much further off than its camera's others, and this far at least.
_WORSE_THAN_USUAL = 8.0
_SHARE_OF_DIAGONAL = 0.003
# What explains it brings its corners this much nearer.
_NEARER = 0.2
# A pose of a camera is believed when this many of its views agree with it, and this share.
_AGREEING_VIEWS, _AGREEING_SHARE = 3, 0.5
_POSES_TRIED = 12
# A camera is suspected with this many contradicting views, and more than this share of them.
_SUSPECT_VIEWS, _SUSPECT_SHARE = 1, 0.0


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
    calibration: BoardCalibration,
    views: BoardViews,
    target: Target,
    known: Sequence[Conflict] = (),
    lenses: Mapping[str, Intrinsics] | None = None,
) -> tuple[Conflict, ...]:
    """Views that the calibration contradicts and that a turned board or another camera's place explains.

    known: conflicts found before; those views are not looked at again. lenses: of cameras that the calibration does not
    know, to place them by what the others say.
    """
    prediction = BoardPrediction(calibration=calibration, target=target)
    by_camera = _placed_views(views, prediction, known)
    intrinsics = {**(lenses or {}), **calibration.intrinsics}
    believed = {
        camera_id: camera
        for camera_id, mine in by_camera.items()
        if (camera := _believed(camera_id, intrinsics.get(camera_id), [view for _, view in mine], prediction))
    }
    found: list[Conflict] = []
    for camera_id, camera in believed.items():
        found += _of_camera(camera, by_camera[camera_id], prediction, believed)
    return tuple(_by_the_worse(found, views, believed, prediction))


def suspects(
    calibration: BoardCalibration, views: BoardViews, target: Target, known: Sequence[Conflict] = ()
) -> tuple[str, ...]:
    """Cameras of the rig with several views that contradict it, those with the largest share of them first."""
    prediction = BoardPrediction(calibration=calibration, target=target)
    shares = {}
    for camera_id, mine in _placed_views(views, prediction, known).items():
        if camera_id in prediction.cameras:
            tolerance = tolerance_px(prediction.cameras[camera_id].intrinsics)
            bad = sum(prediction.median_px(view) > tolerance for _, view in mine)
            if bad >= _SUSPECT_VIEWS and bad > _SUSPECT_SHARE * len(mine):
                shares[camera_id] = bad / len(mine)
    return tuple(sorted(shares, key=lambda name: -shares[name]))


def _placed_views(
    views: BoardViews, prediction: BoardPrediction, known: Sequence[Conflict]
) -> dict[str, list[tuple[int, BoardView]]]:
    """By camera, index and view of those not known to conflict whose board the calibration has a place for."""
    aside = {conflict.index for conflict in known}
    by_camera: dict[str, list[tuple[int, BoardView]]] = {}
    for index, view in enumerate(views.views):
        if index not in aside and prediction.world_from_board(view) is not None:
            by_camera.setdefault(view.camera_id, []).append((index, view))
    return by_camera


def _of_camera(
    camera: Camera, mine: list[tuple[int, BoardView]], prediction: BoardPrediction, believed: Mapping[str, Camera]
) -> list[Conflict]:
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
            other, after = _nearest_camera(view, camera, prediction, believed)
            kind = SWAPPED
        if after < enough:
            found.append(
                Conflict(
                    index=index, kind=kind, camera_id=view.camera_id, shot=view.shot, other=other, before_px=before,
                    after_px=after,
                )
            )  # fmt: skip
    return found


def _by_the_worse(
    found: list[Conflict], views: BoardViews, believed: Mapping[str, Camera], prediction: BoardPrediction
) -> list[Conflict]:
    """Of two cameras that see a board numbered differently, the one that is wrong in other shots too.

    A turned view of a camera without any in other shots is given to the camera of that shot that has some.
    """
    turned = Counter(conflict.camera_id for conflict in found if conflict.kind == TURNED)
    usual = {name: tolerance_px(camera.intrinsics) for name, camera in believed.items()}
    chosen = []
    for conflict in found:
        view = views.views[conflict.index]
        others = [
            (index, other)
            for index, other in enumerate(views.views)
            if (other.shot, other.board) == (view.shot, view.board)
            and other.camera_id in believed
            and other.camera_id != view.camera_id
            and prediction.median_px(other, believed[other.camera_id]) < usual[other.camera_id]
        ]
        blame = conflict.kind == TURNED and turned[conflict.camera_id] == 1 and len(others) > 0
        if blame and all(turned[other.camera_id] > 0 for _, other in others):
            chosen += [
                replace(conflict, index=index, camera_id=other.camera_id, shot=other.shot) for index, other in others
            ]
        else:
            chosen.append(conflict)
    return chosen


def _nearest_camera(
    view: BoardView, own: Camera, prediction: BoardPrediction, believed: Mapping[str, Camera]
) -> tuple[str, float]:
    """The other camera whose place explains a view best, and the median residual there."""
    best = ("", float("inf"))
    for camera in believed.values():
        size = (camera.intrinsics.width, camera.intrinsics.height)
        if camera.camera_id != view.camera_id and size == (own.intrinsics.width, own.intrinsics.height):
            error = prediction.median_px(view, camera)
            best = min(best, (camera.camera_id, error), key=lambda found: found[1])
    return best


def _believed(
    camera_id: str, intrinsics: Intrinsics | None, mine: list[BoardView], prediction: BoardPrediction
) -> Camera | None:
    """The camera where the calibration has it if most of its views agree; else where most of them would agree.

    None where there is no such place. Views count for a place if they agree with it numbered either way.
    """
    camera = prediction.cameras.get(camera_id)
    if camera is not None:
        intrinsics = camera.intrinsics
        if _agreeing(camera, mine, prediction) >= _AGREEING_SHARE * len(mine):
            return camera
    if intrinsics is None or len(mine) < _AGREEING_VIEWS:
        return None
    best, most = camera, 0 if camera is None else _agreeing(camera, mine, prediction)
    for view in mine[:: max(1, len(mine) // _POSES_TRIED)]:
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
    world_from_board, board = prediction.world_from_board(view), prediction.boards[view.board]
    if world_from_board is None or (turned and prediction.half_turns[view.board] is None):
        return None
    pose = cam_from_board(view, board, intrinsics)
    if pose is None:
        return None
    if turned:  # A board numbered from its other end is a frame turned by half.
        pose = pose @ half_turn_pose(board)
    return Camera(camera_id=camera_id, intrinsics=intrinsics, cam_from_world=pose @ world_from_board.inverse())


def tolerance_px(intrinsics: Intrinsics) -> float:
    """Residuals beyond this are no noise: 0.3 % of the picture's diagonal, 4 px of a megapixel."""
    return _SHARE_OF_DIAGONAL * float(np.hypot(intrinsics.width, intrinsics.height))
