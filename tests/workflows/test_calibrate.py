"""`scan3d calibrate`: what it writes when a rig is good, when it is not, and when nothing can be done."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.targets import Target, read_target
from scan3d.calibration.toml_file import read_calibration, read_left_out, read_reprojection
from scan3d.checks import Grade
from scan3d.cli.app import app
from scan3d.errors import CalibrationError, InputError, StorageError
from scan3d.pipeline.progress import Silent
from scan3d.workflows import calibrate as workflow
from scan3d.workflows.calibrate import CalibrateOptions, calibrate_rig

sys.path.append(str(Path(__file__).parents[1] / "calibration"))
from board_rigs import simulate_board_views, sphere_rig, without_views

_SHOTS = 30
_OPTIONS = CalibrateOptions(lenses=("opencv",))
See = Callable[[BoardViews], None]


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> See:
    """Makes the folder's photographs show the views given."""

    def replace(views: BoardViews) -> None:
        monkeypatch.setattr(workflow, "read_board_views", lambda *args, **kwargs: views)

    return replace


@pytest.fixture(scope="module")
def views() -> BoardViews:
    """What six cameras see of the A3 board in thirty shots."""
    target: Target = read_target("charuco_a3")
    seen, _ = simulate_board_views(sphere_rig(6), target, _SHOTS, noise_px=0.2, seed=4)
    return seen


def test_a_good_rig_is_written_with_its_report(tmp_path: Path, see: See, views: BoardViews) -> None:
    see(views)
    out = tmp_path / "rig" / "calibration.toml"
    done = calibrate_rig(tmp_path, "charuco_a3", out=out, options=_OPTIONS, progress=Silent())
    assert done.grade is not Grade.FAIL, [check.sentence() for check in done.checks if check.grade is Grade.FAIL]
    assert done.calibration_path == out
    rig = read_calibration(out)
    assert set(rig.camera_ids) == set(views.sizes) and rig.scale_is_metric
    assert all(0.1 < value < 0.4 for value in read_reprojection(out).values())
    report = json.loads((out.parent / "report.json").read_text())
    assert report["written"] == str(out)
    assert (out.parent / "report.html").is_file()
    truth = sphere_rig(6)
    for a, b in itertools.combinations(rig.camera_ids, 2):
        found, exact = (float(np.linalg.norm(r[a].centre - r[b].centre)) for r in (rig, truth))
        assert found == pytest.approx(exact, abs=0.002)


def test_a_rig_that_failed_leaves_the_old_calibration(tmp_path: Path, see: See, views: BoardViews) -> None:
    blind = without_views(views, {("cam02", view.shot) for view in views.of_camera("cam02")})
    see(blind)
    old = tmp_path / "calibration.toml"
    old.write_text("as it was")
    done = calibrate_rig(tmp_path, "charuco_a3", options=_OPTIONS, progress=Silent())
    assert done.grade is Grade.FAIL and done.calibration_path is None
    assert old.read_text() == "as it was"
    assert json.loads(done.report_path.read_text())["verdict"]["grade"] == "bad"

    keep = dataclasses.replace(_OPTIONS, keep=True)
    kept = calibrate_rig(tmp_path, "charuco_a3", options=keep, progress=Silent())
    assert kept.calibration_path == old
    assert read_left_out(old) == ("cam02",)


def test_the_square_as_measured_is_the_scale(tmp_path: Path, see: See, views: BoardViews) -> None:
    see(views)
    wider = dataclasses.replace(_OPTIONS, square_m=1.02 * read_target("charuco_a3").boards[0].square_m)
    done = calibrate_rig(tmp_path, "charuco_a3", options=wider, progress=Silent())
    centres = done.judged.calibration.rig.centres()
    exact = sphere_rig(6).subset(done.judged.calibration.rig.camera_ids).centres()
    size = [np.linalg.norm(c - c.mean(axis=0), axis=1).mean() for c in (centres, exact)]
    assert size[0] / size[1] == pytest.approx(1.02, abs=0.002)


def test_nothing_seen_at_all_is_an_error_that_writes_nothing(tmp_path: Path, see: See, views: BoardViews) -> None:
    see(dataclasses.replace(views, views=()))
    with pytest.raises(CalibrationError):
        calibrate_rig(tmp_path, "charuco_a3", options=_OPTIONS, progress=Silent())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (CalibrateOptions(lenses=("plenoptic",)), "plenoptic"),
        (CalibrateOptions(floor="other:003"), "other:003"),
        (CalibrateOptions(square_m=-1.0), "square"),
    ],
)
def test_options_that_cannot_be_are_refused_first(tmp_path: Path, options: CalibrateOptions, words: str) -> None:
    with pytest.raises(InputError, match=words):
        calibrate_rig(tmp_path, "charuco_a3", options=options, progress=Silent())
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder"):
        calibrate_rig(tmp_path, "charuco_a3", out=tmp_path, options=_OPTIONS, progress=Silent())
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        calibrate_rig(tmp_path, "charuco_a3", out=tmp_path / "file" / "c.toml", options=_OPTIONS, progress=Silent())


