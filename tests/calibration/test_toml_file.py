"""calibration.toml: exact round trips, and every way to spoil it."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calibration_rigs import make_rig
from hypothesis import given
from hypothesis import strategies as st

from scan3d.calibration.toml_file import (
    read_calibration,
    read_left_out,
    read_reprojection,
    write_calibration,
)
from scan3d.errors import CalibrationError, StorageError
from scan3d.geometry import Rig, Rigid3

DATE = datetime.datetime(2026, 11, 21, 10, 30, tzinfo=datetime.UTC)


def test_round_trip(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    write_calibration(replace(rig, scale_is_metric=False), path, date=DATE)
    again = read_calibration(path)
    assert again.camera_ids == rig.camera_ids
    assert not again.scale_is_metric
    assert again.source == rig.source
    for a, b in zip(rig, again, strict=True):
        assert a.intrinsics == b.intrinsics
        np.testing.assert_array_equal(a.cam_from_world.translation, b.cam_from_world.translation)
        np.testing.assert_allclose(a.cam_from_world.rotation, b.cam_from_world.rotation, atol=1e-15)
    assert [p.name for p in tmp_path.iterdir()] == ["calibration.toml"]


def test_residuals_are_kept_for_the_report(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    first, second, *_ = rig.camera_ids
    write_calibration(rig, path, reprojection_px={first: 0.25, "another": 9.0}, date=DATE)
    assert read_reprojection(path) == {first: 0.25}
    assert read_calibration(path).camera_ids == rig.camera_ids
    write_calibration(rig, path, reprojection_px={second: 0.5}, date=DATE)
    assert read_reprojection(path) == {second: 0.5}


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
quaternion = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 1e-3)


@given(finite, st.floats(min_value=1e-300, max_value=1e300), quaternion, st.tuples(finite, finite, finite))
def test_any_number_survives(
    tmp_path_factory: pytest.TempPathFactory, k1: float, fx: float, q: tuple, t: tuple
) -> None:
    camera = make_rig(("opencv",)).cameras[0]
    camera = replace(
        camera,
        camera_id='a "strange" name. ümlaut',
        intrinsics=replace(camera.intrinsics, fx=fx, distortion=(k1, 0.0, 0.0, 0.0)),
        cam_from_world=Rigid3.from_quaternion(np.array(q), np.array(t)),
    )
    path = tmp_path_factory.mktemp("cal") / "calibration.toml"
    write_calibration(Rig(cameras=(camera,)), path, date=DATE)
    again = read_calibration(path).cameras[0]
    assert again.camera_id == camera.camera_id
    assert again.intrinsics == camera.intrinsics
    np.testing.assert_array_equal(again.cam_from_world.translation, camera.cam_from_world.translation)
    np.testing.assert_allclose(again.cam_from_world.rotation, camera.cam_from_world.rotation, atol=2e-15)


SPOILT = [
    ("fx = ", "fx = nan  # ", "NaN", "cam01"),
    ("cx = ", "cx = inf  # ", "NaN or infinity", "cam01"),
    ("fy = ", 'fy = "300"  # ', "numbers", "cam01"),
    ("fx = ", "focal = ", "focal", "cam01"),
    ("width = ", "widht = ", "Did you mean 'width'", "cam01"),
    ("width = 90", "width = 90.5", "whole number", "cam01"),
    ("height = 120", "height = -120", "whole number", "cam01"),
    ('model = "pinhole"', 'model = "brown"', "brown", "cam01"),
    ("distortion = []", "distortion = [0.1]", "0 numbers, not 1", "cam01"),
    ("quaternion_wxyz = [", "quaternion_wxyz = [3.0, ", "4 numbers", "cam01"),
    ("quaternion_wxyz = ", "quaternion_wxyz = [1.0, 1.0, 0.0, 0.0]  # ", "not a rotation", "cam01"),
    ("quaternion_wxyz = ", "matrix = ", "matrix", "cam01"),
    ("translation_m = ", "translation_m = [nan, 0.0, 0.0]  # ", "NaN", "cam01"),
    ("cam_from_world.translation_m = ", "# ", "translation_m", "cam01"),
    ('units = "metres"', 'units = "mm"', "metres", ""),
    ('units = "metres"', "", "units", ""),
    ("scale_is_metric = true", 'scale_is_metric = "yes"', "true or false", ""),
    ("scale_is_metric = true", "scale_is_metrik = true", "scale_is_metrik", ""),
    ("format = ", "format = 3 # ", "format", ""),
    ("fx = ", "fx == ", "TOML", ""),
]


@pytest.mark.parametrize(("old", "new", "words", "camera"), SPOILT)
def test_spoilt_files(rig: Rig, tmp_path: Path, old: str, new: str, words: str, camera: str) -> None:
    path = tmp_path / "calibration.toml"
    write_calibration(rig, path)
    head, mark, tail = path.read_text().partition("[cameras.cam01]" if camera else "format")
    assert old in mark + tail
    path.write_text(head + (mark + tail).replace(old, new, 1))
    with pytest.raises(CalibrationError) as caught:
        read_calibration(path)
    assert words in str(caught.value)
    assert camera in caught.value.where
    assert str(path) in caught.value.where
    assert caught.value.next_step


def test_no_camera_and_no_file(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    with pytest.raises(CalibrationError, match="no calibration"):
        read_calibration(path)
    write_calibration(Rig(cameras=()), path)
    path.write_text(path.read_text() + "cameras = {}\n")
    with pytest.raises(CalibrationError, match="no camera"):
        read_calibration(path)


def test_nothing_is_left_when_the_folder_cannot_be_written(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    path = tmp_path / "calibration.toml"
    write_calibration(rig, path)
    before = path.read_bytes()

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="full"):
        write_calibration(replace(rig, source="other"), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["calibration.toml"]


def test_cameras_that_are_left_out_on_purpose(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    write_calibration(rig, path)
    assert read_left_out(path) == ()
    write_calibration(rig, path, left_out=["cam07"])
    assert read_left_out(path) == ("cam07",)
    assert read_calibration(path).camera_ids == rig.camera_ids
    path.write_text(path.read_text().replace('left_out = ["cam07"]', 'left_out = "cam07"'))
    with pytest.raises(CalibrationError, match="left_out"):
        read_left_out(path)
