"""In folds albedo is believed less."""

from __future__ import annotations

import numpy as np
import pytest

from scan3d.appearance.marks.folds import Folds
from scan3d.geometry import Mesh
from tests.appearance.marks.test_marks import BROWN, picture, skin, with_mark

pytest.importorskip("open3d")


def groove(half_angle_deg: float) -> Mesh:
    """Two walls that meet in the y axis, open upwards; each leans so far from the vertical."""
    lean = np.radians(half_angle_deg)
    side = 0.2 * np.array([np.sin(lean), 0, np.cos(lean)])
    ends = np.array([[0, -1, 0], [0, 1, 0]])
    vertices = np.concatenate([ends, ends + side, ends + side * [-1, 1, 1]])
    return Mesh(vertices=vertices, faces=np.array([[0, 1, 3], [0, 3, 2], [0, 4, 5], [0, 5, 1]]))


def test_flat_skin_is_open_and_a_right_angle_loses_what_geometry_says() -> None:
    flat = Folds(groove(89.99))
    assert flat.openness(np.array([0.05, 0, 0.0]), np.array([0, 0, 1.0])) == 1
    # From the foot of a wall at a right angle to it, half of the directions by their cosine end on the other wall.
    walls = Folds(groove(45.0))
    up = np.array([-1, 0, 1]) / np.sqrt(2)
    foot = 0.002 * np.array([1, 0, 1]) / np.sqrt(2)
    assert walls.openness(foot, up) == pytest.approx(0.5, abs=0.1)
    assert walls.doubt(foot, up) > 10 * flat.doubt(np.array([0.05, 0, 0.0]), np.array([0, 0, 1.0]))


def test_a_weak_mark_in_a_fold_is_not_listed() -> None:
    from scan3d.appearance.marks.find import find_marks

    class Deep(Folds):
        def __init__(self, openness: float) -> None:
            self._openness = openness

        def openness(self, place: np.ndarray, normal: np.ndarray) -> float:
            return self._openness

    albedo = skin(5)[:100]
    with_mark(albedo, 50, 100, 2.5, 0.15 * BROWN)
    with_mark(albedo, 50, 200, 2.5, 0.5 * BROWN)
    shown = picture(albedo)
    assert len(find_marks(shown, folds=Deep(0.95))) == 2
    (strong,) = find_marks(shown, folds=Deep(0.5))
    assert strong.contrast > 0.4
