"""Flat fields: planted vignetting comes back, whatever the light on the wall does; what is no white wall is told."""

import numpy as np
import pytest

from scan3d.capture.colour_shading import Shading, corner_radius, flat_field, radial_terms
from scan3d.errors import CaptureError
from tests.capture.chart_pictures import Sensor, exposed

SIZE = (600, 400)
TERMS = np.array([[-0.50, 0.06, -0.02], [-0.45, 0.05, 0.0], [-0.40, 0.03, 0.01]])
PLANTED = Shading(centre_px=(310.0, 192.0), radius_px=corner_radius(*SIZE), terms=TERMS)


def wall(slope: float = 0.15) -> np.ndarray:
    x = (np.arange(SIZE[0]) + 0.5) / SIZE[0] - 0.5
    return np.asarray(0.7 * PLANTED.share(*SIZE) * np.exp(slope * x)[None, :, None] * (0.8, 1.0, 0.9), np.float32)


def test_the_share_of_light_is_the_polynomial_at_every_pixel() -> None:
    px = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), axis=-1)
    np.testing.assert_allclose(PLANTED.share(*SIZE), np.exp(PLANTED.at(px)), rtol=5e-4)
    assert radial_terms(np.array([310.0, 192.0]), PLANTED.centre_px, PLANTED.radius_px).tolist() == [0, 0, 0]


@pytest.mark.parametrize("slope", [0.0, 0.2, -0.3])
def test_planted_vignetting_comes_back_through_noise_dust_and_uneven_light(slope: float) -> None:
    picture = exposed(wall(slope), Sensor(electrons=20_000, exposure=1.0), seed=5)
    picture[100:104, 200:203] *= 0.3
    found = flat_field(picture, np.zeros(SIZE[::-1], bool), where="wall", centre_px=PLANTED.centre_px)
    np.testing.assert_allclose(found.share(*SIZE) / PLANTED.share(*SIZE), 1.0, atol=0.005)


def test_without_an_axis_the_pictures_middle_is_taken() -> None:
    found = flat_field(wall(0.0), np.zeros(SIZE[::-1], bool), where="wall")
    assert found.centre_px == (300.0, 200.0)
    # The axis is 13 px away: what is left goes into the wall's slope.
    ratio = found.share(*SIZE) / PLANTED.share(*SIZE)
    assert ratio.min() > 0.9 and ratio.max() < 1.1


def test_what_is_no_white_wall_is_told() -> None:
    none = np.zeros(SIZE[::-1], bool)
    edged = wall().copy()
    edged[:, 250:] *= 0.6
    cases = {"overexposed": (wall(), ~none), "too dark": (0.02 * wall(), none), "not a smooth": (edged, none)}
    for words, (picture, clipped) in cases.items():
        with pytest.raises(CaptureError, match=words) as told:
            flat_field(picture, clipped, where="camera cam00, flat/cam00.jpg")
        assert told.value.next_step and "cam00" in told.value.where
