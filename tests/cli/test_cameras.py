"""`scan3d cameras`: what people and machines are shown, and what is left alone."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.formats import read_cameras, write_cameras
from scan3d.cli import app
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.geometry.rig_definition import look_at


@pytest.fixture
def scan3d(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scan3d", "cameras", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def a_rig(metric: bool = True, model: str = "opencv", distortion: tuple[float, ...] = (-0.1, 0.0, 0.0, 0.0)) -> Rig:
    lens = Intrinsics(model=model, width=90, height=120, fx=300.0, fy=300.0, cx=45, cy=60, distortion=distortion)
    poses = [look_at(np.array([x, -2.0, 1.0]), np.array([0.0, 0.0, 1.0])) for x in (-0.5, 0.5)]
    cameras = [Camera(camera_id=f"cam0{k}", intrinsics=lens, cam_from_world=pose) for k, pose in enumerate(poses)]
    return Rig(cameras=tuple(cameras), scale_is_metric=metric, source="test")


def test_convert_from_one_program_to_the_next(scan3d, tmp_path: Path) -> None:
    write_cameras(a_rig(), tmp_path / "calibration.toml")
    steps = [("calibration.toml", "cameras.xml"), ("cameras.xml", "cameras.yml"), ("cameras.yml", "back.toml")]
    for source, target in steps:
        code, out, _ = scan3d("convert", tmp_path / source, tmp_path / target)
        assert code == 0 and "2 cameras" in out
    back = read_cameras(tmp_path / "back.toml")
    assert np.allclose(back.centres(), a_rig().centres(), atol=1e-9) and back.scale_is_metric


def test_an_existing_file_stays_without_force(scan3d, tmp_path: Path) -> None:
    write_cameras(a_rig(), tmp_path / "calibration.toml")
    (tmp_path / "out.xml").write_text("mine")
    code, _, err = scan3d("convert", tmp_path / "calibration.toml", tmp_path / "out.xml")
    assert code == 2 and "--force" in err and (tmp_path / "out.xml").read_text() == "mine"
    code, _, _ = scan3d("convert", tmp_path / "calibration.toml", tmp_path / "out.xml", "--force")
    assert code == 0 and "<document" in (tmp_path / "out.xml").read_text()


def test_a_lens_that_does_not_fit_is_three_lines_and_no_file(scan3d, tmp_path: Path) -> None:
    write_cameras(a_rig(model="full_opencv", distortion=(0.1,) * 8), tmp_path / "calibration.toml")
    code, _, err = scan3d("convert", tmp_path / "calibration.toml", tmp_path / "out.toml", "--to", "anipose")
    assert code == 3 and err.count("\n") == 3 and "cam00" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["calibration.toml"]


def test_the_unit_is_asked_for_where_the_file_does_not_say_it(scan3d, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    write_cameras(a_rig(metric=False), path, "anipose")
    code, out, _ = scan3d("list", path)
    assert code == 0 and "--unit" in out
    code, out, _ = scan3d("list", path, "--unit", "mm", "--json")
    listed = json.loads(out)
    assert listed["scale_is_metric"] and np.allclose(listed["cameras"][0]["stands_at_m"], [-5e-4, -2e-3, 1e-3])


def test_list_shows_every_camera(scan3d, tmp_path: Path) -> None:
    write_cameras(a_rig(), tmp_path / "calibration.toml")
    code, out, _ = scan3d("list", tmp_path / "calibration.toml")
    lines = out.splitlines()
    assert code == 0 and len(lines) == 3 and "90 x 120" in lines[1] and "-0.500   -2.000    1.000" in lines[1]


def test_colmap_gets_the_names_of_the_photographs(scan3d, tmp_path: Path) -> None:
    write_cameras(a_rig(), tmp_path / "calibration.toml")
    photographs = tmp_path / "images"
    photographs.mkdir()
    (photographs / "cam01.tif").touch()
    code, _, _ = scan3d(
        "convert", tmp_path / "calibration.toml", tmp_path / "model", "--to", "colmap", "--images", photographs
    )
    text = (tmp_path / "model" / "images.txt").read_text()
    assert code == 0 and " cam00.jpg" in text and " cam01.tif" in text


def test_identity_of_a_camera_at_the_origin(scan3d, tmp_path: Path) -> None:
    camera = Camera(camera_id="a", intrinsics=a_rig()["cam00"].intrinsics, cam_from_world=Rigid3.identity())
    write_cameras(Rig(cameras=(camera,)), tmp_path / "a.toml", "caliscope")
    code, out, _ = scan3d("list", tmp_path / "a.toml", "--json")
    assert code == 0 and json.loads(out)["cameras"][0]["looks_along"] == [0.0, 0.0, 1.0]


def test_a_lens_that_does_not_fit_can_be_approximated_and_the_size_is_said(scan3d, tmp_path: Path) -> None:
    rig = a_rig(model="full_opencv", distortion=(-0.1, 0.02, 0.001, 0.001, 0.0, 1.0, 0.0, 0.0))
    write_cameras(rig, tmp_path / "calibration.toml")
    arguments = ("convert", tmp_path / "calibration.toml", tmp_path / "out.xml", "--approximate")
    code, _, err = scan3d(*arguments, 1e-6)
    assert code == 3 and "off by up to" in err and not (tmp_path / "out.xml").exists()
    code, out, _ = scan3d(*arguments, 0.1)
    assert code == 0 and "Approximated: cam00" in out
    px = np.array([[5.0, 5.0], [80.0, 110.0]])
    back = read_cameras(tmp_path / "out.xml")["cam00"].intrinsics
    assert np.abs(back.project(rig["cam00"].intrinsics.unproject(px)) - px).max() < 0.1
