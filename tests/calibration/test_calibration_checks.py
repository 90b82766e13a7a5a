"""Coverage of a space, age of a calibration, gains of cameras: against answers that are known."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from scan3d.calibration.calibration_checks import check_age, check_coverage, check_drift, side_words
from scan3d.calibration.camera_gains import camera_gains
from scan3d.calibration.drift import DriftLimits, drift_of_tracks
from scan3d.calibration.volume_coverage import CaptureVolume, measure_volume, volume_of
from scan3d.checks import Grade, worst
from scan3d.geometry import Rig
from tests.calibration.synthetic_features import looking_rig
from tests.calibration.test_drift import RIG, displaced, tracks_of

VOLUME = CaptureVolume(centre_m=(0.0, 0.0, 0.9), radius_m=0.3, half_height_m=0.3)


def test_a_ring_of_cameras_sees_all_sides_alike() -> None:
    coverage = measure_volume(looking_rig(12), VOLUME)
    # Of twelve cameras at 30 degrees, four or five lie within 60 degrees, a little less for the wall's own width.
    assert coverage.cameras.min() >= 3 and coverage.cameras.max() <= 5
    assert (coverage.in_picture == 12).all()
    assert worst(check_coverage(coverage)) is Grade.PASS
    assert coverage.widest_deg.min() > 60.0


def test_the_blind_side_is_told() -> None:
    rig = looking_rig(12)
    # Without the cameras about the subject's left (+X, azimuth 90).
    half = Rig(cameras=tuple(c for c in rig if c.centre[0] < 0.5))
    coverage = measure_volume(half, VOLUME)
    least, azimuth, _ = coverage.least()
    assert least == 0
    assert azimuth == pytest.approx(90.0, abs=20.0)
    (check,) = check_coverage(coverage)
    assert check.grade is Grade.FAIL and "at the left" in check.what


def test_two_cameras_alone_have_the_angle_between_them() -> None:
    rig = looking_rig(12)
    pair = Rig(cameras=rig.cameras[:2])
    coverage = measure_volume(pair, VOLUME)
    middle = coverage.widest_deg[len(coverage.height_m) // 2, np.argmin(np.abs(coverage.azimuth_deg - 15))]
    place = np.array([0.3 * np.sin(np.deg2rad(15)), -0.3 * np.cos(np.deg2rad(15)), 0.9])
    a, b = (camera.centre - place for camera in pair)
    assert middle == pytest.approx(np.rad2deg(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))), abs=1.5)


def test_the_space_follows_from_the_cameras() -> None:
    volume = volume_of(looking_rig(12))
    assert volume.centre_m == pytest.approx((0.0, 0.0, 0.9), abs=0.05)
    assert 0.3 < volume.radius_m < 0.9 and 0.3 < volume.half_height_m < 0.7


@pytest.mark.parametrize(
    ("azimuth", "words"),
    [(0, "in front"), (90, "at the left"), (180, "behind"), (-90, "at the right"), (359, "in front")],
)
def test_sides_have_names(azimuth: float, words: str) -> None:
    assert side_words(azimuth) == words


def test_age() -> None:
    made = datetime.datetime(2026, 1, 1)
    day = datetime.timedelta(days=1)
    assert check_age(None, made, 30.0) == []
    assert check_age(made, made + 10 * day, 30.0)[0].grade is Grade.PASS
    assert check_age(made, made + 40 * day, 30.0)[0].grade is Grade.WARN
    assert check_age(made, made - 0.3 * day, 30.0)[0].grade is Grade.PASS  # another time zone
    assert "younger" in check_age(made, made - 5 * day, 30.0)[0].what


def test_gains_of_cameras_are_found_in_spite_of_gloss() -> None:
    tracks = tracks_of(RIG)
    rng = np.random.default_rng(0)
    true = 0.1 * rng.standard_normal((len(RIG), 3))
    true -= np.median(true, axis=0)
    light = np.exp(-1.5 + 0.5 * rng.standard_normal((tracks.count, 3)))
    rgb = light[tracks.track] * np.exp(true[tracks.camera]) * np.exp(0.02 * rng.standard_normal((len(tracks.px), 3)))
    rgb[rng.random(len(rgb)) < 0.1] *= 1.5
    found = camera_gains(tracks, np.minimum(rgb, 1.0))
    assert set(found) == set(RIG.camera_ids)
    off = np.array([found[name] - true[number] for number, name in enumerate(tracks.camera_ids)])
    assert np.abs(off - np.median(off, axis=0)).max() < 0.03


def test_drift_is_told_with_camera_pixels_and_what_to_do() -> None:
    limits = DriftLimits()
    drift = drift_of_tracks(tracks_of(displaced(RIG, "cam4", deg=0.1)), RIG, limits)
    flagged = [c for c in check_drift(drift, limits) if c.grade is not Grade.PASS]
    assert [(c.camera_id, c.grade) for c in flagged] == [("cam4", Grade.FAIL)]
    assert flagged[0].unit == "px" and flagged[0].next_step
    refined = [c for c in check_drift(drift, limits, refined=("cam4",)) if c.grade is not Grade.PASS]
    assert [c.grade for c in refined] == [Grade.WARN]
