"""COLMAP models: round trips, what other programs write, and files that are broken."""

from __future__ import annotations

import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.colmap_model import (
    SparsePoints,
    find_colmap_model,
    read_colmap_model,
    read_colmap_points,
    write_colmap_model,
)
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig


def names(rig: Rig) -> dict[str, str]:
    return {camera.camera_id: f"{camera.camera_id}.jpg" for camera in rig}


def assert_same(rig: Rig, again: Rig) -> None:
    assert again.camera_ids == rig.camera_ids
    for a, b in zip(rig, again, strict=True):
        assert a.intrinsics == b.intrinsics
        np.testing.assert_allclose(b.cam_from_world.rotation, a.cam_from_world.rotation, atol=1e-15)
        np.testing.assert_array_equal(b.cam_from_world.translation, a.cam_from_world.translation)


@pytest.mark.parametrize("binary", [False, True])
def test_round_trip_keeps_every_number(rig: Rig, tmp_path: Path, binary: bool) -> None:
    write_colmap_model(rig, tmp_path, names(rig), binary=binary)
    assert_same(rig, read_colmap_model(tmp_path))
    assert read_colmap_points(tmp_path) is None


@pytest.mark.parametrize("binary", [False, True])
def test_points_and_their_views_round_trip(rig: Rig, tmp_path: Path, binary: bool) -> None:
    points = SparsePoints(
        xyz=np.array([[0.0, 0.0, 1.0], [0.01, 0.02, 1.03]]),
        rgb=np.array([[1, 2, 3], [250, 251, 252]], dtype=np.uint8),
        error_px=np.array([0.25, 0.5]),
        views=(("cam00", "cam02"), ("cam00", "cam01", "cam03")),
    )
    write_colmap_model(rig, tmp_path, names(rig), points=points, binary=binary)
    again = read_colmap_points(tmp_path)
    assert again is not None
    np.testing.assert_array_equal(again.xyz, points.xyz)
    np.testing.assert_array_equal(again.rgb, points.rgb)
    assert again.views == points.views
    assert_same(rig, read_colmap_model(tmp_path))


def test_identical_intrinsics_are_one_colmap_camera(rig: Rig, tmp_path: Path) -> None:
    shared = replace(rig, cameras=tuple(replace(c, intrinsics=rig.cameras[0].intrinsics) for c in rig))
    write_colmap_model(shared, tmp_path, names(shared))
    lines = (tmp_path / "cameras.txt").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 1
    assert_same(shared, read_colmap_model(tmp_path))


POSE = "0.5 0.5 0.5 0.5 1 2 3"


@pytest.mark.parametrize(
    ("model", "params", "expected"),
    [
        ("SIMPLE_PINHOLE 90 120", "300 45 60", ("pinhole", 300.0, 300.0, ())),
        ("PINHOLE 90 120", "300 310 45 60", ("pinhole", 300.0, 310.0, ())),
        ("SIMPLE_RADIAL 90 120", "300 45 60 -0.1", ("opencv", 300.0, 300.0, (-0.1, 0.0, 0.0, 0.0))),
        ("RADIAL 90 120", "300 45 60 -0.1 0.2", ("opencv", 300.0, 300.0, (-0.1, 0.2, 0.0, 0.0))),
        ("OPENCV 90 120", "300 310 45 60 1 2 3 4", ("opencv", 300.0, 310.0, (1.0, 2.0, 3.0, 4.0))),
        ("OPENCV_FISHEYE 90 120", "300 310 45 60 1 2 3 4", ("fisheye", 300.0, 310.0, (1.0, 2.0, 3.0, 4.0))),
        (
            "FULL_OPENCV 90 120",
            "300 310 45 60 1 2 3 4 5 6 7 8",
            ("full_opencv", 300.0, 310.0, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)),
        ),
    ],
)
def test_every_camera_model(tmp_path: Path, model: str, params: str, expected: tuple) -> None:
    (tmp_path / "cameras.txt").write_text(f"# a comment\n7 {model} {params}\n")
    (tmp_path / "images.txt").write_text(f"1 {POSE} 7 a.jpg\n\n")
    i = read_colmap_model(tmp_path).cameras[0].intrinsics
    assert (i.model, i.fx, i.fy, i.distortion) == expected
    assert (i.width, i.height, i.cx, i.cy) == (90, 120, 45.0, 60.0)


@pytest.mark.parametrize(
    "images",
    [
        f"1 {POSE} 1 b.jpg\n\n2 {POSE} 1 a.jpg\n\n",  # empty point lines
        f"# c\n1 {POSE} 1 b.jpg\n10 20 -1 11 21 5\n2 {POSE} 1 a.jpg\n1 2 -1",  # points, no last newline
        f"1 {POSE} 1 b.jpg\n2 {POSE} 1 a.jpg\n",  # no point lines at all
        f"\n\n1 {POSE} 1 sub folder/b.jpg\n\n\n2 {POSE} 1 sub folder/a.jpg\n",  # stray empty lines, spaces
    ],
)
def test_ways_to_write_images(tmp_path: Path, images: str) -> None:
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 90 120 300 300 45 60\n")
    (tmp_path / "images.txt").write_text(images)
    assert read_colmap_model(tmp_path).camera_ids == ("a", "b")


