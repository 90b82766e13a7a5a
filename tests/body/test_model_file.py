"""Model files: written and read again, SMPL-X's, SMPL-H's and SMPL's own forms, and what is refused."""

import io
import pickle
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from scan3d.body.model import BodyModel
from scan3d.body.model_file import read_body_model, write_body_model
from scan3d.errors import InputError


@pytest.fixture
def full(stick: BodyModel) -> BodyModel:
    """The stick body with all that the open model knows beyond SMPL-X."""
    count = len(stick.template)
    rng = np.random.default_rng(3)
    quads = rng.integers(0, count, (20, 4), dtype=np.int32)
    quads[0] = 7, 11, 3, 5
    return replace(
        stick,
        faces=quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3),
        quads=quads,
        uv=rng.random((30, 2)).astype(np.float32),
        quad_uv=rng.integers(0, 30, (20, 4), dtype=np.int32),
        shapes={"jawOpen": rng.normal(size=(count, 3)).astype(np.float32)},
        parts={"lips": rng.random(count).astype(np.float32)},
        landmarks={"nose": 5, "face_17": 7, "face_8_-39": 11, "face_8_39": 3},
    )


@pytest.fixture
def arrays(full: BodyModel, tmp_path: Path) -> dict[str, np.ndarray]:
    """What the written file holds."""
    write_body_model(full, tmp_path / "whole.npz")
    with np.load(tmp_path / "whole.npz") as file:
        return {key: file[key] for key in file.files}


def test_a_model_comes_back_as_it_was_written(full: BodyModel, tmp_path: Path) -> None:
    path = tmp_path / "body.npz"
    write_body_model(full, path)
    back = read_body_model(path)
    for name in ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor", "weights"):
        np.testing.assert_array_equal(getattr(back, name), np.float32(getattr(full, name)), err_msg=name)
    for name in ("faces", "parents", "quads", "quad_uv", "uv"):
        np.testing.assert_array_equal(getattr(back, name), getattr(full, name), err_msg=name)
    np.testing.assert_array_equal(back.hand_means, np.float32(full.hand_means))
    np.testing.assert_array_equal(back.hand_bases, np.float32(full.hand_bases))
    np.testing.assert_array_equal(back.shapes["jawOpen"], full.shapes["jawOpen"])
    np.testing.assert_array_equal(back.parts["lips"], full.parts["lips"])
    assert back.landmarks == full.landmarks
    assert (back.name, back.licence) == (full.name, full.licence)


