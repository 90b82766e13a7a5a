import numpy as np
import pytest

from scan3d.rights.marks.watermark import embed, luminance
from scan3d.rights.marks.watermark_search import find
from tests.rights.marks.figures import figure, psnr_db

PICTURES = {
    "grey wall": figure(),
    "white wall": figure(wall=255),
    "black wall": figure(wall=0),
    "small": figure(400, 520, wall=255),
    "wholly white": np.full((500, 700, 3), 255, np.uint8),
    "wholly black": np.zeros((500, 700, 3), np.uint8),
    "one channel": figure()[..., 0],
    "16 bits": figure(dtype=np.uint16),
    "alpha": np.dstack([figure(), np.full((720, 560), 200, np.uint8)]),
    "grey and alpha": np.dstack([figure()[..., 0], np.full((720, 560), 255, np.uint8)]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_hardly_to_be_seen_and_there(name: str) -> None:
    pixels = PICTURES[name]
    before = pixels.copy()
    marked = embed(pixels, 0xC0FFEE)
    assert marked.dtype == pixels.dtype and marked.shape == pixels.shape
    assert np.array_equal(pixels, before)
    assert psnr_db(marked, pixels) >= 40
    found = find(marked)
    assert found is not None and found.id == 0xC0FFEE


def test_alpha_stays() -> None:
    pixels = PICTURES["alpha"]
    assert np.array_equal(embed(pixels, 5)[..., 3], pixels[..., 3])


def test_hue_stays() -> None:
    pixels = figure(wall=120)
    change = embed(pixels, 5).astype(int) - pixels
    inside = (pixels > 10).all(axis=2) & (pixels < 245).all(axis=2)
    assert np.ptp(change[inside], axis=1).max() <= 1  # rounding


def test_a_plain_wall_changes_less_than_cloth() -> None:
    pixels = figure()
    change = luminance(embed(pixels, 5)) - luminance(pixels)
    wall, cloth = change[:60, :60], change[500:600, 240:320]
    assert wall.std() < 1.3 < 3 < cloth.std()
