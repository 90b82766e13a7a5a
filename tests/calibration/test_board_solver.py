"""Rigs from simulated boards: accuracy against the truth, outliers, lenses, groups, faces, frames, what is left out."""

from dataclasses import replace

import numpy as np
import pytest
from board_rigs import (
    aligned_errors,
    charuco_board,
    charuco_target,
    default_lens,
    random_bodies,
    simulate_board_views,
    sphere_rig,
    without_views,
)

from scan3d.calibration.board_calibration import DISCONNECTED, MIRRORED, NO_VIEWS, TOO_FEW_VIEWS, SolverOptions
from scan3d.calibration.board_solver import calibrate_boards
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.targets import Target
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig, Rigid3
from scan3d.geometry.rig_definition import LensDefinition, RigDefinition, RingDefinition

OPENCV = SolverOptions(lenses=("opencv",))
# Rigs for people hold cameras of 12 megapixels and more; the angle that 0.2 px are follows from that.
RIG_LENS = default_lens(width=4000, height=3000, focal_px=3800.0)


def test_exact_corners_give_the_exact_rig() -> None:
    rig, target = sphere_rig(4), charuco_target()
    views, truth = simulate_board_views(rig, target, 24, noise_px=0.0)
    found = calibrate_boards(views, target, options=OPENCV)
    off_mm, off_deg = aligned_errors(found.rig, rig)
    # The weak priors on principal point and square pixels are all that is left.
    assert off_mm.max() < 2e-3 and off_deg.max() < 1e-3
    assert max(r.median_px for r in found.reprojection_px.values()) < 1e-3
    board = target.boards[0]
    relative = [
        found.world_from_body[board.body, s].inverse() @ found.world_from_body[board.body, "000"]
        for s in ("001", "005")
    ]
    exact = [
        truth.world_from_body[board.body, s].inverse() @ truth.world_from_body[board.body, "000"]
        for s in ("001", "005")
    ]
    for a, b in zip(relative, exact, strict=True):
        assert np.linalg.norm((a @ b.inverse()).log()) < 1e-5


@pytest.mark.parametrize(
    "count", [4, pytest.param(24, marks=pytest.mark.slow), pytest.param(64, marks=pytest.mark.slow)]
)
def test_rigs_two_metres_across_are_found_to_a_fraction_of_a_millimetre(count: int) -> None:
    rig, target = sphere_rig(count, lens=RIG_LENS), charuco_target(14, 10)
    shots = random_bodies(target, 60 if count == 4 else 40, spread_m=0.2)
    views, truth = simulate_board_views(rig, target, shots, noise_px=0.2, outliers=0.02)
    found = calibrate_boards(views, target)
    off_mm, off_deg = aligned_errors(found.rig, rig)
    assert len(found.rig) == count and not found.left_out
    assert np.median(off_mm) < 0.3
    assert np.median(off_deg) < 0.01
    wrong, kept = np.concatenate(truth.outliers), np.concatenate([r.inlier for r in found.residuals])
    assert kept[wrong].mean() < 0.01 and (~kept[~wrong]).mean() < 1e-3


def test_certainty_is_what_repeated_captures_scatter_by() -> None:
    rig, target = sphere_rig(4), charuco_target()
    shots = random_bodies(target, 20, spread_m=0.15)
    options = replace(OPENCV, known_lenses={camera.camera_id: camera.intrinsics for camera in rig})
    every, expected = [], np.zeros(4)
    for seed in range(24):
        views, _ = simulate_board_views(rig, target, shots, noise_px=0.2, seed=seed)
        found = calibrate_boards(views, target, options=options)
        every.append(aligned_errors(found.rig, rig)[0])
        expected += [1e6 * np.trace(found.covariance[name][:3, :3]) for name in rig.camera_ids]
    measured = np.mean(np.square(every), axis=0)
    # 24 draws of some five degrees of freedom: a chance scatter of an eighth, more in a single camera.
    assert np.all(np.abs(measured / (expected / 24) - 1) < 0.7)
    assert abs(measured.sum() / (expected / 24).sum() - 1) < 0.35


@pytest.mark.parametrize("model", ["pinhole", "opencv", "full_opencv", "fisheye"])
def test_the_lens_model_chosen_predicts_as_well_as_the_true_one(model: str) -> None:
    focal = 900.0 if model == "fisheye" else 1900.0
    rig, target = sphere_rig(3, lens=default_lens(model, focal_px=focal)), charuco_target(14, 10, 0.06)
    views, _ = simulate_board_views(rig, target, random_bodies(target, 40, spread_m=0.2), outliers=0.02)
    found = calibrate_boards(views, target)
    for camera in rig:
        scores = found.lens_scores[camera.camera_id]
        chosen = scores[found.lens[camera.camera_id]]
        assert chosen < 1.05 * scores[model]
        assert chosen < 0.32  # 0.2 px in both coordinates are 0.28
        if model == "pinhole":
            assert found.lens[camera.camera_id] == "pinhole"
        else:
            assert scores["pinhole"] > 2 * chosen


