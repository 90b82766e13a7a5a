"""Boards in one picture, their corners to a tenth of a pixel or better.

find small, measure full: markers or grids are found in a picture reduced to about 1800 pixels, then every point is
measured in the full one. What is not found small is looked for in full, and in a small picture enlarged.
"""

from __future__ import annotations

import numpy as np

from scan3d.calibration.board_grids import find_grid_board
from scan3d.calibration.board_markers import Found, find_marker_boards
from scan3d.calibration.board_picture import BoardPicture, board_picture
from scan3d.calibration.board_views import BoardView
from scan3d.calibration.sharpness import edge_rise_px
from scan3d.calibration.targets import Board, Target
from scan3d.geometry.opencv_adapter import px_from_opencv

# Fewer of its corners than this and a board is looked for again, closer.
_SURE_SHARE = 0.6


def find_boards(
    pixels: np.ndarray, camera_id: str, shot: str, target: Target, source: str = "", *, thorough: bool = True
) -> list[BoardView]:
    """The target's boards in a picture (H, W[, 3]) uint8 or uint16, RGB or grey, in the order of the target.

    Boards with markers are found when seen in part, and in a mirrored picture: their views then say so, with corners
    where they are in the picture as it is. Chessboards and grids of circles have to be seen whole, and do not tell a
    mirror. Pixel centres of the result are at 0.5.

    Args:
        thorough: look again in the full picture where little was found, or enlarged; False for frames of a video.
    """
    straight = board_picture(pixels)
    views = []
    for inverted in sorted({board.inverted for board in target.boards}):
        picture = straight.inverted() if inverted else straight
        boards = [board for board in target.boards if board.inverted == inverted]
        found, mirrored = _with_markers(picture, [b for b in boards if b.marker_ids], thorough)
        for board in boards:
            if not board.marker_ids:
                seen = _grid(picture, board, thorough)
                if seen is not None:
                    found[board.name] = seen
            if board.name in found:
                point_ids, px_cv = found[board.name]
                views.append(
                    BoardView(
                        camera_id=camera_id,
                        shot=shot,
                        board=board.name,
                        point_ids=point_ids,
                        px=px_from_opencv(px_cv),
                        source=source,
                        sharpness=edge_rise_px(picture, board, point_ids, px_cv),
                        mirrored=mirrored and bool(board.marker_ids),
                    )
                )
    order = {board.name: k for k, board in enumerate(target.boards)}
    return sorted(views, key=lambda view: order[view.board])


def _with_markers(picture: BoardPicture, boards: list[Board], thorough: bool) -> tuple[Found, bool]:
    """Boards found, with OpenCV's pixels of the picture as it is, and whether it is mirrored."""
    if not boards:
        return {}, False
    found = _searched(picture, boards, thorough)
    if found:
        return found, False
    in_mirror = _searched(picture.mirrored(), boards, thorough)
    left = np.array([picture.size[0] - 1.0, 0.0])
    return {name: (ids, left + px * [-1.0, 1.0]) for name, (ids, px) in in_mirror.items()}, bool(in_mirror)


def _searched(picture: BoardPicture, boards: list[Board], thorough: bool) -> Found:
    found = find_marker_boards(picture, boards)
    most = sum(len(board.points_m) for board in boards if board.name in found)
    seen = sum(len(ids) for ids, _ in found.values())
    if not thorough or (found and seen >= _SURE_SHARE * most):
        return found
    closer = picture.full() if picture.reduction > 1.0 else picture.enlarged()
    for name, (ids, px) in find_marker_boards(closer, boards).items():
        if name not in found or len(ids) > len(found[name][0]):
            found[name] = (ids, px)
    return found


def _grid(picture: BoardPicture, board: Board, thorough: bool) -> tuple[np.ndarray, np.ndarray] | None:
    found = find_grid_board(picture, board)
    if found is None and thorough and picture.reduction > 1.0:
        found = find_grid_board(picture.full(), board)
    return found
