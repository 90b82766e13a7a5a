"""Cameras brought to agree: planted factors and shading come back, gloss and outliers do not pull."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.capture.colour_agreement import agree

VIEWS, POINTS = 10, 2000


def scene(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Exact samples, weights, planted factors and distance from the axis of a ring of cameras round a subject."""
    rng = np.random.default_rng(seed)
    gains = np.exp(rng.normal(0, 0.06, (VIEWS, 1)) + rng.normal(0, 0.03, (VIEWS, 3)))
    turn, side = rng.uniform(0, 2 * np.pi, POINTS), np.arange(VIEWS) * 2 * np.pi / VIEWS
    weights = np.clip(np.cos(turn - side[:, None]), 0, None)
    weights[weights < 0.35] = 0.0
    radius = rng.uniform(0, 1, (VIEWS, POINTS))
    return rng.uniform(0.05, 0.6, (POINTS, 3)) * gains[:, None], weights, gains, radius


def errors(factors: np.ndarray, gains: np.ndarray) -> np.ndarray:
    product = factors * gains
    return np.abs(product / np.exp(np.log(product).mean(axis=0)) - 1)


def test_factors_come_back_exactly_without_noise() -> None:
    samples, weights, gains, _ = scene()
    found = agree(samples, weights)
    assert errors(found.factors, gains).max() < 1e-6
    np.testing.assert_allclose(np.log(found.factors).mean(axis=0), 0, atol=1e-9)
    assert found.before > 0.02 and found.after < 1e-6
    assert (found.shared > 300).all()


@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), gloss=st.floats(0.0, 0.3))
def test_within_half_a_percent_through_noise_and_gloss(seed: int, gloss: float) -> None:
    samples, weights, gains, _ = scene(seed)
    rng = np.random.default_rng(seed)
    shining = (rng.uniform(size=(VIEWS, POINTS, 1)) < gloss) * rng.exponential(0.04, (VIEWS, POINTS, 1))
    found = agree(samples * np.exp(rng.normal(0, 0.01, samples.shape)) + shining, weights)
    assert errors(found.factors, gains).max() < 0.005
    assert found.after < found.before


def test_the_lenses_shading_comes_back_with_the_factors() -> None:
    samples, weights, gains, radius = scene()
    radial = np.stack([radius**2, radius**4], axis=-1)
    shaded = samples * np.exp(radial @ (-0.4, 0.1))[..., None]
    found = agree(shaded, weights, radial)
    np.testing.assert_allclose(found.shading, (-0.4, 0.1), atol=1e-6)
    assert errors(found.factors, gains).max() < 1e-6
    # Where there is none, none is found.
    assert not agree(samples, weights, radial).shading.any() or found.after < 1e-6
    noisy = samples * np.exp(np.random.default_rng(2).normal(0, 0.01, samples.shape))
    assert not agree(noisy, weights, radial).shading.any()


def test_a_camera_that_shares_nothing_is_left_alone_and_two_groups_do_not_mix() -> None:
    samples, weights, gains, _ = scene()
    weights[3] = 0.0
    found = agree(samples, weights)
    assert found.factors[3].tolist() == [1.0, 1.0, 1.0]
    assert found.shared[3] == 0 and np.isnan(found.error[3])
    rest = np.arange(VIEWS) != 3
    assert errors(found.factors[rest], gains[rest]).max() < 1e-6


def test_nothing_in_common_changes_nothing() -> None:
    samples, weights, _, _ = scene()
    found = agree(samples, np.zeros_like(weights))
    assert (found.factors == 1).all() and np.isnan(found.before)


@pytest.mark.parametrize("level", [1e-4, 1.5])
def test_what_is_black_or_burnt_out_is_not_asked(level: float) -> None:
    samples, weights, gains, _ = scene()
    samples[:, ::3] = level
    assert errors(agree(samples, weights).factors, gains).max() < 1e-6
