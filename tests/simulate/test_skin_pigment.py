"""Skin's colour against what is measured of people, and its noise against its own definition."""

import numpy as np
import pytest

from scan3d.simulate.skin import spectra
from scan3d.simulate.skin.noise import gradient_noise, mottle
from scan3d.simulate.skin.pigment import (
    colours,
    mean_free_path_m,
    pigment_of_tone,
    reflectance,
    skin_colour,
    typology_angle_deg,
)


def lab(albedo: np.ndarray) -> np.ndarray:
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    f = np.cbrt(albedo @ matrix.T / matrix.sum(axis=1))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_a_perfect_white_is_one() -> None:
    np.testing.assert_allclose(np.ones(31) @ spectra.rec709_weights(), 1.0, atol=1e-12)


def test_monochromatic_light_falls_on_its_primary() -> None:
    weights = spectra.rec709_weights()
    assert np.argmax(weights[spectra.WAVELENGTHS_NM == 620][0]) == 0
    assert np.argmax(weights[spectra.WAVELENGTHS_NM == 530][0]) == 1
    assert np.argmax(weights[spectra.WAVELENGTHS_NM == 450][0]) == 2


def test_blood_has_the_two_dips_of_oxygen_between_540_and_580_nm() -> None:
    curve = reflectance(np.array(0.01), np.array(0.03), 0.98)
    nm = spectra.WAVELENGTHS_NM
    at = {int(n): float(value) for n, value in zip(nm, curve, strict=True)}
    assert at[540] < at[560] > at[580]
    assert at[600] > 1.3 * at[580]


@pytest.mark.parametrize("tone", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_tones_are_even_steps_of_the_typology_angle(tone: float) -> None:
    pigment = pigment_of_tone(tone)
    albedo = skin_colour(np.array(pigment.melanin), np.array(pigment.blood))
    assert typology_angle_deg(albedo) == pytest.approx(56 - 104 * tone, abs=1.0)


def test_colours_lie_where_people_lie() -> None:
    """Xiao and others 2017 measured L* 30..72, a* 3..17, b* 6..24 of four ethnic groups, all places of the body."""
    for tone in np.linspace(0, 1, 9):
        pigment = pigment_of_tone(float(tone))
        L, a, b = lab(skin_colour(np.array(pigment.melanin), np.array(pigment.blood)))
        assert 28 < L < 72 and 3 < a < 17 and 6 < b < 24, (tone, L, a, b)


def test_melanin_darkens_blood_reddens() -> None:
    base, tanned, flushed = skin_colour(np.array([0.03, 0.06, 0.03]), np.array([0.012, 0.012, 0.03]))
    assert (tanned < base).all() and (flushed < base).all()
    assert flushed[0] / flushed[1] > 1.1 * base[0] / base[1]


def test_the_table_gives_the_model() -> None:
    rng = np.random.default_rng(0)
    melanin, blood = (
        np.exp(rng.uniform(np.log(0.004), np.log(0.5), 200)),
        np.exp(rng.uniform(np.log(0.002), np.log(0.1), 200)),
    )
    got = colours(np.log(melanin), np.log(blood))
    np.testing.assert_allclose(got, skin_colour(melanin, blood), rtol=0.004, atol=2e-4)


def test_red_light_goes_deepest() -> None:
    red, green, blue = mean_free_path_m(pigment_of_tone(0.2))
    assert 1e-4 < blue < green < red < 2e-3


def test_a_tone_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="tone"):
        pigment_of_tone(1.2)


def test_noise_has_the_gradient_it_says_and_deviation_one() -> None:
    rng = np.random.default_rng(1)
    step = 1e-5
    for x, y, z in rng.uniform(-40, 40, (60, 3)):
        value, *gradient = gradient_noise(x, y, z, 5)
        moved = [gradient_noise(x + a * step, y + b * step, z + c * step, 5)[0] for a, b, c in np.eye(3)]
        np.testing.assert_allclose((np.array(moved) - value) / step, gradient, atol=2e-3)
    points = rng.uniform(-100, 100, (200_000, 3))
    values = mottle(points, np.full(len(points), 1e-3), wavelength_m=1.0, seed=9)
    assert abs(values.mean()) < 0.02 and values.std() == pytest.approx(1, abs=0.08)


def test_noise_that_a_map_cannot_show_is_left_out() -> None:
    points = np.random.default_rng(2).uniform(0, 1, (1000, 3))
    assert not mottle(points, np.full(1000, 0.01), wavelength_m=0.02, seed=1).any()
    assert mottle(points, np.full(1000, 0.01), wavelength_m=0.05, seed=1).any()
