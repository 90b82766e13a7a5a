"""`scan3d evaluate` on a ball of skin with moles: a result that is right, one that is not, and takes it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.colmap_model import read_colmap_model, write_colmap_model
from scan3d.calibration.toml_file import read_calibration, write_calibration
from scan3d.calibration.upright import Similarity
from scan3d.errors import CalibrationError, InputError, Scan3dError
from scan3d.geometry import Camera, Intrinsics, Mesh, Rig, Rigid3
from scan3d.pipeline.progress import Silent
from scan3d.report import Texture, look_at, view_colours, write_obj, write_ply
from scan3d.report.mesh_files import read_ply
from scan3d.report.score import load_model
from scan3d.report.texture import encode_png
from scan3d.workflows.evaluate import evaluate_take, marks_by_kind
from tests.report.score.marked_ball import mark, painted

KEPT, LOST = [mark(0), mark(25, 20, size_mm=2)], [mark(-30, -10), mark(10, -30, kind="freckle", size_mm=1.2)]
BEHIND = mark(180)
SMALLER = 0.99  # of the result: 0.5 mm below the true surface


def around(longitudes_deg: Sequence[float], name: str) -> Rig:
    """Cameras 0.3 m from the ball's middle, level, upright."""
    cameras = []
    for number, longitude in enumerate(np.radians(longitudes_deg)):
        forward = np.array([-np.sin(longitude), np.cos(longitude), 0])
        rotation = np.stack([np.cross(forward, [0, 0, 1]), [0, 0, -1], forward])
        lens = Intrinsics(model="pinhole", width=160, height=160, fx=400, fy=400, cx=80, cy=80)
        pose = Rigid3(rotation=rotation, translation=np.array([0, 0, 0.3]))
        cameras.append(Camera(camera_id=f"{name}{number}", intrinsics=lens, cam_from_world=pose))
    return Rig(cameras=tuple(cameras), source="made")


def write_take(take: Path) -> Path:
    """Cameras in front only; the result has the right colours but two marks, and lies 0.5 mm too deep."""
    rig, held = around([-50, -25, 0, 25, 50], "cam"), around([-12, 30], "held")
    for folder in ("images", "truth/heldout", "results"):
        (take / folder).mkdir(parents=True)
    for camera in rig:
        (take / "images" / f"{camera.camera_id}.png").write_bytes(encode_png(np.zeros((160, 160, 3), np.uint8)))
    write_calibration(rig, take / "calibration.toml")
    write_colmap_model(rig, take / "truth" / "cameras", {c.camera_id: f"{c.camera_id}.png" for c in rig})
    write_colmap_model(held, take / "truth" / "heldout", {c.camera_id: f"{c.camera_id}.png" for c in held})
    truth, result = painted([*KEPT, *LOST, BEHIND]), painted(KEPT)
    for camera in held:
        photograph = view_colours(look_at(truth, camera, smooth=False)).over((0, 0, 0))
        (take / "truth" / "heldout" / f"{camera.camera_id}.png").write_bytes(encode_png(photograph))
    write_ply(truth.mesh, take / "truth" / "mesh.ply")
    rows = [asdict(one) for one in (*KEPT, *LOST, BEHIND)]
    (take / "truth" / "imperfections.json").write_text(json.dumps(rows))
    (take / "truth" / "body.json").write_text(json.dumps({"height_m": 1.7, "sex": "female", "waist_m": 0.7}))
    assert result.texture is not None
    write_results(take, replace(result.mesh, vertices=result.mesh.vertices * SMALLER), result.texture)
    return take


def write_results(take: Path, mesh: Mesh, texture: Texture) -> None:
    write_ply(mesh, take / "results" / "mesh.ply")
    write_obj(mesh, take / "results" / "model.obj", texture=texture)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_take(tmp_path_factory.mktemp("finished") / "take")


@pytest.fixture
def take(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "take")
    return tmp_path / "take"


def test_what_is_wrong_with_a_result_is_measured(take: Path) -> None:
    (take / "results" / "body.json").write_text(json.dumps({"height_m": 1.72, "age": 30, "sex": "male"}))
    done = evaluate_take(take, progress=Silent())
    assert done.frame is None
    assert done.shape.accuracy.median_m == pytest.approx(0.5e-3, rel=0.02)
    assert done.shape.completeness.median_m == pytest.approx(0.5e-3, rel=0.02)
    by_tolerance = {at.tolerance_m: at.f for at in done.shape.at}
    assert (by_tolerance[0.25e-3], by_tolerance[1e-3]) == (0, 1)
    # Two cameras at least, under 75 degrees: from the front without the poles.
    assert 0.3 < done.shape.truth_share < 0.6
    assert done.cameras is not None and max(c.position_m for c in done.cameras) < 1e-6
    assert done.marks is not None
    kinds = marks_by_kind(done.marks)
    assert {kind: (of["marks"], of["seen"], of["found"]) for kind, of in kinds.items()} == {
        "mole": (4, 3, 2),
        "freckle": (1, 1, 0),
    }
    assert all(of["by_chance"] == 0 for of in kinds.values())
    assert done.body is not None and [(n.name, n.truth, n.result) for n in done.body] == [("height_m", 1.7, 1.72)]
    assert done.views is not None and len(done.views) == 2
    # Right but for the lost marks and the smaller silhouette.
    assert all(view.psnr_db > 30 and 0.95 < view.coverage < 1 for view in done.views)