def test_several_lights_in_a_folder_per_camera(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 90 120 300 300 45 60\n")
    other = POSE.replace("3", "4")
    text = f"1 {POSE} 1 c1/all.jpg\n\n2 {POSE} 1 c1/left.jpg\n\n3 {other} 1 c2/all.jpg\n\n"
    (tmp_path / "images.txt").write_text(text)
    assert read_colmap_model(tmp_path).camera_ids == ("c1", "c2")
    (tmp_path / "images.txt").write_text(text.replace(f"2 {POSE}", f"2 {other}"))
    with pytest.raises(CalibrationError, match="c1"):
        read_colmap_model(tmp_path)


def test_model_is_found_below_the_folder(rig: Rig, tmp_path: Path) -> None:
    write_colmap_model(rig, tmp_path / "sparse" / "0", names(rig), binary=True)
    assert find_colmap_model(tmp_path) == tmp_path / "sparse" / "0"
    assert_same(rig, read_colmap_model(tmp_path))


@pytest.mark.parametrize(
    ("cameras", "images", "words"),
    [
        ("1 PINHOLE 90 120 300 nan 45 60\n", f"1 {POSE} 1 a.jpg\n", "NaN"),
        ("1 PINHOLE 90 120 300 300 45\n", f"1 {POSE} 1 a.jpg\n", "4 parameters"),
        ("1 FOV 90 120 300 300 45 60 1\n", f"1 {POSE} 1 a.jpg\n", "FOV"),
        ("1 PINHOLE 90 0 300 300 45 60\n", f"1 {POSE} 1 a.jpg\n", "greater than zero"),
        ("1 PINHOLE 90\n", f"1 {POSE} 1 a.jpg\n", "line 1"),
        ("1 PINHOLE 90 120 300 300 45 60\n", f"1 {POSE} 2 a.jpg\n", "camera a"),
        ("1 PINHOLE 90 120 300 300 45 60\n", "1 nan 0 0 0 1 2 3 1 a.jpg\n", "camera a"),
        ("1 PINHOLE 90 120 300 300 45 60\n", "1 2 0 0 0 1 2 3 1 a.jpg\n", "length 2"),
        ("1 PINHOLE 90 120 300 300 45 60\n", "1 1 0 0 0 1 2 3 1\n", "line 1"),
        ("1 PINHOLE 90 120 300 300 45 60\n", "# nothing\n", "no image"),
    ],
)
def test_broken_text_models(tmp_path: Path, cameras: str, images: str, words: str) -> None:
    (tmp_path / "cameras.txt").write_text(cameras)
    (tmp_path / "images.txt").write_text(images)
    with pytest.raises(CalibrationError) as caught:
        read_colmap_model(tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path) in caught.value.where
    assert caught.value.next_step


def test_binary_file_that_ends_early(rig: Rig, tmp_path: Path) -> None:
    write_colmap_model(rig, tmp_path, names(rig), binary=True)
    path = tmp_path / "images.bin"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CalibrationError, match=r"ends too early(.|\n)*images\.bin"):
        read_colmap_model(tmp_path)
    (tmp_path / "cameras.bin").write_bytes(struct.pack("<QiiQQ", 1, 1, 8, 90, 120))
    with pytest.raises(CalibrationError, match="SIMPLE_RADIAL_FISHEYE"):
        read_colmap_model(tmp_path)


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no COLMAP model"):
        read_colmap_model(tmp_path)


def test_pycolmap_reads_what_we_write_and_we_what_it_writes(rig: Rig, tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")  # before pycolmap: see the note on import order in scan3d.calibration.worker
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    theirs.mkdir()
    points = SparsePoints(
        xyz=np.array([[0.0, 0.0, 1.0]]), rgb=np.zeros((1, 3), np.uint8), error_px=np.zeros(1),
        views=(("cam00", "cam01"),),
    )  # fmt: skip
    for binary in (False, True):
        write_colmap_model(rig, ours, names(rig), points=points, binary=binary)
        code = (
            "import zlib, PIL.Image, pycolmap, sys\n"
            "r = pycolmap.Reconstruction(sys.argv[1])\n"
            "assert r.num_points3D() == 1 and r.num_images() == 4\n"
            "r.write_text(sys.argv[2]) if sys.argv[3] == 'True' else r.write_binary(sys.argv[2])\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, str(ours), str(theirs), str(binary)], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        assert_same(rig, read_colmap_model(theirs))
        again = read_colmap_points(theirs)
        assert again is not None
        assert again.views == (("cam00", "cam01"),)
        for path in (*ours.iterdir(), *theirs.iterdir()):
            path.unlink()


def test_rendered_rig(data: Path) -> None:
    rig = read_colmap_model(data / "rig_head" / "colmap")
    assert rig.camera_ids == tuple(f"cam{i:02d}" for i in range(32))
    assert {(c.intrinsics.model, c.intrinsics.width, c.intrinsics.height) for c in rig} == {("opencv", 900, 1200)}
    towards = np.array([c.forward for c in rig])
    assert (np.einsum("ij,ij->i", towards, rig.centres() - rig.centres().mean(0)) < 0).all()
