"""The tape on solids whose girths are known in closed form, and its answer to the vertices by difference quotients."""

import numpy as np
import pytest
from scipy.special import ellipe

from scan3d.body.tape import edges_of, girth_m, hull, loop, section, taut_m


def tube(
    around: int, half_x: float, half_y: float, levels: np.ndarray, dent: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Rings of an elliptic cylinder along Z; dent: how much the front third is pushed in."""
    angle = np.arange(around) * 2 * np.pi / around
    inner = np.where(np.abs(np.sin(angle) + 1) < 0.3, 1 - dent, 1.0)
    ring = np.stack([half_x * inner * np.cos(angle), half_y * inner * np.sin(angle)], axis=1)
    points = np.concatenate([np.c_[ring, np.full(around, z)] for z in levels])
    quads = [
        (r * around + k, r * around + (k + 1) % around, (r + 1) * around + (k + 1) % around, (r + 1) * around + k)
        for r in range(len(levels) - 1)
        for k in range(around)
    ]
    q = np.array(quads, np.int32)
    return points, edges_of(np.concatenate([q[:, :3], q[:, [0, 2, 3]]]))


LEVELS = np.array([0.0, 0.1, 0.21, 0.3])


@pytest.mark.parametrize("around", [8, 90, 720])
def test_a_cylinder_is_as_long_around_as_its_polygon(around: int) -> None:
    points, edges = tube(around, 0.15, 0.15, LEVELS)
    exact = 2 * around * 0.15 * np.sin(np.pi / around)
    assert girth_m(points, edges, [0, 0, 0.21], [0, 0, 2]) == pytest.approx(exact, abs=1e-12)
    # Between the rings the diagonals of the quads cut the corners of the ring, not of its hull.
    assert girth_m(points, edges, [5, 5, 0.17], [0, 0, 1]) == pytest.approx(exact, abs=1e-12)


def test_ellipses_straight_and_slanted() -> None:
    points, edges = tube(2000, 0.18, 0.11, LEVELS)
    around = 4 * 0.18 * ellipe(1 - (0.11 / 0.18) ** 2)
    assert girth_m(points, edges, [0, 0, 0.15], [0, 0, 1]) == pytest.approx(around, rel=1e-5)
    slope = np.radians(20)
    long_axis = 0.18 / np.cos(slope)
    slanted = 4 * long_axis * ellipe(1 - (0.11 / long_axis) ** 2)
    normal = [-np.sin(slope), 0, np.cos(slope)]
    assert girth_m(points, edges, [0, 0, 0.15], normal) == pytest.approx(slanted, rel=1e-5)


def test_a_tape_spans_hollows() -> None:
    plain, edges = tube(360, 0.15, 0.15, LEVELS)
    dented, _ = tube(360, 0.15, 0.15, LEVELS, dent=0.2)
    chord = 2 * 0.15 * np.sqrt(1 - 0.7**2)
    arc = 2 * 0.15 * np.arccos(0.7)
    expected = girth_m(plain, edges, [0, 0, 0.15], [0, 0, 1]) - arc + chord
    assert girth_m(dented, edges, [0, 0, 0.15], [0, 0, 1]) == pytest.approx(expected, abs=2e-3)


def test_nothing_met_is_no_girth() -> None:
    points, edges = tube(12, 0.1, 0.1, LEVELS)
    assert girth_m(points, edges, [0, 0, 1.0], [0, 0, 1]) == 0.0
    assert loop(points, edges, [0, 0, 1.0], [0, 0, 1]) is None
    assert len(section(points, edges, [0, 0, 1.0], [0, 0, 1]).points) == 0
    assert len(hull(np.array([[0.0, 0], [1, 1], [2, 2]]))) == 0


@pytest.mark.parametrize("normal", [[0, 0, 1.0], [0.3, -0.2, 0.9]])
def test_the_girth_answers_to_each_vertex_as_said(normal: list[float]) -> None:
    rng = np.random.default_rng(0)
    points, edges = tube(20, 0.16, 0.12, LEVELS)
    points = points + rng.normal(size=points.shape) * 0.002
    found = loop(points, edges, [0, 0, 0.16], normal)
    assert found is not None
    assert found.length_m == pytest.approx(girth_m(points, edges, [0, 0, 0.16], normal), abs=1e-12)
    for number in range(0, len(points), 3):
        for axis in range(3):
            ends = []
            for sign in (1, -1):
                moved = points.copy()
                moved[number, axis] += sign * 1e-7
                ends.append(girth_m(moved, edges, [0, 0, 0.16], normal))
            assert found.gradient[number, axis] == pytest.approx((ends[0] - ends[1]) / 2e-7, abs=1e-6)


def test_a_plane_through_vertices_gives_a_loop_too() -> None:
    points, edges = tube(20, 0.16, 0.12, LEVELS)
    found = loop(points, edges, [0, 0, 0.21], [0, 0, 1])
    assert found is not None
    assert found.length_m == pytest.approx(girth_m(points, edges, [0, 0, 0.205], [0, 0, 1]), abs=1e-9)


def test_a_taut_tape_over_a_profile() -> None:
    along = np.linspace(0, np.pi, 2001)
    assert taut_m(np.c_[along, np.zeros(2001)]) == pytest.approx(np.pi)
    # Over a hill the tape follows it, over a hollow it is straight.
    circle = np.c_[np.cos(along), np.sin(along)]
    assert taut_m(circle) == pytest.approx(np.pi, abs=1e-5)
    assert taut_m(circle * [1, -1]) == pytest.approx(2)
