"""The library of body models: what is added wins, what is missing or damaged is built anew, bad files are refused."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import scan3d.body.library as library
from scan3d.body.model import BodyModel
from scan3d.body.model_file import write_body_model
from scan3d.body.open_model.build import Built
from scan3d.errors import InputError, StorageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def builds(stick: BodyModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The stick body is built in the open one's place; grows by one with each build."""
    import scan3d.body.open_model.build as build

    done: list[int] = []

    def instead(progress: object) -> Built:
        done.append(1)
        return Built(model=replace(stick, name="open"), explained=np.ones(1), expressions=1, people=None)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "build_open_model", instead)
    return done


def test_the_open_model_is_built_once_and_kept(builds: list[int]) -> None:
    assert library.default_model().name == "open" and len(builds) == 1
    assert library.open_model_path().is_file()
    assert library.model_called("open") is library.default_model() and len(builds) == 1
    assert not list(library.open_model_path().parent.glob(".part-*"))


def test_a_build_removes_only_old_versions_that_nobody_uses(builds: list[int]) -> None:
    folder = library.open_model_path().parent
    folder.mkdir(parents=True)
    for name, days in (("body-old.npz", 40), ("body-other.npz", 3), ("notes.txt", 40)):
        (folder / name).write_text("x")
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    library.default_model()
    left = {path.name for path in folder.iterdir()}
    assert left == {library.open_model_path().name, "body-other.npz", "notes.txt"}
    # Others of the same computer may read what was written, as the system's defaults say.
    assert library.open_model_path().stat().st_mode & 0o777 == (folder / "notes.txt").stat().st_mode & 0o777


def test_a_damaged_cache_is_built_anew(builds: list[int]) -> None:
    library.default_model()
    library.open_model_path().write_bytes(b"PK\x03\x04 half a file")
    assert library.default_model().name == "open" and len(builds) == 2


def test_an_added_model_wins_until_another_is_chosen(stick: BodyModel, home: Path, builds: list[int]) -> None:
    write_body_model(replace(stick, name="mine"), home / "SMPLX_MINE.npz")
    entry = library.add(home / "SMPLX_MINE.npz")
    assert (entry.name, entry.is_default) == ("SMPLX_MINE", True)
    (home / "SMPLX_MINE.npz").unlink()  # the library has its own copy
    assert library.default_model().name == "mine" and not builds
    assert [(e.name, e.is_default) for e in library.entries()] == [("open", False), ("SMPLX_MINE", True)]
    library.choose("open")
    assert library.default_model().name == "open" and len(builds) == 1
    assert library.model_called("SMPLX_MINE").name == "mine"
    library.choose("SMPLX_MINE")
    library.model_path("SMPLX_MINE").unlink()  # gone: back to the open one
    assert library.default_model().name == "open"


def test_a_model_is_called_by_its_path_too(stick: BodyModel, home: Path) -> None:
    write_body_model(replace(stick, name="by path"), home / "x.npz")
    assert library.model_called(str(home / "x.npz")).name == "by path"


def test_the_same_name_is_replaced(stick: BodyModel, home: Path) -> None:
    for name in ("first", "second"):
        write_body_model(replace(stick, name=name), home / f"{name}.npz")
        library.add(home / f"{name}.npz", "body")
        assert library.default_model().name == name
    assert [e.name for e in library.entries()] == ["open", "body"]


def test_what_cannot_be_added_or_found_is_refused(stick: BodyModel, home: Path) -> None:
    (home / "chair.npz").write_text("no model")
    with pytest.raises(InputError):
        library.add(home / "chair.npz")
    write_body_model(stick, home / "good.npz")
    for name in ("open", "../escape", "", "a b", "x" * 80):
        with pytest.raises(InputError, match="cannot be called"):
            library.add(home / "good.npz", name)
    assert [e.name for e in library.entries()] == ["open"]
    with pytest.raises(InputError, match="no body model called 'nobody'"):
        library.model_called("nobody")
    with pytest.raises(InputError):
        library.choose("nobody")
    with pytest.raises(InputError, match="not in the library"):
        library.choose(str(home / "good.npz"))


def test_a_folder_that_cannot_be_written_is_told(stick: BodyModel, home: Path) -> None:
    write_body_model(stick, home / "good.npz")
    (home / "data").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cannot be written"):
        library.add(home / "good.npz")
