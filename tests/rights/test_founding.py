"""A new registry is there whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from scan3d.errors import InputError, StorageError
from scan3d.rights import founding
from scan3d.rights.database import open_engine, reading
from scan3d.rights.founding import found_registry
from scan3d.rights.registry import Registry
from scan3d.rights.verifying import verify_registry
from tests.rights.house import CHEAP


def test_a_new_registry_is_whole_and_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "rights").mkdir()
    registry = found_registry(tmp_path / "rights", "Studio Nord", cost=CHEAP)
    assert verify_registry(registry).events == 3
    registry.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rights"]
    secrets = [*(tmp_path / "rights" / "keys").iterdir(), *(tmp_path / "rights" / "ca").glob("*.key")]
    assert len(secrets) == 4 and all(path.stat().st_mode & 0o077 == 0 for path in secrets)
    again = Registry.open(tmp_path / "rights")
    assert again.studio_key().key_id and again.settings.studio_name == "Studio Nord"
    again.close()


@pytest.mark.parametrize("step", ["migrate", "write_key", "write_settings", "submit"])
def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fails(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(founding, step, fails)
    with pytest.raises(KeyboardInterrupt):
        found_registry(tmp_path / "rights", "Studio Nord", cost=CHEAP)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_or_database_in_use_is_refused(tmp_path: Path, postgres: str) -> None:
    from tests.rights.postgres_server import make_database

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    for name in ("full", "full/file"):
        with pytest.raises(InputError):
            found_registry(tmp_path / name, "Studio Nord", cost=CHEAP)
    url = make_database(postgres, "founded")
    found_registry(tmp_path / "one", "Studio Nord", database=url, cost=CHEAP).close()
    with pytest.raises(InputError):
        found_registry(tmp_path / "two", "Studio Nord", database=url, cost=CHEAP)
    assert not (tmp_path / "two").exists()


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    gone = open_engine("postgresql://nobody@/none?host=/nowhere", tmp_path)
    with pytest.raises(StorageError, match="does not answer"), reading(gone):
        pass
    for url in ("mysql://x/y", "not a url"):
        with pytest.raises(InputError):
            open_engine(url, tmp_path)
