"""Axis-angle vectors and matrices against SciPy and against difference quotients."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scan3d.body.rotations import about, between, derivatives, left_jacobians, matrices, vectors

LENGTHS = [0.0, 1e-12, 1e-8, 1e-5, 0.9e-4, 1.1e-4, 1e-3, 0.5, 3.0, np.pi - 1e-9, np.pi]


@pytest.fixture
def axes() -> np.ndarray:
    given = np.random.default_rng(0).normal(size=(40, 3))
    given[:3] = np.eye(3)
    return given / np.linalg.norm(given, axis=1, keepdims=True)


@pytest.mark.parametrize("length", LENGTHS)
def test_matrices_are_scipys_and_come_back(length: float, axes: np.ndarray) -> None:
    given = axes * length
    expected = Rotation.from_rotvec(given).as_matrix()
    np.testing.assert_allclose(matrices(given), expected, atol=2e-15)
    back = vectors(matrices(given))
    assert (np.linalg.norm(back, axis=1) <= np.pi + 1e-12).all()
    np.testing.assert_allclose(matrices(back), expected, atol=1e-12)
    if length < 3.1:
        np.testing.assert_allclose(back, given, atol=1e-14)


def test_turns_beyond_half_come_back_as_the_shorter_way(axes: np.ndarray) -> None:
    np.testing.assert_allclose(vectors(matrices(axes * 4.0)), -axes * (2 * np.pi - 4.0), atol=1e-12)


@pytest.mark.parametrize("length", [0.0, 1e-6, 0.9e-4, 1.1e-4, 0.3, 2.0, np.pi, 5.0])
def test_derivatives_are_difference_quotients(length: float, axes: np.ndarray) -> None:
    given, step = axes * length, 1e-6
    exact = derivatives(given)
    for k in range(3):
        d = step * np.eye(3)[k]
        quotient = (matrices(given + d) - matrices(given - d)) / (2 * step)
        np.testing.assert_allclose(exact[:, k], quotient, atol=3e-9)


def test_left_jacobian_turns_a_small_change_into_a_turn_in_front(axes: np.ndarray) -> None:
    given, step = axes * 1.7, 1e-6 * axes[::-1]
    turn = np.einsum("nij,nj->ni", left_jacobians(given), step)
    np.testing.assert_allclose(matrices(given + step), matrices(turn) @ matrices(given), atol=1e-11)


def test_between_turns_one_direction_into_the_other_by_the_smallest_angle(axes: np.ndarray) -> None:
    for a, b in zip(axes, axes[::-1], strict=True):
        turn = between(2 * a, 3 * b)
        np.testing.assert_allclose(turn @ a, b, atol=1e-14)
        np.testing.assert_allclose(np.linalg.norm(vectors(turn)), np.arccos(np.clip(a @ b, -1, 1)), atol=1e-7)
    np.testing.assert_allclose(between([1, 0, 0], [-1, 0, 0]) @ [1, 0, 0], [-1, 0, 0], atol=1e-14)
    np.testing.assert_allclose(between([1, 0, 0], [5, 0, 0]), np.eye(3), atol=0)
    np.testing.assert_allclose(about([0, 0, 2], np.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-15)
