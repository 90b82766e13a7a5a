import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan3d.geometry import Rigid3

numbers = st.floats(-3, 3, allow_nan=False)
twists = st.tuples(*[numbers] * 6).map(np.array)
rigids = twists.map(Rigid3.exp)
points = st.tuples(*[numbers] * 3).map(np.array)


def assert_same(a: Rigid3, b: Rigid3) -> None:
    np.testing.assert_allclose(a.matrix(), b.matrix(), atol=1e-12)


@given(rigids, rigids, rigids)
def test_composition_is_associative(a: Rigid3, b: Rigid3, c: Rigid3) -> None:
    np.testing.assert_allclose(((a @ b) @ c).matrix(), (a @ (b @ c)).matrix(), atol=1e-11)


@given(rigids)
def test_identity_and_inverse(a: Rigid3) -> None:
    assert_same(a @ Rigid3.identity(), a)
    assert_same(Rigid3.identity() @ a, a)
    assert_same(a @ a.inverse(), Rigid3.identity())
    assert_same(a.inverse() @ a, Rigid3.identity())


@given(rigids, rigids, points)
def test_composing_is_applying_one_after_the_other(a: Rigid3, b: Rigid3, p: np.ndarray) -> None:
    np.testing.assert_allclose((a @ b).apply(p), a.apply(b.apply(p)), atol=1e-11)
    np.testing.assert_allclose(a.inverse().apply(a.apply(p)), p, atol=1e-12)


@given(rigids)
def test_rotation_is_one(a: Rigid3) -> None:
    np.testing.assert_allclose(a.rotation @ a.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(a.rotation) == pytest.approx(1)


@given(rigids)
def test_quaternion_round_trip(a: Rigid3) -> None:
    q = a.quaternion()
    assert q[0] >= 0
    assert np.linalg.norm(q) == pytest.approx(1, abs=1e-14)
    assert_same(Rigid3.from_quaternion(q, a.translation), a)
    assert_same(Rigid3.from_quaternion(-7 * q, a.translation), a)


@given(rigids)
def test_log_undoes_exp(a: Rigid3) -> None:
    np.testing.assert_allclose(Rigid3.exp(a.log()).matrix(), a.matrix(), atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-13, 1e-9, 1e-5, 9.9e-5, 1.1e-4, 1e-3, 1.0, 3.1, np.pi - 1e-9])
def test_exp_undoes_log_from_tiny_to_half_turns(angle: float) -> None:
    twist = np.array([0.3, -2.0, 0.7, *(angle * np.array([2.0, -1.0, 2.0]) / 3)])
    np.testing.assert_allclose(Rigid3.exp(twist).log(), twist, atol=1e-8)


@pytest.mark.parametrize("axis", np.eye(3))
def test_half_turn_about_an_axis(axis: np.ndarray) -> None:
    rotation = 2 * np.outer(axis, axis) - np.eye(3)
    q = Rigid3(rotation=rotation, translation=np.zeros(3)).quaternion()
    np.testing.assert_allclose(np.abs(q), [0, *axis], atol=1e-15)


def test_exp_follows_a_screw() -> None:
    quarter = Rigid3.exp([0, 0, 0.5, 0, 0, np.pi / 2])
    np.testing.assert_allclose(quarter.apply([1, 0, 0]), [0, 1, 0.5], atol=1e-15)
    np.testing.assert_allclose(quarter.rotate([[1, 0, 0]]), [[0, 1, 0]], atol=1e-15)


def test_arrays_cannot_be_changed_behind_its_back() -> None:
    source = np.eye(3)
    rigid = Rigid3(rotation=source, translation=np.zeros(3))
    source[0, 0] = 5
    assert rigid.rotation[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        rigid.translation[0] = 1


def test_wrong_shapes_and_a_zero_quaternion_are_refused() -> None:
    with pytest.raises(ValueError, match="rotation must have shape"):
        Rigid3(rotation=np.eye(4), translation=np.zeros(3))
    with pytest.raises(ValueError, match="not zero"):
        Rigid3.from_quaternion([0, 0, 0, 0], [0, 0, 0])
