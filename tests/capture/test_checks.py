"""Every kind of bad input has its own error that names camera and file and says what to do."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from capture_takes import HEIGHT, WIDTH, make_take, picture, ring
from PIL import Image

from scan3d.capture.checks import check_output, check_take, require_good_take
from scan3d.capture.take import Take
from scan3d.errors import CalibrationError, CaptureError, Scan3dError, StorageError
from scan3d.geometry import Rig


def problems(root: Path, rig: Rig | None = None) -> list[Scan3dError]:
    return check_take(Take.open(root), rig or ring())


def test_a_good_take(tmp_path: Path) -> None:
    root = make_take(tmp_path)
    assert problems(root) == []
    assert check_take(Take.open(root), None) == []
    require_good_take(Take.open(root), ring())


def remove(root: Path) -> None:
    (root / "images" / "cam2.jpg").unlink()
    (root / "masks" / "cam2.png").unlink()


def add(root: Path) -> None:
    picture().save(root / "images" / "cam9.jpg")


def resize(root: Path) -> None:
    picture(size=(50, 70)).save(root / "images" / "cam2.jpg")


def turn_pixels(root: Path) -> None:
    picture(size=(HEIGHT, WIDTH)).save(root / "images" / "cam2.jpg")


def turn_by_exif(root: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture().save(root / "images" / "cam2.jpg", exif=exif)


def cut(root: Path) -> None:
    path = root / "images" / "cam2.jpg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_and_pad(root: Path) -> None:
    path = root / "images" / "cam2.jpg"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2] + bytes(size - size // 2))


def replace_by_text(root: Path) -> None:
    (root / "images" / "cam2.jpg").write_text("not a picture")


def empty_file(root: Path) -> None:
    (root / "images" / "cam2.jpg").write_bytes(b"")


def empty_mask(root: Path) -> None:
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(root / "masks" / "cam2.png")


def wrong_mask(root: Path) -> None:
    Image.fromarray(np.full((5, 5), 255, np.uint8)).save(root / "masks" / "cam2.png")


def stray_mask(root: Path) -> None:
    Image.fromarray(np.full((5, 5), 255, np.uint8)).save(root / "masks" / "other.png")


def broken_mask(root: Path) -> None:
    (root / "masks" / "cam2.png").write_bytes(b"\x89PNG broken")


@pytest.mark.parametrize(
    ("spoil", "words", "camera", "file"),
    [
        (remove, "there is no photograph", "cam2", "images"),
        (add, "does not know that camera", "cam9", "cam9.jpg"),
        (resize, "50 x 70 pixels, the calibration says 60 x 80", "cam2", "cam2.jpg"),
        (turn_pixels, "turned by a quarter", "cam2", "cam2.jpg"),
        (turn_by_exif, "EXIF (orientation 6)", "cam2", "cam2.jpg"),
        (cut, "cut off", "cam2", "cam2.jpg"),
        (cut_and_pad, "cut off", "cam2", "cam2.jpg"),
        (replace_by_text, "not a photograph", "cam2", "cam2.jpg"),
        (empty_file, "empty", "cam2", "cam2.jpg"),
        (empty_mask, "mask is empty", "cam2", "cam2.png"),
        (wrong_mask, "The mask is 5 x 5", "cam2", "cam2.png"),
        (stray_mask, "and no photograph", "other", "other.png"),
        (broken_mask, "cut off", "cam2", "cam2.png"),
    ],
)
def test_bad_files(tmp_path: Path, spoil: Callable[[Path], None], words: str, camera: str, file: str) -> None:
    root = make_take(tmp_path)
    spoil(root)
    found = problems(root)
    assert len(found) == 1
    assert isinstance(found[0], CaptureError)
    assert words in found[0].what
    assert camera in found[0].where
    assert file in found[0].where
    assert found[0].next_step
    with pytest.raises(CaptureError):
        require_good_take(Take.open(root), ring())


def test_one_view_only(tmp_path: Path) -> None:
    root = make_take(tmp_path, count=1)
    found = problems(root, ring(1))
    assert [type(error) for error in found] == [CaptureError]
    assert "one view only" in found[0].what
    assert "cam0.jpg" in found[0].where


def test_calibration_of_another_rig_by_names(tmp_path: Path) -> None:
    other = ring()
    other = replace(other, cameras=tuple(replace(c, camera_id=f"rigB-{c.camera_id}") for c in other))
    found = problems(make_take(tmp_path), other)
    assert [type(error) for error in found] == [CalibrationError]
    assert "another rig" in found[0].what
    assert "rigB-cam0" in found[0].what


def test_calibration_of_another_rig_by_size(tmp_path: Path) -> None:
    other = ring()
    other = replace(other, cameras=tuple(replace(c, intrinsics=c.intrinsics.scaled(2)) for c in other))
    found = problems(make_take(tmp_path), other)
    assert [type(error) for error in found] == [CalibrationError]
    assert "another rig" in found[0].what
    assert "120 x 160" in found[0].what


def test_cameras_that_look_away_from_each_other(tmp_path: Path) -> None:
    root = make_take(tmp_path)
    found = problems(root, ring(away=True))
    assert [type(error) for error in found] == [CalibrationError]
    assert "do not overlap" in found[0].what
    one_away = ring()
    one_away = replace(one_away, cameras=(*one_away.cameras[:3], ring(away=True).cameras[3]))
    found = problems(root, one_away)
    assert len(found) == 1
    assert "cam3" in found[0].where


def test_several_problems_are_counted(tmp_path: Path) -> None:
    root = make_take(tmp_path)
    cut(root)
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(root / "masks" / "cam1.png")
    add(root)
    with pytest.raises(CaptureError, match="And 2 more problems"):
        require_good_take(Take.open(root), ring())


def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take = Take.open(make_take(tmp_path))
    before = sorted(tmp_path.rglob("*"))

    def refuse(self: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(StorageError, match="cannot be written") as caught:
        check_output(take)
    assert str(take.results) in caught.value.where
    assert sorted(tmp_path.rglob("*")) == before


def test_full_disk(tmp_path: Path) -> None:
    take = Take.open(make_take(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    check_output(take, needed_bytes=1)
    with pytest.raises(StorageError, match=r"about 1000000000\.0 GB are needed"):
        check_output(take, needed_bytes=10**18)
    assert sorted(tmp_path.rglob("*")) == before
