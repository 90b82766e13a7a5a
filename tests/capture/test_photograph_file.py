"""Photographs are read back as they were written: pixels and EXIF."""

from pathlib import Path

import numpy as np
import pytest

from scan3d.capture.exif import Exif, read_exif
from scan3d.capture.images import load_photograph
from scan3d.capture.photograph_file import write_photograph

EXIF = Exif(
    make="scan3d", model="virtual camera", serial="V0001", lens="50 mm", lens_serial="L7", focal_mm=50.25,
    pixels_per_mm=10.0, time="2026:03:04 10:20:30", subsecond="042", exposure_s=0.00625, f_number=11.0, iso=100.0,
)  # fmt: skip


def picture() -> np.ndarray:
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x / 59, y / 39, 0.2 + 0 * x], axis=-1).astype(np.float32)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_exif_reads_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cam{suffix}"
    write_photograph(path, picture(), EXIF)
    assert read_exif(path) == EXIF
    first = path.read_bytes()
    write_photograph(path, picture(), EXIF)
    assert path.read_bytes() == first


def test_light_reads_back(tmp_path: Path) -> None:
    for suffix, linear, tolerance in ((".jpg", False, 0.04), (".tif", True, 4 / 65535)):
        path = tmp_path / f"cam{suffix}"
        write_photograph(path, picture(), EXIF)
        assert np.abs(load_photograph(path, linear=linear).linear() - picture()).max() <= tolerance


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="png"):
        write_photograph(tmp_path / "cam.png", picture(), EXIF)
    assert list(tmp_path.iterdir()) == []
