import numpy as np
import pytest
from PIL import Image

from scan3d.rights.marks.carrier import tile_px
from scan3d.rights.marks.watermark import embed
from scan3d.rights.marks.watermark_search import find
from tests.rights.marks.attacks import ATTACKS, TOGETHER
from tests.rights.marks.figures import figure
from tests.test_architecture import REPOSITORY

ID = 3_141_592_653
WALLS = {"grey": figure(960, 720), "white": figure(960, 720, wall=255, seed=1)}
MARKED = {wall: embed(pixels, ID) for wall, pixels in WALLS.items()}
RENDERS = sorted([*(REPOSITORY / "examples").glob("*.jpg"), *(REPOSITORY / "docs" / "pictures").glob("*.jpg")])


@pytest.mark.parametrize("wall", WALLS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_found_after(attack: str, wall: str) -> None:
    found = find(ATTACKS[attack](MARKED[wall], np.random.default_rng(1)))
    assert found is not None and found.id == ID


@pytest.mark.parametrize("attack", ["half size, JPEG 75", "crop, half size, JPEG 50", "70 %, JPEG 60"])
def test_found_after_several(attack: str) -> None:
    found = find(TOGETHER[attack](MARKED["grey"], np.random.default_rng(2)))
    assert found is not None and found.id == ID


def test_tells_the_scale() -> None:
    height, width = MARKED["grey"].shape[:2]
    # 430 x 574: of the width a little more is left than of the height.
    shrunk = np.asarray(Image.fromarray(MARKED["grey"]).resize((430, 574)))
    found = find(shrunk)
    assert found is not None and found.id == ID
    tile = tile_px(height, width)
    assert found.tile_px == pytest.approx((574 / height * tile, 430 / width * tile), rel=0.002)


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.rot90, lambda a: np.rot90(a, -1), lambda a: np.rot90(a, 2)])
def test_found_turned_and_mirrored(turn: object) -> None:
    found = find(np.ascontiguousarray(turn(MARKED["grey"])))  # type: ignore[operator]
    assert found is not None and found.id == ID


@pytest.mark.parametrize("wall", WALLS)
def test_nothing_is_found_where_nothing_is(wall: str) -> None:
    assert find(WALLS[wall]) is None


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (40, 40)])
def test_pictures_too_small_for_a_mark_have_none(size: tuple[int, int]) -> None:
    assert find(embed(np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8), ID)) is None


@pytest.mark.slow
@pytest.mark.parametrize("path", RENDERS, ids=lambda path: path.stem)
def test_renders_of_people(path: object) -> None:
    pixels = np.asarray(Image.open(str(path)).convert("RGB"))
    assert find(pixels) is None
    rng = np.random.default_rng(5)
    for id in rng.integers(0, 2**32, 2):
        marked = embed(pixels, int(id))
        for name, attack in ATTACKS.items():
            found = find(attack(marked, rng))
            assert found is not None and found.id == id, name
