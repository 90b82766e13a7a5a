"""What a photograph's EXIF tells about the camera: body, lens, focal length, time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_EXIF_IFD = 0x8769
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_DIAGONAL_35MM = math.hypot(36.0, 24.0)


@dataclass(frozen=True, kw_only=True)
class Exif:
    """Fields are "" or None where the photograph does not say.

    focal_mm: the lens's; focal_35mm: the equivalent on 36 x 24 mm; pixels_per_mm: on the sensor, for the
    stored image.
    time: as written, "YYYY:MM:DD hh:mm:ss"; subsecond: the digits behind it, "" or "042" for 0.042 s.
    exposure_s, f_number, iso as set.
    """

    make: str = ""
    model: str = ""
    serial: str = ""
    lens: str = ""
    lens_serial: str = ""
    focal_mm: float | None = None
    focal_35mm: float | None = None
    pixels_per_mm: float | None = None
    time: str = ""
    subsecond: str = ""
    exposure_s: float | None = None
    f_number: float | None = None
    iso: float | None = None

    def body_and_lens(self) -> tuple[str, ...] | None:
        """What two photographs by the same body, lens and focal length share; None where no body is named."""
        if not self.model:
            return None
        focal = "" if self.focal_mm is None else f"{self.focal_mm:.2f}"
        return (self.make, self.model, self.serial, self.lens, self.lens_serial, focal)

    def focal_px(self, width: int, height: int) -> float | None:
        """Focal length in pixels of an image of this size, as far as EXIF knows: good to a few per cent."""
        if self.focal_mm and self.pixels_per_mm:
            return self.focal_mm * self.pixels_per_mm
        if self.focal_35mm:
            return self.focal_35mm / _DIAGONAL_35MM * math.hypot(width, height)
        return None


def read_exif(path: Path) -> Exif:
    """EXIF of a JPEG, PNG, TIFF or RAW that Pillow can open; an empty `Exif` where there is none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            main: dict[int, Any] = dict(image.getexif())
            # TIFF/EP keeps in the file's main directory what EXIF keeps in one of its own.
            tags: dict[int, Any] = {**main, **image.getexif().get_ifd(_EXIF_IFD)}
            width = image.width
    except (OSError, ValueError, SyntaxError):
        return Exif()
    return Exif(
        make=_text(main.get(271)),
        model=_text(main.get(272)),
        serial=_text(tags.get(42033)),
        lens=_text(tags.get(42036)),
        lens_serial=_text(tags.get(42037)),
        focal_mm=_number(tags.get(37386)),
        focal_35mm=_number(tags.get(41989)),
        pixels_per_mm=_pixels_per_mm(tags, width),
        time=_text(tags.get(36867) or main.get(306)),
        subsecond=_text(tags.get(37521)),
        exposure_s=_number(tags.get(33434)),
        f_number=_number(tags.get(33437)),
        iso=_number(tags.get(34855)),
    )


def is_told_upright(path: Path) -> bool:
    """Whether EXIF says that a photograph stands upright as stored: its camera felt where down is.

    False where the tag is missing. Cameras that lie flat, or have no such sense, write 1 as well: one photograph proves
    nothing, many do.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return bool(image.getexif().get(274) == 1)
    except (OSError, ValueError, SyntaxError):
        return False


def _pixels_per_mm(tags: dict[int, Any], width: int) -> float | None:
    """Sensor resolution of the image as stored; programs that resize often leave the camera's width beside it."""
    resolution, unit = _number(tags.get(41486)), _MM_PER_UNIT.get(int(_number(tags.get(41488)) or 2))
    if not resolution or not unit:
        return None
    original_width = _number(tags.get(40962))
    scale = width / original_width if original_width else 1.0
    per_mm = resolution / unit * scale
    # A sensor narrower than 2 mm or wider than 110 mm is a tag that no camera wrote.
    return per_mm if 2.0 < width / per_mm < 110.0 else None


def _text(value: Any) -> str:
    return "" if value is None else str(value).replace("\0", "").strip()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None
