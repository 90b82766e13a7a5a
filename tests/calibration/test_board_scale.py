"""Boards in photographs of aligned cameras: scale, up and floor against exact truth; and a known part of a rig."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.alignment_checks import check_known, check_scale, check_upright
from scan3d.calibration.board_scale import floor_board, locate_boards
from scan3d.calibration.board_views import BoardView
from scan3d.calibration.features import Features
from scan3d.calibration.known_rig import extend_rig, similarity_of_cameras
from scan3d.calibration.targets import Target, read_target
from scan3d.calibration.upright import Similarity, up_direction, world_from_cameras
from scan3d.checks import Grade
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig, Rigid3
from tests.calibration.synthetic_features import cloud, looking_rig, write_features

TARGET = read_target("charuco_a3")
# The frame of an alignment: elsewhere, turned, and a fifth as large.
MODEL = Similarity(scale=0.2, world_from_model=Rigid3.exp([0.4, -0.2, 0.3, 0.7, -1.1, 0.4]))
# On the floor, face up: x to +X, y to -Y, so that z points down, away from who looks at it.
FLOOR = Rigid3(rotation=np.diag([1.0, -1.0, -1.0]), translation=np.array([-0.15, 0.2, 0.0]))


def views(rig: Rig, *, noise_px: float = 0.1, square: float = 1.0, target: Target = TARGET) -> list[BoardView]:
    """The target's board lying on the floor as all cameras of a rig see it."""
    rng = np.random.default_rng(0)
    board = target.boards[0]
    found = []
    for camera in rig:
        px, _ = camera.project(FLOOR.apply(square * board.points_m))
        seen = np.flatnonzero(camera.intrinsics.contains(px))
        noisy = px[seen] + noise_px * rng.standard_normal((len(seen), 2))
        found.append(BoardView(camera_id=camera.camera_id, shot="x", board=board.name, point_ids=seen, px=noisy))
    return found


def high_rig() -> Rig:
    """Cameras that have the floor in their picture."""
    rig = looking_rig(6)
    tipped = Rigid3.exp([0.0, 0.0, 0.0, 0.35, 0.0, 0.0])
    return Rig(cameras=tuple(replace(c, cam_from_world=tipped @ c.cam_from_world) for c in rig))


def test_scale_up_and_floor_of_a_board() -> None:
    world = high_rig()
    seen = views(world)
    assert min(len(view.px) for view in seen) > 20
    model = MODEL.apply_to_rig(world)
    (found,) = locate_boards(seen, TARGET, model)
    assert found.metres_per_unit == pytest.approx(1 / 0.2, rel=1e-3)
    assert found.up == pytest.approx(MODEL.world_from_model.rotate([0.0, 0.0, 1.0]), abs=5e-3)
    assert found.spread < 1e-3 and found.off_m < 1e-3
    back = world_from_cameras(
        model, np.zeros((0, 3)), front="cam0", scale=found.metres_per_unit, up=found.up, floor=found.origin
    ).apply_to_rig(model)
    for a, b in zip(back, world, strict=True):
        assert a.centre[2] == pytest.approx(b.centre[2], abs=0.01)
        assert np.linalg.norm(a.centre) == pytest.approx(np.linalg.norm(b.centre), abs=0.02)


def test_a_board_that_one_camera_saw_or_that_is_another_is_not_placed() -> None:
    world = high_rig()
    assert locate_boards(views(world)[:1], TARGET, world) == []
    rng = np.random.default_rng(1)
    wrong = [replace(view, px=rng.uniform(100, 500, view.px.shape)) for view in views(world)]
    assert locate_boards(wrong, TARGET, world) == []
    with pytest.raises(CalibrationError, match="floor board"):
        floor_board([], "charuco_a3", "take")


def test_one_camera_that_is_wrong_about_the_board_does_not_spoil_the_scale() -> None:
    world = high_rig()
    seen = views(world)
    seen[2] = replace(seen[2], point_ids=seen[2].point_ids[::-1].copy())
    located = locate_boards(seen, TARGET, world)
    assert not located or located[0].metres_per_unit == pytest.approx(1.0, rel=5e-3)