def test_a_fisheye_lens_of_140_degrees_is_found() -> None:
    lens = default_lens("fisheye", focal_px=820.0)
    rig, target = sphere_rig(4, lens=lens, radius_m=0.6), charuco_target(14, 10, 0.06)
    views, _ = simulate_board_views(rig, target, random_bodies(target, 40, spread_m=0.25), outliers=0.02)
    found = calibrate_boards(views, target)
    assert set(found.lens.values()) == {"fisheye"}
    assert np.median(aligned_errors(found.rig, rig)[0]) < 0.3


def test_what_is_left_out_says_why() -> None:
    rig, target = sphere_rig(6), charuco_target()
    views, _ = simulate_board_views(rig, target, 30)
    ids = rig.camera_ids
    seen = [v.shot for v in views.of_camera(ids[2])]
    views = without_views(views, {(ids[1], f"{k:03}") for k in range(30)})
    views = without_views(views, {(ids[2], s) for s in seen[2:]})
    views = replace(views, views=tuple(replace(v, mirrored=v.camera_id == ids[3]) for v in views.views))
    found = calibrate_boards(views, target, options=OPENCV)
    assert found.left_out == {ids[1]: NO_VIEWS, ids[2]: TOO_FEW_VIEWS, ids[3]: MIRRORED}
    assert found.rig.camera_ids == (ids[0], ids[4], ids[5])
    assert found.coverage[ids[1]].share == 0.0


def test_cameras_that_share_no_shot_are_another_group() -> None:
    rig, target = sphere_rig(6), charuco_target()
    views, _ = simulate_board_views(rig, target, 60)
    early = {f"{k:03}" for k in range(30)}
    ids = rig.camera_ids
    views = replace(views, views=tuple(v for v in views.views if (v.shot in early) == (v.camera_id in ids[:4])))
    found = calibrate_boards(views, target, options=OPENCV)
    assert [set(group) for group in found.groups] == [set(ids[:4]), set(ids[4:])]
    assert found.left_out == dict.fromkeys(ids[4:], DISCONNECTED)
    assert set(found.intrinsics) == set(ids)
    assert all(not r.used for r, v in zip(found.residuals, views.views, strict=True) if v.camera_id in ids[4:])


def test_cameras_are_chained_through_others() -> None:
    rig, target = sphere_rig(8, radius_m=1.0), charuco_target()
    every, _ = simulate_board_views(rig, target, ring_shots(rig, 7, 12), outliers=0.02)
    place = {name: k for k, name in enumerate(rig.camera_ids)}
    found = calibrate_boards(chain_only(every, place), target, options=OPENCV)
    off_mm, _ = aligned_errors(found.rig, rig)
    assert len(found.rig) == 8 and off_mm.max() < 5.0


def ring_shots(rig: Rig, pairs: int, each: int) -> dict[tuple[str, str], Rigid3]:
    """Boards that face the middle between neighbours: shot "p-k" is for the pair p."""
    rng = np.random.default_rng(4)
    bodies = {}
    for p in range(pairs):
        middle = 0.5 * (rig.cameras[p].centre + rig.cameras[p + 1].centre)
        for k in range(each):
            away = np.array([0.0, 0.0, 1.0]) - middle
            z = away / np.linalg.norm(away) + rng.normal(0, 0.25, 3)
            z /= np.linalg.norm(z)
            x = np.cross([0.0, 0.0, 1.0], z)
            x /= np.linalg.norm(x)
            rotation = np.stack([-x, np.cross(z, -x), z], axis=1) @ Rigid3.exp([0, 0, 0, 0, 0, rng.normal()]).rotation
            place = np.array([0.0, 0.0, 1.0]) + rng.normal(0, 0.1, 3)
            bodies["board", f"{p}-{k}"] = Rigid3(rotation=rotation, translation=place - rotation @ [0.24, 0.18, 0.0])
    return bodies


def chain_only(views: BoardViews, place: dict[str, int]) -> BoardViews:
    """Each pair's shots for its two cameras only."""
    return replace(
        views, views=tuple(v for v in views.views if place[v.camera_id] - int(v.shot.split("-")[0]) in (0, 1))
    )


