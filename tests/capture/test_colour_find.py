"""Charts in photographs: found where they were put, measured to what they are, refused in words that help."""

import cv2
import numpy as np
import pytest

from scan3d.capture.colour_charts import Chart, read_chart
from scan3d.capture.colour_find import display, find_corners, straightened
from scan3d.capture.colour_patches import FoundChart, orders, read_patches
from scan3d.errors import CaptureError, InputError
from tests.capture.chart_pictures import PATCH, Sensor, corners, photograph

CHART = read_chart("classic24")
REFERENCE = CHART.linear()
COLOURS = np.maximum(REFERENCE, 0.0)
SIZE = (900, 700)


def find(picture: np.ndarray, at: np.ndarray | None = None, chart: Chart = CHART) -> FoundChart:
    clipped = (picture >= 0.995).any(axis=2)
    return read_patches(picture, clipped, chart, chart.linear(), where="camera cam00", corners_px=at)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (40, 0, 5), (-25, 30, -20), (10, -35, 170)])
def test_a_chart_is_found_where_it_is_and_measured(yaw: float, pitch: float, roll: float) -> None:
    true = corners(CHART, SIZE, step_px=55, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
    found = find(photograph(COLOURS, CHART, true, SIZE, sensor=Sensor(), slope=(0.1, 0.05)))
    assert np.abs(found.place.corners_px - true).max() < 1.0
    assert found.place.patch == pytest.approx(PATCH, abs=0.04)
    slope = np.exp((CHART.centres() - (2.5, 1.5)) @ (0.1, 0.05) / 5)[:, None]
    np.testing.assert_allclose(found.patches.linear, 0.8 * COLOURS * slope, rtol=0.01, atol=5e-4)
    assert found.patches.noise.max() < 2e-3 and not found.patches.clipped.any()


def test_corners_may_be_given_roughly_and_are_set_right() -> None:
    true = corners(CHART, SIZE, step_px=60, yaw_deg=20)
    picture = photograph(COLOURS, CHART, true, SIZE)
    found = find(picture, true + np.array([[7, -5], [-6, 6], [5, 7], [-7, -6]]))
    assert np.abs(found.place.corners_px - true).max() < 1.0
    np.testing.assert_allclose(found.patches.linear, COLOURS, atol=2e-3)


def test_the_straight_picture_has_each_patch_in_its_square() -> None:
    true = corners(CHART, SIZE, step_px=60, yaw_deg=20, roll_deg=10)
    straight = straightened(photograph(COLOURS, CHART, true, SIZE), CHART, true)
    assert straight.shape == (160, 240, 3)
    np.testing.assert_allclose(straight[20::40, 20::40].reshape(-1, 3), COLOURS, atol=5e-3)


def test_a_bigger_chart_is_found_too() -> None:
    chart = read_chart("sg")
    true = corners(chart, (1200, 900), step_px=62, yaw_deg=8)
    found = find(photograph(np.maximum(chart.linear(), 0), chart, true, (1200, 900), sensor=Sensor()), chart=chart)
    assert np.abs(found.place.corners_px - true).max() < 1.5


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_corners_from_the_wrong_patch_on_are_told_with_the_right_order(turn: int) -> None:
    true = corners(CHART, SIZE, step_px=60)
    picture = photograph(COLOURS, CHART, true, SIZE)
    with pytest.raises(InputError, match=f"turned by {90 * (4 - turn)} degrees") as told:
        find(picture, np.roll(true, -turn, axis=0))
    first = " ".join(f"{x:.0f},{y:.0f}" for x, y in true)
    assert first in told.value.next_step


def test_mirrored_corners_and_photographs_are_told() -> None:
    true = corners(CHART, SIZE, step_px=60)
    picture = photograph(COLOURS, CHART, true, SIZE)
    with pytest.raises(InputError, match="wrong way"):
        find(picture, true[list(orders()[5])])
    mirrored, at = np.ascontiguousarray(picture[:, ::-1]), (true - (SIZE[0], 0)) * (-1, 1)
    for corners_px in (None, at, at[[1, 0, 3, 2]]):
        with pytest.raises(CaptureError, match="mirrored"):
            find(mirrored, corners_px)


@pytest.mark.parametrize(
    "at",
    [
        np.zeros((3, 2)),
        np.full((4, 2), np.nan),
        np.array([[100, 100], [5000, 100], [5000, 400], [100, 400.0]]),
        np.array([[100, 100], [400, 300], [400, 100], [100, 300.0]]),
    ],
)
def test_corners_that_cannot_be_are_told(at: np.ndarray) -> None:
    with pytest.raises(InputError) as told:
        find(photograph(COLOURS, CHART, corners(CHART, SIZE, step_px=60), SIZE), at)
    assert told.value.next_step and told.value.where == "camera cam00"


def test_no_chart_another_chart_and_bad_photographs_are_told() -> None:
    true = corners(CHART, SIZE, step_px=60)
    rng = np.random.default_rng(4)
    cases = {
        "No colour chart": (rng.uniform(0.2, 0.3, (*SIZE[::-1], 3)).astype(np.float32), None),
        "does not have the colours": (photograph(rng.permutation(COLOURS), CHART, true, SIZE), true),
        "overexposed: patches .*19": (np.minimum(1.3 * photograph(COLOURS, CHART, true, SIZE), 1.0), None),
        "too dark": (0.01 * photograph(COLOURS, CHART, true, SIZE), None),
        "blurred": (photograph(COLOURS, CHART, true, SIZE, blur_px=14), true),
    }
    small = corners(CHART, SIZE, step_px=6)
    cases["too small"] = (photograph(COLOURS, CHART, small, SIZE), small)
    for words, (picture, at) in cases.items():
        with pytest.raises(CaptureError, match=words) as told:
            find(picture, at)
        assert told.value.next_step and told.value.where == "camera cam00", words


def test_dust_and_glints_do_not_count() -> None:
    true = corners(CHART, SIZE, step_px=60)
    picture = photograph(COLOURS, CHART, true, SIZE, sensor=Sensor())
    clean = find(picture).patches.linear
    cv2.circle(picture, tuple(int(v) for v in true[0]), 3, (0.6, 0.6, 0.6), -1)
    np.testing.assert_allclose(find(picture, true).patches.linear[0], clean[0], rtol=0.01)


def test_a_dark_photograph_is_searched_as_brightly_as_another() -> None:
    true = corners(CHART, SIZE, step_px=60)
    picture = photograph(COLOURS, CHART, true, SIZE)
    dark, bright = (find_corners(display(factor * picture), CHART) for factor in (0.05, 1.0))
    assert dark is not None and bright is not None
    np.testing.assert_allclose(dark, bright, atol=0.5)
