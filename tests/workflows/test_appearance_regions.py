"""`scan3d appearance --regions`: pictures on the photographs, what becomes of each kind, and refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from scan3d.appearance.materials.observations import LitView
from scan3d.capture.undistort import pinhole_of
from scan3d.cli.app import app
from scan3d.errors import InputError
from scan3d.geometry import Mesh, Rig
from scan3d.report import SurfaceView, look_at
from scan3d.workflows.appearance_regions import region_labels
from tests.workflows.test_appearance import lamps, make_take, painted_ball, rig

BORDER_M = 0.01
CLOTH = 2


def draw_regions(folder: Path, surface: SurfaceView, cameras: Rig) -> None:
    """Cloth above the border, skin below it, on each camera's picture as it is taken, lens and all."""
    folder.mkdir(exist_ok=True)
    for camera in cameras:
        look = look_at(surface, camera, smooth=False)
        picture = np.zeros((camera.intrinsics.height, camera.intrinsics.width), np.uint8)
        picture.ravel()[look.pixel] = np.where(surface.points(look.hits)[:, 2] > BORDER_M, CLOTH, 1)
        cv2.imwrite(str(folder / f"{camera.camera_id}.png"), picture)


def bare(mesh: Mesh) -> Mesh:
    return Mesh(vertices=mesh.vertices, faces=mesh.faces)


def labels(folder: Path, cameras: Rig, *, scale: float = 1.0, only_skin: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Labels and heights of the ball's vertices."""
    mesh = bare(painted_ball()[0].mesh)
    views = {
        c.camera_id: LitView(camera=pinhole_of(c.scaled(scale)), load=lambda light: np.zeros((1, 1, 3)))
        for c in cameras
    }
    return region_labels(mesh, cameras, views, folder, only_skin=only_skin), mesh.vertices[:, 2]


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_pictures_are_read_through_the_lens_and_in_any_size_of_view(tmp_path: Path, scale: float) -> None:
    strong = replace(rig()["cam0"].intrinsics, model="opencv", distortion=(-2.5, 4.0, 0.0, 0.0))
    cameras = Rig(cameras=tuple(replace(camera, intrinsics=strong) for camera in rig()))
    draw_regions(tmp_path, SurfaceView(bare(painted_ball()[0].mesh)), cameras)
    label, up = labels(tmp_path, cameras, scale=scale)
    clear = (np.abs(up - BORDER_M) > 1.5e-3 / scale) & (np.abs(up) < 0.035)
    assert (label[clear & (up > BORDER_M)] == CLOTH - 1).all() and (label[clear & (up < BORDER_M)] == 0).all()
    assert set(np.unique(labels(tmp_path, cameras, only_skin=True)[0])) == {-1, 0}


def test_a_camera_without_a_picture_leaves_the_others_to_say_it(tmp_path: Path) -> None:
    draw_regions(tmp_path, SurfaceView(bare(painted_ball()[0].mesh)), rig())
    whole, up = labels(tmp_path, rig())
    (tmp_path / "cam3.png").unlink()
    some, _ = labels(tmp_path, rig())
    clear = np.abs(up - BORDER_M) > 2e-3
    assert (whole[clear] == some[clear]).mean() > 0.99


def test_pictures_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no picture <camera_id>\.png"):
        labels(tmp_path, rig())
    (tmp_path / "cam1.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"(?s)cannot be read.*cam1\.png"):
        labels(tmp_path, rig())
    cv2.imwrite(str(tmp_path / "cam1.png"), np.ones((80, 160), np.uint8))
    with pytest.raises(InputError, match=r"(?s)160 x 80 px, not 160 x 160.*cam1\.png"):
        labels(tmp_path, rig())
    cv2.imwrite(str(tmp_path / "cam1.png"), np.full((160, 160), 255, np.uint8))
    with pytest.raises(InputError, match=r"(?s)255 names no kind.*cam1\.png"):
        labels(tmp_path, rig())


@pytest.mark.slow
def test_the_command_leaves_cloth_alone(tmp_path: Path) -> None:
    root = tmp_path / "take"
    part = make_take(root, lamps(("none",)))
    draw_regions(tmp_path / "regions", SurfaceView(bare(part.mesh)), rig())
    arguments = ["appearance", str(root), "--regions", str(tmp_path / "regions"), "--threads", "2", "--json"]
    folder = root / "results" / "appearance"

    def run(*more: str) -> tuple[np.ndarray, dict[str, object]]:
        answer = CliRunner().invoke(app, [*arguments, *more])
        assert answer.exit_code == 0, answer.output
        coverage = cv2.imread(str(folder / "coverage.1001.png"), cv2.IMREAD_GRAYSCALE)
        return coverage, json.loads((folder / "appearance.json").read_text())

    whole, told = run()
    kinds = {region["kind"] for region in told["gloss"]["regions"]}  # type: ignore[index]
    assert kinds == {"skin", "cloth"}
    skin, told = run("--only-skin")
    assert {region["kind"] for region in told["gloss"]["regions"]} == {"skin"}  # type: ignore[index]
    # A zone of a ball: its area is its height.
    share = (BORDER_M + 0.05) / 0.1
    assert (skin > 0).sum() / (whole > 0).sum() == pytest.approx(share, abs=0.04)
    assert ((skin == 255) <= (whole == 255)).mean() > 0.999
    shutil.rmtree(tmp_path / "regions")
    (tmp_path / "regions").mkdir()
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code != 0 and "no picture <camera_id>.png" in answer.output
    # What was there before stays.
    assert json.loads((folder / "appearance.json").read_text()) == told
