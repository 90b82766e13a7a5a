"""Reading photographs: bit depths, kinds, linear light, EXIF."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture_takes import picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from scan3d.capture.colour import linear_to_srgb, quantised, srgb_to_linear
from scan3d.capture.exif import read_exif
from scan3d.capture.images import (
    load_mask,
    load_photograph,
    load_rgb,
    read_header,
)
from scan3d.errors import CaptureError, MissingDependencyError


def test_srgb_is_exact_at_every_level() -> None:
    for dtype in (np.uint8, np.uint16):
        levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
        np.testing.assert_array_equal(quantised(linear_to_srgb(srgb_to_linear(levels)), dtype), levels)
    # IEC 61966-2-1: half of the code is 21.4% of the light; the linear toe ends at 0.04045.
    assert srgb_to_linear(np.array([0.5])).item() == pytest.approx(0.21404114)
    assert srgb_to_linear(np.array([0.04045])).item() == pytest.approx(0.04045 / 12.92)
    grid = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert srgb_to_linear(grid).shape == (2, 2, 3)


@given(st.floats(0, 1))
def test_srgb_round_trip(value: float) -> None:
    assert srgb_to_linear(linear_to_srgb(np.array([value]))).item() == pytest.approx(value, abs=2e-7)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path, suffix: str) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (8, 6, 3), dtype=np.uint16)
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), deep[..., ::-1])
    np.testing.assert_array_equal(load_rgb(path), deep)
    header = read_header(path)
    assert (header.width, header.height, header.orientation) == (6, 8, 1)


def test_colours_come_in_the_order_red_green_blue(tmp_path: Path) -> None:
    red = Image.new("RGB", (16, 16), (250, 20, 10))
    for suffix in ("jpg", "png", "tif"):
        red.save(tmp_path / f"a.{suffix}")
        rgb = load_rgb(tmp_path / f"a.{suffix}")
        assert rgb.dtype == np.uint8
        assert rgb[8, 8, 0] > 240
        assert rgb[8, 8, 2] < 30


def test_grey_and_alpha(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 7).save(tmp_path / "grey.png")
    Image.new("L", (16, 16), 7).save(tmp_path / "grey.jpg")
    Image.new("RGBA", (4, 4), (1, 2, 3, 9)).save(tmp_path / "alpha.png")
    assert load_rgb(tmp_path / "grey.png").tolist()[0][0] == [7, 7, 7]
    assert load_rgb(tmp_path / "grey.jpg").shape == (16, 16, 3)
    assert load_rgb(tmp_path / "alpha.png").tolist()[0][0] == [1, 2, 3]


def test_linear_tiff_is_encoded(tmp_path: Path) -> None:
    light = np.linspace(0, 65535, 48).reshape(4, 4, 3).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.tif"), light[..., ::-1])
    encoded = load_rgb(tmp_path / "a.tif", linear=True)
    assert encoded.dtype == np.uint16
    np.testing.assert_allclose(srgb_to_linear(encoded), light / 65535, atol=2e-5)
    cv2.imwrite(str(tmp_path / "f.tif"), (light[..., ::-1] / 65535).astype(np.float32))
    np.testing.assert_array_equal(load_rgb(tmp_path / "f.tif"), encoded)


def test_cmyk_and_wrong_size(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16)).save(tmp_path / "a.jpg")
    with pytest.raises(CaptureError, match=r"CMYK(.|\n)*camera c(.|\n)*a\.jpg"):
        load_rgb(tmp_path / "a.jpg", camera_id="c")
    picture(size=(10, 20)).save(tmp_path / "b.jpg")
    assert load_photograph(tmp_path / "b.jpg", expected_size=(10, 20)).linear().dtype == np.float32
    with pytest.raises(CaptureError, match="turned by a quarter"):
        load_photograph(tmp_path / "b.jpg", expected_size=(20, 10))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_files_that_end_early(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    picture(size=(64, 64)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CaptureError) as caught:
        load_rgb(path, camera_id="c")
    assert "camera c" in caught.value.where
    if suffix != "tif":
        assert "cut off" in caught.value.what


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="missing"):
        load_rgb(tmp_path / "a.jpg")


def test_raw_without_rawpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    (tmp_path / "a.cr2").touch()
    with pytest.raises(MissingDependencyError, match="rawpy"):
        load_rgb(tmp_path / "a.cr2", camera_id="c")


def test_a_file_that_is_no_raw(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "a.nef").write_text("text")
    with pytest.raises(CaptureError, match="not a photograph"):
        load_rgb(tmp_path / "a.nef", camera_id="c")


def test_mask_levels(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "m.png")
    np.testing.assert_allclose(load_mask(tmp_path / "m.png"), [[0.0, 0.2, 1.0]], atol=1e-6)


def test_profile_name(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture().save(tmp_path / "a.jpg", icc_profile=profile)
    assert "sRGB" in read_header(tmp_path / "a.jpg").profile
    picture().save(tmp_path / "b.jpg")
    assert read_header(tmp_path / "b.jpg").profile == ""


def exif_of(path: Path, **tags: object) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Maker", "Body 1"
    exif.get_ifd(0x8769).update({int(key[1:]): value for key, value in tags.items()})
    picture(size=(60, 40)).save(path, exif=exif)


def test_exif_focal_lengths(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    picture().save(path)
    assert read_exif(path).body_and_lens() is None
    assert read_exif(path).focal_px(60, 40) is None
    exif_of(path, t41989=50)
    assert read_exif(path).focal_px(60, 40) == pytest.approx(50 / 36 * 60, rel=1e-3)
    # 120 pixels on 36 mm when taken; the program that made it 60 kept the camera's width and resolution.
    exif_of(path, t37386=50.0, t41486=120 / 36 * 10, t41488=3, t40962=120, t42033="serial")
    exif = read_exif(path)
    assert exif.focal_px(60, 40) == pytest.approx(50 / 36 * 60, rel=1e-3)
    assert exif.body_and_lens() == ("Maker", "Body 1", "serial", "", "", "50.00")
    exif_of(path, t37386=50.0, t41486=1e9, t41488=3)  # a sensor of nanometres
    assert read_exif(path).focal_px(60, 40) is None
