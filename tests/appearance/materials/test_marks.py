"""What is on the skin is there: marks are found, measured, and left as they are."""

from __future__ import annotations

import numpy as np
import pytest

from scan3d.appearance.materials.marks import find_marks, without_doubles

TEXEL_M = 0.3e-3
SIZE = 400


def skin(seed: int = 0) -> np.ndarray:
    """Uneven skin with fine grain, (SIZE, SIZE, 3) linear."""
    import cv2

    rng = np.random.default_rng(seed)
    broad = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE)).astype(np.float32), (0, 0), 40)
    grain = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE)).astype(np.float32), (0, 0), 1.0)
    light = 1 + 0.08 * broad / broad.std() + 0.008 * grain / grain.std()
    return (np.array([0.5, 0.3, 0.2]) * light[..., None]).astype(np.float32)


def with_mark(albedo: np.ndarray, row: int, column: int, size_mm: float, contrast: float) -> None:
    y, x = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(y - row, x - column) * TEXEL_M * 1e3 / (size_mm / 2)
    t = np.clip((1.08 - away) / (1.08 - 0.62), 0, 1)
    albedo *= (1 - contrast * t * t * (3 - 2 * t))[..., None].astype(np.float32)


def place(row: int, column: int) -> np.ndarray:
    return np.array([column * TEXEL_M, row * TEXEL_M, 0.0])


MARKS = [
    (60, 70, 1.4, 0.3), (80, 250, 2.0, 0.5), (200, 120, 3.2, 0.6), (210, 330, 4.5, 0.45), (330, 80, 2.6, 0.2),
    (320, 300, 1.8, -0.25), (140, 200, 3.0, 0.15),
]  # fmt: skip


def test_marks_are_found_where_they_are_as_large_as_they_are() -> None:
    albedo = skin()
    for mark in MARKS:
        with_mark(albedo, *mark)
    found = find_marks(albedo, np.ones((SIZE, SIZE), bool), place, TEXEL_M)
    assert len(found) == len(MARKS)
    for row, column, size_mm, contrast in MARKS:
        near = min(found, key=lambda m: np.linalg.norm(np.asarray(m.position_m) - place(row, column)))
        assert np.linalg.norm(np.asarray(near.position_m) - place(row, column)) < 0.5e-3
        assert near.size_mm == pytest.approx(size_mm, rel=0.25)
        assert near.contrast == pytest.approx(contrast, abs=0.06)
        assert near.uv == pytest.approx(((column + 0.5) / SIZE, 1 - (row + 0.5) / SIZE), abs=2 / SIZE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_skin_without_marks_has_none(seed: int) -> None:
    assert find_marks(skin(seed), np.ones((SIZE, SIZE), bool), place, TEXEL_M) == []


def test_looking_for_marks_changes_nothing() -> None:
    albedo = skin()
    with_mark(albedo, 100, 100, 3.0, 0.5)
    before = albedo.copy()
    find_marks(albedo, np.ones((SIZE, SIZE), bool), place, TEXEL_M)
    assert np.array_equal(albedo, before)


def test_what_lies_at_the_edge_of_what_was_seen_is_no_mark() -> None:
    known = np.ones((SIZE, SIZE), bool)
    known[:, 200:] = False
    albedo = skin()
    albedo[:, 195:205] *= 0.4
    assert find_marks(albedo, known, place, TEXEL_M) == []
    assert find_marks(albedo, np.zeros((SIZE, SIZE), bool), place, TEXEL_M) == []


def test_one_mark_on_two_charts_is_one() -> None:
    albedo = skin()
    with_mark(albedo, 100, 100, 3.0, 0.5)
    once = find_marks(albedo, np.ones((SIZE, SIZE), bool), place, TEXEL_M)
    assert len(without_doubles([*once, *once])) == len(once) == 1
