import numpy as np
import pytest

from scan3d.rights.marks.carrier import LOWEST, SMALLEST_TILE_PX, TILES_A_SIDE, pattern, tile_px, waves


def test_every_wave_is_there_once_and_in_one_half_of_the_plane() -> None:
    lattice = np.concatenate([waves().message, waves().template])
    assert lattice.shape == (480, 2)
    assert len({tuple(wave) for wave in np.concatenate([lattice, -lattice])}) == 960
    assert np.hypot(*lattice.T).min() >= LOWEST


def test_a_tile_grows_with_the_picture() -> None:
    assert tile_px(3000, 6000) == 3000 / TILES_A_SIDE
    assert tile_px(300, 6000) == SMALLEST_TILE_PX


def test_the_pattern_repeats_every_tile_and_has_unit_strength() -> None:
    wave = pattern(123, 768, 900)  # a tile of 128 pixels
    assert wave.std() == pytest.approx(1, abs=0.01)
    assert abs(wave[:768, :896].mean()) < 1e-4
    np.testing.assert_allclose(wave[:640], wave[128:], atol=2e-3)
    np.testing.assert_allclose(wave[:, :772], wave[:, 128:], atol=2e-3)


def test_patterns_of_two_numbers_share_the_template_only() -> None:
    one, other = pattern(0x12345678, 768, 768), pattern(0x9ABCDEF0, 768, 768)
    # One wave in five is the template's; words of the code are orthogonal.
    assert np.mean(one * other) == pytest.approx(0.2, abs=0.02)
