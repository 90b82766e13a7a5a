"""Many pictures on one sheet, and on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.errors import InputError
from scan3d.report.page_files import embedded, filled_in, plain

_CELL_PX, _GAP_PX, _WORDS_PX = 420, 12, 34
_PAGE_PX = 900


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One picture: its name, its file, and what `render_take` said about it."""

    name: str
    picture: Path
    summary: Mapping[str, Any]


def contact_sheet(entries: Sequence[Entry]) -> np.ndarray:
    """(H, W, 3) uint8: all pictures in rows, each with its name below."""
    import cv2

    columns = max(1, min(6, int(np.ceil(len(entries) ** 0.5))))
    rows = -(-len(entries) // columns)
    step_x, step_y = _CELL_PX + _GAP_PX, _CELL_PX + _WORDS_PX + _GAP_PX
    sheet = np.full((rows * step_y + _GAP_PX, columns * step_x + _GAP_PX, 3), 245, np.uint8)
    for number, entry in enumerate(entries):
        small = _fitted(_read(entry.picture), _CELL_PX)
        top, left = _GAP_PX + number // columns * step_y, _GAP_PX + number % columns * step_x
        y, x = top + (_CELL_PX - small.shape[0]) // 2, left + (_CELL_PX - small.shape[1]) // 2
        sheet[y : y + small.shape[0], x : x + small.shape[1]] = small
        words = entry.name if len(entry.name) < 48 else entry.name[:45] + "..."
        place = (left + 2, top + _CELL_PX + 22)
        cv2.putText(sheet, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    return sheet


def lookbook(title: str, entries: Sequence[Entry]) -> str:
    """An HTML page with the pictures inside, without scripts or links."""
    rows = []
    for entry in entries:
        small = _fitted(_read(entry.picture), _PAGE_PX)
        rows.append({"name": entry.name, **embedded(small, quality=88)})
    numbers = {
        "format": "scan3d lookbook",
        "take": title,
        "pictures": [{"name": entry.name, **plain(entry.summary)} for entry in entries],
    }
    return filled_in("lookbook.html.j2", numbers, rows=rows)


def _read(path: Path) -> np.ndarray:
    """(H, W, 3) uint8, over white where it is transparent."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise InputError("The picture cannot be read.", str(path), "Remove it and render it again.")
    rgb = picture[..., 2::-1]
    if picture.shape[2] == 3:
        return np.ascontiguousarray(rgb)
    alpha = picture[..., 3:].astype(np.float32) / 255
    return np.rint(rgb * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture at most `side` pixels wide and high."""
    import cv2

    factor = side / max(picture.shape[:2])
    if factor >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
