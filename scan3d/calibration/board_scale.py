"""A board or a marker in photographs of aligned cameras: how large their world is, and where its floor lies.

The board's corners are triangulated with the cameras as they are; the similarity that takes the board there is the
closed form of Umeyama (1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_views import BoardView
from scan3d.calibration.feature_tracks import Tracks
from scan3d.calibration.targets import Board, Target
from scan3d.calibration.track_adjustment import triangulate
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig

_LEAST_CORNERS = 4  # those of one marker
_OFF_SHARE = 0.05  # of the board: further off, it is not that board, or not flat
_OUTLIER_PX = 4.0


@dataclass(frozen=True, kw_only=True, eq=False)
class LocatedBoard:
    """A board in the rig's frame.

    metres_per_unit: of the rig's frame. spread: of it, one standard deviation, as a share. off_m: rms distance of
    corners from the board's own, metres. up: (3,) unit, towards who looks at the board. origin: (3,) a point of it, in
    the rig's frame. corners; cameras: that saw it.
    """

    board: str
    metres_per_unit: float
    spread: float
    off_m: float
    up: np.ndarray
    origin: np.ndarray
    corners: int
    cameras: tuple[str, ...]


def locate_boards(views: Sequence[BoardView], target: Target, rig: Rig) -> list[LocatedBoard]:
    """The boards that at least two of the rig's cameras saw well enough, best seen first."""
    located = [_located(board, [v for v in views if v.board == board.name], rig) for board in target.boards]
    return sorted((one for one in located if one is not None), key=lambda one: -one.corners * len(one.cameras))


def _located(board: Board, views: Sequence[BoardView], rig: Rig) -> LocatedBoard | None:
    seen = [view for view in views if view.camera_id in rig and not view.mirrored]
    if len(seen) < 2:
        return None
    names = tuple(sorted({view.camera_id for view in seen}))
    tracks, points = _tracks(seen, names)
    if tracks.count < _LEAST_CORNERS:
        return None
    places = triangulate(tracks, rig)
    off_px = np.linalg.norm(np.nan_to_num(places.residual, nan=np.inf), axis=1)
    worst_px = np.zeros(tracks.count)
    np.maximum.at(worst_px, tracks.track, np.where(places.weight > 0, off_px, np.inf))
    good = worst_px < _OUTLIER_PX
    if good.sum() < _LEAST_CORNERS:
        return None
    flat, found = board.points_m[points[good]], places.xyz[good]
    scale, rotation, origin = _similarity(flat, found)
    if not np.isfinite(scale) or scale <= 0:
        return None
    off_m = float(np.sqrt((((found - origin) @ rotation / scale - flat) ** 2).sum(axis=1).mean()))
    size = float(np.linalg.norm(flat - flat.mean(axis=0), axis=1).max())
    if off_m > _OFF_SHARE * size:
        return None
    extent = float(np.sqrt(((flat - flat.mean(axis=0)) ** 2).sum()))
    return LocatedBoard(
        board=board.name, metres_per_unit=1.0 / scale, spread=off_m / extent, off_m=off_m, up=-rotation[:, 2],
        origin=origin, corners=int(good.sum()), cameras=names,
    )  # fmt: skip


def _tracks(views: Sequence[BoardView], names: Sequence[str]) -> tuple[Tracks, np.ndarray]:
    """Corners that two cameras or more saw, as tracks, and which corner each track is."""
    point = np.concatenate([view.point_ids for view in views])
    camera = np.concatenate([np.full(len(view.point_ids), names.index(view.camera_id)) for view in views])
    px = np.concatenate([view.px for view in views])
    # A corner that a camera saw twice is of two photographs of one place; the first one counts.
    _, first = np.unique(point * len(names) + camera, return_index=True)
    point, camera, px = point[first], camera[first], px[first]
    several = np.bincount(point)[point] >= 2
    point, camera, px = point[several], camera[several], px[several]
    order = np.argsort(point, kind="stable")
    points, track = np.unique(point[order], return_inverse=True)
    tracks = Tracks(
        camera_ids=tuple(names), track=track, camera=camera[order], feature=order, px=px[order],
        scale_px=np.ones(len(order)),
    )  # fmt: skip
    return tracks, points


def _similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """scale, rotation (3, 3), translation (3,) with target = scale * rotation @ source + translation."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, d, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ sign @ vt
    scale = float((d * np.diag(sign)).sum() / max(float((a**2).sum()), 1e-300))
    return scale, rotation, target.mean(axis=0) - scale * rotation @ source.mean(axis=0)


def floor_board(located: Sequence[LocatedBoard], name: str, where: str) -> LocatedBoard:
    """The board that lies on the floor. Raises CalibrationError where it was not located."""
    for one in located:
        if one.board == name:
            return one
    seen = ", ".join(one.board for one in located) or "none"
    what = f"The floor board {name!r} was not seen by two aligned cameras."
    raise CalibrationError(what, where, f"Boards that were: {seen}. Put it where two cameras see it whole.")
