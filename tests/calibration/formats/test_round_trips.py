"""What goes out to another program's file comes back the same, to 1e-9 and mostly to the last bit."""

import tempfile
from pathlib import Path

import pytest
from cameras_of_hypothesis import COUNTS, rigs, worst_difference
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.calibration.formats import FORMATS, format_of, read_cameras, write_cameras
from scan3d.geometry import Rig

PLAIN = ("pinhole", "opencv", "full_opencv")
ANY = tuple(COUNTS)
NAME_OF = {
    "scan3d": "calibration.toml",
    "colmap": "model",
    "opencv": "cameras.yml",
    "caliscope": "camera_array.toml",
    "anipose": "calibration.toml",
    "metashape": "cameras.xml",
    "realityscan": "xmp",
}
# Formats without a place for the rational lens, and those without one for the fisheye.
POLYNOMIAL = ("caliscope", "anipose", "metashape", "realityscan")
WITHOUT_FISHEYE = ("realityscan",)


def test_every_format_that_is_written_is_tested() -> None:
    assert set(NAME_OF) == {name for name, item in FORMATS.items() if item.can_write}


@pytest.mark.parametrize("name", NAME_OF)
@settings(max_examples=30)
@given(data=st.data())
def test_a_round_trip_changes_no_number(name: str, data: st.DataObject) -> None:
    models = PLAIN if name in WITHOUT_FISHEYE else ANY
    rig = data.draw(rigs(models, rational=name not in POLYNOMIAL))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME_OF[name]
        written = write_cameras(rig, path, name)
        assert all(file.is_file() for file in written)
        assert format_of(path) == name
        back = read_cameras(path)
    assert worst_difference(rig, back) < 1e-9
    # COLMAP's files are the one place where a scale that is arbitrary is not said.
    assert back.scale_is_metric == (rig.scale_is_metric or name == "colmap")


@settings(max_examples=15)
@given(rig=rigs(PLAIN, rational=False))
def test_a_chain_through_all_programs_ends_where_it_began(rig: Rig) -> None:
    with tempfile.TemporaryDirectory() as folder:
        now = rig
        for name, file in NAME_OF.items():
            path = Path(folder) / name / file
            path.parent.mkdir()
            write_cameras(now, path, name)
            now = read_cameras(path)
    assert worst_difference(rig, now) < 1e-9
