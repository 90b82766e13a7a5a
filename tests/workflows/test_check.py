"""`scan3d check` on takes: a good one, and ones where something is wrong that must be told."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.calibration.toml_file import read_calibration, write_calibration
from scan3d.checks import Grade
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig, Rigid3
from scan3d.pipeline.progress import CancelToken, Silent
from scan3d.workflows.check import CheckSummary, check_take_folder
from tests.workflows.ellipsoid_take import write_take

QUIET = Silent(CancelToken())


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_take(tmp_path_factory.mktemp("check") / "take", count=12, size=400)


def copied(take: Path, to: Path) -> Path:
    shutil.copytree(take, to / "take", ignore=shutil.ignore_patterns(".scan3d", "results"))
    return to / "take"


def checked(take: Path, *, refine: bool = False) -> CheckSummary:
    return check_take_folder(take, refine=refine, progress=QUIET, workers=2)


def flagged(done: CheckSummary, name: str) -> set[str]:
    return {c.camera_id for c in done.checks if c.name == name and c.grade is not Grade.PASS}


def turned(rig: Rig, camera_id: str, degrees: float) -> Rig:
    pose = Rigid3.exp([0, 0, 0, 0, np.deg2rad(degrees), 0])
    cameras = (replace(c, cam_from_world=pose @ c.cam_from_world) if c.camera_id == camera_id else c for c in rig)
    return replace(rig, cameras=tuple(cameras))


def test_a_good_take_passes_and_leaves_a_report(good: Path) -> None:
    done = checked(good)
    assert flagged(done, "drift") == set()
    assert flagged(done, "focus") == set()
    assert flagged(done, "exposure") == set()
    assert done.grade is not Grade.FAIL
    report = json.loads(done.report_path.read_text())
    assert report["verdict"]["grade"] in ("good", "look")
    assert len(report["cameras"]) == 12
    page = done.html_path.read_text()
    assert "cam00" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert '"format": "scan3d check report"' in page


def test_a_turned_camera_is_named_and_put_back(good: Path, tmp_path: Path) -> None:
    take = copied(good, tmp_path)
    exact = read_calibration(take / "calibration.toml")
    camera_id = exact.camera_ids[4]
    write_calibration(turned(exact, camera_id, 0.5), take / "calibration.toml")
    wrong = (take / "calibration.toml").read_bytes()
    done = checked(take)
    assert flagged(done, "drift") == {camera_id}
    assert done.grade is Grade.FAIL
    assert (take / "calibration.toml").read_bytes() == wrong
    done = checked(take, refine=True)
    assert done.refined == (camera_id,)
    assert done.before is not None and done.before.read_bytes() == wrong
    back = read_calibration(take / "calibration.toml")
    for camera in back:
        true = exact[camera.camera_id]
        off = np.abs(camera.cam_from_world.matrix() - true.cam_from_world.matrix()).max()
        assert off < (2e-3 if camera.camera_id == camera_id else 1e-12)
    assert camera_id in back.source
    again = checked(take)
    assert flagged(again, "drift") == set()


def test_a_blurred_and_a_bright_photograph_are_named(good: Path, tmp_path: Path) -> None:
    take = copied(good, tmp_path)
    names = sorted(path.stem for path in (take / "images").iterdir())
    for name, change in ((names[3], "blur"), (names[8], "bright")):
        path = take / "images" / f"{name}.jpg"
        picture = cv2.imread(str(path)).astype(np.float32)
        picture = cv2.GaussianBlur(picture, (0, 0), 2.5) if change == "blur" else picture * 1.15
        cv2.imwrite(str(path), picture.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 95])
    done = checked(take)
    assert flagged(done, "focus") == {names[3]}
    assert flagged(done, "exposure") == {names[8]}


def test_a_missing_and_a_broken_photograph_are_named(good: Path, tmp_path: Path) -> None:
    take = copied(good, tmp_path)
    names = sorted(path.stem for path in (take / "images").iterdir())
    (take / "images" / f"{names[1]}.jpg").unlink()
    broken = take / "images" / f"{names[5]}.jpg"
    broken.write_bytes(broken.read_bytes()[:2000])
    done = checked(take)
    assert flagged(done, "photographs") == {names[1], names[5]}
    assert done.grade is Grade.FAIL


def test_a_take_without_a_calibration_cannot_be_checked(good: Path, tmp_path: Path) -> None:
    take = copied(good, tmp_path)
    (take / "calibration.toml").unlink()
    with pytest.raises(CalibrationError, match="no calibration"):
        checked(take)
    assert not (take / "results").exists()


@pytest.mark.slow
def test_a_real_renders_head_names_nobody(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "rig_head", tmp_path / "take")
    assert checked(tmp_path / "take").grade is Grade.PASS
