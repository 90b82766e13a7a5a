"""Up, ground and front from cameras alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_features import cloud, looking_rig

from scan3d.calibration.upright import subject_centre, up_direction, world_from_cameras
from scan3d.geometry import Rig, Rigid3


def turned(rig: Rig, twist: np.ndarray) -> tuple[Rig, Rigid3]:
    """The rig in another frame, and other_from_world."""
    other_from_world = Rigid3.exp(twist)
    cameras = tuple(replace(c, cam_from_world=c.cam_from_world @ other_from_world.inverse()) for c in rig)
    return replace(rig, cameras=cameras), other_from_world


def rolled(rig: Rig, which: int, angle_rad: float) -> Rig:
    """One camera turned about its optical axis."""
    roll = Rigid3.exp(np.array([0, 0, 0, 0, 0, angle_rad]))
    cameras = list(rig)
    cameras[which] = replace(cameras[which], cam_from_world=roll @ cameras[which].cam_from_world)
    return replace(rig, cameras=tuple(cameras))


@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_the_world_comes_back_from_any_frame(twist: list[float]) -> None:
    rig, other_from_world = turned(looking_rig(8), np.array(twist))
    points = other_from_world.apply(cloud(2000))
    back = world_from_cameras(rig, points, front="cam0", scale=1.0)
    np.testing.assert_allclose(back.world_from_model.rotation @ other_from_world.rotation, np.eye(3), atol=2e-4)
    moved = back.apply_to_rig(rig)
    np.testing.assert_allclose(moved.centres()[:, :2], looking_rig(8).centres()[:, :2], atol=2e-3)
    np.testing.assert_allclose(moved.centres()[:, 2], looking_rig(8).centres()[:, 2], atol=0.05)


def test_portrait_and_tilted_cameras_do_not_matter() -> None:
    rig = rolled(rolled(rolled(looking_rig(12), 1, np.pi / 2), 5, -np.pi / 2), 7, 0.4)
    up, tilt_rad = up_direction(rig)
    assert np.arccos(up[2]) < 0.01
    assert tilt_rad < 0.01
    portrait = looking_rig(12)
    for number in range(12):
        portrait = rolled(portrait, number, np.pi / 2 if number % 2 else -np.pi / 2)
    up, _ = up_direction(portrait)
    assert abs(up[2]) > 0.9999


@pytest.mark.parametrize("arc_rad", [0.4, 1.5])
def test_cameras_on_one_side(arc_rad: float) -> None:
    up, _ = up_direction(looking_rig(6, arc_rad=arc_rad))
    assert np.arccos(up[2]) < 0.12


def test_the_subject_is_where_cameras_look() -> None:
    np.testing.assert_allclose(subject_centre(looking_rig(7)), [0, 0, 0.9], atol=1e-6)
    stray = looking_rig(7)
    away = replace(
        stray.cameras[0],
        cam_from_world=Rigid3.exp(np.array([0, 0, 0, 0, 0.5, 0])) @ stray.cameras[0].cam_from_world,
    )
    stray = replace(stray, cameras=(away, *stray.cameras[1:]))
    np.testing.assert_allclose(subject_centre(stray), [0, 0, 0.9], atol=5e-3)


def test_a_camera_above_can_be_the_front() -> None:
    rig = looking_rig(6)
    above = replace(
        rig.cameras[0], camera_id="top",
        cam_from_world=Rigid3(rotation=np.diag([1.0, -1.0, -1.0]), translation=np.array([0, 0, 3.0])),
    )  # fmt: skip
    world = world_from_cameras(replace(rig, cameras=(*rig.cameras, above)), cloud(), front="top", scale=1.0)
    assert np.isfinite(world.world_from_model.rotation).all()
    assert np.linalg.det(world.world_from_model.rotation) == pytest.approx(1.0)
