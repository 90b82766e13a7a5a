"""`scan3d body`: what it prints for people and for machines, and what it keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scan3d.body.model import BodyModel
from scan3d.body.model_file import read_body_model, write_body_model
from scan3d.body.open_model.build import Built
from scan3d.cli.app import app
from tests.body.stick_body import stick_body


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has nothing yet, and an open body that is built at once."""
    import scan3d.body.open_model.build as build

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    built = Built(model=_named("open"), explained=np.ones(1), expressions=1, people=None)  # type: ignore[arg-type]
    monkeypatch.setattr(build, "build_open_model", lambda progress: built)
    return tmp_path


def _named(name: str) -> BodyModel:
    return replace(stick_body(), name=name)


def _run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["body", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_build_keeps_the_model_and_writes_it_where_asked(home: Path) -> None:
    code, out, _ = _run("build")
    assert code == 0 and "open: SMPL-X" in out and "55 joints" in out and "variance" in out
    out_file = home / "new" / "SMPLX_NEUTRAL.npz"
    code, out, _ = _run("build", "--out", str(out_file), "--json")
    data = json.loads(out)
    assert code == 0 and data["file"] == str(out_file) and data["joints"] == 55 and data["kind"] == "SMPL-X"
    assert read_body_model(out_file).name == "open"


def test_models_are_added_listed_chosen_and_described(home: Path) -> None:
    write_body_model(_named("mine"), home / "mine.npz")
    code, out, _ = _run("add", str(home / "mine.npz"), "--name", "my-body")
    assert code == 0 and "Every command now uses 'my-body'" in out
    code, out, _ = _run("list")
    assert code == 0 and out.splitlines()[0] == "  open: built on first use"
    assert out.splitlines()[1].startswith("* my-body: ")
    code, out, _ = _run("info")
    assert code == 0 and out.startswith("mine: SMPL-X") and "licence: none needed" in out
    assert _run("use", "open")[0] == 0
    listed = json.loads(_run("list", "--json")[1])["models"]
    assert [(m["name"], m["default"]) for m in listed] == [("open", True), ("my-body", False)]
    data = json.loads(_run("info", "my-body", "--json")[1])
    assert data["shape_numbers"] == 6 and data["pose_correctives"] and data["explained"]["5"] <= 1


def test_a_file_that_is_no_model_is_refused_in_three_lines(home: Path) -> None:
    (home / "chair.npz").write_text("v 0 0 0")
    for arguments in (("add", str(home / "chair.npz")), ("add", str(home / "none.npz")), ("use", "x"), ("info", "x")):
        code, out, err = _run(*arguments)
        assert code == 2 and not out and 2 <= len(err.strip().splitlines()) <= 3, arguments
