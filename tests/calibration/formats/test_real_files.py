"""Files that other programs wrote."""

from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.formats import format_of, read_cameras

# As Anipose's own tests have it (lambdaloop/aniposelib, BSD-2): two cameras of a rig in millimetres.
ANIPOSE = """[cam_0]
name = "cam088"
size = [ 1440, 1080,]
matrix = [ [ 1850.506308260702, 0.0, 719.5,], [ 0.0, 1850.506308260702, 539.5,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.18925717533695158, 0.0, 0.0, 0.0, 0.0,]
rotation = [ -0.0016129363863306178, -0.002441180452093902, -0.007465964724818265,]
translation = [ 1.623648987402533, -0.601652230518438, 20.748877329963953,]

[cam_1]
name = "cam091"
size = [ 1440, 1080,]
matrix = [ [ 1807.290332446463, 0.0, 719.5,], [ 0.0, 1807.290332446463, 539.5,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.2128737763749453, 0.0, 0.0, 0.0, 0.0,]
rotation = [ -0.21614575169016556, -2.9760729913237074, 0.39535746473711036,]
translation = [ 116.06725432574943, 257.2440692072561, 1396.7286142164317,]

[metadata]
adjusted = false
error = 0.16285923171540084
"""


def test_a_file_of_anipose(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(ANIPOSE)
    assert format_of(path) == "anipose"
    rig = read_cameras(path, unit_m=1e-3)
    assert rig.camera_ids == ("cam088", "cam091")
    lens = rig["cam088"].intrinsics
    # The middle of 1440 x 1080 is (719.5, 539.5) where pixel centres are whole numbers, (720, 540) where they are not.
    assert (lens.model, lens.cx, lens.cy) == ("opencv", 720.0, 540.0)
    # The two look at each other, 1.4 m apart.
    assert rig["cam088"].forward @ rig["cam091"].forward < -0.9
    assert 1.2 < np.linalg.norm(rig["cam088"].centre - rig["cam091"].centre) < 1.6


@pytest.mark.parametrize("file", ["camera_array.toml", "config.toml"])
def test_the_calibration_that_caliscope_shipped(data: Path, file: str) -> None:
    folder = data / "caliscope_min" / "charuco_calibration"
    if not (folder / file).is_file():
        pytest.skip(f"{folder / file} is not here")
    assert format_of(folder / file) == "caliscope"
    rig = read_cameras(folder / file)
    assert rig.camera_ids == ("cam_0", "cam_1", "cam_2", "cam_3") and rig.scale_is_metric
    lens = rig["cam_0"].intrinsics
    assert (lens.fx, lens.cx) == (903.550124089999, 618.3086297620227 + 0.5)
    assert lens.distortion[:5] == (
        -0.3320992998866297, 0.04641968621160267, -0.004295771569519648, 0.004113240100199701, 0.0665682301495769,
    )  # fmt: skip
    # Four webcams on a desk around one board, which all of them have in the picture: it lies at the origin.
    for camera in rig:
        assert camera.intrinsics.contains(camera.project([0.1, 0.1, 0.0])[0]), camera.camera_id
    gaps = np.linalg.norm(rig.centres()[:, None] - rig.centres()[None], axis=-1)[np.triu_indices(4, 1)]
    assert 0.2 < gaps.min() < gaps.max() < 1.5


def test_the_calibration_of_qualisys(data: Path) -> None:
    path = data / "pose2sim_single" / "calibration" / "Calib.qca.txt"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    assert format_of(path) == "qualisys"
    rig = read_cameras(path)
    # Eight measured points of the treadmill, Config.toml: in the pictures of all four cameras, which hang above it
    # upright and have its far end higher in the picture.
    x, y = np.meshgrid([-2.0, 0.0], [-0.3, 0.3])
    points = np.stack([x.ravel(), y.ravel(), np.zeros(4)], axis=1)
    for camera in rig:
        px, depth_m = camera.project(points)
        assert camera.intrinsics.contains(px).all(), camera.camera_id
        far, near = np.argmax(depth_m), np.argmin(depth_m)
        assert px[far, 1] < px[near, 1] and 1.5 < camera.centre[2] < 2.5
        above = camera.project(points + np.array([0.0, 0.0, 0.05]))[0]
        assert (above[:, 1] < px[:, 1]).all()
    # 107599.67 / 64 px, and 34110.3 / 64 px for OpenCV's pixels.
    assert np.isclose(rig["cam01"].intrinsics.fx, 1681.2449, atol=1e-3)
    assert np.isclose(rig["cam01"].intrinsics.cx, 532.9737 + 0.5, atol=1e-3)
