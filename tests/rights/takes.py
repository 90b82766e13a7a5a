"""A take with a fitted doll, small enough to be posed in no time, and the command line in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.parameters_file import write_parameters
from scan3d.cli.app import app
from scan3d.workflows import take_body
from tests.avatar import doll


def make_take(folder: Path, monkeypatch: pytest.MonkeyPatch | None = None) -> Path:
    """A take as the fit leaves it; the doll's model is the one that its name leads to."""
    model = doll.doll()
    body = folder / "results" / "body"
    body.mkdir(parents=True)
    write_parameters(body / "body.npz", doll.somebody(model), model)
    count = fine_mesh(model, 1).matrix.shape[0]
    offsets = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32) * 1e-3
    np.savez(body / "detail.npz", level=1, offsets=offsets, seen=np.ones(count, bool))
    if monkeypatch is not None:
        monkeypatch.setattr(take_body, "_model_of", lambda stored: model)
    return folder


def run(*arguments: object) -> dict[str, Any]:
    """What a command prints with --json; {"error": ...} where it refuses, with its exit code."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert "Traceback" not in done.output
    told = json.loads(done.stdout)
    assert (done.exit_code != 0) == ("error" in told), done.output
    return dict(told)


def rule(*arguments: object) -> str:
    """The rule by which a command is refused; "" where it is not."""
    error = run(*arguments).get("error", {})
    assert not error or error["exit_code"] == 8, error
    return str(error.get("rule", ""))
