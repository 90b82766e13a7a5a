"""What is on the skin is there: marks are found, measured, and left as they are."""

from __future__ import annotations

import numpy as np
import pytest

from scan3d.appearance.marks.find import find_marks, without_doubles
from scan3d.appearance.marks.skin_picture import SkinPicture, mean_of_known

TEXEL_M = 0.3e-3
SIZE = 300


def skin(seed: int = 0) -> np.ndarray:
    """Uneven skin with fine grain, (SIZE, SIZE, 3) linear."""
    import cv2

    rng = np.random.default_rng(seed)
    broad = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE)).astype(np.float32), (0, 0), 40)
    grain = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE, 3)).astype(np.float32), (0, 0), 1.0)
    light = 1 + 0.08 * broad / broad.std()
    return (np.array([0.5, 0.3, 0.2]) * (light[..., None] + 0.008 * grain / grain.std())).astype(np.float32)


def with_mark(
    albedo: np.ndarray, row: float, column: float, size_mm: float, colour: np.ndarray, *, length_mm: float = 0.0
) -> None:
    """Draws a disc, or a bar across, whose edge fades; colour (3,) is its contrast."""
    y, x = np.mgrid[: len(albedo), :SIZE] * TEXEL_M * 1e3
    straight = 0.5 * max(length_mm - size_mm, 0)
    beyond = np.maximum(np.abs(x - column * TEXEL_M * 1e3) - straight, 0)
    away = np.hypot(y - row * TEXEL_M * 1e3, beyond) / (size_mm / 2)
    t = np.clip((1.08 - away) / (1.08 - 0.62), 0, 1)[..., None]
    albedo *= (1 - colour * t * t * (3 - 2 * t)).astype(np.float32)


def picture(albedo: np.ndarray, known: np.ndarray | None = None, *, bent_m: float = np.inf) -> SkinPicture:
    """Flat skin, or skin on a cylinder of a radius."""
    rows, columns = np.mgrid[: len(albedo), :SIZE] * TEXEL_M
    angle = (columns - columns.mean()) / bent_m
    flat = np.isinf(bent_m)
    x, z = (columns, 0 * columns) if flat else (bent_m * np.sin(angle), bent_m * np.cos(angle))
    up = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)
    return SkinPicture(
        albedo=albedo, known=np.ones(albedo.shape[:2], bool) if known is None else known,
        position=np.stack([x, rows, z], axis=-1).astype(np.float32), normal=up.astype(np.float32), texel_m=TEXEL_M,
    )  # fmt: skip


BROWN, RED, BLUE = np.array([0.7, 1.0, 1.3]), np.array([0.4, 1.15, 0.9]), np.array([1.5, 0.8, -0.1])
MARKS = [
    (60, 70, 1.4, 0.3 * BROWN, "freckle"), (80, 250, 2.0, 0.5 * BROWN, "mole"), (200, 50, 3.2, 0.6 * BROWN, "mole"),
    (210, 230, 4.5, 0.25 * RED, "blemish"), (150, 160, 2.6, 0.2 * BROWN, "freckle"),
    (240, 140, 1.8, -0.25 * BROWN, "scar"), (100, 130, 3.0, 0.15 * BROWN, "freckle"),
]  # fmt: skip
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    albedo = skin()
    for row, column, size_mm, colour, _ in MARKS:
        with_mark(albedo, row, column, size_mm, colour)
    return albedo


def test_marks_are_found_where_they_are_as_large_as_they_are(marked: np.ndarray) -> None:
    before = marked.copy()
    shown = picture(marked, bent_m=0.08)
    found = find_marks(shown)
    assert np.array_equal(marked, before)  # looking changes nothing
    assert len(found) == len(MARKS)
    for row, column, size_mm, colour, kind in MARKS:
        place = shown.position[row, column]
        near = found[int(np.argmin([np.linalg.norm(np.asarray(m.position_m) - place) for m in found]))]
        assert np.linalg.norm(np.asarray(near.position_m) - place) < 0.2e-3
        assert near.size_mm == pytest.approx(size_mm, rel=0.12)
        assert near.contrast == pytest.approx(colour @ LUMINANCE, abs=0.06)
        assert near.uv == pytest.approx(((column + 0.5) / SIZE, 1 - (row + 0.5) / SIZE), abs=1.5 / SIZE)
        assert near.kind == kind


def test_a_vein_is_followed_around_a_limb() -> None:
    albedo = skin(4)[:120]
    with_mark(albedo, 60, 150, 3.0, 0.08 * BLUE, length_mm=40)
    shown = picture(albedo, bent_m=0.03)  # 40 mm are 76 degrees of it
    (vein,) = find_marks(shown)
    assert vein.kind == "vein"
    assert vein.size_mm == pytest.approx(40, rel=0.1)
    assert np.linalg.norm(np.asarray(vein.position_m) - shown.position[60, 150]) < 2e-3


def test_a_mark_on_a_seam_of_the_chart_is_whole_and_one(marked: np.ndarray) -> None:
    """The right half lies elsewhere in the tile: the marks are measured in space."""
    albedo = skin(2)
    with_mark(albedo, 150, 150, 3.0, 0.5 * BROWN)
    whole = picture(albedo)

    def parted(values: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [values[:, :150], np.zeros((SIZE, 40, *values.shape[2:]), values.dtype), values[:, 150:]], 1
        )

    apart = SkinPicture(
        albedo=parted(whole.albedo), known=parted(whole.known), position=parted(whole.position),
        normal=parted(whole.normal), texel_m=TEXEL_M,
    )  # fmt: skip
    (mark,) = find_marks(apart)
    assert mark.size_mm == pytest.approx(3.0, rel=0.1)
    assert np.linalg.norm(np.asarray(mark.position_m) - whole.position[150, 150]) < 0.2e-3


def test_skin_without_marks_has_none() -> None:
    assert find_marks(picture(skin(1))) == []


def test_edges_of_colour_and_hairs_are_no_marks() -> None:
    albedo = skin(3)[:90]
    albedo[:, 200:] *= np.float32(0.6)  # a lip
    rng = np.random.default_rng(0)
    for row, column in rng.uniform((20, 40), (70, 70), (90, 2)):  # a brow
        with_mark(albedo, row, column, 0.5, np.full(3, 0.4), length_mm=8)
    assert find_marks(picture(albedo)) == []


def test_what_lies_at_the_edge_of_what_was_seen_is_no_mark() -> None:
    known = np.ones((100, SIZE), bool)
    known[:, 200:] = False
    albedo = skin()[:100]
    albedo[:, 195:205] *= 0.4
    assert find_marks(picture(albedo, known)) == []


def test_one_mark_on_two_tiles_is_one(marked: np.ndarray) -> None:
    once = find_marks(picture(marked[:120]))
    assert len(without_doubles([*once, *once])) == len(once) == 3


def test_means_take_in_known_texels_only() -> None:
    known = np.zeros((30, 40), bool)
    known[5:20, 7:33] = True
    values = np.where(known[..., None], np.array([0.5, 0.3, 0.2]), 9.0).astype(np.float32)
    assert mean_of_known(values, known.astype(np.float32), 1.5)[known] == pytest.approx(values[known], rel=1e-5)
