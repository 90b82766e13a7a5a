"""Checks of a take's photographs against each other, on pictures and EXIF whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from scan3d.capture.exif import Exif
from scan3d.capture.photo_measures import PhotoMeasures, edge_blur_px, measure_photograph
from scan3d.capture.picture_checks import check_gains, check_pictures
from scan3d.capture.settings_checks import check_settings, check_times, moment_of
from scan3d.capture.take_limits import TakeLimits
from scan3d.checks import Check, Grade, worst
from scan3d.geometry.rig_definition import RigLimits

LIMITS = TakeLimits()
CAMERA = Exif(
    make="A", model="B", focal_mm=50.0, time="2026:01:05 10:00:00", subsecond="100", exposure_s=0.00625, f_number=8.0,
    iso=100.0,
)  # fmt: skip


def edges(blur_px: float, *, size: int = 400) -> np.ndarray:
    """(S, S) straight edges at several angles, drawn ten times finer, then blurred and averaged over pixels."""
    fine = 4
    y, x = np.mgrid[0 : size * fine, 0 : size * fine] / fine
    picture = np.zeros_like(x)
    for k in range(12):
        a = 0.3 + k * np.pi / 12
        picture += 0.07 * ((x - size / 2) * np.cos(a) + (y - size / 2) * np.sin(a) > (k - 6) * 11.0)
    if blur_px:
        picture = cv2.GaussianBlur(picture, (0, 0), blur_px * fine)
    return np.asarray(picture.reshape(size, fine, size, fine).mean(axis=(1, 3)), np.float32)


@pytest.mark.parametrize("blur_px", [1.0, 1.5, 2.5, 4.0])
def test_blur_of_edges_is_measured(blur_px: float) -> None:
    inside = np.ones((400, 400), bool)
    # A pixel averages too, by 0.29 px.
    assert edge_blur_px(edges(blur_px), inside) == pytest.approx(np.hypot(blur_px, 0.29), rel=0.12)
    assert edge_blur_px(edges(0.0), inside) < 0.6


def test_a_picture_without_detail_has_no_blur() -> None:
    assert np.isnan(edge_blur_px(np.full((200, 200), 0.5, np.float32), np.ones((200, 200), bool)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_light_and_clipping(dtype: type) -> None:
    top = np.iinfo(dtype).max
    picture = np.full((120, 100, 3), round(0.5 * top), dtype)
    picture[:30, :, 0] = top
    mask = np.zeros((120, 100), bool)
    mask[:60] = True
    found = measure_photograph("c", picture, mask, np.array([[50.0, 100.0]]))
    assert found.clipped_share == pytest.approx(0.5)
    assert found.rgb[0] == pytest.approx([0.2140] * 3, abs=2e-3)  # sRGB 0.5
    assert measure_photograph("c", picture, None, np.zeros((0, 2))).clipped_share == pytest.approx(0.25)


def measures(**blur_px: float) -> list[PhotoMeasures]:
    return [
        PhotoMeasures(camera_id=name, blur_px=blur, clipped_share=0.0, luminance=0.2, rgb=np.zeros((0, 3)))
        for name, blur in blur_px.items()
    ]


def named(checks: list[Check], name: str) -> dict[str, Grade]:
    return {c.camera_id: c.grade for c in checks if c.name == name and c.grade is not Grade.PASS}


def test_the_blurred_camera_is_named() -> None:
    checks = check_pictures(measures(a=0.5, b=0.6, c=1.4, d=0.5, e=4.0), LIMITS)
    assert named(checks, "focus") == {"c": Grade.WARN, "e": Grade.FAIL}
    assert worst(check_pictures(measures(a=0.5, b=0.6, c=0.4), LIMITS)) is Grade.PASS


def test_clipping_and_darkness() -> None:
    good, white, dark = measures(a=0.5, b=0.5, c=0.5)
    checks = check_pictures([good, replace(white, clipped_share=0.2), replace(dark, luminance=0.002)], LIMITS)
    assert named(checks, "clipping") == {"b": Grade.FAIL}
    assert named(checks, "darkness") == {"c": Grade.WARN}


def test_gains_are_told_in_stops_and_percent() -> None:
    log = np.log
    gains = {"a": np.zeros(3), "b": np.full(3, 0.5 * log(2.0)), "c": np.array([log(1.2), 0.0, 0.0])}
    checks = check_gains(gains, LIMITS)
    assert named(checks, "exposure") == {"b": Grade.WARN}
    assert named(checks, "white_balance") == {"c": Grade.WARN}
    (warned,) = [c for c in checks if c.camera_id == "c" and c.name == "white_balance"]
    assert warned.value == pytest.approx(20.0) and "more red" in warned.what


def test_settings_that_differ_name_the_camera_and_the_setting() -> None:
    exif = {f"cam{k}": CAMERA for k in range(5)} | {"odd": replace(CAMERA, iso=200.0, exposure_s=0.0125)}
    checks = check_settings(exif)
    assert named(checks, "iso") == {"odd": Grade.WARN}
    assert named(checks, "exposure_time") == {"odd": Grade.WARN}
    assert named(checks, "aperture") == {}
    (iso,) = [c for c in checks if c.name == "iso"]
    assert "ISO 200" in iso.what and "ISO 100" in iso.what


def test_no_exif_is_no_fault() -> None:
    assert check_settings({"a": Exif(), "b": Exif()}) == []
    assert check_times({"a": Exif(), "b": Exif()}, LIMITS) == []
    assert moment_of({"a": Exif()}) is None


def test_settings_that_differ_everywhere_are_one_warning() -> None:
    exif = {f"cam{k}": replace(CAMERA, iso=100.0 + k) for k in range(6)}
    (iso,) = [c for c in check_settings(exif) if c.name == "iso"]
    assert (iso.camera_id, iso.grade) == ("", Grade.WARN)


def test_a_late_camera_is_named_by_its_subseconds() -> None:
    exif = {f"cam{k}": CAMERA for k in range(4)} | {"late": replace(CAMERA, subsecond="350")}
    checks = check_times(exif, LIMITS)
    assert named(checks, "time_skew") == {"late": Grade.WARN}
    assert checks[0].value == pytest.approx(0.25)
    # Whole seconds alone cannot tell a quarter of one.
    whole = {name: replace(one, subsecond="") for name, one in exif.items()}
    assert worst(check_times(whole, LIMITS)) is Grade.PASS


def test_midnight_does_not_break_the_clock() -> None:
    before = replace(CAMERA, time="2026:01:05 23:59:59", subsecond="990")
    after = replace(CAMERA, time="2026:01:06 00:00:00", subsecond="010")
    (check,) = check_times({"a": before, "b": after}, LIMITS)
    assert check.grade is Grade.PASS and check.value == pytest.approx(0.02)


def test_a_rig_brings_limits_of_its_own() -> None:
    own = LIMITS.of_rig(RigLimits(time_skew_s=0.5, exposure_spread=0.3, calibration_age_days=3.0))
    assert (own.time_skew_s, own.exposure_stops, own.age_days) == (0.5, (0.3, 1.0), 3.0)
    assert LIMITS.of_rig(RigLimits()) == LIMITS
