import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.rights.marks.codeword import CHIPS, decode, encode, uniform


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read(id: int) -> None:
    chips = encode(id)
    assert set(np.unique(chips)) == {-1.0, 1.0} and chips.shape == (CHIPS,)
    found = decode(0.01 * chips)
    assert found is not None and found.id == id
    # A word that agrees wholly: six times 128, in deviations of the sum of 768 chips.
    assert found.score == pytest.approx(CHIPS / np.sqrt(CHIPS))


def test_read_through_noise_twice_as_strong_as_the_chips() -> None:
    rng = np.random.default_rng(3)
    for id in rng.integers(0, 2**32, 20):
        found = decode(encode(int(id)) + 2 * rng.standard_normal(CHIPS))
        assert found is not None and found.id == id


def test_noise_says_nothing_certain() -> None:
    from scan3d.rights.marks.watermark_search import LEAST_SCORE

    rng = np.random.default_rng(4)
    found = [decode(rng.standard_normal(CHIPS)) for _ in range(300)]
    assert not [one for one in found if one is not None and one.score >= LEAST_SCORE]


@pytest.mark.parametrize("id", [-1, 2**32])
def test_numbers_that_do_not_fit_are_refused(id: int) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        encode(id)


def test_silence_is_no_number() -> None:
    assert decode(np.zeros(CHIPS)) is None


GOLDEN_CHIPS = "++++--++---++-+--+++++--"
GOLDEN_PHASES = [0.5830231160383, 0.1495781442851]


def test_chips_of_today_can_be_read_in_ten_years() -> None:
    # Pictures that are out carry these: whoever changes them can no longer read the old ones.
    assert "".join("+" if chip > 0 else "-" for chip in encode(0x5CA43D)[:24]) == GOLDEN_CHIPS
    assert uniform("phases", 2) == pytest.approx(GOLDEN_PHASES, abs=1e-12)