def test_the_same_model_gives_the_same_bytes(full: BodyModel, tmp_path: Path) -> None:
    write_body_model(full, tmp_path / "a.npz")
    write_body_model(full, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_file_has_what_smplx_asks_for(full: BodyModel, arrays: dict[str, np.ndarray]) -> None:
    count = len(full.template)
    shapes = {key: value.shape for key, value in arrays.items()}
    assert shapes["shapedirs"] == (count, 3, 400) and shapes["posedirs"] == (count, 3, 486)
    assert shapes["J_regressor"] == (55, count) and shapes["kintree_table"] == (2, 55)
    assert shapes["hands_componentsl"] == shapes["hands_componentsr"] == (45, 45)
    assert shapes["lmk_faces_idx"] == (51,) and shapes["lmk_bary_coords"] == (51, 3)
    assert shapes["dynamic_lmk_faces_idx"] == (79, 17) and shapes["dynamic_lmk_bary_coords"] == (79, 17, 3)
    # The expressions begin at 300, whatever there is of shape numbers.
    np.testing.assert_array_equal(arrays["shapedirs"][..., 300:303], np.float32(full.expression_basis))
    # A landmark is the corner of a face that it names. Row 39 is a head turned right by 39 degrees, 78 one turned left.
    for idx, bary, place, vertex in (
        ("lmk_faces_idx", "lmk_bary_coords", 0, 7),
        ("dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords", (39, 8), 11),
        ("dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords", (78, 8), 3),
    ):
        assert arrays["f"][arrays[idx][place]] @ arrays[bary][place] == vertex


def test_a_small_file_of_smplx_has_its_expressions_after_ten(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    plain = {key: value for key, value in arrays.items() if not key.startswith("scan3d_")}
    plain["shapedirs"] = plain["shapedirs"][..., :20]
    np.savez(tmp_path / "small.npz", **plain)
    model = read_body_model(tmp_path / "small.npz")
    assert model.shape_basis.shape[2] == model.expression_basis.shape[2] == 10
    assert model.name == "small" and model.quads is None


@pytest.mark.parametrize(("joints", "kind"), [(52, "SMPL-H"), (24, "SMPL")])
def test_the_elder_formats_are_read(joints: int, kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(joints)
    data = plain_model(rng, joints, 40)
    if joints == 52:
        data |= {f"hands_mean{s}": rng.normal(size=45) for s in "lr"}
        data |= {f"hands_components{s}": np.eye(45) for s in "lr"}
    np.savez(tmp_path / "elder.npz", **data)
    model = read_body_model(tmp_path / "elder.npz")
    assert model.joints == joints and model.expression_basis.shape[2] == 0 and model.shape_basis.shape[2] == 10
    assert model.hand_bases.shape[1] == (45 if joints == 52 else 0)
    np.testing.assert_allclose(model.pose_basis, np.float32(data["posedirs"]))


def plain_model(rng: np.random.Generator, joints: int, count: int) -> dict[str, Any]:
    weights = rng.random((count, joints))
    return {
        "v_template": rng.normal(size=(count, 3)),
        "f": rng.integers(0, count, (30, 3)).astype(np.uint32),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "shapedirs": rng.normal(size=(count, 3, 10)),
        "posedirs": rng.normal(size=(count, 3, 9 * (joints - 1))),
        "J_regressor": rng.random((joints, count)),
        "kintree_table": np.stack([np.r_[2**32 - 1, np.arange(joints - 1) // 2], np.arange(joints)]).astype(np.uint32),
    }


def test_a_pickle_with_chumpy_and_sparse_arrays_is_read_without_either_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chumpy = types.ModuleType("chumpy.ch")
    parent = types.ModuleType("chumpy")
    kind = type("Ch", (), {"__module__": "chumpy.ch", "__init__": lambda self, x: setattr(self, "x", x)})
    chumpy.Ch = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chumpy", parent)
    monkeypatch.setitem(sys.modules, "chumpy.ch", chumpy)
    data = plain_model(np.random.default_rng(1), 24, 30)
    wanted = data["shapedirs"], data["J_regressor"]
    data["shapedirs"] = kind(data["shapedirs"])  # type: ignore[call-arg]
    data["J_regressor"] = csc_matrix(data["J_regressor"])
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps(data, protocol=protocol))
        with monkeypatch.context() as without:
            without.delitem(sys.modules, "chumpy.ch")
            without.delitem(sys.modules, "chumpy")
            model = read_body_model(path)
        np.testing.assert_array_equal(model.shape_basis, np.float32(wanted[0]))
        np.testing.assert_array_equal(model.joint_regressor, np.float32(wanted[1]))


class _Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return subprocess.call, (["touch", str(self.mark)],)


def test_a_pickle_that_would_run_something_is_refused_and_does_not(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"v_template": _Runs(mark)}))
    with pytest.raises(InputError, match="asks for subprocess"):
        read_body_model(path)
    assert not mark.exists()
    # The same thing by copyreg, and hidden in an array of objects.
    hidden = np.empty(1, object)
    hidden[0] = _Runs(mark)
    path.write_bytes(pickle.dumps({"v_template": hidden}))
    with pytest.raises(InputError, match="asks for subprocess"):
        read_body_model(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop("weights"), "lacks weights"),
        (lambda a: a["v_template"].__setitem__((0, 0), np.nan), "not numbers"),
        (lambda a: a["shapedirs"].__setitem__((0, 0, 0), np.inf), "not numbers"),
        (lambda a: a.update(weights=a["weights"][:-1]), "'weights' in the model file has the shape"),
        (lambda a: a.update(weights=a["weights"] * 0.5), "do not sum to one"),
        (lambda a: a.update(f=a["f"] + 10**6), "does not have"),
        (lambda a: a.update(posedirs=a["posedirs"][..., :100]), "'posedirs' in the model file has the shape"),
        (lambda a: a.update(kintree_table=a["kintree_table"][:, :30]), "30 joints"),
        (lambda a: a["kintree_table"].__setitem__((0, 5), 9), "not form a tree"),
        (lambda a: a["kintree_table"].__setitem__((0, 5), 0), "not connected as SMPL-X's"),
        (lambda a: a.update(v_template=np.array(["a"])), "has the shape"),
    ],
)
def test_a_wrong_file_is_refused_with_a_reason(
    change: Callable[[dict[str, np.ndarray]], object], words: str, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    change(arrays)
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(InputError) as caught:
        read_body_model(tmp_path / "wrong.npz")
    assert words in caught.value.what
    assert caught.value.where == str(tmp_path / "wrong.npz") and caught.value.next_step


def test_what_is_no_model_at_all_is_refused(tmp_path: Path) -> None:
    picture = io.BytesIO()
    np.save(picture, np.zeros(3))
    contents = {
        "text.npz": b"v 0 0 0\nv 1 0 0\n",
        "array.npy": picture.getvalue(),
        "empty.npz": b"",
        "list.pkl": pickle.dumps([1, 2, 3]),
        "cut.npz": b"PK\x03\x04" + bytes(40),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            read_body_model(tmp_path / name)
    with pytest.raises(InputError, match="no such"):
        read_body_model(tmp_path / "none.npz")


def test_a_model_of_fewer_joints_does_not_fit_into_smplx_files(stick: BodyModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="55"):
        write_body_model(replace(stick, parents=stick.parents[:24]), tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()
