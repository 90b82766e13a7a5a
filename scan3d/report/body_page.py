"""body.html: how well a body fits its scan, part by part, its measures, and what of its skin was not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.pipeline.aside import write_bytes
from scan3d.report.page_files import embedded, filled_in, plain
from scan3d.report.texture import read_picture

_GRADES = {"PASS": "good", "WARN": "look", "FAIL": "bad"}
_HEADLINES = {
    "good": "The body fits the scan.",
    "look": "The body fits, but look here.",
    "bad": "The body does not fit.",
}
_WIDEST_PX, _MAP_PX = 1800, 480
# How far a measure may be off nineteen times in twenty.
_SIGMAS = 1.96


def write_body_page(folder: Path, title: str, fit: Mapping[str, Any], maps: Mapping[str, Any] | None) -> Path:
    """Write body.html beside body.npz; returns its path. One file: no scripts, no links, pictures inside.

    fit: what fit.json holds. maps: what maps/maps.json holds, None where none were made. distances.png lies in the
    folder. Raises StorageError where the folder cannot be written to, InputError where a picture cannot be read.
    """
    checks = [_check(check) for check in fit["checks"]]
    grade = _GRADES[fit["grade"]]
    page = filled_in(
        "body.html.j2",
        plain({"title": title, "grade": grade, "headline": _HEADLINES[grade], "fit": fit, "maps": maps}),
        checks=checks,
        told=[check for check in checks if check["grade"] != "good"],
        measures=[
            {"name": name, **one, "off_mm": _SIGMAS * one["sigma_mm"]} for name, one in fit["measurements"].items()
        ],
        seen=_seen(maps),
        heat=_embedded(folder / "distances.png", _WIDEST_PX),
        pictures=_pictures(folder / "maps", maps),
    )
    path = folder / "body.html"
    write_bytes(path, page.encode())
    return path


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    """A check with the length of its bar, percent of the table's cell; its limit lies at 70. None for those that want
    more than their limit: a long bar would look bad."""
    value, limit = check.get("value"), check.get("limit")
    part = str(check["name"]).removeprefix("fit_").replace("_", " ")
    bar = None
    if value is not None and limit and (value <= limit) == (check["grade"] == "PASS"):
        bar = min(100.0, 70.0 * value / limit)
    return {**check, "grade": _GRADES[check["grade"]], "part": part, "bar": bar}


def _seen(maps: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Shares of the skin by where its colour comes from."""
    about = (maps or {}).get("coverage")
    if not isinstance(about, Mapping):
        return []
    words = (
        ("seen_share", "seen by a camera"),
        ("mirrored_share", "filled from the other side of the body"),
        ("spread_share", "filled from around, or never seen by cameras: mouth, eyes, soles"),
    )
    return [{"share": float(about[key]), "words": text} for key, text in words if key in about]


def _pictures(folder: Path, maps: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Colour and coverage of each tile, small."""
    found: list[dict[str, Any]] = []
    for kind, text in (("albedo", "colour"), ("coverage", "white seen, light grey mirrored, dark grey filled")):
        about = (maps or {}).get(kind)
        names = about["files"] if isinstance(about, Mapping) else ()
        there = [name for name in names if (folder / name).is_file()]
        found += [{**_embedded(folder / name, _MAP_PX), "caption": f"{name}: {text}"} for name in there]
    return found


def _embedded(path: Path, widest_px: int) -> dict[str, Any]:
    picture = read_picture(path)
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    return embedded(picture, widest_px=widest_px)
