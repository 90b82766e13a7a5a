"""Which frames of videos are kept: the same in all cameras, sharp, and different from each other."""

from __future__ import annotations

import numpy as np
from board_rigs import charuco_target

from scan3d.calibration.board_choice import chosen_views
from scan3d.calibration.board_views import BoardView

_TARGET = charuco_target(6, 5)
_BOARD = _TARGET.boards[0]
_SIZES = {"a": (1600, 1200), "b": (1600, 1200)}


def _view(
    camera: str, shot: int, *, place: tuple[float, float] = (0.5, 0.5), squeeze: float = 1.0, sharpness: float = 2.0
) -> BoardView:
    """The board about a place (shares of the picture), 200 px wide, its width squeezed."""
    xy = _BOARD.points_m[:, :2] - _BOARD.points_m[:, :2].mean(axis=0)
    px = xy * (1000 * squeeze, 1000) + np.array(place) * _SIZES[camera]
    return BoardView(
        camera_id=camera, shot=str(shot), board=_BOARD.name, point_ids=np.arange(len(px)), px=px, sharpness=sharpness
    )


def _kept(views: list[BoardView], most: int) -> dict[str, list[int]]:
    chosen = chosen_views(views, _TARGET, _SIZES, most)
    order = [id(view) for view in views]
    assert [order.index(id(view)) for view in chosen] == sorted(order.index(id(view)) for view in chosen)
    return {camera: [int(view.shot) for view in chosen if view.camera_id == camera] for camera in _SIZES}


def test_few_views_are_all_kept() -> None:
    views = [_view("a", k) for k in range(5)]
    assert chosen_views(views, _TARGET, _SIZES, 5) == views and chosen_views([], _TARGET, _SIZES, 5) == []


def test_cameras_keep_the_same_shots() -> None:
    views = [_view(camera, k, place=(0.1 + 0.02 * k, 0.5)) for k in range(40) for camera in "ab"]
    kept = _kept(views, 10)
    assert kept["a"] == kept["b"] and len(kept["a"]) == 10


def test_new_places_and_new_angles_come_first() -> None:
    still = [_view("a", k) for k in range(30)]
    corners = [
        _view("a", 30 + k, place=place) for k, place in enumerate(((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)))
    ]
    turned = [_view("a", 40, squeeze=0.5)]
    assert set(_kept([*still, *corners, *turned], 6)["a"]) >= {30, 31, 32, 33, 40}


def test_soft_views_come_last() -> None:
    views = [_view("a", k, sharpness=8.0 if k % 2 else 2.0) for k in range(20)]
    assert all(shot % 2 == 0 for shot in _kept(views, 8)["a"])


def test_a_camera_with_few_views_keeps_them_all() -> None:
    views = [_view("a", k, place=(0.1 + 0.02 * k, 0.5)) for k in range(40)] + [_view("b", k) for k in (7, 8, 9)]
    kept = _kept(views, 10)
    assert kept["b"] == [7, 8, 9] and len(kept["a"]) == 10


def test_it_is_the_same_every_time() -> None:
    rng = np.random.default_rng(4)
    views = [_view("a", k, place=tuple(rng.uniform(0.1, 0.9, 2)), sharpness=rng.uniform(1, 4)) for k in range(50)]
    assert _kept(views, 12) == _kept(views, 12)
