"""Marked points: located by two photographs and more, refused where they cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_features import looking_rig

from scan3d.calibration.marks import locate, read_marks
from scan3d.errors import CalibrationError, InputError

POINT = np.array([0.1, -0.2, 1.1])


def marks_file(folder: Path, cameras: tuple[int, ...], *, shift_px: float = 0.0) -> Path:
    rig = looking_rig(8)
    lines = ["[marks.nose]"]
    for number in cameras:
        x, y = rig[f"cam{number}"].project(POINT)[0]
        lines.append(f"cam{number} = [{x + shift_px * (number == cameras[0])}, {y}]")
    path = folder / "marks.toml"
    path.write_text("\n".join(lines))
    return path


def test_marks_and_cameras_are_located(tmp_path: Path) -> None:
    rig, path = looking_rig(8), marks_file(tmp_path, (0, 2, 3))
    marks = read_marks(path)
    np.testing.assert_allclose(locate("nose", rig, marks, path), POINT, atol=1e-9)
    np.testing.assert_allclose(locate("cam4", rig, marks, path), rig["cam4"].centre)
    off = locate("nose", rig, read_marks(marks_file(tmp_path, (0, 2, 3), shift_px=3.0)), path)
    assert 1e-4 < np.linalg.norm(off - POINT) < 0.01


def test_marks_that_cannot_be_used(tmp_path: Path) -> None:
    rig, path = looking_rig(8), marks_file(tmp_path, (0,))
    with pytest.raises(CalibrationError, match="1 aligned photographs"):
        locate("nose", rig, read_marks(path), path)
    with pytest.raises(InputError, match=r"called 'ear'(.|\n)*nose"):
        locate("ear", rig, read_marks(path), path)
    path = marks_file(tmp_path, (0, 1, 2), shift_px=80.0)
    with pytest.raises(CalibrationError, match="pixels off in the photograph of camera cam"):
        locate("nose", rig, read_marks(path), path)
    close = looking_rig(8, arc_rad=0.05)
    text = "\n".join(f"cam{n} = [{x}, {y}]" for n in (0, 3) for x, y in [close[f"cam{n}"].project(POINT)[0]])
    path.write_text("[marks.nose]\n" + text)
    with pytest.raises(CalibrationError, match="one direction"):
        locate("nose", looking_rig(8, arc_rad=0.05), read_marks(path), path)


@pytest.mark.parametrize("text", ["[marks.a]\nc = 3", "[marks]\na = [1, 2]", "[marks.a]\nc = ['x', 2]", "= ="])
def test_broken_marks_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "marks.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"marks\.toml"):
        read_marks(path)
