"""A camera that moved is named from features on the subject; one that did not is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.drift import Drift, DriftLimits, drift_of_tracks, measure_drift
from scan3d.calibration.feature_tracks import Tracks, link, match_along_epipolars, pairs_by_direction
from scan3d.calibration.features import Features
from scan3d.calibration.track_adjustment import moved, reduced_system, triangulate
from scan3d.geometry import Rig
from tests.calibration.synthetic_features import cloud, looking_rig, write_features

RIG = looking_rig(12)


def tracks_of(rig: Rig, *, points: int = 700, seed: int = 0, noise_px: float = 0.2, outliers: float = 0.02) -> Tracks:
    """Points of an ellipsoid as each camera of a rig sees its own side of it."""
    rng = np.random.default_rng(seed)
    xyz = cloud(points, seed)
    normals = (xyz - (0.0, 0.0, 0.9)) / (0.35**2, 0.3**2, 0.9**2)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    rows = []
    for number, camera in enumerate(rig):
        towards = camera.centre - xyz
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        px, _ = camera.project(xyz)
        seen = np.flatnonzero(((towards * normals).sum(axis=1) > 0.5) & camera.intrinsics.contains(px))
        px = px[seen] + noise_px * rng.standard_normal((len(seen), 2))
        px[rng.random(len(seen)) < outliers] += 15.0
        rows += [(point, number, *at) for point, at in zip(seen, px, strict=True)]
    table = np.array(sorted(rows))
    count = np.bincount(table[:, 0].astype(int))
    table = table[count[table[:, 0].astype(int)] >= 2]
    _, track = np.unique(table[:, 0], return_inverse=True)
    return Tracks(
        camera_ids=rig.camera_ids, track=track, camera=table[:, 1].astype(int), feature=np.arange(len(table)),
        px=table[:, 2:],
        scale_px=np.full(len(table), 3.0),
    )  # fmt: skip


def displaced(rig: Rig, camera_id: str, *, mm: float = 0.0, deg: float = 0.0, seed: int = 0) -> Rig:
    rng = np.random.default_rng(seed)
    way, axis = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
    return moved(rig, camera_id, np.concatenate([1e-3 * mm * way, np.deg2rad(deg) * axis]))


def drift(true: Rig, *, points: int = 700, seed: int = 0) -> Drift:
    return drift_of_tracks(tracks_of(true, points=points, seed=seed), RIG, DriftLimits())


@pytest.mark.parametrize("seed", range(4))
def test_a_good_rig_has_no_camera_named(seed: int) -> None:
    found = drift(RIG, seed=seed)
    assert found.named == ()
    assert found.rig.cameras == RIG.cameras
    # Residuals of places seen by few cameras are smaller than errors; the noise told is that of the errors.
    assert found.noise_px == pytest.approx(0.2, rel=0.25)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("how", [{"mm": 1.0}, {"deg": 0.05}])
def test_the_camera_that_moved_is_named_with_how_much(seed: int, how: dict[str, float]) -> None:
    camera_id = RIG.camera_ids[(5 * seed + 2) % len(RIG)]
    true = displaced(RIG, camera_id, seed=seed, **how)
    found = drift(true, seed=seed, points=1500)
    assert found.named == (camera_id,)
    told = found.cameras[camera_id]
    points = cloud(200)
    shift = np.linalg.norm(true[camera_id].project(points)[0] - RIG[camera_id].project(points)[0], axis=1)
    assert told.shift_px == pytest.approx(float(np.sqrt((shift**2).mean())), rel=0.35, abs=0.05)
    told_amount = told.moved_mm if "mm" in how else told.turned_deg
    assert told_amount == pytest.approx(next(iter(how.values())), rel=0.5)


def test_refining_puts_the_camera_back_and_leaves_the_others() -> None:
    true = displaced(RIG, "cam5", mm=3.0, deg=0.2)
    found = drift(true)
    points = cloud(200)
    for camera in found.rig:
        off = np.linalg.norm(camera.project(points)[0] - true[camera.camera_id].project(points)[0], axis=1)
        assert off.max() < (0.3 if camera.camera_id == "cam5" else 1e-9)


def test_two_cameras_that_moved_are_both_named() -> None:
    true = displaced(displaced(RIG, "cam2", deg=0.1), "cam8", mm=3.0, seed=4)
    assert set(drift(true).named) == {"cam2", "cam8"}


def test_an_imprecise_calibration_names_nobody() -> None:
    """Where all cameras are a little off, none stands out."""
    rng, rig = np.random.default_rng(5), RIG
    for camera_id in RIG.camera_ids:
        rig = moved(rig, camera_id, rng.standard_normal(6) * ([3e-4] * 3 + [2e-4] * 3))
    assert drift(rig).named == ()


def test_too_few_places_name_nobody() -> None:
    tracks = tracks_of(displaced(RIG, "cam3", mm=20.0))
    few = tracks.track < 12
    small = Tracks(
        camera_ids=tracks.camera_ids, track=tracks.track[few], camera=tracks.camera[few], feature=tracks.feature[few],
        px=tracks.px[few],
        scale_px=tracks.scale_px[few],
    )  # fmt: skip
    found = drift_of_tracks(small, RIG, DriftLimits())
    assert found.named == ()
    assert found.places <= 12


def test_the_reduced_system_is_the_gradient_of_the_cost() -> None:
    """Against differences of the cost with the places solved anew, weights held."""
    tracks = tracks_of(displaced(RIG, "cam3", mm=1.0), outliers=0.0)
    places = triangulate(tracks, RIG)
    system = reduced_system(tracks, RIG, places)

    def cost(rig: Rig) -> float:
        xyz = places.xyz
        for _ in range(3):
            step = reduced_places(tracks, rig, replace(places, xyz=xyz))
            xyz = xyz + step
        px = np.empty_like(tracks.px)
        for number, camera in enumerate(rig):
            rows = tracks.camera == number
            px[rows] = camera.project(xyz[tracks.track[rows]])[0]
        return float(0.5 * (places.weight[:, None] * ((tracks.px - px) / places.sigma_px[:, None]) ** 2).sum())

    for axis, size in ((0, 1e-5), (2, 1e-5), (4, 1e-6)):
        step = np.zeros(6)
        step[axis] = size
        numeric = (cost(moved(RIG, "cam3", step)) - cost(moved(RIG, "cam3", -step))) / (2 * size)
        assert numeric == pytest.approx(-system.gradient[3, axis], rel=1e-3, abs=1e-3 * abs(system.gradient[3]).max())


def reduced_places(tracks: Tracks, rig: Rig, places: object) -> np.ndarray:
    """A Gauss-Newton step of the places alone."""
    from scan3d.calibration.track_adjustment import Places, _linearised, _point_steps

    assert isinstance(places, Places)
    residual, by_point, _ = _linearised(tracks, rig.cameras, places.xyz)
    return _point_steps(tracks, residual, by_point, places.weight / places.sigma_px**2)


def test_from_features_to_the_camera(tmp_path: Path) -> None:
    true = displaced(RIG, "cam7", deg=0.1)
    files = write_features(true, cloud(500), tmp_path)
    found = measure_drift({name: Features.load(path) for name, path in files.items()}, RIG, workers=1)
    assert found.named == ("cam7",)


def test_matches_keep_to_the_epipolar_band(tmp_path: Path) -> None:
    files = write_features(RIG, cloud(300), tmp_path, noise_px=0.0)
    features = {name: Features.load(path) for name, path in files.items()}
    pairs = pairs_by_direction(RIG, np.array([0.0, 0.0, 0.9]))
    assert all(len(pair) == 2 for pair in pairs) and len(pairs) >= len(RIG)
    matches = match_along_epipolars(features, RIG, pairs, workers=1)
    tracks = link(features, matches)
    places = triangulate(tracks, RIG)
    assert tracks.count > 230
    assert np.nanmax(np.abs(places.residual)) < 0.05
    assert (np.diff(tracks.track) >= 0).all()
