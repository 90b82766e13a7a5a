import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from scan3d.errors import InputError
from scan3d.rights.marks.picture import encode, read_picture, read_xmp, with_pixels
from tests.rights.marks.figures import figure, psnr_db

XMP = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"/><?xpacket end="r"?>'


def again(path: Path) -> Path:
    """The picture, written by `encode` beside itself."""
    written = path.with_name(f"again{path.suffix}")
    written.write_bytes(encode(read_picture(path), XMP))
    return written


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1"])
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp", ".jpg"])
def test_eight_bits(suffix: str, mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(figure(120, 90)).convert(mode)
    if suffix == ".jpg" and mode not in ("L", "RGB"):
        pytest.skip("JPEG has neither alpha nor palettes")
    if suffix == ".webp" and mode in ("LA", "1"):
        image = image.convert("RGBA" if mode == "LA" else "L")
    path = tmp_path / f"picture{suffix}"
    image.save(path, lossless=True)
    first = read_picture(path)
    second = read_picture(again(path))
    assert first.pixels.shape == second.pixels.shape
    if suffix == ".jpg":
        assert psnr_db(second.pixels, first.pixels) > 35
    else:
        assert np.array_equal(first.pixels, second.pixels)
    assert read_xmp(again(path)) == XMP


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_stay_sixteen(suffix: str, channels: int, tmp_path: Path) -> None:
    pixels = figure(60, 50, dtype=np.uint16)
    pixels = pixels[..., 0] if channels == 1 else np.dstack([pixels, *[pixels[..., :1]] * (channels - 3)])
    path = tmp_path / f"deep{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="minisblack" if channels == 1 else "rgb")
    else:
        import cv2

        order = [2, 1, 0, 3][:channels]
        cv2.imwrite(str(path), pixels if channels == 1 else np.ascontiguousarray(pixels[..., order]))
    assert np.array_equal(read_picture(path).pixels, pixels)
    assert np.array_equal(read_picture(again(path)).pixels, pixels)
    assert read_xmp(again(path)) == XMP


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_the_profile_stays_and_what_the_source_told_of_its_maker_does_not(suffix: str, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "A camera whose owner wants no mention"
    path = tmp_path / f"picture{suffix}"
    Image.fromarray(figure(60, 50)).save(path, icc_profile=profile, exif=exif)
    assert b"no mention" in path.read_bytes()
    written = again(path)
    assert b"no mention" not in written.read_bytes()
    with Image.open(written) as opened:
        assert opened.info["icc_profile"] == profile


def test_a_deep_png_keeps_its_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "deep.png"
    deep = with_pixels(read_picture(_png(tmp_path)), figure(40, 30, dtype=np.uint16))
    path.write_bytes(encode(type(deep)(pixels=deep.pixels, format="PNG", profile=profile), XMP))
    assert read_picture(path).profile == profile


def test_a_photograph_that_lies_on_its_side_is_stood_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(figure(60, 90)).save(path, exif=exif)
    assert read_picture(path).pixels.shape == (90, 60, 3)


def test_what_cannot_be_marked_is_refused(tmp_path: Path) -> None:
    several = tmp_path / "several.tif"
    page = Image.fromarray(figure(40, 30))
    page.save(several, save_all=True, append_images=[page])
    with pytest.raises(InputError, match="more than one"):
        read_picture(several)
    press = tmp_path / "press.jpg"
    page.convert("CMYK").save(press)
    with pytest.raises(InputError, match="CMYK"):
        read_picture(press)
    for name, data in (("empty.png", b""), ("text.jpg", b"no picture"), ("cut.png", _png(tmp_path).read_bytes()[:900])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match="cannot be marked"):
            read_picture(tmp_path / name)
    with pytest.raises(InputError):
        read_picture(tmp_path / "nowhere.png")


def _png(folder: Path) -> Path:
    path = folder / "plain.png"
    out = io.BytesIO()
    Image.fromarray(figure(60, 50)).save(out, "PNG")
    path.write_bytes(out.getvalue())
    return path
