"""Corrections by a chart: exact where a camera is linear, blind to exposure, chosen by patches that were left out."""

import hypothesis.extra.numpy as st_numpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.capture.colour_charts import colour_science, read_chart
from scan3d.capture.colour_fit import KINDS, Correction, ciede2000, expanded, fit_chart
from tests.capture.chart_pictures import spectral_colours

CHART = read_chart("classic24")
REFERENCE = CHART.linear()
PLACES = (CHART.centres() - (2.5, 1.5)) / 5
CAMERA = np.array([[0.7, 0.25, 0.05], [0.2, 0.9, 0.1], [0.02, 0.3, 0.6]])
colours = st_numpy.arrays(np.float64, (7, 3), elements=st.floats(1e-4, 1.0))


@pytest.mark.parametrize("kind", list(KINDS))
def test_terms_are_those_of_finlayson(kind: str) -> None:
    rgb = np.random.default_rng(2).uniform(0.01, 1, (20, 3))
    degree = {"linear": 1, "root-polynomial 2": 2, "root-polynomial 3": 3}[kind]
    theirs = colour_science().characterisation.polynomial_expansion_Finlayson2015(
        rgb, degree, root_polynomial_expansion=True
    )
    ours = expanded(rgb, kind)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(np.sort(ours, axis=1), np.sort(theirs, axis=1), rtol=1e-12)


@pytest.mark.parametrize("kind", list(KINDS))
@given(rgb=colours, factor=st.floats(0.01, 100.0))
def test_twice_the_light_is_twice_the_colour(kind: str, rgb: np.ndarray, factor: float) -> None:
    matrix = np.random.default_rng(len(kind)).normal(0, 1, (3, len(KINDS[kind])))
    correction = Correction(kind=kind, matrix=matrix)
    once, more = correction.apply(rgb), correction.apply(factor * rgb)
    np.testing.assert_allclose(more, factor * once, rtol=1e-9, atol=1e-9 * factor)


def test_a_linear_camera_is_undone_exactly() -> None:
    fit = fit_chart(REFERENCE @ np.linalg.inv(CAMERA).T, REFERENCE, PLACES)
    assert fit.correction.kind == "linear"
    np.testing.assert_allclose(fit.correction.matrix, CAMERA, atol=1e-5)
    assert fit.held_out.max() < 1e-2
    np.testing.assert_allclose(fit.slope, 0, atol=1e-6)


@settings(max_examples=5)
@given(factor=st.floats(0.02, 50.0))
def test_the_fit_does_not_ask_how_bright_the_chart_was(factor: float) -> None:
    seen, true = spectral_colours("Nikon 5100 (NPL)", "D55")
    one, other = fit_chart(seen, true, PLACES), fit_chart(factor * seen, true, PLACES)
    assert one.correction.kind == other.correction.kind
    np.testing.assert_allclose(other.held_out, one.held_out, atol=1e-6)
    np.testing.assert_allclose(other.correction.apply(factor * seen), one.correction.apply(seen), atol=1e-6)


@pytest.mark.parametrize("light", ["D50", "D65", "FL11", "LED-B4"])
def test_a_real_cameras_colours_come_back_within_the_goal(light: str) -> None:
    seen, true = spectral_colours("Nikon 5100 (NPL)", light)
    fit = fit_chart(seen, true, PLACES)
    assert fit.held_out.mean() <= 1.2
    assert fit.held_out.mean() >= fit.fitted.mean()
    assert fit.correction.kind == "root-polynomial 2"
    assert fit.held_out.mean() < 0.9 * fit.tried["linear"]


def test_held_out_patches_are_truly_left_out() -> None:
    seen, true = spectral_colours("Nikon 5100 (NPL)", "D50")
    spoiled = true.copy()
    spoiled[9] = spoiled[9][[2, 0, 1]]
    fit = fit_chart(seen, spoiled, PLACES)
    assert fit.held_out.argmax() == 9 and fit.held_out[9] > 10
    # A Huber loss: one bad patch hardly pulls the others.
    assert np.delete(fit.held_out, 9).mean() < 1.5


def test_uneven_light_is_solved_for_and_refused_where_it_is_not_there() -> None:
    seen, true = spectral_colours("Nikon 5100 (NPL)", "D50")
    slope = np.array([0.22, -0.13])
    fit = fit_chart(seen * np.exp(PLACES @ slope)[:, None], true, PLACES)
    even = fit_chart(seen, true, PLACES, uneven=False)
    np.testing.assert_allclose(fit.slope, slope, atol=0.03)
    assert fit.held_out.mean() < 1.2 < fit.tried["linear"]
    assert ciede2000(fit.correction.apply(seen), even.correction.apply(seen)).mean() < 0.5
    assert not even.slope.any()


def test_stray_light_over_the_chart_is_told_from_the_cameras_colours() -> None:
    seen, true = spectral_colours("Nikon 5100 (NPL)", "D50")
    clear = fit_chart(seen, true, PLACES)
    fit = fit_chart(seen + 0.03 * seen[18], true, PLACES)
    # The white itself is brightened: the share is of what is measured.
    assert fit.veil == pytest.approx(0.03 / 1.03, abs=0.004)
    assert fit.held_out.mean() < 1.2 < min(v for name, v in fit.tried.items() if "stray" not in name)
    assert ciede2000(fit.correction.apply(seen), clear.correction.apply(seen)).mean() < 0.5
    assert clear.veil < 0.003
