"""The sensor beside its model: mean, variance, shading, colours, blur, and that the seed decides everything."""

from dataclasses import replace

import numpy as np
import pytest

from scan3d.geometry import Intrinsics
from scan3d.simulate.sensor import SensorModel, demosaic, expose, meter, shading

LENS = Intrinsics(model="opencv", width=320, height=240, fx=300, fy=300, cx=150, cy=125, distortion=(-0.1, 0, 0, 0))
EVEN = SensorModel(
    exposure=0.5, exposure_spread=0.0, white_balance_spread=0.0, full_well_e=8000, read_noise_e=12.0, bits=12,
    falloff=0.0, shading=(0.0, 0.0),
)  # fmt: skip


def flat(value: float) -> np.ndarray:
    return np.full((240, 320, 3), value, np.float32)


def shot(
    radiance: np.ndarray, model: SensorModel, seed: int = 1, camera_id: str = "cam00", name: str = ""
) -> np.ndarray:
    return expose(radiance, model, intrinsics=LENS, seed=seed, camera_id=camera_id, shot=name)


@pytest.mark.parametrize("radiance", [0.05, 0.3, 1.2])
def test_mean_and_variance_are_those_of_the_model(radiance: float) -> None:
    picture = shot(flat(radiance), EVEN).astype(np.float64)
    level, count = 0.5 * radiance, 240 * 320
    for c, response in enumerate(EVEN.response):
        well = 8000 * response
        step = 1 / (4095 * response)
        variance = level / well + (12.0 / well) ** 2 + step**2 / 12
        assert abs(picture[..., c].mean() - level) < 4 * np.sqrt(variance / count)
        assert picture[..., c].var() / variance == pytest.approx(1, abs=4 * np.sqrt(2 / count))
    assert abs(np.corrcoef(picture[..., 0].ravel(), picture[..., 1].ravel())[0, 1]) < 0.02


def test_light_above_white_is_clipped_and_black_stays_black() -> None:
    assert (shot(flat(5.0), EVEN) == 1.0).all()
    assert shot(flat(0.0), EVEN).mean() < 12.0 / (8000 * 0.55)


def test_the_bayer_filter_keeps_light_and_noise_where_it_looks() -> None:
    picture = shot(flat(0.8), replace(EVEN, bayer=True)).astype(np.float64)
    assert np.allclose(picture.mean(axis=(0, 1)), 0.4, atol=2e-3)
    well = 8000 * EVEN.response[0]
    expected = 0.4 / well + (12.0 / well) ** 2 + 1 / (12 * (4095 * 0.55) ** 2)
    assert picture[::2, ::2, 0].var() == pytest.approx(expected, rel=0.05)


def test_demosaicing_is_exact_on_planes() -> None:
    y, x = np.mgrid[0:40, 0:60].astype(np.float32)
    plane = 0.2 + 0.004 * x + 0.003 * y
    colours = np.stack([plane, plane + 0.1, plane - 0.05], axis=-1)
    mosaic = np.take_along_axis(colours, ((y.astype(int) % 2) + (x.astype(int) % 2))[..., None], axis=-1)[..., 0]
    assert np.abs(demosaic(mosaic) - colours)[2:-2, 2:-2].max() < 1e-5


def test_shading_follows_the_cosine_to_the_fourth() -> None:
    light = shading(LENS, replace(EVEN, falloff=1.0))
    px = np.array([[10.5, 20.5], [300.5, 200.5], [150.5, 125.5]])
    rays = LENS.unproject(px)
    expected = (rays[:, 2] / np.linalg.norm(rays, axis=1)) ** 4
    assert np.allclose(light[[20, 200, 125], [10, 300, 150]], expected, atol=2e-3)
    assert (shading(LENS, EVEN) == 1.0).all()
    dimmed = shading(LENS, replace(EVEN, shading=(-0.2, 0.0)))
    assert dimmed[0, -1] == pytest.approx(1 - 0.2 * (170**2 + 125**2) / 200**2, abs=0.01)


def test_errors_belong_to_the_camera_and_noise_to_the_shot() -> None:
    model = replace(EVEN, exposure_spread=0.05, white_balance_spread=0.04)
    means = [
        [shot(flat(0.8), model, camera_id=f"cam{k:02}", name=n).mean(axis=(0, 1)) for n in "ab"] for k in range(60)
    ]
    error = np.log(np.array(means, np.float64) / 0.4)
    assert np.abs(error[:, 0] - error[:, 1]).max() < 1e-3
    assert error[:, 0, 1].std() == pytest.approx(0.05, rel=0.3)
    assert (error[:, 0, 0] - error[:, 0, 1]).std() == pytest.approx(0.04, rel=0.3)
    assert not np.array_equal(shot(flat(0.8), model, name="a"), shot(flat(0.8), model, name="b"))


def test_the_same_seed_gives_the_same_bytes() -> None:
    model = replace(EVEN, bayer=True, exposure_spread=0.1)
    assert shot(flat(0.5), model).tobytes() == shot(flat(0.5), model).tobytes()
    assert shot(flat(0.5), model).tobytes() != shot(flat(0.5), model, seed=2).tobytes()


def test_a_flawless_sensor_gives_the_light_itself() -> None:
    light = np.random.default_rng(0).uniform(0, 1.5, (240, 320, 3)).astype(np.float32)
    bad = SensorModel(exposure=0.5, exposure_spread=0.2, bayer=True, defocus_px=3, motion_px=4)
    assert np.abs(shot(light, bad.flawless()) - 0.5 * light).max() < 1e-6


@pytest.mark.parametrize(
    ("model", "spread"),
    [
        (replace(EVEN, defocus_px=3.0), (9 / 4, 9 / 4)),
        (replace(EVEN, motion_px=9.0, motion_rad=0.0), (81 / 12, 0.0)),
        (replace(EVEN, motion_px=9.0, motion_rad=np.pi / 2), (0.0, 81 / 12)),
    ],
)
def test_blur_spreads_a_point_and_keeps_its_light(model: SensorModel, spread: tuple[float, float]) -> None:
    point = flat(0.0)
    point[100, 200] = 1.8
    picture = shot(point, replace(model, full_well_e=0.0, bits=0))[..., 1].astype(np.float64)
    assert picture.sum() == pytest.approx(0.9, rel=1e-4)
    weights = picture / picture.sum()
    y, x = np.mgrid[0:240, 0:320]
    assert (weights * x).sum() == pytest.approx(200, abs=1e-3) and (weights * y).sum() == pytest.approx(100, abs=1e-3)
    got = ((weights * (x - 200) ** 2).sum(), (weights * (y - 100) ** 2).sum())
    # Sharing a point out over two pixels spreads it by up to a quarter of a pixel squared.
    assert np.allclose(got, spread, atol=0.25)


def test_metering_brings_the_brightest_below_white() -> None:
    picture = np.zeros((100, 100, 3), np.float32)
    picture[:50] = np.linspace(0, 4, 5000).reshape(50, 100, 1)
    assert meter([picture]) * np.quantile(picture[:50], 0.995) == pytest.approx(0.8, rel=1e-2)
    assert meter([np.zeros((4, 4, 3))]) == 1.0
