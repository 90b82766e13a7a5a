"""The pictures of the report's page: numbers on the surface from four sides, masks, and a camera that is
wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scan3d.report.agreement import Agreement
from scan3d.report.look import Look
from scan3d.report.preview import ground
from scan3d.report.shading import view_values

# From little to much, in steps that colour-blind eyes tell apart: vermilion, amber, pale yellow, sky, deep
# blue.
PALETTE = np.array([(196, 62, 10), (234, 152, 40), (250, 232, 150), (110, 178, 216), (24, 84, 150)]) / 255.0
_FLAGGED, _SUBJECT = (214, 78, 20), (38, 132, 214)


def strip_of_values(
    looks: Sequence[Look], values: NDArray[np.generic], *, low: float, high: float
) -> NDArray[np.uint8]:
    """(H, W, 3): the surface from the sides of `looks`, coloured by (V,) numbers through PALETTE."""
    views = [view_values(look, values, PALETTE, low=low, high=high) for look in looks]
    return np.concatenate([view.over(ground(*view.depth_m.shape)) for view in views], axis=1)


def contact_sheet(agreements: Sequence[Agreement], flagged: Sequence[str] = ()) -> NDArray[np.uint8]:
    """(H, W, 3): each camera's photograph with its name, dimmed outside the subject, whose rim is drawn.

    The subject is the mask where there is one, else where the model is. Flagged cameras have an orange frame.
    """
    from PIL import Image, ImageDraw, ImageFont

    across = min(len(agreements), 4 if len(agreements) <= 4 else 8)
    cell = (180, 200)
    rows = -(-len(agreements) // max(across, 1))
    sheet = Image.new("RGB", (across * cell[0], rows * (cell[1] + 26)), (24, 25, 29))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, agreement in enumerate(agreements):
        left, top = (number % across) * cell[0], (number // across) * (cell[1] + 26)
        thumb = Image.fromarray(_outlined(agreement))
        thumb.thumbnail((cell[0] - 12, cell[1] - 8), Image.Resampling.LANCZOS)
        x, y = left + (cell[0] - thumb.width) // 2, top + 6 + (cell[1] - 8 - thumb.height) // 2
        sheet.paste(thumb, (x, y))
        bad = agreement.camera_id in flagged
        if bad:
            draw.rectangle((x - 3, y - 3, x + thumb.width + 2, y + thumb.height + 2), outline=_FLAGGED, width=3)
        ink = (255, 160, 100) if bad else (205, 207, 214)
        draw.text((left + cell[0] / 2, top + cell[1] + 12), agreement.camera_id, ink, font, anchor="mm")
    return np.asarray(sheet)


def triptych(agreement: Agreement) -> NDArray[np.uint8]:
    """(H, W, 3): the photograph, what the other cameras would have it show, and the difference amplified."""
    gap = np.full((agreement.photograph.shape[0], 8, 3), 128, np.uint8)
    parts = [agreement.photograph, gap, agreement.model, gap, agreement.difference]
    return np.concatenate(parts, axis=1)


def _outlined(agreement: Agreement) -> NDArray[np.uint8]:
    import cv2

    picture = agreement.photograph.astype(np.float32)
    subject = agreement.subject.astype(np.uint8)
    picture[subject == 0] = 0.35 * picture[subject == 0] + 22
    width = max(1, round(max(subject.shape) / 160))
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    rim = cv2.morphologyEx(subject, cv2.MORPH_GRADIENT, kernel) != 0
    picture[rim] = _SUBJECT
    return np.rint(picture).astype(np.uint8)
