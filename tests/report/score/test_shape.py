"""Distances between surfaces whose numbers follow from geometry."""

from __future__ import annotations

import numpy as np
import pytest
from report_shapes import camera_at, sphere

from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.report.score import score_mesh


def plate(height_m: float, width_m: float = 1.0) -> Mesh:
    """A level plate, 1 m deep."""
    corners = np.array([[0, 0, height_m], [width_m, 0, height_m], [width_m, 1, height_m], [0, 1, height_m]])
    return Mesh(vertices=corners, faces=np.array([[0, 1, 2], [0, 2, 3]]))


def test_a_plate_beside_another_is_as_far_as_it_is() -> None:
    score = score_mesh(plate(0), plate(1e-3), samples=4000)
    assert score.accuracy.median_m == pytest.approx(1e-3, rel=1e-6)
    assert score.accuracy.max_m == pytest.approx(1e-3, rel=1e-6)
    assert score.completeness.mean_m == pytest.approx(1e-3, rel=1e-6)
    by_tolerance = {at.tolerance_m: at.f for at in score.at}
    assert (by_tolerance[0.5e-3], by_tolerance[2e-3]) == (0, 1)


def test_what_is_missing_lowers_recall_only() -> None:
    score = score_mesh(plate(0), plate(0, width_m=0.75), samples=40_000)
    half_mm = score.at[1]
    assert half_mm.precision == 1
    # The distance at the plate's end is to the nearest sample, half a sampling step early.
    assert half_mm.recall == pytest.approx(0.75, abs=0.01)
    assert half_mm.f == pytest.approx(2 * 0.75 / 1.75, abs=0.01)
    assert score.completeness.max_m == pytest.approx(0.25, abs=0.01)


def test_noise_comes_out_as_it_went_in() -> None:
    ball = sphere(0.1, steps=200)
    assert ball.normals is not None
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=2e-4, size=(len(ball.vertices), 1))
    # Moved as a whole by 0.5 mm outwards: accuracy and completeness agree.
    grown = Mesh(vertices=ball.vertices + ball.normals * 5e-4, faces=ball.faces)
    score = score_mesh(ball, grown, samples=20_000)
    assert score.accuracy.median_m == pytest.approx(5e-4, rel=0.02)
    assert score.completeness.median_m == pytest.approx(5e-4, rel=0.02)
    rough = score_mesh(ball, Mesh(vertices=ball.vertices + ball.normals * noise, faces=ball.faces), samples=20_000)
    assert 0.5e-4 < rough.accuracy.median_m < 1.35e-4


def test_only_what_two_cameras_see_must_be_there() -> None:
    ball = sphere(0.1, steps=64)
    half = Mesh(vertices=ball.vertices, faces=ball.faces[ball.vertices[ball.faces].mean(axis=1)[:, 1] < 0.005])
    in_front = [camera_at((x, -3, 0), camera_id=f"{x}", focal_px=500.0) for x in (-0.2, 0.2)]
    behind = [*in_front, camera_at((0, 3, 0), camera_id="back", focal_px=500.0)]
    for cameras in (in_front, behind):
        # One camera behind is not two.
        score = score_mesh(ball, half, samples=20_000, cameras=cameras)
        assert score.at[2].recall > 0.995
        assert score.truth_points < 10_000
    assert score_mesh(ball, half, samples=20_000).at[2].recall < 0.6


def test_stands_and_floors_do_not_count() -> None:
    ball = sphere(0.1, steps=64)
    floor = plate(-0.5)
    both = Mesh(
        vertices=np.concatenate([ball.vertices, floor.vertices]),
        faces=np.concatenate([ball.faces, floor.faces + len(ball.vertices)]),
    )
    assert score_mesh(ball, both, samples=20_000).at[0].precision == 1
    upper = score_mesh(ball, both, samples=20_000, above_z_m=0.0)
    assert upper.truth_points == pytest.approx(10_000, rel=0.05)


def test_nothing_to_measure_is_told() -> None:
    empty = Mesh(vertices=np.zeros((3, 3)), faces=np.zeros((0, 3), np.int32))
    with pytest.raises(InputError, match="no faces"):
        score_mesh(plate(0), empty)
    with pytest.raises(InputError, match="frame"):
        score_mesh(plate(0), plate(9), samples=1000)
