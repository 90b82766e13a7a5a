"""Photographs on disk: their headers and their pixels.

Pixels are handed out as they lie in the file, never turned by EXIF and never resampled. JPEG goes through
Pillow, which notices a truncated file; PNG and TIFF through OpenCV, which keeps 16 bits; RAW through rawpy,
if installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.capture.colour import linear_to_srgb, quantised, srgb_to_linear
from scan3d.errors import CaptureError, MissingDependencyError

DEVELOPED = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
RAW = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".rw2", ".orf", ".pef", ".srw")
_AGAIN = "Copy the photograph from the camera again, or take it again."


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """What a photograph's header says, read without decoding it.

    width, height: pixels as stored. orientation: the EXIF tag, 1 where there is none. profile: name of the
    embedded colour profile, "" where there is none.
    """

    width: int
    height: int
    orientation: int
    profile: str


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A decoded photograph: rgb is (H, W, 3) uint8 or uint16, sRGB-encoded."""

    camera_id: str
    path: Path
    rgb: np.ndarray

    def linear(self) -> np.ndarray:
        """(H, W, 3) float32, linear Rec.709."""
        return srgb_to_linear(self.rgb)


def read_header(path: Path, *, camera_id: str = "") -> ImageHeader:
    """Size, orientation and profile. Raises CaptureError for a file that is missing or is not a photograph."""
    if path.suffix.lower() in RAW:
        return _raw_header(path, camera_id)
    if path.suffix.lower() in (".tif", ".tiff"):
        return _tiff_header(path, camera_id)
    try:
        with _pillow().open(path) as image:
            orientation = int(image.getexif().get(274, 1) or 1)
            profile = _profile_name(image.info.get("icc_profile"))
            return ImageHeader(width=image.width, height=image.height, orientation=orientation, profile=profile)
    except (OSError, ValueError, SyntaxError) as error:
        raise _unreadable(path, camera_id, error) from error


def is_truncated(path: Path) -> bool:
    """Whether a JPEG or PNG ends before its end marker: a read of the file, no decoding. False for other kinds."""
    suffix = path.suffix.lower()
    data = path.read_bytes() if suffix in (".jpg", ".jpeg", ".png") else b""
    if suffix == ".png":
        return b"IEND" not in data[-1024:]
    if suffix in (".jpg", ".jpeg"):
        # Inside the compressed data every FF is followed by a filler: FF D9 after the first scan is the real
        # end, not that of a thumbnail. Padding and other data may follow it.
        scan = _first_scan(data)
        return scan < 0 or data.find(b"\xff\xd9", scan) < 0
    return False


def load_rgb(path: Path, *, camera_id: str = "", linear: bool = False) -> np.ndarray:
    """A photograph's pixels, (H, W, 3) uint8 or uint16, sRGB-encoded; grey is repeated, alpha dropped.

    Args:
        camera_id: for messages.
        linear: the file holds linear light (a 16-bit or float TIFF, see take.toml): it is encoded to 16-bit
        sRGB.
    Raises:
        CaptureError: no photograph, truncated, of an unknown kind, or turned by EXIF.
        MissingDependencyError: RAW without rawpy.
    """
    header = read_header(path, camera_id=camera_id)
    check_upright(header, path, camera_id)
    suffix = path.suffix.lower()
    if suffix in RAW:
        return _decode_raw(path, camera_id)
    pixels = _decode_jpeg(path, camera_id) if suffix in (".jpg", ".jpeg") else _decode_deep(path, camera_id)
    if linear or pixels.dtype == np.float32:
        pixels = _encoded_16bit(pixels)
    return pixels


def load_photograph(
    path: Path, *, camera_id: str = "", expected_size: tuple[int, int] | None = None, linear: bool = False
) -> Photograph:
    """`load_rgb` with a check against the calibrated (width, height). Raises CaptureError where they differ."""
    rgb = load_rgb(path, camera_id=camera_id, linear=linear)
    if expected_size is not None and (rgb.shape[1], rgb.shape[0]) != tuple(expected_size):
        raise size_error((rgb.shape[1], rgb.shape[0]), expected_size, path, camera_id)
    return Photograph(camera_id=camera_id, path=path, rgb=rgb)


def load_mask(path: Path, *, camera_id: str = "") -> np.ndarray:
    """A mask as alpha, (H, W) float32 0..1, white = subject. Raises CaptureError where it cannot be read."""
    pixels = _decode_deep(path, camera_id)
    full = 1.0 if pixels.dtype == np.float32 else float(np.iinfo(pixels.dtype).max)
    return pixels[..., 1].astype(np.float32) / np.float32(full)


def check_upright(header: ImageHeader, path: Path, camera_id: str) -> None:
    """Raise CaptureError for a photograph whose EXIF orientation asks viewers to turn it."""
    if header.orientation != 1:
        raise CaptureError(
            f"The photograph is marked as turned by EXIF (orientation {header.orientation}): "
            "its pixels and what other programs show differ.",
            _where(camera_id, path),
            "Turn the pixels for good (`jpegtran` or the camera's own software) or set the tag to 1 "
            "(`exiftool -Orientation=1 -n`), the way the photographs of the calibration were treated.",
        )


