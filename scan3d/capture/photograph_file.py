"""Photographs as cameras write them: JPEG, or 16-bit linear TIFF, with EXIF."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.capture.exif import Exif
from scan3d.pipeline.aside import write_bytes, written_aside

_EXIF_IFD = 0x8769
_ASCII, _SHORT, _RATIONAL = 2, 3, 5
# TIFF's and TIFF/EP's tags for the main directory; EXIF has the same numbers in a directory of its own.
_MAIN = {"make": 271, "model": 272}
_TEXTS = {"time": 36867, "subsecond": 37521, "serial": 42033, "lens": 42036, "lens_serial": 42037}
_NUMBERS = {"exposure_s": 33434, "f_number": 33437, "focal_mm": 37386}
_ISO, _RESOLUTION, _RESOLUTION_UNIT, _MILLIMETRES = 34855, (41486, 41487), 41488, 4
QUALITY = 95


def write_photograph(path: Path, linear: np.ndarray, exif: Exif, *, quality: int = QUALITY) -> None:
    """Write a picture (H, W, 3) float, linear Rec.709 in 0..1, whole or not at all.

    A .jpg holds it sRGB-encoded, colours not subsampled; a .tif 16-bit linear. The same picture and EXIF give the
    same bytes. Raises StorageError where the disk refuses, ValueError for another ending.
    """
    if path.suffix == ".jpg":
        write_bytes(path, _jpeg(quantised(linear_to_srgb(np.clip(linear, 0, 1)), np.uint8), exif, quality))
    elif path.suffix == ".tif":
        _write_tiff(path, quantised(np.clip(linear, 0, 1), np.uint16), exif)
    else:
        raise ValueError(f"photographs are written as .jpg or .tif, not {path.suffix}")


def _jpeg(encoded: np.ndarray, exif: Exif, quality: int) -> bytes:
    from PIL import Image

    tags = Image.Exif()
    for number, value in _main(exif).items():
        tags[number] = value
    directory = tags.get_ifd(_EXIF_IFD)
    for number, (_, value) in _own(exif).items():
        directory[number] = float(value) if isinstance(value, Fraction) else value
    buffer = io.BytesIO()
    Image.fromarray(encoded).save(buffer, "JPEG", quality=quality, subsampling=0, exif=tags)
    return buffer.getvalue()


def _write_tiff(path: Path, pixels: np.ndarray, exif: Exif) -> None:
    import tifffile

    extra: list[tuple[Any, ...]] = [
        (number, _ASCII, 0, value, True) for number, value in _main(exif).items()
    ]  # fmt: skip
    for number, (kind, value) in _own(exif).items():
        if isinstance(value, Fraction):
            extra.append((number, kind, 1, (value.numerator, value.denominator), True))
        else:
            extra.append((number, kind, 0 if kind == _ASCII else 1, value, True))
    with written_aside(path) as aside:
        # Neither a date nor a version: the same photograph is the same bytes.
        tifffile.imwrite(
            aside, pixels, photometric="rgb", metadata=None, software=False, extratags=extra, compression="zlib",
            predictor=True,
        )  # fmt: skip


def _main(exif: Exif) -> dict[int, str]:
    return {number: getattr(exif, name) for name, number in _MAIN.items() if getattr(exif, name)}


def _own(exif: Exif) -> dict[int, tuple[int, Any]]:
    """Tag -> (TIFF's type, value)."""
    tags: dict[int, tuple[int, Any]] = {
        number: (_ASCII, getattr(exif, name)) for name, number in _TEXTS.items() if getattr(exif, name)
    }
    for name, number in _NUMBERS.items():
        if value := getattr(exif, name):
            tags[number] = (_RATIONAL, Fraction(value).limit_denominator(100_000))
    if exif.iso:
        tags[_ISO] = (_SHORT, round(exif.iso))
    if exif.pixels_per_mm:
        for number in _RESOLUTION:
            tags[number] = (_RATIONAL, Fraction(exif.pixels_per_mm).limit_denominator(100_000))
        tags[_RESOLUTION_UNIT] = (_SHORT, _MILLIMETRES)
    return dict(sorted(tags.items()))
