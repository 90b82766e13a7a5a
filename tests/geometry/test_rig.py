from dataclasses import replace

import numpy as np
import pytest

from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3


def camera(camera_id: str, **changes: object) -> Camera:
    intrinsics = Intrinsics(model="pinhole", width=640, height=480, fx=500.0, fy=500.0, cx=320.0, cy=240.0)
    place = Rigid3(rotation=np.eye(3), translation=np.array([0.0, 0.0, 1.0]))
    return replace(Camera(camera_id=camera_id, intrinsics=intrinsics, cam_from_world=place), **changes)


def test_cameras_by_name_and_in_order() -> None:
    rig = Rig(cameras=(camera("b"), camera("a")))
    assert rig["a"].camera_id == "a"
    assert "a" in rig and "c" not in rig
    assert rig.camera_ids == ("b", "a")
    assert [c.camera_id for c in rig] == ["b", "a"]
    assert len(rig) == 2
    assert rig.subset(["a"]).camera_ids == ("a",)
    np.testing.assert_allclose(rig.centres(), [[0, 0, -1], [0, 0, -1]])
    assert Rig(cameras=()).centres().shape == (0, 3)


def test_unknown_camera_names_the_known_ones() -> None:
    with pytest.raises(CalibrationError) as caught:
        Rig(cameras=(camera("cam00"), camera("cam01")), source="rig.toml")["cam7"]
    assert "cam7" in caught.value.what
    assert caught.value.where == "rig.toml"
    assert "cam00, cam01" in caught.value.next_step


def broken_rotation(rotation: np.ndarray) -> Camera:
    return camera("bad", cam_from_world=Rigid3(rotation=rotation, translation=np.zeros(3)))


def broken_intrinsics(**changes: float) -> Camera:
    return camera("bad", intrinsics=replace(camera("x").intrinsics, **changes))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (broken_intrinsics(fx=np.nan), "intrinsics hold a value that is not a number"),
        (broken_intrinsics(cy=np.inf), "intrinsics hold a value that is not a number"),
        (broken_rotation(np.full((3, 3), np.nan)), "extrinsics hold a value that is not a number"),
        (broken_intrinsics(width=0), "image size 0 x 480 px"),
        (broken_intrinsics(fy=-3.0), "focal length"),
        (broken_rotation(1.1 * np.eye(3)), "not a rotation"),
        (broken_rotation(np.diag([1.0, 1.0, -1.0])), "not a rotation"),
    ],
)
def test_a_broken_camera_is_named(bad: Camera, message: str) -> None:
    with pytest.raises(CalibrationError, match=message) as caught:
        Rig(cameras=(camera("good"), bad), source="calibration.toml")
    assert caught.value.where == "camera bad in calibration.toml"
    assert caught.value.next_step


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(CalibrationError, match="both called 'a'"):
        Rig(cameras=(camera("a"), camera("a")))
