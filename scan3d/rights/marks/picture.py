"""Pictures as they lie in files: read whole with 8 or 16 bits, written once with their profile and an XMP packet."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.errors import InputError

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
_JPEG_QUALITY = 95
_WEBP_QUALITY = 92
_XMP_TAG = 700


@dataclass(frozen=True, kw_only=True)
class Picture:
    """pixels: (H, W) or (H, W, C) uint8 or uint16, RGB, the last of two or four channels alpha; upright.

    profile: ICC; of a picture without one sRGB is meant. lossless: whether a WebP was.
    """

    pixels: npt.NDArray[np.integer]
    format: str
    profile: bytes | None = None
    lossless: bool = False


def read_picture(path: Path) -> Picture:
    """Raises InputError for what is no picture, holds several, or has colours other than grey and RGB."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            if getattr(opened, "n_frames", 1) > 1:
                raise InputError("The file holds more than one picture.", str(path), "Give one file for each.")
            if opened.mode in ("CMYK", "YCbCr", "LAB", "HSV", "F") or opened.format not in FORMATS.values():
                raise _unreadable(path, f"a {opened.format} in {opened.mode}")
            format_, profile = str(opened.format), opened.info.get("icc_profile")
            deep = _deep_pixels(path, format_)
            if deep is None:
                upright = ImageOps.exif_transpose(opened)
                pixels = np.asarray(upright.convert(_plain_mode(upright)))
            else:
                pixels = deep
            lossless = format_ == "WEBP" and b"VP8L" in path.read_bytes()[:64]
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, "it cannot be read") from error
    return Picture(pixels=pixels, format=format_, profile=profile, lossless=lossless)


def encode(picture: Picture, xmp: bytes) -> bytes:
    """The picture as a file with its XMP packet and colour profile, and nothing else that the source carried."""
    if picture.pixels.dtype == np.uint16:
        return _tiff(picture, xmp) if picture.format == "TIFF" else _deep_png(picture, xmp)
    if picture.format == "TIFF":
        return _tiff(picture, xmp)
    if picture.format == "PNG":
        return _with_xmp_chunk(_saved(picture), xmp)
    return _saved(picture, xmp=xmp)


def with_pixels(picture: Picture, pixels: npt.NDArray[np.integer]) -> Picture:
    """The same kind of picture with other pixels."""
    return replace(picture, pixels=pixels)


def read_xmp(path: Path) -> bytes | None:
    """The XMP packet of a picture's file, None without one or where the file cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            tags = getattr(opened, "tag_v2", {})
            found = opened.info.get("xmp") or opened.info.get("XML:com.adobe.xmp") or tags.get(_XMP_TAG)
    except Exception:  # Damaged metadata fail in as many ways as there are parsers; a reader has then found none.
        return None
    if isinstance(found, tuple):
        found = bytes(found)
    return found.encode() if isinstance(found, str) else found


def _plain_mode(opened: object) -> str:
    mode = str(getattr(opened, "mode", ""))
    transparent = "transparency" in getattr(opened, "info", {})
    if mode in ("LA", "La", "PA", "RGBa", "RGBA") or transparent:
        return "LA" if mode in ("LA", "La") else "RGBA"
    return "L" if mode in ("1", "L") else "RGB"


def _deep_pixels(path: Path, format_: str) -> npt.NDArray[np.integer] | None:
    """Pixels of a picture of 16 bits a channel, which Pillow would cut to eight; None for others."""
    if format_ == "TIFF":
        import tifffile

        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            if page.dtype != np.uint16:
                return None
            if not (page.ndim == 2 or (page.ndim == 3 and page.shape[2] in (3, 4))):
                raise _unreadable(path, f"a TIFF of shape {page.shape}")
            return np.asarray(page.asarray())
    if format_ == "PNG":
        import cv2

        data = path.read_bytes()
        if data[24:25] != b"\x10":  # bits a channel, in the header
            return None
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise _unreadable(path, "it cannot be read")
        return np.asarray(pixels if pixels.ndim == 2 else _swapped(pixels))
    return None


def _saved(picture: Picture, **more: bytes) -> bytes:
    from PIL import Image

    options: dict[str, object] = {"icc_profile": picture.profile, **more}
    if picture.format == "JPEG":
        options |= {"quality": _JPEG_QUALITY, "subsampling": 0}
    elif picture.format == "WEBP":
        options |= {"quality": _WEBP_QUALITY, "lossless": picture.lossless, "exact": True}
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture.pixels)).save(out, picture.format, **options)
    return out.getvalue()


def _deep_png(picture: Picture, xmp: bytes) -> bytes:
    import cv2

    pixels = picture.pixels if picture.pixels.ndim == 2 else _swapped(picture.pixels)
    data = cv2.imencode(".png", pixels)[1].tobytes()
    if picture.profile:
        body = b"ICC Profile\0\0" + zlib.compress(picture.profile)
        data = _with_chunk(data, b"iCCP", body)
    return _with_xmp_chunk(data, xmp)


def _swapped(pixels: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """RGB(A) to BGR(A) and back."""
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return np.ascontiguousarray(pixels[..., order])


def _with_xmp_chunk(png: bytes, xmp: bytes) -> bytes:
    return _with_chunk(png, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)


def _with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """The chunk goes right behind the header, where every reader looks for it (PNG 1.2, 4.2)."""
    end_of_header = 8 + 25
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:end_of_header] + chunk + png[end_of_header:]


def _tiff(picture: Picture, xmp: bytes) -> bytes:
    import tifffile

    channels = 1 if picture.pixels.ndim == 2 else picture.pixels.shape[2]
    out = io.BytesIO()
    tifffile.imwrite(
        out,
        picture.pixels,
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if picture.pixels.ndim == 3 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        compression="zlib",
        iccprofile=picture.profile,
        metadata=None,
        extratags=[(_XMP_TAG, 1, len(xmp), xmp, True)],
    )
    return out.getvalue()


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        f"The picture cannot be marked: {why}.",
        str(path),
        "Give a JPEG, PNG, TIFF or WebP, grey or RGB, of 8 or 16 bits.",
    )
