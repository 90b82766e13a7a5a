"""What all report pages are made of: JSON values, a template filled in, and both files written aside and renamed."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.pipeline.aside import write_bytes
from scan3d.report.pictures import PALETTE


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A rectangle of a small picture: corner x, y, size, colour (empty: nothing was there) and words for it."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    words: str


def plain(value: Any) -> Any:
    """JSON values of dataclasses, mappings, sequences, arrays and NumPy's scalars; what is not finite becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def filled_in(
    template: str, numbers: Mapping[str, Any], *, filters: Mapping[str, Callable[..., str]] | None = None, **names: Any
) -> str:  # fmt: skip
    """A page of scan3d/report/templates with the numbers it draws, which it also carries as `data`."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scan3d.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    # A camera may be called "</script>".
    data = json.dumps(numbers, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return environment.get_template(template).render(r=numbers, data=data, **names)


def embedded(rgb: np.ndarray, *, widest_px: int = 1800, quality: int = 86) -> dict[str, Any]:
    """A picture (H, W, 3), RGB, as a template takes it: uri, a JPEG no wider than widest_px, width and height."""
    import cv2

    from scan3d.report.texture import encode_jpeg

    if rgb.shape[1] > widest_px:
        height = round(rgb.shape[0] * widest_px / rgb.shape[1])
        rgb = cv2.resize(rgb, (widest_px, height), interpolation=cv2.INTER_AREA)
    data = base64.b64encode(encode_jpeg(rgb, quality)).decode()
    return {"uri": f"data:image/jpeg;base64,{data}", "width": rgb.shape[1], "height": rgb.shape[0]}


def write_page(folder: Path, stem: str, numbers: Mapping[str, Any], page: str) -> tuple[Path, Path]:
    """Writes <stem>.json and <stem>.html, each aside and renamed; returns their paths.

    Raises StorageError when the folder cannot be written to.
    """
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False)
    json_path, html_path = folder / f"{stem}.json", folder / f"{stem}.html"
    write_bytes(json_path, (text + "\n").encode())
    write_bytes(html_path, page.encode())
    return json_path, html_path


def palette_colour(share: float) -> str:
    """Hexadecimal colour between the palette's first (0) and last (1)."""
    steps = np.linspace(0.0, 1.0, len(PALETTE))
    rgb = [np.interp(share, steps, PALETTE[:, channel]) for channel in range(3)]
    return "#" + "".join(f"{round(255 * float(value)):02x}" for value in rgb)
