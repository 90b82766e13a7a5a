"""Whether the marks of a person's skin are still there once its maps were carried on to the body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.appearance.marks.kept import marks_kept
from scan3d.appearance.materials.files import udim
from scan3d.body.stages import MARKS_FILE
from scan3d.capture.colour import srgb_to_linear
from scan3d.geometry.imperfections import Imperfection
from scan3d.workflows.solved_skin import read_picture

_SEEN = 255  # of a body's coverage map


def kept_on_the_body(maps: Path) -> dict[str, Any] | None:
    """Of a folder results/body/maps: {"carried": how many marks lie on the body where the scan showed it, "lost": those
    whose contrast is less than half of what it was}. None where there are no marks."""
    path = maps / MARKS_FILE
    carried = json.loads(path.read_text()) if path.is_file() else []
    if not carried:
        return None
    about = json.loads((maps / "maps.json").read_text())
    lost, looked = [], 0
    for number, albedo, coverage in zip(
        about["tiles"], about["albedo"]["files"], about["coverage"]["files"], strict=True
    ):
        on_tile = [mark for mark in carried if _tile(mark) == number]
        if not on_tile:
            continue
        picture, seen = srgb_to_linear(read_picture(maps / albedo)), read_picture(maps / coverage) == _SEEN
        size = len(picture)
        uv = np.array([mark["uv"] for mark in on_tile], np.float64) % 1
        rows = np.clip(((1 - uv[:, 1]) * size).astype(int), 0, size - 1)
        shown = seen[rows, np.clip((uv[:, 0] * size).astype(int), 0, size - 1)]
        marks = [_mark(mark) for mark, there in zip(on_tile, shown, strict=True) if there]
        scale = np.array([mark["body"]["uv_per_m"] for mark, there in zip(on_tile, shown, strict=True) if there])
        texel_m = 1 / np.maximum(scale * size, 1e-9)
        found = marks_kept(picture, marks, texel_m=texel_m, known=seen, uv=uv[shown])
        looked += len(marks)
        lost += [_told(one.mark, one.shown) for one in found]
    return {"carried": looked, "lost": lost}


def note_marks(maps: Path) -> None:
    """Writes what became of the marks into maps.json."""
    from scan3d.pipeline.aside import write_bytes

    kept = kept_on_the_body(maps)
    if kept is not None:
        about = json.loads((maps / "maps.json").read_text())
        write_bytes(maps / "maps.json", (json.dumps({**about, "marks": kept}, indent=1) + "\n").encode())


def said_of_marks(about: Mapping[str, Any]) -> str:
    """In words what maps.json says of the marks; "" where it says nothing."""
    kept = about.get("marks")
    if not kept:
        return ""
    if not kept["lost"]:
        return f"All {kept['carried']} marks of the skin are on the body."
    there = kept["carried"] - len(kept["lost"])
    return f"{there} of {kept['carried']} marks of the skin are on the body; maps.json names those that are too weak."


def _tile(mark: Mapping[str, Any]) -> int:
    u, v = mark["uv"]
    return udim(int(np.floor(u)) + 10 * int(np.floor(v)))


def _mark(values: Mapping[str, Any]) -> Imperfection:
    own = {key: value for key, value in values.items() if key != "body"}
    return Imperfection(**{**own, "position_m": tuple(own["position_m"]), "uv": tuple(own["uv"])})


def _told(mark: Imperfection, shown: float) -> dict[str, Any]:
    weak = None if np.isnan(shown) else round(float(shown), 3)
    return {"kind": mark.kind, "uv": mark.uv, "size_mm": mark.size_mm, "contrast": mark.contrast, "shown": weak}
