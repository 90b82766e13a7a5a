"""`scan3d fit` on takes: what it reads, what it leaves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scan3d.body.library import open_model
from scan3d.body.parameters_file import read_parameters
from scan3d.body.skinning import pose_body
from scan3d.checks import Grade
from scan3d.cli.app import app
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.pipeline.progress import Silent
from scan3d.report.mesh_files import read_ply, write_ply
from scan3d.workflows.fit import fit_take, read_scan

TRIANGLE = Mesh(vertices=np.eye(3), faces=np.array([[0, 1, 2]], np.int32))


def refused(take: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        fit_take(take, progress=Silent(), **options)  # type: ignore[arg-type]
    assert caught.value.next_step
    return caught.value.what


def test_what_is_no_take_or_has_no_mesh_is_refused(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "no mesh yet" in refused(tmp_path)
    assert "no such mesh" in refused(tmp_path, mesh_file=tmp_path / "scan.ply")


def test_a_mesh_without_scale_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    write_ply(TRIANGLE, tmp_path / "results" / "mesh.ply")
    (tmp_path / "results" / "report.json").write_text(json.dumps({"scale_is_metric": False}))
    assert "no scale" in refused(tmp_path)


def test_files_that_are_no_meshes_are_refused(tmp_path: Path) -> None:
    for name, text, words in (("scan.txt", "", "no mesh file"), ("scan.ply", "nothing", "cannot be read")):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=words):
            read_scan(tmp_path / name)


def test_a_glb_is_turned_upright(tmp_path: Path) -> None:
    import trimesh

    box = trimesh.creation.box(extents=(0.3, 1.7, 0.2))
    box.export(tmp_path / "scan.glb")
    assert np.allclose(np.ptp(read_scan(tmp_path / "scan.glb").vertices, axis=0), (0.3, 0.2, 1.7))


@pytest.mark.slow
def test_a_take_is_fitted_once_and_its_files_agree(tmp_path: Path) -> None:
    from tests.body.fit.truth import make_truth

    truth = make_truth(2, pose="relaxed")
    (tmp_path / "results").mkdir()
    write_ply(truth.scan, tmp_path / "results" / "mesh.ply")
    done = fit_take(tmp_path, progress=Silent())
    assert done.grade is not Grade.FAIL and done.summary["distance_mean_mm"] < 4.5
    folder = tmp_path / "results" / "body"
    there = {path.name for path in folder.iterdir()}
    assert {"body.npz", "fitted.ply", "distances.png", "fit.json", "body.html"} <= there
    model = open_model()
    stored = read_parameters(folder / "body.npz", model)
    assert np.allclose(
        pose_body(model, stored.parameters).vertices, read_ply(folder / "fitted.ply").vertices, atol=1e-5
    )
    assert 1.6 < done.summary["measurements"]["stature"]["mm"] / 1e3 < 1.8
    before = (folder / "fit.json").read_bytes()
    result = CliRunner().invoke(app, ["fit", str(tmp_path), "--json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["key"] == done.summary["key"]
    assert (folder / "fit.json").read_bytes() == before


def test_a_chair_is_refused_by_the_command(tmp_path: Path) -> None:
    import trimesh

    trimesh.creation.box(extents=(0.5, 0.5, 0.9)).export(tmp_path / "chair.ply")
    result = CliRunner().invoke(app, ["fit", str(tmp_path), "--mesh", str(tmp_path / "chair.ply"), "--json"])
    error = json.loads(result.stdout)["error"]
    assert result.exit_code == 2 and "less than an adult" in error["what"]
