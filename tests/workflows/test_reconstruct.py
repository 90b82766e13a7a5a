"""`scan3d reconstruct` as a whole: what it leaves, what it does again, what it refuses, and what a kill does to it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image

from scan3d.pipeline.progress import Silent
from scan3d.report.mesh_files import read_ply
from scan3d.workflows.reconstruct import estimate_seconds, reconstruct_take
from tests.reconstruction.ellipsoid_scene import DISTANCE_M, off_surface_m, ring
from tests.workflows.ellipsoid_take import write_take


@pytest.fixture(scope="module")
def photographed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take that nobody has reconstructed yet; copy it before use."""
    return write_take(tmp_path_factory.mktemp("photographed") / "take")


@pytest.fixture(scope="module")
def finished(photographed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same take after a preview."""
    take = tmp_path_factory.mktemp("finished") / "take"
    shutil.copytree(photographed, take)
    reconstruct_take(take, quality="preview", progress=Silent())
    return take


@pytest.fixture
def take(photographed: Path, tmp_path: Path) -> Path:
    shutil.copytree(photographed, tmp_path / "take")
    return tmp_path / "take"


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def command(take: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "scan3d", "reconstruct", str(take), "--quality", "preview", *more]


def refused(take: Path) -> tuple[int, dict[str, str]]:
    """Exit code and the error as JSON; and nothing was written."""
    done = subprocess.run(command(take, "--json"), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert not (take / "results").exists()
    assert not list(take.glob(".scan3d/*/[0-9a-f]*"))
    return done.returncode, json.loads(done.stdout.strip().splitlines()[-1])["error"]


def test_it_leaves_a_metric_mesh_and_everything_for_people(finished: Path) -> None:
    results = finished / "results"
    mesh = read_ply(results / "mesh.ply")
    pixel_m = DISTANCE_M / ring(16, 300)[0].intrinsics.fx
    assert np.median(off_surface_m(mesh.vertices)) < 0.6 * pixel_m
    assert mesh.normals is not None
    confidence = mesh.vertex_values["confidence"]
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    for name in ("model.obj", "model.glb"):
        loaded = trimesh.load(results / name, force="mesh")
        assert len(loaded.faces) == len(mesh.faces)
    report = json.loads((results / "report.json").read_text())
    assert report["quality"] == "preview"
    assert {c["camera_id"] for c in report["cameras"]} == {f"cam{k:02d}" for k in range(16)}
    stages = [s["name"] for s in report["stages"]]
    assert [name for name in stages if name != "masks"] == ["views", "shape", "surface", "atlas", "texture"]
    assert Image.open(results / "preview.png").size[0] > 800
    assert "<html" in (results / "report.html").read_text()
    assert not list(results.glob(".tmp*"))


def test_the_texture_has_the_subjects_colour(finished: Path) -> None:
    picture = np.asarray(Image.open(finished / "results" / "model.png"))[..., :3].astype(float)
    lit = picture[picture.sum(-1) > 60]
    red, green, blue = np.median(lit, axis=0)
    assert green / red == pytest.approx(0.9, abs=0.03)
    assert blue / red == pytest.approx(0.75, abs=0.03)


def test_a_second_run_does_nothing_and_photographs_stay_as_they_are(photographed: Path, finished: Path) -> None:
    assert hashes(finished / "images") == hashes(photographed / "images")
    before = {p: p.stat().st_mtime_ns for p in (finished / "results").iterdir()}
    reconstruct_take(finished, quality="preview", progress=Silent())
    assert {p: p.stat().st_mtime_ns for p in (finished / "results").iterdir()} == before


@pytest.mark.slow
def test_a_changed_photograph_is_taken_up_and_the_others_are_not_read_again(finished: Path, tmp_path: Path) -> None:
    take = tmp_path / "take"
    shutil.copytree(finished, take)
    image = take / "images" / "cam03.jpg"
    picture = cv2.imread(str(image))
    cv2.imwrite(str(image), (picture * 0.7).astype(np.uint8))
    reconstruct_take(take, quality="preview", progress=Silent())
    assert len(list((take / ".scan3d" / "views").glob("[0-9a-f]*"))) == 2


@pytest.mark.slow
def test_one_and_two_workers_give_the_same_bytes(finished: Path, take: Path) -> None:
    reconstruct_take(take, quality="preview", progress=Silent(), workers=1)
    for name in ("mesh.ply", "model.png", "model.obj"):
        assert (take / "results" / name).read_bytes() == (finished / "results" / name).read_bytes()


def test_the_estimate_grows_with_the_quality(take: Path) -> None:
    preview, standard, high = (estimate_seconds(take, q) for q in ("preview", "standard", "high"))
    assert 0 < preview < standard < high


def test_masks_that_are_given_are_used(take: Path) -> None:
    (take / "masks").mkdir()
    for path in (take / "images").iterdir():
        subject = (cv2.imread(str(path)).max(axis=2) > 40).astype(np.uint8) * 255
        subject[len(subject) // 2 :] = 0  # only the upper half of every picture is to be the subject
        cv2.imwrite(str(take / "masks" / f"{path.stem}.png"), subject)
    reconstruct_take(take, quality="preview", progress=Silent())
    mesh = read_ply(take / "results" / "mesh.ply")
    assert np.percentile(mesh.vertices[:, 2], 1) > -0.06


# -- what is refused, each with its camera and file --------------------------------------------------------------


def test_a_missing_camera_is_named(take: Path) -> None:
    (take / "images" / "cam04.jpg").unlink()
    code, error = refused(take)
    assert code in (3, 4)
    assert "cam04" in error["what"] + error["where"]
    assert error["next_step"]


def test_a_photograph_of_the_wrong_size_is_named(take: Path) -> None:
    image = take / "images" / "cam02.jpg"
    cv2.imwrite(str(image), cv2.imread(str(image))[:250])
    code, error = refused(take)
    assert code == 4
    assert "cam02" in error["where"]
    assert "300" in error["what"] + error["next_step"]


def test_a_photograph_turned_by_exif_is_named(take: Path) -> None:
    image = take / "images" / "cam05.jpg"
    picture = Image.open(image)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(image, exif=exif)
    code, error = refused(take)
    assert code == 4
    assert "cam05" in error["where"]


def test_a_truncated_photograph_is_named(take: Path) -> None:
    image = take / "images" / "cam06.jpg"
    image.write_bytes(image.read_bytes()[:3000])
    code, error = refused(take)
    assert code == 4
    assert "cam06" in error["where"]


def test_a_text_file_called_jpg_is_named(take: Path) -> None:
    (take / "images" / "cam07.jpg").write_text("not a photograph")
    code, error = refused(take)
    assert code == 4
    assert "cam07" in error["where"]


def test_one_view_only_is_refused(take: Path) -> None:
    for path in sorted((take / "images").iterdir())[1:]:
        path.unlink()
    code, _ = refused(take)
    assert code in (3, 4)


def test_an_empty_mask_is_named(take: Path) -> None:
    (take / "masks").mkdir()
    cv2.imwrite(str(take / "masks" / "cam01.png"), np.zeros((300, 300), np.uint8))
    code, error = refused(take)
    assert code == 4
    assert "cam01" in error["where"]


def test_the_calibration_of_another_rig_is_told(take: Path) -> None:
    text = (take / "calibration.toml").read_text()
    (take / "calibration.toml").write_text(text.replace("cam", "left"))
    code, error = refused(take)
    assert code == 3
    assert error["next_step"]


def test_nan_in_the_calibration_names_the_camera(take: Path) -> None:
    lines = (take / "calibration.toml").read_text().splitlines()
    at = next(k for k, line in enumerate(lines) if line.strip().startswith("fx"))
    lines[at] = "fx = nan"
    (take / "calibration.toml").write_text("\n".join(lines))
    code, error = refused(take)
    assert code == 3
    assert "cam" in error["where"]


def test_a_take_without_calibration_says_how_to_get_one(take: Path) -> None:
    (take / "calibration.toml").unlink()
    code, error = refused(take)
    assert code == 3
    assert "align" in error["next_step"]


def test_black_photographs_are_told_and_leave_no_results(take: Path) -> None:
    for path in (take / "images").iterdir():
        cv2.imwrite(str(path), np.zeros((300, 300, 3), np.uint8))
    done = subprocess.run(command(take, "--json"), capture_output=True, text=True, check=False)
    assert done.returncode not in (0, 1)
    assert not (take / "results").exists()


# -- stopped at any moment ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_and_ends_with_the_same_bytes(finished: Path, take: Path, how: int) -> None:
    rng = np.random.default_rng(how)
    for _ in range(6):
        process = subprocess.Popen(
            command(take), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
        )
        time.sleep(rng.uniform(1.5, 7.0))
        process.send_signal(how)
        process.wait()
    subprocess.run(command(take), check=True, capture_output=True)
    for name in ("mesh.ply", "model.png"):
        assert (take / "results" / name).read_bytes() == (finished / "results" / name).read_bytes()


@pytest.mark.slow
def test_preview_of_a_real_rig_is_within_its_promise(data: Path, tmp_path: Path) -> None:
    source = data / "rig_head"
    if not source.is_dir():
        pytest.skip(f"no rig_head in {data}")
    for name in ("images", "colmap"):
        shutil.copytree(source / name, tmp_path / "take" / name, copy_function=shutil.copyfile)
    reconstruct_take(tmp_path / "take", quality="preview", progress=Silent())
    truth = trimesh.load(source / "truth" / "mesh.ply", process=False)
    found = read_ply(tmp_path / "take" / "results" / "mesh.ply")
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(np.asarray(truth.vertices, np.float32), np.asarray(truth.faces, np.uint32))
    distance = scene.compute_distance(open3d.core.Tensor(found.vertices.astype(np.float32))).numpy()
    assert np.median(distance) < 0.4e-3