def test_scale_checks() -> None:
    world = high_rig()
    located = locate_boards(views(world), TARGET, world)
    assert [c.grade for c in check_scale(True, located)] == [Grade.PASS]
    assert [c.grade for c in check_scale(False, [])] == [Grade.WARN]
    noisy = locate_boards(views(world, noise_px=2.0), TARGET, world)
    other = [replace(located[0], metres_per_unit=1.02), *located]
    assert check_scale(True, other)[0].grade is Grade.WARN
    assert not noisy or noisy[0].spread > located[0].spread
    assert check_upright("level", 20.0).grade is Grade.WARN
    assert check_upright("floor", 20.0).grade is Grade.PASS


def test_the_same_cameras_in_two_frames() -> None:
    world = looking_rig(5)
    model = MODEL.apply_to_rig(world)
    for few in (5, 2):
        names = world.camera_ids[:few]
        found = similarity_of_cameras(model.subset(names), world)
        assert found.scale == pytest.approx(5.0)
        for camera in found.apply_to_rig(model):
            true = world[camera.camera_id].cam_from_world.matrix()
            np.testing.assert_allclose(camera.cam_from_world.matrix(), true, atol=1e-9)


def test_rigs_of_another_shape_are_refused() -> None:
    world = looking_rig(6)
    mirrored = Rig(
        cameras=tuple(
            replace(a, camera_id=b.camera_id) for a, b in zip(world.cameras, reversed(world.cameras), strict=True)
        )
    )
    with pytest.raises(CalibrationError, match="known cameras"):
        similarity_of_cameras(mirrored, world)


def test_known_cameras_stay_and_new_ones_come_to_them(tmp_path: Path) -> None:
    world = looking_rig(12)
    files = write_features(world, cloud(500), tmp_path)
    features = {name: Features.load(path) for name, path in files.items()}
    known = Rig(cameras=tuple(c for c in world if c.camera_id not in ("cam2", "cam7")))
    # The alignment has every camera a little off, as structure from motion does.
    rng = np.random.default_rng(3)
    shaken = Rig(
        cameras=tuple(
            replace(c, cam_from_world=Rigid3.exp(rng.standard_normal(6) * 1e-3) @ c.cam_from_world) for c in world
        )
    )
    extended = extend_rig(known, MODEL.apply_to_rig(shaken), features, workers=1)
    assert extended.loose == ()
    for camera in extended.rig:
        if camera.camera_id in known:
            assert camera == world[camera.camera_id]
    points = cloud(100)
    for name in ("cam2", "cam7"):
        off = np.linalg.norm(extended.rig[name].project(points)[0] - world[name].project(points)[0], axis=1)
        assert off.max() < 0.3
    checks = check_known(extended.drift, known.camera_ids, extended.loose)
    assert {c.grade for c in checks} == {Grade.PASS} and len(checks) == 10


def test_one_known_camera_is_not_enough(tmp_path: Path) -> None:
    world = looking_rig(5)
    with pytest.raises(CalibrationError, match="two are needed"):
        extend_rig(world.subset(["cam1"]), world, {})


def test_photographs_told_upright_decide_where_level_axes_cannot() -> None:
    # Cameras that all hang on their side: their level axis is the other one.
    world = looking_rig(8)
    quarter = Rigid3.exp([0, 0, 0, 0, 0, np.pi / 2])
    hanging = Rig(cameras=tuple(replace(c, cam_from_world=quarter @ c.cam_from_world) for c in world))
    up, _ = up_direction(world, upright=world.camera_ids)
    assert up == pytest.approx([0, 0, 1], abs=1e-3)
    # What one camera that was told upright feels, whatever the others do.
    mixed = Rig(cameras=(*world.cameras[:4], *hanging.cameras[4:]))
    up, tilt = up_direction(mixed, upright=world.camera_ids[:4])
    assert up == pytest.approx([0, 0, 1], abs=1e-3) and tilt < 1e-3
