"""A camera turned by 0.05 degrees or moved by 1 mm, from photographs of a virtual person alone.

The person is rendered once by all cameras; per trial, the camera that moved is rendered anew.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d", reason="the simulated studio needs open3d")

from scan3d.calibration.drift import DriftLimits, drift_of_tracks
from scan3d.calibration.feature_tracks import link, match_along_epipolars, pairs_by_direction
from scan3d.calibration.features import Features, extract_features
from scan3d.calibration.upright import subject_centre
from scan3d.capture.rig_file import read_rig_definition
from scan3d.geometry import Camera, Rigid3
from scan3d.pipeline.progress import Silent
from scan3d.pipeline.store import Store
from scan3d.simulate.lights import light_setups
from scan3d.simulate.preview import Preview
from scan3d.simulate.radiance import RadianceOptions
from scan3d.simulate.sensor import SensorModel, expose, meter
from scan3d.simulate.stages import SubjectOptions, make_subject, read_subject
from scan3d.simulate.studio import photograph

TRIALS = 6
HOW = RadianceOptions(samples=0, seed=0, oversample=1.5, aperture_m=0.0, lights=(), cameras=())


def features_of(radiance: np.ndarray, camera: Camera, exposure: float) -> Features:
    """Features inside the person, of an 8-bit photograph with a sensor's noise."""
    linear = expose(
        radiance, SensorModel(exposure=exposure), intrinsics=camera.intrinsics, seed=1, camera_id=camera.camera_id
    )
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    inner = cv2.erode((radiance.max(axis=-1) > 0).astype(np.uint8), np.ones((23, 23), np.uint8)) > 0
    return extract_features(np.rint(255 * np.clip(encoded, 0, 1)).astype(np.uint8), inner)


@pytest.mark.slow
def test_small_movements_are_named_and_a_good_take_names_nobody(tmp_path: Path) -> None:
    definition = read_rig_definition("demo_16")
    rig = definition.rig(seed=2)
    subject = read_subject(make_subject(Store(tmp_path), SubjectOptions(seed=2), progress=Silent()))
    setup = light_setups(definition.lights, definition.subject_centre_m, definition.subject_radius_m)[0]
    studio = Preview(subject.parts, setup)
    radiance = {camera.camera_id: photograph(studio, subject.parts, camera, HOW) for camera in rig}
    exposure = meter(picture[::4, ::4] for picture in radiance.values())
    good = {camera.camera_id: features_of(radiance[camera.camera_id], camera, exposure) for camera in rig}
    pairs = pairs_by_direction(rig, subject_centre(rig))
    matches = match_along_epipolars(good, rig, pairs)
    assert drift_of_tracks(link(good, matches), rig, DriftLimits()).named == ()
    for trial in range(TRIALS):
        rng = np.random.default_rng(trial)
        camera = rig.cameras[rng.integers(len(rig))]
        way = rng.standard_normal(3)
        way /= np.linalg.norm(way)
        twist = [*(1e-3 * way), 0, 0, 0] if trial % 2 else [0, 0, 0, *(np.deg2rad(0.05) * way)]
        moved = replace(camera, cam_from_world=Rigid3.exp(twist) @ camera.cam_from_world)
        own = features_of(photograph(studio, subject.parts, moved, HOW), moved, exposure)
        features = {**good, camera.camera_id: own}
        mine = match_along_epipolars(features, rig, [pair for pair in pairs if camera.camera_id in pair])
        found = drift_of_tracks(link(features, {**matches, **mine}), rig, DriftLimits())
        assert found.named == (camera.camera_id,)
