"""Cameras that were not started together: whole frames, parts of a frame, and a scatter of single frames."""

from dataclasses import replace

import numpy as np
import pytest
from board_rigs import aligned_errors, charuco_target, seen_corners, simulate_board_views, sphere_rig

from scan3d.calibration.board_calibration import SolverOptions
from scan3d.calibration.board_motion import Motion
from scan3d.calibration.board_poses import pose_of
from scan3d.calibration.board_solver import calibrate_boards
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.geometry import Rig, Rigid3
from scan3d.geometry.rig_definition import look_at

LATE = {"cam00": 0.0, "cam01": 7.3, "cam02": -12.0, "cam03": 31.2}
OPENCV = SolverOptions(lenses=("opencv",), synchronised=False)


def place_at(frame: float) -> Rigid3:
    """A board that is carried about and turned to all sides: some 10 mm and 5 degrees per frame."""
    t = frame / 25.0
    yaw = 2.0 * t
    front = np.array([np.sin(yaw), -np.cos(yaw), 0.35 * np.sin(2.3 * t)])
    rotation = look_at(front, np.zeros(3)).rotation.T @ Rigid3.exp([0, 0, 0, 0, 0, 0.6 * np.sin(1.7 * t)]).rotation
    middle = np.array([0.18 * np.sin(1.9 * t), 0.18 * np.cos(1.3 * t), 1.0 + 0.12 * np.sin(2.9 * t)])
    return Rigid3(rotation=rotation, translation=middle - rotation @ [0.24, 0.18, 0.0])


def video_views(rig: Rig, frames: int, *, jitter: float = 0.0) -> BoardViews:
    """What cameras see whose frame n was taken at frame n - LATE of the first one's clock."""
    rng = np.random.default_rng(9)
    points = np.asarray(charuco_target().boards[0].points_m)
    views = []
    for camera in rig:
        for n in range(frames):
            moment = n - LATE[camera.camera_id] + jitter * rng.standard_normal()
            ids, px = seen_corners(camera, place_at(moment), points)
            if len(ids) >= 8:
                px = px + rng.normal(0, 0.2, px.shape)
                views.append(BoardView(camera_id=camera.camera_id, shot=str(n), board="board", point_ids=ids, px=px))
    return BoardViews(views=tuple(views), sizes={c.camera_id: (2000, 1500) for c in rig})


def test_offsets_are_found_to_a_small_part_of_a_frame() -> None:
    rig = sphere_rig(4)
    found = calibrate_boards(video_views(rig, 90), charuco_target(), options=OPENCV)
    assert len(found.rig) == 4
    for name, late in LATE.items():
        # Frame n shows the world of n - late: whole frames are taken off, and what is left makes it early.
        assert found.frame_offsets[name] - found.frame_delays[name] == pytest.approx(late, abs=0.05)
    assert np.median(aligned_errors(found.rig, rig)[0]) < 0.5
    assert all(r.median_px < 0.3 for r in found.reprojection_px.values())


def test_frames_that_scatter_in_time_do_not_bend_the_lenses() -> None:
    rig = sphere_rig(4)
    views = video_views(rig, 90, jitter=0.1)
    found = calibrate_boards(views, charuco_target(), options=OPENCV)
    off_mm, _ = aligned_errors(found.rig, rig)
    assert np.median(off_mm) < 1.0
    for camera in rig:
        assert found.intrinsics[camera.camera_id].fx == pytest.approx(camera.intrinsics.fx, rel=2e-3)
    # The same frames taken for simultaneous, which they are not, after their offsets are taken off.
    renamed = replace(views, views=tuple(replace(v, shot=s) for v, s in zip(views.views, found.shots, strict=True)))
    taken_for_true = calibrate_boards(renamed, charuco_target(), options=replace(OPENCV, synchronised=True))
    assert np.median(aligned_errors(taken_for_true.rig, rig)[0]) > 3 * np.median(off_mm)


def test_named_shots_are_of_boards_that_did_not_move() -> None:
    rig, target = sphere_rig(3), charuco_target()
    views, _ = simulate_board_views(rig, target, 20)
    still = replace(views, views=tuple(replace(v, shot=f"place {v.shot}") for v in views.views))
    found = calibrate_boards(still, target, options=OPENCV)
    assert found.frame_offsets == {} or set(found.frame_offsets.values()) == {0}
    assert found.frame_delays == {}
    assert np.median(aligned_errors(found.rig, rig)[0]) < 0.5


def test_a_body_is_found_between_its_frames() -> None:
    poses = np.array([pose_of(place_at(n)) for n in range(5)])
    number = np.arange(5)
    motion = Motion.between(
        np.where(number > 0, number - 1, -1), np.where(number < 4, number + 1, -1), cameras=1, views=5
    ).refreshed(poses)
    late = replace(motion, times=np.array([0.3]), jitter=np.full(5, 0.1))
    found = late.bodies_of_views(np.stack([0 * number, number, 0 * number], axis=1), poses)
    for n in (1, 2, 3):
        np.testing.assert_allclose(found[n], pose_of(place_at(n + 0.4)), atol=2e-4)
