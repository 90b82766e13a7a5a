"""`scan3d colour` on small takes whose cameras' colours are known: what comes back, what is written, what is told."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from scan3d.calibration.toml_file import write_calibration
from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.capture.colour_charts import read_chart
from scan3d.capture.colour_correction import CorrectionSet, corrected, state_of
from scan3d.capture.take import Take
from scan3d.checks import Grade
from scan3d.cli.app import app
from scan3d.errors import CaptureError, InputError
from scan3d.geometry import Mesh, Rig
from scan3d.pipeline.progress import Silent
from scan3d.report.mesh_files import write_ply
from scan3d.workflows.colour import ColourOptions, ColourSummary, correct_colours
from tests.capture.chart_pictures import corners, photograph
from tests.capture.raw_files import write_dng
from tests.reconstruction.ellipsoid_scene import RADII_M, shots

CHART = read_chart("classic24")
SIZE = (420, 320)
TRUE = np.maximum(CHART.linear(), 0.0)
# What each camera makes of true colours, and how bright.
CAMERAS = {
    "cam00": 0.75 * np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.0, 0.15, 0.6]]),
    "cam01": 0.70 * np.array([[0.8, 0.15, 0.05], [0.05, 0.9, 0.05], [0.0, 0.1, 0.7]]),
    "cam02": 0.50 * np.array([[0.95, 0.0, 0.05], [0.1, 0.75, 0.1], [0.05, 0.1, 0.8]]),
}
SUBJECT = np.array([0.42, 0.26, 0.19])


def write(path: Path, linear: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = quantised(linear_to_srgb(linear), np.uint16)
    assert cv2.imwrite(str(path), np.ascontiguousarray(encoded[..., ::-1]))


def chart_picture(seen: np.ndarray, *, roll_deg: float = 4.0) -> np.ndarray:
    at = corners(CHART, SIZE, step_px=48, yaw_deg=15, roll_deg=roll_deg)
    return photograph(TRUE @ seen.T, CHART, at, SIZE)


def make_take(folder: Path) -> Path:
    for camera_id, seen in CAMERAS.items():
        write(folder / "images" / f"{camera_id}.png", np.broadcast_to(SUBJECT @ seen.T, (40, 60, 3)))
        write(folder / "chart" / f"{camera_id}.png", chart_picture(seen))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_take(tmp_path_factory.mktemp("colour") / "take")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "take"))


def run(folder: Path, **options: object) -> ColourSummary:
    return correct_colours(folder, ColourOptions(**options), progress=Silent(), workers=2)  # type: ignore[arg-type]


def test_every_camera_shows_the_true_colour(folder: Path) -> None:
    done = run(folder, exposure="chart")
    take = Take.open(folder)
    for camera_id in CAMERAS:
        picture = corrected(take, camera_id, "")
        assert picture.shape == (40, 60, 3) and picture.dtype == np.float32
        np.testing.assert_allclose(picture[20, 30], SUBJECT, rtol=0.01)
    assert done.numbers["held_out_ciede2000"]["mean"] < 0.5
    assert [check.name for check in done.checks if check.grade is not Grade.PASS] == ["overlaps"]


def test_by_default_cameras_keep_their_exposure_against_each_other(folder: Path) -> None:
    run(folder)
    take = Take.open(folder)
    seen = {camera_id: corrected(take, camera_id, "")[0, 0] for camera_id in CAMERAS}
    for camera_id, matrix in CAMERAS.items():
        ratio = seen[camera_id] / SUBJECT
        np.testing.assert_allclose(ratio / ratio[1], 1.0, rtol=0.01)  # the colour is right
        green = (matrix @ np.ones(3))[1] / (CAMERAS["cam00"] @ np.ones(3))[1]
        assert ratio[1] / (seen["cam00"] / SUBJECT)[1] == pytest.approx(green, rel=0.02)


def test_files_hold_all_numbers_and_the_charts(folder: Path) -> None:
    photographs = {path: path.read_bytes() for path in folder.rglob("*.png")}
    done = run(folder)
    numbers = json.loads(done.json_path.read_text())
    assert numbers["format"] == "scan3d colour" and len(numbers["charts"]) == 3
    assert {"mean", "median", "worst", "kind", "tried"} <= set(numbers["charts"][0]["figures"])
    page = done.html_path.read_text()
    assert page.count("data:image/jpeg") == 3 and '<a href="http' not in page
    assert sorted(p.name for p in done.json_path.parent.iterdir()) == ["colour.html", "colour.json"]
    assert all(path.read_bytes() == before for path, before in photographs.items())
    again = CorrectionSet.read(done.json_path.parent)
    assert again.record() == numbers["corrections"]


def test_one_bad_chart_is_told_and_another_cameras_correction_stands_in(folder: Path) -> None:
    write(folder / "chart" / "cam01.png", np.full((*SIZE[::-1], 3), 0.2))
    answer = CliRunner().invoke(app, ["colour", str(folder), "--json"])
    assert answer.exit_code == CaptureError.exit_code
    told = json.loads(answer.stdout)
    assert [c["camera_id"] for c in told["checks"] if c["grade"] == "FAIL"] == ["cam01"]
    assert list(told["borrowed"]) == ["cam01"]
    set_ = CorrectionSet.read(folder / "results" / "colour")
    assert set_.cameras["cam01"].states.keys() == set_.cameras["cam00"].states.keys()


def test_people_are_told_in_lines(folder: Path) -> None:
    answer = CliRunner().invoke(app, ["colour", str(folder), "--exposure", "chart", "--no-overlaps"])
    assert answer.exit_code == 0
    assert "CIEDE2000" in answer.stdout and "colour.html" in answer.stdout


def test_states_of_polarisation_have_corrections_of_their_own(tmp_path: Path) -> None:
    halves = {"cross": 0.5, "parallel": 0.65}
    for camera_id in ("cam00", "cam01"):
        for state, factor in halves.items():
            seen = factor * CAMERAS[camera_id]
            write(tmp_path / "chart" / camera_id / f"{state}.png", chart_picture(seen))
            write(tmp_path / "images" / camera_id / f"left_{state}.png", np.broadcast_to(SUBJECT @ seen.T, (20, 20, 3)))
    run(tmp_path, exposure="chart")
    take = Take.open(tmp_path)
    for camera_id in ("cam00", "cam01"):
        for state in halves:
            np.testing.assert_allclose(corrected(take, camera_id, f"left_{state}")[0, 0], SUBJECT, rtol=0.01)


def test_a_light_finds_its_chart() -> None:
    assert state_of("left_cross", ["cross", "parallel"]) == "cross"
    assert state_of("left_cross", ["all_parallel", "left_cross", "top_cross"]) == "left_cross"
    assert state_of("left", ["", "cross"]) == ""
    assert state_of("left_cross", [""]) == ""
    assert state_of("left", []) is None


def test_corners_come_from_take_toml_or_the_command_line(folder: Path) -> None:
    at = corners(CHART, SIZE, step_px=48, yaw_deg=15, roll_deg=4)
    (folder / "take.toml").write_text(f"[chart_corners]\ncam00 = {at.tolist()}\n")
    text = ",".join(f"{value:.1f}" for value in at.ravel())
    done = run(folder, corners=(f"cam01={text}",))
    for chart in done.numbers["charts"]:
        np.testing.assert_allclose(chart["figures"]["corners_px"], at, atol=1.0)
    for bad in ("cam09=" + text, "cam01=1,2,3", "cam01=a,b"):
        with pytest.raises(InputError) as told:
            run(folder, corners=(bad,))
        assert told.value.next_step


def test_what_cannot_be_done_is_told_and_nothing_is_written(folder: Path) -> None:
    for path in (folder / "chart").iterdir():
        write(path, np.full((*SIZE[::-1], 3), 0.2))
    with pytest.raises(CaptureError, match="No colour chart"):
        run(folder)
    with pytest.raises(InputError, match="no colour chart called"):
        run(folder, chart="sgs")
    shutil.rmtree(folder / "chart")
    with pytest.raises(InputError, match="nothing to correct colours by") as told:
        run(folder)
    assert "chart/" in told.value.next_step
    (folder / "take.toml").write_text('chart = "my ColorChecker"')
    with pytest.raises(InputError, match="my ColorChecker"):
        run(folder)
    assert not (folder / "results").exists()


def test_without_corrections_photographs_are_plain_linear_light(folder: Path) -> None:
    take = Take.open(folder)
    np.testing.assert_allclose(corrected(take, "cam02", "")[0, 0], SUBJECT @ CAMERAS["cam02"].T, atol=1e-4)
    with pytest.raises(CaptureError, match="no photograph"):
        corrected(take, "cam02", "left")
    (folder / "results" / "colour").mkdir(parents=True)
    (folder / "results" / "colour" / "colour.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        corrected(take, "cam02", "")


def test_a_chart_from_raw_does_not_correct_developed_photographs(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="RAW needs rawpy")
    write(tmp_path / "images" / "cam00.png", np.full((20, 20, 3), 0.2))
    (tmp_path / "chart").mkdir()
    write_dng(tmp_path / "chart" / "cam00.dng", chart_picture(CAMERAS["cam00"]))
    done = run(tmp_path)
    assert done.numbers["held_out_ciede2000"]["mean"] < 1.0
    with pytest.raises(CaptureError, match="RAW") as told:
        corrected(Take.open(tmp_path), "cam00", "")
    assert "cam00" in told.value.where
    (tmp_path / "images" / "cam00.png").unlink()
    write_dng(tmp_path / "images" / "cam00.dng", np.broadcast_to(SUBJECT @ CAMERAS["cam00"].T, (40, 40, 3)))
    np.testing.assert_allclose(corrected(Take.open(tmp_path), "cam00", "")[20, 20], SUBJECT, rtol=0.03)


def ellipsoid() -> Mesh:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5)
    return Mesh(vertices=np.asarray(ball.vertices) * RADII_M, faces=np.asarray(ball.faces, np.int32))


def test_cameras_agree_on_what_they_see_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    made = shots(10, 260)
    gains = np.exp(rng.normal(0, 0.08, (10, 3)))
    for shot, gain in zip(made, gains, strict=True):
        picture = np.where(shot.mask[..., None], shot.grey[..., None] * (0.6, 0.5, 0.4) * gain, 0.0)
        write(tmp_path / "images" / f"{shot.camera.camera_id}.png", picture)
    write_calibration(Rig(cameras=tuple(s.camera for s in made), source="made"), tmp_path / "calibration.toml")
    (tmp_path / "results").mkdir()
    write_ply(ellipsoid(), tmp_path / "results" / "mesh.ply")
    done = run(tmp_path)
    factors = [camera["factors"] for camera in done.numbers["overlaps"]["cameras"].values()]
    left = np.array(factors) * gains
    np.testing.assert_allclose(left / np.exp(np.log(left).mean(axis=0)), 1.0, atol=0.005)
    assert done.numbers["overlaps"]["after_percent"] < 1.0 < done.numbers["overlaps"]["before_percent"]
    assert any(check.name == "factor" for check in done.checks)
    assert done.numbers["held_out_ciede2000"] is None
    assert "Cameras beside each other" in done.html_path.read_text()
