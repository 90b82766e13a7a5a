"""Photographs as linear light: RAW by its own black and white levels, TIFF as it says, JPEG by the sRGB curve."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.capture.colour_linear import load_linear
from scan3d.errors import CaptureError
from tests.capture.raw_files import write_dng


def scene() -> np.ndarray:
    rgb = np.ones((60, 90, 3)) * (0.2, 0.5, 0.3)
    rgb[:, :45] *= 0.25
    rgb[:16, :16] = 1.2
    return rgb


def test_raw_is_between_black_and_white_without_balance_or_brightening(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="RAW needs rawpy")
    path = tmp_path / "cam00.dng"
    write_dng(path, scene())
    photograph = load_linear(path)
    assert photograph.native and photograph.rgb.dtype == np.float32
    np.testing.assert_allclose(photograph.rgb[40, 70], (0.2, 0.5, 0.3), atol=2e-4)
    np.testing.assert_allclose(photograph.rgb[40, 20], (0.05, 0.125, 0.075), atol=2e-4)
    assert photograph.clipped[:12, :12].all() and not photograph.clipped[20:].any()


def test_a_raw_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="RAW needs rawpy")
    path = tmp_path / "cam00.dng"
    write_dng(path, scene())
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CaptureError, match=r"not a photograph|RAW") as told:
        load_linear(path, camera_id="cam00")
    assert "cam00" in told.value.where


def test_tiff_is_linear_where_the_take_says_so_and_png_never(tmp_path: Path) -> None:
    values = np.rint(np.clip(scene(), 0, 1) * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    straight = load_linear(tmp_path / "a.tif", linear=True)
    np.testing.assert_allclose(straight.rgb, np.clip(scene(), 0, 1), atol=2e-5)
    assert not straight.native and straight.clipped[:16, :16].all() and straight.clipped.sum() == 256
    encoded = quantised(linear_to_srgb(scene()), np.uint16)
    tifffile.imwrite(tmp_path / "b.tif", encoded, photometric="rgb")
    np.testing.assert_allclose(load_linear(tmp_path / "b.tif").rgb, np.clip(scene(), 0, 1), atol=3e-5)
    import cv2

    cv2.imwrite(str(tmp_path / "c.png"), quantised(linear_to_srgb(scene()), np.uint8)[..., ::-1])
    png = load_linear(tmp_path / "c.png", linear=True)
    np.testing.assert_allclose(png.rgb, np.clip(scene(), 0, 1), atol=0.01)
    assert png.clipped.sum() == 256
