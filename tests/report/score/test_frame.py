"""Cameras that were moved by a known amount, and frames that were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_shapes import camera_at

from scan3d.calibration.upright import Similarity
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig, Rigid3
from scan3d.report.score import fit_frame, score_cameras

RIG = Rig(cameras=tuple(camera_at((x, -2, z), camera_id=f"{x}_{z}") for x in (-0.5, 0.0, 0.7) for z in (0.2, 1.1)))


def test_a_camera_that_was_moved_is_told_how_far() -> None:
    first = RIG.cameras[0]
    turn = Rigid3.exp(np.array([0, 0, 0, 0.002, 0, 0]))  # about its own centre
    moved = turn @ first.cam_from_world
    shift = Rigid3(rotation=np.eye(3), translation=np.array([-0.003, 0, 0]))
    other = Rig(cameras=(replace(first, cam_from_world=moved @ shift), *RIG.cameras[1:-1]))
    scores = score_cameras(RIG, other)
    assert [score.camera_id for score in scores] == [camera.camera_id for camera in RIG.cameras[:-1]]
    assert scores[0].position_m == pytest.approx(0.003, rel=1e-6)
    assert scores[0].turn_rad == pytest.approx(0.002, rel=1e-6)
    assert max(score.position_m + score.turn_rad for score in scores[1:]) < 1e-9


@pytest.mark.parametrize(("scale", "with_scale"), [(1.0, False), (2.5, True)])
def test_a_frame_is_found_again(scale: float, with_scale: bool) -> None:
    motion = Rigid3.exp(np.array([0.3, -0.2, 0.5, 0.4, 2.0, -0.7]))
    theirs = Similarity(scale=scale, world_from_model=motion).apply_to_rig(RIG)
    found = fit_frame(theirs, RIG, with_scale=with_scale)
    assert found.scale == pytest.approx(scale)
    assert found.world_from_model.matrix() == pytest.approx(motion.matrix(), abs=1e-9)
    assert max(score.position_m for score in score_cameras(theirs, found.apply_to_rig(RIG))) < 1e-9


def test_cameras_in_a_plane_do_not_mirror_the_frame() -> None:
    turned = Similarity(scale=1.0, world_from_model=Rigid3.exp(np.array([0, 0, 0, 0, 0, 3.0])))
    found = fit_frame(turned.apply_to_rig(RIG), RIG, with_scale=False)
    assert np.linalg.det(found.world_from_model.rotation) == pytest.approx(1)


def test_too_few_cameras_say_so() -> None:
    with pytest.raises(CalibrationError, match="2 cameras"):
        fit_frame(RIG, Rig(cameras=RIG.cameras[:2]), with_scale=False)
    line = Rig(cameras=tuple(camera_at((x, -2, 0), camera_id=str(x)) for x in (-0.5, 0.0, 0.5)))
    with pytest.raises(CalibrationError, match="do not say"):
        fit_frame(line, line, with_scale=False)