def test_the_command_says_what_its_file_says(take: Path) -> None:
    written = evaluate_take(take, progress=Silent()).path.read_bytes()
    command = [sys.executable, "-m", "scan3d", "evaluate", str(take)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (take / "results" / "evaluation.json").read_bytes() == written
    document = json.loads(written)
    assert f"{document['rephotography']['mean']['psnr_db']:.2f} dB" in told
    assert f"{document['shape']['at'][2]['f']:.3f}" in told
    assert all(word in told for word in ("1.00 mm", "mole", "held1", str(take / "results" / "evaluation.json")))
    assert document["body"] == []
    assert document["imperfections"]["kinds"]["mole"]["found"] == 2


def test_a_result_in_a_frame_of_its_own_is_moved_first(take: Path) -> None:
    before = evaluate_take(take, progress=Silent())
    own = Similarity(scale=3.0, world_from_model=Rigid3.exp(np.array([0.3, 0, 0.5, 0.2, -1.0, 0.4])))
    rig = replace(read_calibration(take / "calibration.toml"), scale_is_metric=False, source="scan3d align, test")
    write_calibration(own.apply_to_rig(rig), take / "calibration.toml")
    mesh = read_ply(take / "results" / "mesh.ply")
    model, texture = load_model(take / "results" / "model.obj")
    write_ply(replace(mesh, vertices=own.apply(mesh.vertices), normals=None), take / "results" / "mesh.ply")
    write_obj(replace(model, vertices=own.apply(model.vertices)), take / "results" / "model.obj", texture=texture)
    after = evaluate_take(take, progress=Silent())
    assert after.frame is not None and after.frame.scale == pytest.approx(1 / 3, rel=1e-6)
    assert after.shape.accuracy.median_m == pytest.approx(before.shape.accuracy.median_m, rel=1e-3)
    assert after.views is not None and before.views is not None
    assert after.views[0].psnr_db == pytest.approx(before.views[0].psnr_db, abs=0.2)
    assert after.cameras is not None and max(c.position_m for c in after.cameras) < 1e-6
    with pytest.raises(InputError, match="Nothing of the result"):
        evaluate_take(take, own_frame=False, progress=Silent())
    shutil.rmtree(take / "truth" / "cameras")
    with pytest.raises(InputError, match="frame of its own"):
        evaluate_take(take, progress=Silent())


def test_a_truth_that_knows_the_surface_only(take: Path) -> None:
    for name in ("cameras", "heldout"):
        shutil.rmtree(take / "truth" / name)
    for name in ("imperfections.json", "body.json"):
        (take / "truth" / name).unlink()
    (take / "results" / "model.obj").unlink()
    done = evaluate_take(take, progress=Silent())
    assert (done.cameras, done.views, done.marks, done.body) == (None, None, None, None)
    assert done.shape.at[-1].f == 1


def test_results_without_a_model_have_no_colour_to_compare(take: Path) -> None:
    (take / "results" / "model.obj").unlink()
    done = evaluate_take(take, progress=Silent())
    assert (done.views, done.marks) == ((), ())


def refused(take: Path) -> Scan3dError:
    with pytest.raises(Scan3dError) as caught:
        evaluate_take(take, progress=Silent())
    return caught.value


def test_a_take_without_truth_or_results_says_what_makes_them(take: Path) -> None:
    (take / "results" / "mesh.ply").unlink()
    error = refused(take)
    assert error.exit_code == 2 and "reconstruct" in error.next_step
    shutil.rmtree(take / "truth")
    error = refused(take)
    assert error.exit_code == 2 and "simulate" in error.next_step


def test_a_broken_truth_is_named_before_anything_is_computed(take: Path) -> None:
    (take / "truth" / "heldout" / "held1.png").unlink()
    error = refused(take)
    assert error.exit_code == 4 and "held1" in error.what
    shutil.rmtree(take / "truth" / "heldout")
    for broken in ('[{"kind": "mole"}]', '{"kind": "mole"}', "[1]", "not json"):
        (take / "truth" / "imperfections.json").write_text(broken)
        error = refused(take)
        assert error.exit_code == 2 and "imperfections.json" in error.where
    (take / "truth" / "imperfections.json").unlink()
    (take / "truth" / "body.json").write_text("[1.7]")
    error = refused(take)
    assert error.exit_code == 2 and "body.json" in error.where


def test_a_camera_displaced_after_its_calibration_is_told(take: Path) -> None:
    rig = read_calibration(take / "calibration.toml")
    exact = read_colmap_model(take / "truth" / "cameras")
    first = exact.cameras[0]
    shift = Rigid3(rotation=np.eye(3), translation=np.array([0.002, 0, 0]))
    moved = replace(first, cam_from_world=first.cam_from_world @ shift)
    write_calibration(replace(rig, cameras=(moved, *rig.cameras[1:])), take / "calibration.toml")
    done = evaluate_take(take, progress=Silent())
    assert done.cameras is not None
    assert done.cameras[0].position_m == pytest.approx(0.002, rel=1e-6)
    (take / "calibration.toml").unlink()
    with pytest.raises(CalibrationError):
        evaluate_take(take, progress=Silent())
