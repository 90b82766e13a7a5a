"""The lens that stands in for one a format cannot hold, and the size of the difference that is told."""

from dataclasses import replace

import numpy as np
import pytest
from sample_cameras import FISHEYE, RATIONAL, camera_with

from scan3d.calibration.formats import with_lenses_for
from scan3d.calibration.formats.nearest_lens import nearest_polynomial
from scan3d.errors import CalibrationError, InputError
from scan3d.geometry import Rig


def test_the_size_is_the_largest_distance_of_any_pixel() -> None:
    lens = camera_with("full_opencv", RATIONAL).intrinsics
    nearest, worst_px = nearest_polynomial(lens)
    assert not any(nearest.distortion[5:]) and (nearest.fx, nearest.cx) == (lens.fx, lens.cx)
    px = np.random.default_rng(1).uniform(0, 1, (3000, 2)) * (lens.width, lens.height)
    off = np.linalg.norm(nearest.project(lens.unproject(px)) - px, axis=1)
    assert 0 < off.max() <= worst_px * 1.01 and off.max() > 0.3 * worst_px


def test_a_polynomial_lens_is_its_own_nearest() -> None:
    lens = camera_with("opencv", (-0.12, 0.07, 0.0011, -0.0007)).intrinsics
    nearest, worst_px = nearest_polynomial(lens)
    assert worst_px < 1e-8 and np.allclose(nearest.distortion[:4], lens.distortion, atol=1e-8)


def test_only_lenses_without_a_place_are_replaced_and_only_within_the_limit() -> None:
    rational, fisheye = camera_with("full_opencv", RATIONAL), camera_with("fisheye", FISHEYE)
    rig = Rig(cameras=(replace(rational, camera_id="cam00"), replace(fisheye, camera_id="cam01")))
    same, off_px = with_lenses_for(rig, "opencv", within_px=0.0)
    assert off_px == {} and same["cam00"] == rig["cam00"]
    changed, off_px = with_lenses_for(rig, "metashape", within_px=0.5)
    assert set(off_px) == {"cam00"} and off_px["cam00"] < 0.5 and changed["cam01"] == rig["cam01"]
    with pytest.raises(CalibrationError, match="cam00"):
        with_lenses_for(rig, "metashape", within_px=0.5 * off_px["cam00"])
    with pytest.raises(InputError, match="maya"):
        with_lenses_for(rig, "maya", within_px=1.0)
    _, off_px = with_lenses_for(rig, "realityscan", within_px=100.0)
    assert set(off_px) == {"cam00", "cam01"}
