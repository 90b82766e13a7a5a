"""Where each board stood before each camera, view by view, by that camera's lens alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.targets import Board, Target
from scan3d.geometry import Intrinsics, Rigid3

_LEAST_CORNERS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class ViewPose:
    """A view with the pose of its board. index: in BoardViews.views."""

    index: int
    camera_id: str
    cam_from_board: Rigid3


def cam_from_board(view: BoardView, board: Board, intrinsics: Intrinsics) -> Rigid3 | None:
    """The pose of a board before a camera, from one view (IPPE: Collins and Bartoli 2014); None with few corners."""
    import cv2

    rays = intrinsics.unproject(view.px)
    good = np.isfinite(rays).all(axis=1)
    if good.sum() < _LEAST_CORNERS:
        return None
    points = np.ascontiguousarray(board.points_m[view.point_ids][good])
    plane = np.ascontiguousarray(rays[good, None, :2])
    found, rotation, translation = cv2.solvePnP(points, plane, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE)
    return Rigid3(rotation=cv2.Rodrigues(rotation)[0], translation=translation[:, 0]) if found else None


def poses_by_shot(
    views: BoardViews, target: Target, lenses: Mapping[str, Intrinsics], aside: Sequence[int] = ()
) -> dict[tuple[str, str], list[ViewPose]]:
    """By (board, shot) the poses of all views but those aside, of cameras whose lens is known."""
    boards = {board.name: board for board in target.boards}
    skipped = set(aside)
    together: dict[tuple[str, str], list[ViewPose]] = defaultdict(list)
    for index, view in enumerate(views.views):
        if index in skipped or view.camera_id not in lenses:
            continue
        pose = cam_from_board(view, boards[view.board], lenses[view.camera_id])
        if pose is not None:
            found = ViewPose(index=index, camera_id=view.camera_id, cam_from_board=pose)
            together[view.board, view.shot].append(found)
    return dict(together)


def half_turn_pose(board: Board) -> Rigid3:
    """A board's frame turned by 180 degrees in its plane, about its middle: its own inverse."""
    middle = board.points_m.min(axis=0) + board.points_m.max(axis=0)
    return Rigid3(rotation=np.diag([-1.0, -1.0, 1.0]), translation=np.array([middle[0], middle[1], 0.0]))
