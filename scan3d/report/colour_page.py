"""colour.html: one file without links or scripts that draws colour.json, with a picture of every chart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.report.page_files import embedded, filled_in, plain, write_page

_GRADES = {"PASS": "good", "WARN": "look", "FAIL": "bad"}


def write_colour_page(
    folder: Path, numbers: Mapping[str, Any], pictures: Mapping[str, np.ndarray]
) -> tuple[Path, Path]:  # fmt: skip
    """Writes colour.json and colour.html into a folder, each aside and renamed; returns their paths.

    pictures: (H, W, 3) uint8 of charts by camera, or camera/state. Raises StorageError when the folder cannot be
    written to.
    """
    values = plain(numbers)
    return write_page(folder, "colour", values, render_colour_page(values, pictures))


def render_colour_page(numbers: Mapping[str, Any], pictures: Mapping[str, np.ndarray]) -> str:
    """The page of the numbers as they stand in colour.json."""
    shown = [
        {**chart, "name": name, "picture": embedded(pictures[name], quality=90) if name in pictures else None}
        for chart in numbers["charts"]
        for name in [f"{chart['camera_id']}/{chart['state']}" if chart["state"] else chart["camera_id"]]
    ]
    flagged = [{**check, "mark": _GRADES[check["grade"]]} for check in numbers["checks"] if check["grade"] != "PASS"]
    worst = "bad" if any(c["mark"] == "bad" for c in flagged) else "look" if flagged else "good"
    return filled_in("colour.html.j2", numbers, charts=shown, flagged=flagged, worst=worst)
