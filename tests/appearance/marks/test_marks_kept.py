"""What was there is there: a picture that lost a mark is told from one that kept it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scan3d.appearance.marks.find import find_marks
from scan3d.appearance.marks.kept import marks_kept
from scan3d.geometry.imperfections import Imperfection
from tests.appearance.marks.test_marks import BLUE, BROWN, TEXEL_M, picture, skin, with_mark


@pytest.fixture(scope="module")
def marked() -> tuple[np.ndarray, list[Imperfection]]:
    albedo = skin()
    for row, column, size_mm, contrast in ((60, 70, 1.8, 0.3), (90, 240, 3.0, 0.5), (220, 90, 2.4, -0.2)):
        with_mark(albedo, row, column, size_mm, contrast * BROWN)
    with_mark(albedo, 200, 220, 3.0, 0.1 * BLUE, length_mm=25)
    return albedo, find_marks(picture(albedo))


def test_what_was_found_is_there(marked: tuple[np.ndarray, list[Imperfection]]) -> None:
    albedo, marks = marked
    assert len(marks) == 4
    assert marks_kept(albedo, marks, texel_m=TEXEL_M) == []


def test_other_texels_and_another_chart_keep_them(marked: tuple[np.ndarray, list[Imperfection]]) -> None:
    albedo, marks = marked
    small = cv2.resize(albedo, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    assert marks_kept(small, marks, texel_m=TEXEL_M / 0.6) == []
    turned = np.rot90(albedo)  # counter-clockwise: u, v -> 1 - v, u
    uv = np.array([(1 - mark.uv[1], mark.uv[0]) for mark in marks])
    assert marks_kept(turned, marks, texel_m=TEXEL_M, uv=uv) == []
    assert len(marks_kept(turned, marks, texel_m=TEXEL_M)) == len(marks)


def test_beautified_skin_has_lost_them(marked: tuple[np.ndarray, list[Imperfection]]) -> None:
    albedo, marks = marked
    smooth = cv2.GaussianBlur(albedo, (0, 0), 3e-3 / TEXEL_M)
    assert len(marks_kept(smooth, marks, texel_m=TEXEL_M)) == len(marks)
    mole = max(marks, key=lambda m: m.contrast)
    row, column = round((1 - mole.uv[1]) * 300), round(mole.uv[0] * 300)
    healed = albedo.copy()
    healed[row - 8 : row + 9, column - 8 : column + 9] = albedo[row + 20 : row + 37, column - 8 : column + 9]
    (lost,) = marks_kept(healed, marks, texel_m=TEXEL_M)
    assert lost.mark == mole
    assert abs(lost.shown) < 0.1


def test_where_nothing_is_shown_a_mark_is_lost_and_one_on_another_picture_is_not_asked_for(
    marked: tuple[np.ndarray, list[Imperfection]],
) -> None:
    albedo, marks = marked
    known = np.zeros(albedo.shape[:2], bool)
    lost = marks_kept(albedo, marks, texel_m=TEXEL_M, known=known)
    assert len(lost) == len(marks)
    assert all(np.isnan(mark.shown) for mark in lost)
    assert marks_kept(albedo, marks, texel_m=TEXEL_M, uv=np.full((len(marks), 2), np.nan)) == []
