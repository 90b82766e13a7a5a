"""Marks of the skin are looked for again in the body's maps."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.capture.colour import linear_to_srgb
from scan3d.workflows.marks_check import kept_on_the_body, note_marks, said_of_marks

SIZE, TEXEL_M = 256, 4e-4
PLACES = [(0.25, 0.75), (0.6, 0.4), (1.5, 0.5)]  # the third lies on the second tile
SIZES_MM, CONTRAST = (3.0, 6.0, 4.0), 0.4


def maps(folder: Path, drawn: tuple[int, ...], unseen: tuple[int, ...] = ()) -> Path:
    """Two tiles of even skin with the marks of those numbers, and imperfections.json with all."""
    for tile in range(2):
        albedo, coverage = np.full((SIZE, SIZE, 3), 0.4), np.full((SIZE, SIZE), 255, np.uint8)
        for k, (u, v) in enumerate(PLACES):
            if int(u) != tile:
                continue
            x, y = np.meshgrid((np.arange(SIZE) + 0.5) / SIZE, 1 - (np.arange(SIZE) + 0.5) / SIZE)
            away_mm = 1e3 * TEXEL_M * SIZE * np.hypot(x - u % 1, y - v % 1)
            if k in drawn:
                albedo[away_mm < 0.5 * SIZES_MM[k]] *= 1 - CONTRAST
            if k in unseen:
                coverage[away_mm < 2 * SIZES_MM[k]] = 80
        codes = np.rint(65535 * linear_to_srgb(albedo.astype(np.float32))).astype(np.uint16)
        assert cv2.imwrite(str(folder / f"albedo.{1001 + tile}.png"), codes)
        assert cv2.imwrite(str(folder / f"coverage.{1001 + tile}.png"), coverage)
    marks = [
        {
            "kind": "mole", "part": "body", "position_m": [0, 0, 0], "uv": place, "size_mm": size,
            "contrast": CONTRAST, "relief_mm": 0.0, "body": {"uv_per_m": 1 / (SIZE * TEXEL_M)},
        }
        for place, size in zip(PLACES, SIZES_MM, strict=True)
    ]  # fmt: skip
    (folder / "imperfections.json").write_text(json.dumps(marks))
    files = {name: {"files": [f"{name}.1001.png", f"{name}.1002.png"]} for name in ("albedo", "coverage")}
    (folder / "maps.json").write_text(json.dumps({"tiles": [1001, 1002], **files}))
    return folder


def test_what_was_there_is_there(tmp_path: Path) -> None:
    assert kept_on_the_body(maps(tmp_path, (0, 1, 2))) == {"carried": 3, "lost": []}


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_mark_that_was_smoothed_away_is_named(tmp_path: Path, gone: int) -> None:
    folder = maps(tmp_path, tuple(k for k in range(3) if k != gone))
    note_marks(folder)
    about = json.loads((folder / "maps.json").read_text())
    assert [tuple(one["uv"]) for one in about["marks"]["lost"]] == [PLACES[gone]]
    assert "2 of 3" in said_of_marks(about)


def test_what_the_scan_did_not_show_is_not_lost(tmp_path: Path) -> None:
    found = kept_on_the_body(maps(tmp_path, (0, 2), unseen=(1,)))
    assert found == {"carried": 2, "lost": []}


def test_without_marks_nothing_is_said(tmp_path: Path) -> None:
    folder = maps(tmp_path, ())
    (folder / "imperfections.json").write_text("[]")
    note_marks(folder)
    assert said_of_marks(json.loads((folder / "maps.json").read_text())) == ""