def test_faces_of_a_body_tie_cameras_that_never_see_the_same_face() -> None:
    rig = sphere_rig(6)
    front = charuco_board(12, 9, 0.04, name="front", body="panel")
    back = charuco_board(12, 9, 0.04, name="back", body="panel", first_id=300)
    target = Target(name="panel", boards=(front, back))
    # The back looks the other way, its columns run against the front's; it is 8 mm behind and not quite parallel.
    turn = Rigid3(rotation=np.diag([-1.0, 1.0, -1.0]), translation=np.array([0.48, 0.0, 0.008]))
    place = turn @ Rigid3.exp([0.003, -0.002, 0.0, 0.01, 0.02, -0.01])
    views, _ = simulate_board_views(
        rig, target, random_bodies(target, 40), outliers=0.02, body_from_board={"back": place}
    )
    found = calibrate_boards(views, target, options=OPENCV)
    assert len(found.rig) == 6
    off = found.body_from_board["back"] @ place.inverse()
    assert np.linalg.norm(off.log()[:3]) < 1e-3 and np.linalg.norm(off.log()[3:]) < 2e-3
    assert np.median(aligned_errors(found.rig, rig)[0]) < 0.5


def test_the_floor_board_makes_the_world() -> None:
    rig, target = sphere_rig(5, seed=3), charuco_target()
    middle = np.array([0.24, 0.18, 0.0])
    flat = Rigid3.exp([0, 0, 0, 0, 0, 0.7]).rotation @ np.diag([1.0, -1.0, -1.0])
    shots = random_bodies(target, 30) | {
        ("board", "floor"): Rigid3(rotation=flat, translation=[0.1, 0.2, 0.55] - flat @ middle)
    }
    high = replace(rig, cameras=tuple(lifted(c, 0.8) for c in rig))
    views, _ = simulate_board_views(high, target, shots)
    assert any(v.shot == "floor" for v in views.views)
    found = calibrate_boards(views, target, options=replace(OPENCV, floor=("board", "floor")))
    assert found.world_frame == "floor"
    turn = Rigid3.exp([0, 0, 0, 0, 0, -0.7]).rotation
    for camera in found.rig:
        np.testing.assert_allclose(camera.centre, turn @ (high[camera.camera_id].centre - [0.1, 0.2, 0.55]), atol=2e-3)
    with pytest.raises(CalibrationError, match="not found in shot"):
        calibrate_boards(views, target, options=replace(OPENCV, floor=("board", "attic")))


def lifted(camera, height_m: float):
    """A camera higher up that still looks at the same place."""
    from scan3d.geometry.rig_definition import look_at

    centre = camera.centre + np.array([0.0, 0.0, height_m])
    return replace(camera, cam_from_world=look_at(centre, np.array([0.0, 0.0, 0.9])))


def test_the_plan_makes_the_world_and_tells_a_wrong_square_size() -> None:
    lens = default_lens()
    plan = RigDefinition(
        name="test",
        subject="head",
        subject_centre_m=(0.0, 0.0, 1.0),
        subject_radius_m=0.3,
        lens=LensDefinition(
            model="opencv", width=2000, height=1500, focal_px=1900.0, distance_m=1.0, distortion=lens.distortion
        ),
        rings=(RingDefinition(cameras=6, distance_m=1.0, aim_height_m=1.0, height_m=1.2),),
        position_spread_m=0.005,
        aim_spread_rad=0.01,
    )
    rig, target = plan.rig(seed=2), charuco_target()
    views, _ = simulate_board_views(rig, target, 30)
    found = calibrate_boards(views, target, options=replace(OPENCV, rig_definition=plan))
    assert found.world_frame == "plan"
    assert np.abs(found.rig.centres() - rig.centres()).max() < 0.01
    assert abs(found.scale_to_plan - 1) < 0.01
    stretched = calibrate_boards(views, charuco_target(square_m=0.044), options=replace(OPENCV, rig_definition=plan))
    assert stretched.scale_to_plan == pytest.approx(found.scale_to_plan / 1.1, rel=1e-3)


def test_known_lenses_are_held() -> None:
    rig, target = sphere_rig(3), charuco_target()
    views, _ = simulate_board_views(rig, target, 8)
    known = {camera.camera_id: camera.intrinsics for camera in rig}
    found = calibrate_boards(views, target, options=SolverOptions(known_lenses=known, min_views=2))
    assert {c.camera_id: c.intrinsics for c in found.rig} == known
    assert all((sd == 0).all() for sd in found.intrinsics_sd.values())
    assert np.median(aligned_errors(found.rig, rig)[0]) < 0.5


def test_the_same_views_give_the_same_bits() -> None:
    rig, target = sphere_rig(3), charuco_target()
    views, _ = simulate_board_views(rig, target, 16, outliers=0.02)
    a, b = (calibrate_boards(views, target, options=OPENCV) for _ in range(2))
    for one, other in zip(a.rig, b.rig, strict=True):
        assert one.intrinsics == other.intrinsics
        assert (one.cam_from_world.matrix() == other.cam_from_world.matrix()).all()


def test_nothing_seen_is_an_error_that_says_what_to_do() -> None:
    target = charuco_target()
    views = BoardViews(views=(), sizes={"cam00": (2000, 1500)}, images={"cam00": 4})
    with pytest.raises(CalibrationError) as error:
        calibrate_boards(views, target)
    assert len(str(error.value).splitlines()) == 3
