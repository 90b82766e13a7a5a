import numpy as np
import pytest

from scan3d.errors import InputError
from scan3d.rights.marks.label import draw_label, draw_not_for_use
from tests.rights.marks.figures import figure


@pytest.mark.parametrize("size", [(200, 300), (640, 360), (1080, 1920)])
def test_letters_are_a_twentieth_of_the_shortest_side(size: tuple[int, int]) -> None:
    black = np.zeros((*size, 3), np.uint8)
    white = (draw_label(black, "HIE") > 128).all(axis=2)  # Letters that all reach from the base line to the top.
    rows = np.flatnonzero(white.any(axis=1))
    assert np.ptp(rows) + 1 >= 0.05 * min(size)


@pytest.mark.parametrize("level", [0, 40, 128, 255])
def test_read_on_light_and_on_dark(level: int) -> None:
    labelled = draw_label(np.full((400, 600, 3), level, np.uint8), "Computer generated")
    assert (labelled == 255).all(axis=2).any() and (labelled == 0).all(axis=2).any()
    assert np.array_equal(labelled[:300], np.full((300, 600, 3), level))


def test_a_long_label_takes_several_lines() -> None:
    one = draw_label(np.zeros((500, 500), np.uint8), "Made by a computer from a scan of Ada, with her consent")
    ink = (one > 128).any(axis=1)
    assert np.count_nonzero(np.diff(ink.astype(int)) == 1) >= 2


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(InputError, match="too long"):
        draw_label(np.zeros((200, 200, 3), np.uint8), "incomprehensibilities " * 20)
    with pytest.raises(InputError, match="No font"):
        draw_label(np.zeros((200, 200, 3), np.uint8), "\U0001e900\U00012000")


def test_not_for_use_is_everywhere() -> None:
    pixels = figure()
    changed = (draw_not_for_use(pixels) != pixels).any(axis=2)
    height, width = changed.shape
    tiles = changed[: height // 4 * 4, : width // 3 * 3].reshape(4, height // 4, 3, width // 3)
    assert tiles.any(axis=(1, 3)).all()
    assert 0.15 < changed.mean() < 0.6


def test_transparent_pictures_show_it_too_and_deep_ones_stay_deep() -> None:
    clear = np.zeros((300, 300, 4), np.uint8)
    assert draw_label(clear, "AI")[..., 3].max() == 255
    deep = draw_not_for_use(figure(dtype=np.uint16))
    assert deep.dtype == np.uint16 and deep.max() > 60000
