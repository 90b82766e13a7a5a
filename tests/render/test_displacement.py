"""Heights of a map become shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scan3d.geometry import Mesh
from scan3d.geometry.materials import Part
from scan3d.render.displacement import displaced
from tests.render.scenes import ball, material

SIDE = 64


def card(height: np.ndarray | None) -> Part:
    """A metre square in the plane z = 0, its uv the place."""
    mesh = Mesh(
        vertices=np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]),
        faces=np.array([[0, 1, 2], [0, 2, 3]]),
        uv=np.array([[[0.0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]]),
    )
    return Part(name="card", mesh=mesh, material=replace(material(), displacement=height))


def test_a_wave_of_the_map_is_a_wave_of_the_surface() -> None:
    x = (np.arange(SIDE) + 0.5) / SIDE
    wave = np.broadcast_to(0.02 * np.sin(2 * np.pi * x), (SIDE, SIDE)).astype(np.float32)
    made = displaced(card(wave), edge_m=0.03).mesh
    inner = (made.vertices[:, :2] > 0.02).all(axis=1) & (made.vertices[:, :2] < 0.98).all(axis=1)
    expected = 0.02 * np.sin(2 * np.pi * made.vertices[inner, 0])
    assert np.abs(made.vertices[inner, 2] - expected).max() < 2e-4
    assert made.normals is not None and np.allclose(made.normals, [0, 0, 1])


def test_borders_stay_where_another_part_may_begin() -> None:
    made = displaced(card(np.full((SIDE, SIDE), 0.01, np.float32)), edge_m=0.1).mesh
    at_border = ((made.vertices[:, :2] < 1e-9) | (made.vertices[:, :2] > 1 - 1e-9)).any(axis=1)
    assert np.allclose(made.vertices[at_border, 2], 0)
    assert np.allclose(made.vertices[~at_border, 2], 0.01)


@pytest.mark.parametrize("height", [None, np.zeros((4, 4), np.float32)])
def test_without_heights_nothing_is_cut(height: np.ndarray | None) -> None:
    part = card(height)
    assert displaced(part) is part


def test_faces_are_bounded() -> None:
    part = ball(replace(material(), displacement=np.full((4, 4), 0.01, np.float32)))
    count = len(part.mesh.faces)
    assert len(displaced(part, edge_m=1e-4, most_faces=5 * count).mesh.faces) == 4 * count
