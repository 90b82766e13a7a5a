"""body.npz comes back as written, reads what other programs write, and refuses what it cannot use."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.parameters_file import model_hash, pose_keys, read_parameters, write_parameters
from scan3d.body.skeleton import JOINTS, LEFT_HAND, RIGHT_HAND, joint_names
from scan3d.errors import InputError
from tests.body.stick_body import random_parameters


@pytest.fixture
def body(stick: BodyModel) -> BodyParameters:
    return random_parameters(stick, np.random.default_rng(0))


def test_everything_comes_back(stick: BodyModel, body: BodyParameters, tmp_path: Path) -> None:
    write_parameters(tmp_path / "body.npz", body, stick, gender="female")
    stored = read_parameters(tmp_path / "body.npz", stick)
    for name in ("shape", "expression", "pose", "translation"):
        np.testing.assert_array_equal(getattr(stored.parameters, name), getattr(body, name))
    assert (stored.model_type, stored.gender, stored.model_name) == ("smplx", "female", "stick")
    assert stored.model_hash == model_hash(stick)


def test_keys_and_sizes_are_smplx(stick: BodyModel, body: BodyParameters, tmp_path: Path) -> None:
    write_parameters(tmp_path / "body.npz", body, stick)
    with np.load(tmp_path / "body.npz", allow_pickle=False) as file:
        sizes = {name: file[name].shape for name in file.files if file[name].dtype.kind == "f"}
        assert file["surface_model_type"] == "smplx"
        np.testing.assert_array_equal(file["left_hand_pose"], body.pose[25:40].ravel())
    assert sizes == {
        "betas": (6,), "expression": (3,), "transl": (3,), "global_orient": (3,), "body_pose": (63,),
        "jaw_pose": (3,), "leye_pose": (3,), "reye_pose": (3,), "left_hand_pose": (45,), "right_hand_pose": (45,),
    }  # fmt: skip


@pytest.mark.parametrize("joints", [24, 52, 55])
def test_every_joint_is_under_one_key(joints: int) -> None:
    rows = [row for part in pose_keys(joints).values() for row in range(joints)[part]]
    assert rows == list(range(joints))
    names = joint_names(joints)
    if joints > 24:
        hand = pose_keys(joints)["left_hand_pose"]
        assert names[hand] == JOINTS[LEFT_HAND]
    with pytest.raises(ValueError, match="no body model has 7"):
        pose_keys(7)


def test_rows_of_one_and_missing_faces_are_read(body: BodyParameters, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "theirs.npz",
        betas=body.shape[None],
        global_orient=body.pose[:1],
        body_pose=body.pose[1:22].reshape(1, 63),
        transl=body.translation[None].astype(np.float32),
    )
    read = read_parameters(tmp_path / "theirs.npz").parameters
    np.testing.assert_array_equal(read.pose[:22], body.pose[:22])
    assert read.pose.shape == (55, 3) and not read.pose[22:].any() and read.expression.shape == (0,)


def test_hands_of_components_get_the_models_basis_and_mean(
    stick: BodyModel, body: BodyParameters, tmp_path: Path
) -> None:
    path, few = tmp_path / "pca.npz", np.array([0.5, -1.0, 2.0])
    keys = {name: body.pose[rows] for name, rows in pose_keys(55).items()}
    np.savez(path, **(keys | {"left_hand_pose": few, "betas": body.shape}))
    hand = read_parameters(path, stick).parameters.pose[LEFT_HAND].ravel()
    np.testing.assert_allclose(hand, few @ stick.hand_bases[0][:3] + stick.hand_means[0])
    with pytest.raises(InputError, match="3 numbers, not 45"):
        read_parameters(path)
    np.savez(path, **(keys | {"betas": body.shape, "flat_hand_mean": False}))
    hand = read_parameters(path, stick).parameters.pose[RIGHT_HAND].ravel()
    np.testing.assert_allclose(hand, body.pose[RIGHT_HAND].ravel() + stick.hand_means[1])


def test_the_hash_follows_whatever_moves_a_vertex(stick: BodyModel) -> None:
    assert model_hash(replace(stick, name="other")) == model_hash(stick)
    for name in ("template", "shape_basis", "weights", "joint_regressor", "pose_basis"):
        changed = np.array(getattr(stick, name))
        changed.flat[7] += 1e-3
        assert model_hash(replace(stick, **{name: changed})) != model_hash(stick), name


def test_another_model_is_refused(stick: BodyModel, body: BodyParameters, tmp_path: Path) -> None:
    path = tmp_path / "body.npz"
    write_parameters(path, body, stick)
    other = replace(stick, name="other", template=stick.template * 1.01)
    with pytest.raises(InputError, match=r"of the model 'stick'.*not of 'other'"):
        read_parameters(path, other)
    np.savez(path, betas=np.zeros(7), global_orient=np.zeros(3), body_pose=np.zeros(63))
    with pytest.raises(InputError, match="7 shape numbers, the model 'stick' 6"):
        read_parameters(path, stick)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"body_pose": None}, "no 'body_pose'"),
        ({"body_pose": np.zeros(60)}, "'body_pose' holds 60 numbers, not 63"),
        ({"betas": np.array([np.nan])}, "no number"),
        ({"betas": np.array(["a"])}, "no number"),
        ({"transl": np.zeros(2)}, "'transl' holds 2"),
        ({"body_pose": np.zeros((9, 63))}, "holds 9 poses"),
    ],
)
def test_files_that_cannot_be_used_say_why(change: dict, says: str, tmp_path: Path) -> None:
    values = {"betas": np.zeros(4), "global_orient": np.zeros(3), "body_pose": np.zeros(63)} | change
    path = tmp_path / "bad.npz"
    np.savez(path, **{name: value for name, value in values.items() if value is not None})
    with pytest.raises(InputError, match=says) as caught:
        read_parameters(path)
    assert caught.value.where == str(path)


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_parameters(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not a body")
    with pytest.raises(InputError, match="damaged"):
        read_parameters(tmp_path / "text.npz")


def test_pickled_notes_beside_the_numbers_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.npz"
    np.savez(
        path,
        betas=np.zeros(2),
        global_orient=np.zeros(3),
        body_pose=np.ones(63),
        notes=np.array({"a": 1}, dtype=object),
    )
    assert read_parameters(path).parameters.pose[1:22].all()