def size_error(size: tuple[int, int], expected: tuple[int, int], path: Path, camera_id: str) -> CaptureError:
    """The error for a photograph whose (width, height) is not the calibrated one."""
    turned = tuple(size) == tuple(expected)[::-1]
    return CaptureError(
        f"The photograph is {size[0]} x {size[1]} pixels, the calibration says {expected[0]} x {expected[1]}."
        + (": it is turned by a quarter." if turned else "."),
        _where(camera_id, path),
        "Turn it back as it was calibrated." if turned else "Use the full photograph as the camera wrote it.",
    )


def truncated_error(path: Path, camera_id: str) -> CaptureError:
    """The error for a photograph whose file ends too early."""
    return CaptureError("The photograph is cut off: the file ends too early.", _where(camera_id, path), _AGAIN)


def _encoded_16bit(pixels: np.ndarray) -> np.ndarray:
    full = 1.0 if pixels.dtype == np.float32 else float(np.iinfo(pixels.dtype).max)
    return quantised(linear_to_srgb(pixels / full), np.uint16)


def _tiff_header(path: Path, camera_id: str) -> ImageHeader:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            orientation, profile = page.tags.get(274), page.tags.get(34675)
            return ImageHeader(
                width=page.imagewidth,
                height=page.imagelength,
                orientation=1 if orientation is None else int(orientation.value),
                profile="" if profile is None else _profile_name(profile.value),
            )
    except (OSError, ValueError, IndexError, tifffile.TiffFileError) as error:
        raise _unreadable(path, camera_id, error) from error


def _pillow() -> Any:
    """Pillow's Image, which must not take a 150 megapixel photograph for an attack."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    return Image


def _decode_jpeg(path: Path, camera_id: str) -> np.ndarray:
    try:
        with _pillow().open(path) as image:
            if image.mode not in ("RGB", "L"):
                what = f"The photograph's colours are {image.mode}, not RGB."
                raise CaptureError(what, _where(camera_id, path), "Export it as an RGB JPEG.")
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise _unreadable(path, camera_id, error) from error


def _decode_deep(path: Path, camera_id: str) -> np.ndarray:
    import cv2

    if is_truncated(path):
        raise _unreadable(path, camera_id, OSError("Truncated."))
    # EXIF in a TIFF is not worth a warning for each of its tags.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise _unreadable(path, camera_id, OSError("Cannot be decoded."))
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] == 2:  # grey with alpha
        return np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1])


def raw_library(path: Path, camera_id: str) -> Any:
    """rawpy. Raises MissingDependencyError where it is not installed; path and camera are named in it."""
    try:
        import rawpy
    except ImportError as error:
        what = "RAW photographs need the package rawpy."
        next_step = "Install it (`pip install rawpy`), or develop the photographs to TIFF."
        raise MissingDependencyError(what, _where(camera_id, path), next_step) from error
    return rawpy


def _raw_header(path: Path, camera_id: str) -> ImageHeader:
    rawpy = raw_library(path, camera_id)
    try:
        with rawpy.imread(str(path)) as raw:
            return ImageHeader(width=raw.sizes.width, height=raw.sizes.height, orientation=1, profile="")
    except (OSError, rawpy.LibRawError) as error:
        raise _unreadable(path, camera_id, error) from error


def _decode_raw(path: Path, camera_id: str) -> np.ndarray:
    """Develop as plainly as can be: camera white balance, no brightening, sRGB curve, 16 bits, not turned."""
    rawpy = raw_library(path, camera_id)
    try:
        with rawpy.imread(str(path)) as raw:
            pixels = raw.postprocess(
                use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(2.4, 12.92), user_flip=0,
                output_color=rawpy.ColorSpace.sRGB,
            )  # fmt: skip
            return np.ascontiguousarray(pixels)
    except (OSError, rawpy.LibRawError) as error:
        raise _unreadable(path, camera_id, error) from error


def _first_scan(data: bytes) -> int:
    """Offset of the first start-of-scan marker of a JPEG, -1 where the header is broken."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xDA:
            return at
        is_padding = data[at + 1] == 0xFF
        at += 1 if is_padding else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return -1


def _profile_name(profile: bytes | None) -> str:
    if not profile:
        return ""
    from io import BytesIO

    from PIL import ImageCms

    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile))).strip()
    except (OSError, ImageCms.PyCMSError):
        return "unreadable profile"


def _unreadable(path: Path, camera_id: str, error: Exception) -> CaptureError:
    where = _where(camera_id, path)
    if not path.exists():
        return CaptureError("The photograph is missing.", where, _AGAIN)
    if path.stat().st_size == 0:
        return CaptureError("The file is empty.", where, _AGAIN)
    cut = "truncated" in str(error).lower() or "broken data stream" in str(error).lower() or is_truncated(path)
    if cut and _looks_like_image(path):
        return truncated_error(path, camera_id)
    return CaptureError("The file is not a photograph that can be read.", where, _AGAIN)


def _looks_like_image(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(8)
    return start.startswith((b"\xff\xd8", b"\x89PNG", b"II*\0", b"MM\0*"))


def _where(camera_id: str, path: Path) -> str:
    return f"camera {camera_id}, {path}" if camera_id else str(path)
