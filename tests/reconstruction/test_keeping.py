"""What a level puts away: arrays made once, and the last state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scan3d.pipeline.store import Store
from scan3d.reconstruction.keeping import UnitKeeper


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a stage with some key writes."""
    return tmp_path / "shape" / ".tmp-0123"


def keeper(tmp_path: Path, folder: Path, prefix: str = "depth0") -> UnitKeeper:
    return UnitKeeper(Store(tmp_path).units(folder), prefix)


def test_arrays_are_made_once(tmp_path: Path, folder: Path) -> None:
    made: list[str] = []

    def make(value: float) -> dict[str, np.ndarray]:
        made.append("made")
        return {"depth": np.full((2, 3), value, np.float32), "score": np.arange(3)}

    first = keeper(tmp_path, folder).arrays("cam0", lambda: make(1.5))
    again = keeper(tmp_path, folder).arrays("cam0", lambda: make(9.0))
    for found in (first, again):
        assert found["depth"].tolist() == np.full((2, 3), 1.5).tolist()
        assert found["depth"].dtype == np.float32
        assert found["score"].tolist() == [0, 1, 2]
    assert len(made) == 1
    other = keeper(tmp_path, folder, "depth1").arrays("cam0", lambda: make(2.5))  # another level, another thing
    assert other["depth"][0, 0] == 2.5


def test_what_fails_halfway_is_not_kept(tmp_path: Path, folder: Path) -> None:
    def fail() -> dict[str, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeper(tmp_path, folder).arrays("cam0", fail)
    found = keeper(tmp_path, folder).arrays("cam0", lambda: {"a": np.ones(2)})
    assert found["a"].tolist() == [1, 1]


def test_the_latest_state_replaces_the_one_before(tmp_path: Path, folder: Path) -> None:
    assert keeper(tmp_path, folder).latest() is None
    for number in (1, 2, 10):
        keeper(tmp_path, folder).put(number, {"total": np.array([number])})
        found = keeper(tmp_path, folder).latest()
        assert found is not None
        assert found[0] == number
        assert found[1]["total"].tolist() == [number]
    assert len(list(tmp_path.rglob("*state*"))) == 1
    assert keeper(tmp_path, folder, "depth1").latest() is None
    assert keeper(tmp_path, folder, "depth").latest() is None


def test_of_two_states_that_a_kill_left_the_later_counts(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper(tmp_path, folder).put(9, {"total": np.array([9])})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # killed before the old one went
        keeper(tmp_path, folder).put(10, {"total": np.array([10])})
    assert len(list(tmp_path.rglob("*state*"))) == 2
    found = keeper(tmp_path, folder).latest()
    assert found is not None
    assert found[0] == 10
    assert found[1]["total"].tolist() == [10]
