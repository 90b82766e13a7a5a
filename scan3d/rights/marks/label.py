"""What the eye sees: a line of text where law or option ask for it, and "NOT FOR USE" across quality control."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.errors import InputError
from scan3d.rights.marks.watermark import colour_channels

# China's GB 45438-2025 asks for text at least this high, of the picture's shortest side.
LEAST_HEIGHT = 0.05
NOT_FOR_USE = "NOT FOR USE"

_OUTLINE = 0.11  # of the text's height: black around white is read on light and on dark
_ACROSS_OPACITY = 0.45
# Fonts with Chinese, Japanese and Korean signs, by the names that systems give them; Pillow's own has none.
_WIDE_FONTS = ("NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "wqy-zenhei.ttc", "msyh.ttc", "PingFang.ttc")

Pixels = npt.NDArray[np.integer]


def draw_label(pixels: Pixels, text: str) -> Pixels:
    """A copy with white, black-rimmed text at the lower left, its letters at least LEAST_HEIGHT of the shortest side.

    pixels: as `watermark.embed` takes them. Raises InputError for text that no font here can write or that is too
    long for the picture.
    """
    height, width = pixels.shape[:2]
    least = math.ceil(LEAST_HEIGHT * min(height, width))
    font = _font(text, least)
    margin = max(2, least // 2)
    lines = _lines(text, font, width - 2 * margin)
    if not lines or len(lines) * least * 1.5 + 2 * margin > height:
        raise InputError(
            "The label is too long to be written over the picture.", text[:60], "Choose a shorter one, or none."
        )
    mask = _blank(height, width)
    step = round(1.5 * font.size)
    for number, line in enumerate(reversed(lines)):
        _write(mask, (margin, height - margin - number * step), line, font, "ls")
    return _blended(pixels, mask, 1.0)


def draw_not_for_use(pixels: Pixels) -> Pixels:
    """A copy with NOT FOR USE in rows across it, too large to be cut away and thin enough to judge a render by."""
    from PIL import Image

    height, width = pixels.shape[:2]
    size = max(12, round(min(height, width) / 9))
    font = _font(NOT_FOR_USE, size)
    side = math.ceil(math.hypot(height, width))
    sheet = _blank(side, side)
    wide = font.getlength(NOT_FOR_USE) + 2 * size
    for row, y in enumerate(range(size, side + size, 3 * size)):
        x = -(row % 2) * wide / 2
        while x < side:
            _write(sheet, (x, y), NOT_FOR_USE, font, "ls")
            x += wide
    turned = sheet.rotate(30, resample=Image.Resampling.BICUBIC)
    left, top = (side - width) // 2, (side - height) // 2
    return _blended(pixels, turned.crop((left, top, left + width, top + height)), _ACROSS_OPACITY)


def _font(text: str, letters_px: int) -> Any:
    """A font whose capital letters are `letters_px` high or a little more and which has every sign of the text."""
    from PIL import ImageFont

    def sized(name: str | None, size: int) -> Any:
        return ImageFont.load_default(size) if name is None else ImageFont.truetype(name, size)

    for name in (None, *_WIDE_FONTS):
        try:
            size = max(8, letters_px)
            font = sized(name, size)
            if not _has_all(font, text):
                continue
            while _letters_px(font, text) < letters_px:
                size += max(1, size // 20)
                font = sized(name, size)
            return font
        except OSError:
            continue
    raise InputError(
        "No font on this computer has all the signs of the label.",
        text[:60],
        "Install one, as Debian's fonts-noto-cjk or fonts-wqy-zenhei, or write the label in Latin letters.",
    )


def _letters_px(font: Any, text: str) -> int:
    """How high the lowest of upper-case letters and wide signs stand; small letters count where there are no others."""
    high = [sign for sign in text if sign.isupper() or ord(sign) > 0x2E80] or list(text)
    boxes = [font.getbbox(sign, anchor="ls") for sign in high if not sign.isspace()]
    return min((box[3] - box[1] for box in boxes), default=10**6)


def _has_all(font: Any, text: str) -> bool:
    """Whether each sign is drawn otherwise than one that no font has."""
    missing = bytes(font.getmask("\U0010fffe"))
    return all(sign.isspace() or bytes(font.getmask(sign)) != missing for sign in text)


def _lines(text: str, font: Any, width: int) -> list[str]:
    """The text broken at spaces, or between wide signs; empty if a word is wider than the picture."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines if all(font.getlength(line) <= width for line in lines) else []


def _blank(height: int, width: int) -> Any:
    from PIL import Image

    return Image.new("LA", (width, height), (0, 0))


def _write(mask: Any, place: tuple[float, float], text: str, font: Any, anchor: str) -> None:
    from PIL import ImageDraw

    rim = max(1, round(_OUTLINE * font.size))
    ImageDraw.Draw(mask).text(
        place, text, fill=(255, 255), font=font, anchor=anchor, stroke_width=rim, stroke_fill=(0, 255)
    )


def _blended(pixels: Pixels, mask: Any, opacity: float) -> Pixels:
    ink, cover = (np.asarray(mask, np.float32)[..., k] / 255 for k in (0, 1))
    cover = cover * opacity
    full = np.iinfo(pixels.dtype).max
    out = pixels.copy()
    colours = out[..., None] if out.ndim == 2 else out[..., : colour_channels(out)]
    colours[...] = np.rint(colours * (1 - cover[..., None]) + (full * ink * cover)[..., None]).astype(pixels.dtype)
    if out.ndim == 3 and colour_channels(out) < out.shape[2]:  # On what is transparent the text would not be seen.
        out[..., -1] = np.maximum(out[..., -1], np.rint(full * cover).astype(pixels.dtype))
    return out
