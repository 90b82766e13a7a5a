"""`scan3d pose` on a take with a fitted body: detail follows, files are what their suffix says, errors say why."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.motion import Motion, write_motion
from scan3d.body.parameters_file import write_parameters
from scan3d.body.poses import grounded, named_pose
from scan3d.body.skinning import pose_body
from scan3d.errors import InputError
from scan3d.pipeline.progress import Silent
from scan3d.report.mesh_files import read_ply
from scan3d.workflows.pose import pose_take
from tests.body.stick_body import random_parameters, stick_body


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return stick_body()


@pytest.fixture
def person(model: BodyModel) -> BodyParameters:
    return random_parameters(model, np.random.default_rng(0), turn=0.2)


@pytest.fixture
def take(model: BodyModel, person: BodyParameters, tmp_path: Path) -> Path:
    (tmp_path / "results" / "body").mkdir(parents=True)
    write_parameters(tmp_path / "results" / "body" / "body.npz", person, model)
    return tmp_path


def written(take: Path, model: BodyModel, pose: str) -> np.ndarray:
    done = pose_take(take, pose, take / "out.ply", progress=Silent(), model=model)
    assert done.files == (take / "out.ply",)
    return np.asarray(read_ply(take / "out.ply").vertices)


def test_a_named_pose_stands_on_the_floor_as_the_body_does(
    take: Path, model: BodyModel, person: BodyParameters
) -> None:
    expected = grounded(model, replace(person, pose=named_pose(model, "contrapposto", person.shape)))
    np.testing.assert_allclose(written(take, model, "contrapposto"), pose_body(model, expected).vertices, atol=1e-6)


def test_as_scanned_is_where_the_fit_has_it(take: Path, model: BodyModel, person: BodyParameters) -> None:
    np.testing.assert_allclose(written(take, model, "scan"), pose_body(model, person).vertices, atol=1e-6)


def test_detail_rides_on_the_finer_mesh(take: Path, model: BodyModel, person: BodyParameters) -> None:
    finer = fine_mesh(model, 1)
    moves = np.random.default_rng(1).normal(size=model.template.shape) * 0.003
    np.savez(take / "results" / "body" / "detail.npz", level=1, offsets=(finer.matrix @ moves).astype(np.float32))
    found = written(take, model, "scan")
    assert len(found) == finer.matrix.shape[0]
    # The first vertices are the model's own: the finer mesh moves as the coarse one with the same offsets.
    expected = pose_body(model, person, moves).vertices
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-6)
    standing = written(take, model, "t")
    assert standing[:, 2].min() == pytest.approx(0, abs=1e-6)


def test_a_frame_of_a_motion(take: Path, model: BodyModel, person: BodyParameters) -> None:
    poses = np.random.default_rng(2).normal(size=(3, 55, 3)) * 0.2
    write_motion(take / "m.npz", Motion(fps=30, pose=poses, translation=np.arange(9.0).reshape(3, 3)))
    expected = replace(person, pose=poses[2], translation=np.array([6.0, 7, 8]))
    for frame in ("2", "-1"):
        np.testing.assert_allclose(
            written(take, model, f"{take / 'm.npz'}:{frame}"), pose_body(model, expected).vertices, atol=2e-6
        )
    with pytest.raises(InputError, match="3 frames; 3 is none"):
        written(take, model, f"{take / 'm.npz'}:3")


@pytest.mark.parametrize("suffix", [".obj", ".glb", ".ply"])
def test_the_suffix_says_the_format(take: Path, model: BodyModel, suffix: str) -> None:
    import trimesh

    done = pose_take(take, "a", take / f"a{suffix}", progress=Silent(), model=model)
    mesh = trimesh.load(done.files[0], force="mesh", process=False)
    assert len(mesh.faces) == len(model.faces)
    assert done.height_m == pytest.approx(np.ptp(mesh.vertices[:, 1 if suffix == ".glb" else 2]), abs=1e-4)


def test_by_default_it_goes_to_the_results(take: Path, model: BodyModel) -> None:
    done = pose_take(take, "walk", progress=Silent(), model=model)
    assert done.files == (take / "results" / "poses" / "walk.glb",) and done.files[0].stat().st_size > 1000


def test_what_cannot_be_done_is_said(take: Path, model: BodyModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written as"):
        pose_take(take, "a", take / "a.stl", progress=Silent(), model=model)
    with pytest.raises(InputError, match="no pose and no file"):
        pose_take(take, "handstand", progress=Silent(), model=model)
    np.savez(take / "results" / "body" / "detail.npz", level=0, offsets=np.zeros((3, 3)))
    with pytest.raises(InputError, match="detail has 3 vertices"):
        pose_take(take, "a", progress=Silent(), model=model)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no fitted body"):
        pose_take(tmp_path / "empty", "a", progress=Silent(), model=model)
