"""`scan3d align` as a whole: on photographs of a skull, and on what it must refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scan3d.calibration.toml_file import read_calibration, read_left_out, write_calibration
from scan3d.calibration.upright import Similarity
from scan3d.capture.checks import check_take
from scan3d.capture.lenses import lens_groups
from scan3d.capture.take import Take
from scan3d.checks import Grade
from scan3d.errors import CaptureError, InputError, ReconstructionError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.pipeline.progress import Silent
from scan3d.workflows.align import align_take

SKULL = ["53", "54", "55", "56", "64", "65", "66"]


def skull_take(data: Path, root: Path, *, scale: float = 0.5) -> Path:
    """Some neighbouring photographs, smaller, with their EXIF."""
    (root / "images").mkdir(parents=True)
    for name in SKULL:
        with Image.open(data / "skull" / "images" / f"{name}.jpg") as image:
            exif = image.getexif()
            small = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BOX)
            small.save(root / "images" / f"{name}.jpg", quality=93, exif=exif)
    return root


@pytest.mark.slow
def test_skull(data: Path, tmp_path: Path) -> None:
    root = skull_take(data, tmp_path / "take")
    Image.effect_noise((1068, 712), 60).convert("RGB").save(root / "images" / "99.jpg")  # a stranger
    done = align_take(root, distance=("53", "66", 0.25), progress=Silent(), workers=2)
    assert set(done.registered) == set(SKULL)
    assert set(done.unregistered) == {"99"}
    assert "99.jpg" in done.unregistered["99"]
    assert done.mean_px_all < 0.45
    rig = read_calibration(done.calibration_path)
    assert rig.scale_is_metric
    assert np.linalg.norm(rig["53"].centre - rig["66"].centre) == pytest.approx(0.25)
    assert len({camera.intrinsics for camera in rig}) == 1  # one body, one lens
    assert rig["53"].centre[1] < 0
    assert read_left_out(done.calibration_path) == ("99",)
    assert check_take(Take.open(root), rig, left_out=("99",)) == []
    report = json.loads(done.report_path.read_text())
    assert report["registered"] == len(SKULL)
    assert report["cameras"]["54"]["observations"] > 100
    before = done.calibration_path.read_bytes()
    again = align_take(root, progress=Silent(), workers=2)  # features and mapping are found in the store
    assert not again.scale_is_metric
    assert again.summary["cost"]["seconds"] < 10
    assert done.calibration_path.read_bytes() != before


@pytest.mark.slow
def test_known_cameras_stay_exactly_and_the_others_come_to_them(data: Path, tmp_path: Path) -> None:
    root = skull_take(data, tmp_path / "take")
    done = align_take(root, distance=("53", "66", 0.25), progress=Silent(), workers=2)
    first = read_calibration(done.calibration_path)
    # The rig as somebody else knows it: in another place, without two of its cameras, under a source of its own.
    elsewhere = Similarity(scale=1.0, world_from_model=Rigid3.exp([0.3, 0.1, 0.5, 0.0, 0.0, 1.0])).apply_to_rig(first)
    partly = Rig(cameras=tuple(c for c in elsewhere if c.camera_id not in ("55", "64")), source="target board")
    write_calibration(partly, root / "calibration.toml")
    known = read_calibration(root / "calibration.toml")
    again = align_take(root, progress=Silent(), workers=2)
    rig = read_calibration(again.calibration_path)
    assert again.scale_is_metric and again.before is not None
    assert read_calibration(again.before).camera_ids == known.camera_ids
    for camera in rig:
        off_mm = 1e3 * np.linalg.norm(camera.centre - elsewhere[camera.camera_id].centre)
        assert off_mm < (1e-9 if camera.camera_id in known else 1.0)
    assert {c.grade for c in again.checks if c.name == "known_camera"} == {Grade.PASS}


def small_take(root: Path, count: int = 3) -> Path:
    random = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    for number in range(count):
        pixels = random.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((160, 120)).save(root / "images" / f"cam{number}.jpg")
    return root


def test_photographs_without_anything_in_common(tmp_path: Path) -> None:
    root = small_take(tmp_path)
    with pytest.raises(ReconstructionError, match="could be aligned"):
        align_take(root, masks=False, progress=Silent(), workers=1)
    assert not (root / "calibration.toml").exists()
    assert not (root / "results" / "align.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mapper": "magic"}, "incremental, global"),
        ({"intrinsics": "none"}, "per-camera"),
        ({"front": "cam9"}, "cam9"),
        ({"distance": ("cam0", "cam1", float("nan"))}, "not a length"),
        ({"distance": ("cam0", "cam1", -1.0)}, "not a length"),
        ({"distance": ("cam0", "cam0", 1.0)}, "itself"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict, words: str) -> None:
    root = small_take(tmp_path)
    with pytest.raises(InputError, match=words):
        align_take(root, **options, progress=Silent(), workers=1)
    assert not (root / "results").exists()
    assert not (root / ".scan3d").exists()


def test_a_calibration_from_elsewhere_is_not_replaced(tmp_path: Path) -> None:
    root = small_take(tmp_path)
    lens = Intrinsics(model="pinhole", width=160, height=120, fx=200, fy=200, cx=80, cy=60)
    camera = Camera(camera_id="cam0", intrinsics=lens, cam_from_world=Rigid3.identity())
    write_calibration(Rig(cameras=(camera,), source="target board"), root / "calibration.toml")
    before = (root / "calibration.toml").read_bytes()
    with pytest.raises(InputError, match=r"not replaced(.|\n)*calibration\.toml"):
        align_take(root, progress=Silent(), workers=1)
    assert (root / "calibration.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "no_such_board"}, "no_such_board"),
        ({"floor": "charuco_a3"}, "--floor"),
        ({"target": "charuco_a3", "floor": "other"}, "no board 'other'"),
    ],
)
def test_targets_that_cannot_be_are_refused_at_once(tmp_path: Path, options: dict[str, str], words: str) -> None:
    root = small_take(tmp_path)
    with pytest.raises(InputError, match=words):
        align_take(root, progress=Silent(), workers=1, **options)
    assert not (root / ".scan3d").exists()


def test_a_known_calibration_must_have_some_cameras_and_not_all(tmp_path: Path) -> None:
    root = small_take(tmp_path / "take")
    lens = Intrinsics(model="pinhole", width=160, height=120, fx=200, fy=200, cx=80, cy=60)
    cameras = [Camera(camera_id=f"cam{k}", intrinsics=lens, cam_from_world=Rigid3.identity()) for k in range(3)]
    for some, words in ((cameras, "all of the cameras"), (cameras[:1], "1 of the take's cameras")):
        write_calibration(Rig(cameras=tuple(some), source="target board"), tmp_path / "known.toml")
        with pytest.raises(InputError, match=words):
            align_take(root, known=tmp_path / "known.toml", progress=Silent(), workers=1)


def test_bad_photographs_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    root = small_take(tmp_path)
    path = root / "images" / "cam1.jpg"
    path.write_bytes(path.read_bytes()[:800])
    with pytest.raises(CaptureError, match=r"cut off(.|\n)*cam1"):
        align_take(root, progress=Silent(), workers=1)
    assert not (root / ".scan3d").exists()


def test_masks_that_are_demanded_and_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"cannot be told(.|\n)*camera cam0"):
        align_take(small_take(tmp_path), masks=True, progress=Silent(), workers=1)


def exif(root: Path, *, serial: str, times: list[str]) -> dict[str, Path]:
    images = {}
    for number, time in enumerate(times):
        tags = Image.Exif()
        tags[272] = "Body"
        tags.get_ifd(0x8769).update({41989: 50, 36867: time, 42033: serial})
        path = root / f"{number}.jpg"
        Image.new("RGB", (60, 40)).save(path, exif=tags)
        images[str(number)] = path
    return images


def test_who_shares_intrinsics(tmp_path: Path) -> None:
    together, apart = "2026:01:01 10:00:00", "2026:01:01 10:05:00"
    hand_held = lens_groups(exif(tmp_path, serial="7", times=[together, together]))
    assert len(set(hand_held.group_of.values())) == 1
    assert next(iter(hand_held.focal_px.values())) == pytest.approx(50 / 43.267 * 72.11, rel=1e-3)
    assert len(set(lens_groups(exif(tmp_path, serial="", times=[together, apart])).group_of.values())) == 1
    rig = exif(tmp_path, serial="", times=[together, together])
    assert len(set(lens_groups(rig).group_of.values())) == 2
    assert len(set(lens_groups(rig, "shared").group_of.values())) == 1
    assert len(set(lens_groups(rig, "per-camera").group_of.values())) == 2
    plain = small_take(tmp_path / "take")
    groups = lens_groups(Take.open(plain).images())
    assert set(groups.focal_px.values()) == {None}
    Image.new("RGB", (61, 40)).save(rig["0"])
    with pytest.raises(InputError, match="differ in size"):
        lens_groups(rig, "shared")
