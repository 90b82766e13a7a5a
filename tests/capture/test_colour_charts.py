"""Charts: published values against colour-science, adaptation to D65 in closed form, and charts of one's own."""

from pathlib import Path

import numpy as np
import pytest

from scan3d.capture.colour_charts import CHARTS, LIGHTS, colour_science, read_chart, rgb_to_xyz
from scan3d.capture.colour_fit import ciede2000, lab_of
from scan3d.errors import InputError

WHITE = rgb_to_xyz(np.ones(3))


@pytest.mark.parametrize("name", CHARTS)
def test_published_charts_are_those_of_colour_science_adapted_by_bradford(name: str) -> None:
    colour = colour_science()
    chart = read_chart(name)
    assert chart.rows * chart.columns == len(chart.xyz) == len(chart.centres())
    expected = colour.chromatic_adaptation(chart.xyz, chart.white_xyz, WHITE, method="Von Kries", transform="Bradford")
    np.testing.assert_allclose(rgb_to_xyz(chart.linear()), expected, atol=1e-12)


def test_a_white_stays_white_and_patches_are_where_people_read_them() -> None:
    classic, sg = read_chart("classic24"), read_chart("sg")
    rgb = classic.linear()
    assert rgb[[2, 7, 12, 17]].argmax(axis=1).tolist() == [2] * 4  # sky, purplish blue, blue, cyan
    assert rgb[14].argmax() == 0 and rgb[13].argmax() == 1
    greys = rgb[18:]
    assert (np.ptp(greys, axis=1) < 0.06).all() and (np.diff(greys[:, 1]) < 0).all()
    # The SG has white, grey and black in turn round its rim.
    rim = sg.linear().reshape(10, 14, 3)[[0, -1]].reshape(-1, 3)
    assert (np.ptp(rim, axis=1) < 0.05).all()
    assert classic.corner_patches() == (0, 5, 23, 18)


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("adaptation", ["Bradford", "CAT02"])
def test_other_lights_move_patches_by_little_and_greys_not_at_all(light: str, adaptation: str) -> None:
    chart = read_chart("classic24")
    away = ciede2000(chart.linear(light, adaptation), chart.linear())
    assert away[18:].max() < 1.0
    assert away.max() < (9.0 if light == "A" else 3.0)
    if light == "D65":
        assert away.max() > 0.5


def test_lab_is_colour_sciences() -> None:
    rgb = np.random.default_rng(1).uniform(0, 1, (50, 3)) ** 3
    xy = WHITE[:2] / WHITE.sum()
    np.testing.assert_allclose(lab_of(rgb), colour_science().XYZ_to_Lab(rgb_to_xyz(rgb), xy), atol=1e-9)


@pytest.mark.parametrize("values", ["Lab", "XYZ", "xyY", "linear_rec709"])
def test_a_chart_of_ones_own_says_the_same_in_all_units(tmp_path: Path, values: str) -> None:
    colour, known = colour_science(), read_chart("classic24")
    xy = known.white_xyz[:2] / known.white_xyz.sum()
    numbers = {
        "Lab": colour.XYZ_to_Lab(known.xyz, xy),
        "XYZ": known.xyz,
        "xyY": colour.XYZ_to_xyY(known.xyz),
        "linear_rec709": known.linear(),
    }[values]
    path = tmp_path / "own.toml"
    path.write_text(f'columns = 6\nvalues = "{values}"\nexposure = 0.5\npatches = {numbers.tolist()}\n')
    chart = read_chart(str(path))
    assert (chart.name, chart.rows, chart.exposure) == ("own", 4, 0.5)
    np.testing.assert_allclose(chart.linear(), known.linear(), atol=5e-4)


@pytest.mark.parametrize(
    "text",
    [
        "columns = 6",
        'columns = 6\nvalues = "Lab"\npatches = [[1, 2, 3]]',
        'columns = 5\nvalues = "Lab"\npatches = ' + str([[50, 0, 0]] * 24),
        'columns = 6\nvalues = "HSV"\npatches = ' + str([[50, 0, 0]] * 24),
        'columns = 6\nvalues = "Lab"\nexposure = 0\npatches = ' + str([[50, 0, 0]] * 24),
        'columns = 6\nvalues = "Lab"\npatches = [["a", "b", "c"]]',
        "columns = ",
    ],
)
def test_a_chart_file_that_is_not_whole_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError) as told:
        read_chart(str(path))
    assert told.value.where == str(path) and told.value.next_step


def test_unknown_names_are_told() -> None:
    with pytest.raises(InputError, match="no colour chart called 'colorchecker'"):
        read_chart("colorchecker")
    with pytest.raises(InputError, match="cannot be read"):
        read_chart("nowhere/own.toml")
    with pytest.raises(InputError, match="no light"):
        read_chart("classic24").linear("candle")
