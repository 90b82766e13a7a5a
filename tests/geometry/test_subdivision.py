"""Faces cut in four keep shape, uv and order."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.subdivision import longest_of_most, quartered

CARD = Mesh(
    vertices=np.array([[0.0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]]),
    faces=np.array([[0, 1, 2], [0, 2, 3]]),
    normals=np.tile([0.0, 0, 1], (4, 1)),
    uv=np.array([[[0.0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]]),
)


def test_shape_area_and_uv_stay() -> None:
    made, ends = quartered(CARD)
    assert len(made.faces) == 8 and len(made.vertices) == 9
    assert np.allclose(made.face_normals(), [0, 0, 1])
    assert np.allclose(made.face_areas(), 0.5)
    assert made.uv is not None
    assert np.allclose(made.uv, made.corners()[..., :2] / 2)
    assert np.allclose(made.vertices[4:], CARD.vertices[ends].mean(axis=1))
    # Runs of F: the first quarter of face 0, then of face 1, has their first corners.
    assert (made.faces[:2, 0] == CARD.faces[:, 0]).all()


def test_edges_are_halved() -> None:
    assert np.isclose(longest_of_most(CARD), 2 * longest_of_most(quartered(CARD)[0]), rtol=0.3)
