"""The undistorted workspace: what is in it, and that other programs can read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_features import HEIGHT, WIDTH, cloud, looking_rig

from scan3d.calibration.colmap_model import read_colmap_model, read_colmap_points
from scan3d.calibration.workspace import neighbours_of, write_workspace
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig

POINT = np.array([0.2, -0.1, 1.2])


def spots(rig: Rig) -> dict[str, Callable[[], np.ndarray]]:
    """Photographs that are black but for a soft spot at the picture of POINT."""

    def spot(camera_id: str) -> np.ndarray:
        x, y = rig[camera_id].project(POINT)[0]
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
        light = 60000 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
        return np.repeat(light[..., None], 3, axis=2).astype(np.uint16)

    return {camera_id: lambda c=camera_id: spot(c) for camera_id in rig.camera_ids}  # type: ignore[misc]


def test_workspace(tmp_path: Path) -> None:
    rig = looking_rig(8, k1=-0.3)
    out = tmp_path / "workspace"
    images = spots(rig)
    points = cloud(300)
    masks = {"cam0": lambda: np.ones((HEIGHT, WIDTH), bool)}
    write_workspace(rig, images, out, masks=masks, mesh_points=points, mesh_normals=points - (0, 0, 0.9))
    model = read_colmap_model(out / "sparse")
    assert model.camera_ids == rig.camera_ids
    assert {camera.intrinsics.model for camera in model} == {"pinhole"}
    for camera in model:
        image = cv2.imread(str(out / "images" / f"{camera.camera_id}.png"), cv2.IMREAD_UNCHANGED)
        assert image.dtype == np.uint16
        weight = image[..., 0].astype(float)
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
        centre = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
        np.testing.assert_allclose(centre, camera.project(POINT)[0], atol=0.1)
    sparse = read_colmap_points(out / "sparse")
    assert sparse is not None
    assert len(sparse.xyz) > 100
    assert max(len(views) for views in sparse.views) < 8  # never through the body
    assert cv2.imread(str(out / "masks" / "cam0.png"))[5:-5, 5:-5].min() == 255
    lines = (out / "stereo" / "patch-match.cfg").read_text().splitlines()
    assert lines[0] == "cam0.png"
    assert set(lines[1].split(", ")[:2]) == {"cam1.png", "cam7.png"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["workspace"]
    write_workspace(rig.subset(["cam0", "cam1"]), images, out)  # an older workspace is replaced
    assert not (out / "masks").exists()
    assert len(read_colmap_model(out)) == 2


def test_pycolmap_reads_the_workspace(tmp_path: Path) -> None:
    rig = looking_rig(4)
    write_workspace(rig, spots(rig), tmp_path / "w", mesh_points=cloud(200))
    code = (
        "import zlib, PIL.Image, pycolmap, sys\n"
        "r = pycolmap.Reconstruction(sys.argv[1])\n"
        "assert r.num_images() == 4 and r.num_points3D() > 50\n"
        "assert r.compute_mean_reprojection_error() < 1e-6\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "w" / "sparse")], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_neighbours_are_near_and_look_the_same_way() -> None:
    rig = looking_rig(24)
    names = neighbours_of(rig["cam5"], rig, 4)
    assert set(names) == {"cam3", "cam4", "cam6", "cam7"}


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    rig = looking_rig(2)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CalibrationError, match="not empty"):
        write_workspace(rig, spots(rig), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(CalibrationError, match="No camera"):
        write_workspace(rig, {}, tmp_path / "new")


def test_a_photograph_of_another_size(tmp_path: Path) -> None:
    rig = looking_rig(2)
    images = {c: lambda: np.zeros((5, 5, 3), np.uint8) for c in rig.camera_ids}
    with pytest.raises(CalibrationError, match=r"5 x 5(.|\n)*camera cam0"):
        write_workspace(rig, images, tmp_path / "w", workers=1)
    assert list(tmp_path.iterdir()) == []