def test_the_command_ends_with_zero_only_without_a_fail(tmp_path: Path, see: See, views: BoardViews) -> None:
    see(views)
    arguments = ["calibrate", str(tmp_path), "--target", "charuco_a3", "--lens", "opencv"]
    good = CliRunner().invoke(app, [*arguments, "--json"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["verdict"] in ("PASS", "WARN")

    see(without_views(views, {("cam02", view.shot) for view in views.of_camera("cam02")}))
    bad = CliRunner().invoke(app, arguments)
    assert bad.exit_code == CalibrationError.exit_code
    assert "FAIL cam02: it saw no board" in bad.output
    assert "--keep" in bad.output


@pytest.mark.parametrize("content", [None, b"not a picture"])
def test_a_folder_without_pictures_is_three_lines_and_nothing_written(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "cam00").mkdir()
        (tmp_path / "cam00" / "0001.jpg").write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["calibrate", str(tmp_path), "--target", "charuco_a3"])
    assert result.exit_code not in (0, 1)
    assert len(result.stderr.strip().splitlines()) == 3
    assert sorted(tmp_path.rglob("*")) == before


_CALISCOPE = """
name = "caliscope"
kind = "charuco"
dictionary = "DICT_4X4_1000"
columns = 4
rows = 5
square_m = 0.054
marker_m = 0.0405
inverted = true
"""


@pytest.mark.slow
def test_four_cameras_of_a_real_rig_from_their_videos(data: Path, tmp_path: Path) -> None:
    """Caliscope's session against the calibration shipped with it, which itself leaves up to 1.5 px in these frames."""
    session = data / "caliscope_min" / "charuco_calibration"
    target = tmp_path / "caliscope.toml"
    target.write_text(_CALISCOPE)
    boards = tmp_path / "boards"
    boards.mkdir()
    for video in (session / "calibration" / "extrinsic").glob("cam_*.mp4"):
        (boards / video.name).symlink_to(video)
    options = CalibrateOptions(synchronised=False, max_frames=120)
    done = calibrate_rig(boards, str(target), options=options, progress=Silent())
    calibration = done.judged.calibration
    assert len(calibration.rig) == 4
    assert max(fit.median_px for fit in calibration.reprojection_px.values()) <= 0.5
    shipped = tomllib.loads((session / "camera_array.toml").read_text())["cameras"]
    centre = {
        f"cam_{key}": -np.array(camera["rotation"]).T @ np.array(camera["translation"])
        for key, camera in shipped.items()
    }
    centres = {camera.camera_id: camera.centre for camera in calibration.rig}
    off = [
        np.linalg.norm(centres[a] - centres[b]) / np.linalg.norm(centre[a] - centre[b]) - 1
        for a, b in itertools.combinations(centres, 2)
    ]
    assert np.median(np.abs(off)) < 0.01
    assert np.abs(off).max() < 0.02
    assert done.grade is not Grade.FAIL
    # The board filled the middle of the pictures only, and the report says so.
    assert {check.name for check in done.checks if check.grade is Grade.WARN} <= {
        "board_coverage",
        "rotation_certainty",
    }
    assert json.loads(done.report_path.read_text())["boards"]


def test_measured_points_tie_cameras_that_no_board_ties(tmp_path: Path, see: See) -> None:
    """Boards shown to one camera at a time, and seven points marked to a tenth of a pixel: the world is the points'."""
    rig, target = sphere_rig(4), read_target("charuco_a3")
    seen, _ = simulate_board_views(rig, target, 60, noise_px=0.1, seed=5)
    apart = [dataclasses.replace(view, shot=f"{view.camera_id}/{view.shot}") for view in seen.views]
    see(dataclasses.replace(seen, views=tuple(apart)))
    rng = np.random.default_rng(3)
    points = {f"p{k}": rng.uniform([-0.25, -0.25, 0.75], [0.25, 0.25, 1.25]).round(4) for k in range(7)}
    lines = ["[points]", *(f"{name} = {at.tolist()}" for name, at in points.items())]
    for name, at in points.items():
        marks = {camera.camera_id: camera.project(at)[0] + rng.normal(0, 0.1, 2) for camera in rig}
        lines += [f"[marks.{name}]", *(f"{camera_id} = {px.tolist()}" for camera_id, px in marks.items())]
    path = tmp_path / "points.toml"
    path.write_text("\n".join(lines))
    options = dataclasses.replace(_OPTIONS, synchronised=False, points=path)
    done = calibrate_rig(tmp_path, "charuco_a3", out=tmp_path / "c.toml", options=options, progress=Silent())
    calibration = done.judged.calibration
    assert calibration.world_frame == "measured" and not done.judged.conflicts
    for camera in rig:
        np.testing.assert_allclose(calibration.rig[camera.camera_id].centre, camera.centre, atol=0.003)


def test_points_marked_for_a_camera_that_is_not_there_are_refused(tmp_path: Path, see: See, views: BoardViews) -> None:
    see(views)
    points = {"a": (0, 0, 0), "b": (1, 0, 0), "c": (0, 1, 0), "d": (0, 0, 1)}
    lines = ["[points]", *(f"{name} = {list(map(float, at))}" for name, at in points.items())]
    for name in points:
        lines += [f"[marks.{name}]", "elsewhere = [1.0, 2.0]"]
    path = tmp_path / "points.toml"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="no photographs of a board"):
        calibrate_rig(
            tmp_path, "charuco_a3", options=dataclasses.replace(_OPTIONS, points=path), progress=Silent()
        )  # fmt: skip
