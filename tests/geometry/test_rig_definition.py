"""Plans of rigs: where cameras stand, what the seed changes, what a displaced camera is."""

from dataclasses import replace

import numpy as np
import pytest

from scan3d.errors import CalibrationError
from scan3d.geometry.rig_definition import LensDefinition, RigDefinition, RingDefinition, look_at

LENS = LensDefinition(model="opencv", width=300, height=400, focal_px=500.0, distance_m=3.0, distortion=(-0.1, 0, 0, 0))
PLAN = RigDefinition(
    name="plan",
    subject="body",
    subject_centre_m=(0.1, -0.2, 0.9),
    subject_radius_m=1.0,
    lens=LENS,
    rings=(
        RingDefinition(cameras=4, distance_m=3.0, aim_height_m=0.9, elevation_rad=np.radians(20)),
        RingDefinition(cameras=6, distance_m=2.0, aim_height_m=1.2, height_m=1.7, start_rad=np.radians(30)),
    ),
    held_out_count=3,
)
MOUNTED = replace(PLAN, position_spread_m=0.01, aim_spread_rad=0.01, roll_spread_rad=0.01)


def test_rings_stand_where_they_are_planned() -> None:
    rig = PLAN.rig()
    front, left = rig["cam00"], rig["cam01"]
    assert np.allclose(front.centre, [0.1, -0.2 - 3 * np.cos(np.radians(20)), 0.9 + 3 * np.sin(np.radians(20))])
    assert left.centre[0] > 2.5, "azimuth grows towards the subject's left"
    first = rig["cam04"].centre
    assert np.allclose(first, [0.1 + 2 * np.sin(np.radians(30)), -0.2 - 2 * np.cos(np.radians(30)), 1.7])
    for camera in rig:
        target = [0.1, -0.2, 0.9 if camera.camera_id < "cam04" else 1.2]
        px, depth_m = camera.project(target)
        assert np.allclose(px, [150, 200]) and depth_m > 1.9
        above, _ = camera.project(np.add(target, [0, 0, 0.1]))
        assert above[1] < 200 and np.isclose(above[0], 150), "cameras stand upright"


def test_cameras_of_an_arc_reach_from_end_to_end_and_held_out_ones_stand_inside() -> None:
    arc = RingDefinition(cameras=4, distance_m=2.0, aim_height_m=0.9, height_m=0.9, start_rad=-0.6, arc_rad=1.2)
    plan = replace(PLAN, subject_centre_m=(0.0, 0.0, 0.9), rings=(arc,), held_out_count=3)

    def azimuth(centres: np.ndarray) -> np.ndarray:
        return np.arctan2(centres[:, 0], -centres[:, 1])

    assert np.allclose(azimuth(plan.rig().centres()), [-0.6, -0.2, 0.2, 0.6])
    assert np.allclose(azimuth(plan.held_out().centres()), [-0.4, 0.0, 0.4])


def test_the_front_camera_has_the_subjects_left_on_its_right() -> None:
    pose = look_at(np.array([0.0, -2.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    assert np.allclose(pose.rotation, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    straight_down = look_at(np.array([0.0, 0.0, 3.0]), np.zeros(3))
    assert np.isclose(np.linalg.det(straight_down.rotation), 1.0)


def test_the_seed_decides_what_differs_between_cameras() -> None:
    a, again, b = MOUNTED.rig(seed=1), MOUNTED.rig(seed=1), MOUNTED.rig(seed=2)
    assert np.array_equal(a.centres(), again.centres()) and not np.allclose(a.centres(), b.centres())
    many = replace(MOUNTED, rings=(replace(PLAN.rings[0], cameras=400),))
    off = many.rig(seed=3).centres() - replace(PLAN, rings=many.rings).rig().centres()
    assert np.isclose(off.std(), 0.01, rtol=0.1)


def test_a_displaced_camera_moves_by_what_is_asked_and_no_other_does() -> None:
    exact, moved = MOUNTED.rig(seed=5), MOUNTED.rig(seed=5, displaced={"cam03": (4.0, 0.5)})
    for a, b in zip(exact, moved, strict=True):
        way = np.linalg.norm(a.centre - b.centre)
        turn = np.linalg.norm((b.cam_from_world @ a.cam_from_world.inverse()).log()[3:])
        assert np.isclose(way, 4e-3 if a.camera_id == "cam03" else 0.0, atol=1e-9)
        assert np.isclose(np.degrees(turn), 0.5 if a.camera_id == "cam03" else 0.0, atol=1e-6)
    with pytest.raises(CalibrationError, match="cam99"):
        PLAN.rig(displaced={"cam99": (1.0, 0.0)})


def test_held_out_cameras_stand_between_the_others() -> None:
    rig, held = PLAN.rig(), PLAN.held_out()
    assert held.camera_ids == ("held00", "held01", "held02")
    gaps = np.linalg.norm(held.centres()[:, None] - rig.centres()[None], axis=-1).min(axis=1)
    assert gaps.min() > 0.9
    distances = np.linalg.norm(held.centres()[:, None] - held.centres()[None], axis=-1)
    assert distances[~np.eye(3, dtype=bool)].min() > 1.0


def test_a_scaled_rig_sees_the_same_with_fewer_pixels() -> None:
    full, half = PLAN.rig(), PLAN.scaled(0.5).rig()
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3)) + PLAN.subject_centre_m
    for a, b in zip(full, half, strict=True):
        assert np.allclose(a.project(points)[0], 2 * b.project(points)[0])
    assert PLAN.scaled(0.5).lens.focal_mm == pytest.approx(PLAN.lens.focal_mm)
