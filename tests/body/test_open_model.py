"""The open body as it is built: its shapes, joints, correctives, face and hands, and that smplx agrees."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from scan3d.body.library import open_model, open_model_path
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.open_model.build import Built, build_open_model
from scan3d.body.skeleton import JOINTS, joint
from scan3d.body.skinning import pose_body
from scan3d.pipeline.progress import Silent

pytestmark = pytest.mark.slow


@cache
def body() -> BodyModel:
    return open_model()


@cache
def small() -> Built:
    """Built of few people, for what does not depend on how many they are."""
    return build_open_model(Silent(), people=24)


def posed(
    model: BodyModel, turns: dict[str, tuple[float, float, float]], shape: np.ndarray | None = None
) -> np.ndarray:
    """(V, 3) with these joints turned by degrees about X, Y, Z (an axis-angle)."""
    pose = np.zeros((55, 3))
    for name, degrees in turns.items():
        pose[joint(name)] = np.radians(degrees)
    amounts = np.zeros(0) if shape is None else shape
    p = BodyParameters(shape=amounts, expression=np.zeros(0), pose=pose, translation=np.zeros(3))
    return np.asarray(pose_body(model, p).vertices)


def litres(model: BodyModel, vertices: np.ndarray) -> float:
    faces = model.faces[(model.parts["skin"] > 0.5)[model.faces].all(axis=1)]
    a, b, c = (vertices - vertices.mean(axis=0))[faces].swapaxes(0, 1)
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6 * 1e3)


def test_two_builds_are_the_same_to_the_last_bit() -> None:
    again = build_open_model(Silent(), people=24).model
    first = small().model
    for name in ("template", "shape_basis", "expression_basis", "pose_basis", "joint_regressor", "weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name), err_msg=name)
    np.testing.assert_array_equal(again.hand_bases, first.hand_bases)


def test_shape_numbers_are_of_adults_and_nearly_all_is_in_the_first() -> None:
    model = body()
    variance = np.square(model.shape_basis, dtype=np.float64).sum(axis=(0, 1))
    assert (variance[:200] > 0).all() and (np.diff(variance[:200]) < 1e-9).all()
    share = np.cumsum(variance) / variance.sum()
    assert share[9] > 0.95 and share[99] > 0.999
    skin = model.parts["skin"] > 0.5
    rng = np.random.default_rng(4)
    statures = [np.ptp(posed(model, {}, rng.normal(size=300))[skin, 1]) for _ in range(40)]
    assert min(statures) > 1.40 and max(statures) < 2.05
    assert abs(np.mean(statures) - 1.69) < 0.05


def test_people_it_was_not_made_from_are_described_to_a_millimetre() -> None:
    from scan3d.body.open_model.build import PEOPLE, SEED, _level, _mean_body
    from scan3d.body.open_model.cage import make_cage
    from scan3d.body.open_model.joints import joint_matrix
    from scan3d.body.open_model.kinematics import features
    from scan3d.body.open_model.people import draw_people
    from scan3d.openhuman import load_open_human

    model = body()
    cage = make_cage(load_open_human())
    matrix = joint_matrix(cage.human)
    rows = np.concatenate([cage.rows, np.setdiff1d(np.flatnonzero(matrix.any(axis=0)), cage.rows)])
    standing, _, _, usable = _mean_body(cage, draw_people(cage, rows, PEOPLE, SEED, lambda: None), matrix[:, rows])
    others = draw_people(cage, cage.rows, 40, 99, lambda: None).points
    at_sculpted = model.pose_basis @ features(standing.turns)
    points, joints = _level(others, standing, usable, at_sculpted, lambda: None)
    # Joints by the file's regressor, against those that the skin around them carries along.
    found = np.einsum("jv,nva->nja", model.joint_regressor.astype(np.float64), points)
    error = np.linalg.norm(found - joints, axis=2)
    assert error.mean() < 0.001 and error.max() < 0.005
    basis = model.shape_basis.reshape(-1, 300).astype(np.float64)
    centred = (points - model.template).reshape(len(points), -1).T
    left = {}
    for count in (20, 100, 300):
        amounts = np.linalg.lstsq(basis[:, :count], centred, rcond=None)[0]
        left[count] = np.linalg.norm((centred - basis[:, :count] @ amounts).reshape(-1, 3, len(points)), axis=1).mean()
    assert left[20] < 0.008 and left[100] < 0.002 and left[300] < 0.0005


def test_joints_do_not_move_with_expressions() -> None:
    model = body()
    moved = np.einsum("jv,vae->jae", model.joint_regressor, model.expression_basis)
    body_joints = [k for k, name in enumerate(JOINTS) if "eye" not in name]
    assert np.abs(moved[body_joints]).max() < 1e-4


@pytest.mark.parametrize("name", ["left_shoulder", "left_elbow", "left_hip", "left_knee"])
def test_correctives_keep_volume_that_plain_skinning_loses(name: str) -> None:
    model = body()
    plain = replace(model, pose_basis=None)
    hanging = {"left_shoulder": (0.0, 0.0, -48.0), "right_shoulder": (0.0, 0.0, 48.0)}
    low, high = {
        "left_shoulder": ((-20, -60, -85), (20, 20, 50)),
        "left_elbow": ((-30, -125, 0), (30, 0, 0)),
        "left_hip": ((-100, -20, -10), (20, 20, 35)),
        "left_knee": ((0, 0, 0), (125, 0, 0)),
    }[name]
    rng = np.random.default_rng(1)
    drawn = [hanging | {name: tuple(rng.uniform(low, high))} for _ in range(12)]

    def changed(m: BodyModel) -> float:
        """Litres by which the volume differs from that with the arms hanging out, as people are scanned."""
        whole = litres(m, posed(m, hanging))
        return float(np.mean([abs(litres(m, posed(m, turns)) - whole) for turns in drawn]))

    assert changed(model) < (0.95 if name == "left_shoulder" else 0.5) * changed(plain)


def test_correctives_stay_near_their_joint() -> None:
    model = body()
    assert model.pose_basis is not None
    by_joint = model.pose_basis.reshape(len(model.template), 3, 54, 9)
    for name, reach in (("left_elbow", 0.2), ("left_index2", 0.06), ("left_knee", 0.3)):
        rows = np.flatnonzero(by_joint[:, :, joint(name) - 1].any(axis=(1, 2)))
        place = (model.joint_regressor @ model.template)[joint(name)]
        assert 50 < len(rows) < 1200
        assert np.linalg.norm(model.template[rows] - place, axis=1).max() < reach


def test_a_turned_jaw_is_arkits_open_one() -> None:
    model = body()
    opened = posed(model, {"jaw": (20.7, 0, 0)}) - posed(model, {})
    left = np.linalg.norm(opened - model.shapes["jawOpen"], axis=1)
    assert np.linalg.norm(model.shapes["jawOpen"], axis=1).max() > 0.03
    assert left.max() < 0.006 and np.sqrt((left**2).mean()) < 0.0005


def test_eyes_turn_about_their_middle_and_the_lids_follow() -> None:
    model = body()
    rest, down = posed(model, {}), posed(model, {"left_eye": (12, 0, 0)})
    ball = (model.weights[:, joint("left_eye")] > 0.5).nonzero()[0]
    assert np.linalg.norm(down[ball].mean(axis=0) - rest[ball].mean(axis=0)) < 0.001
    front = ball[np.argmax(rest[ball, 2])]
    assert down[front, 1] < rest[front, 1] - 0.002
    lid = (model.parts["eyelid"] > 0.6) & (rest[:, 0] > 0) & (rest[:, 1] > rest[ball, 1].mean())
    assert (down[lid, 1] - rest[lid, 1]).min() < -0.002


def test_every_part_is_there_and_lies_where_it_should() -> None:
    model = body()
    assert len(model.shapes) == 52 and {"jawOpen", "eyeBlinkLeft", "tongueOut"} <= set(model.shapes)
    assert all(np.abs(shape).max() > 1e-3 for shape in model.shapes.values())
    assert model.quads is not None and model.uv is not None and model.quad_uv is not None
    halves = model.quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    np.testing.assert_array_equal(model.faces, halves)
    assert model.uv.min() >= 0 and model.uv.max() <= 1
    corners = model.uv[model.quad_uv]
    first, second = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    assert (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] > 0).mean() > 0.99  # not mirrored
    hand, face = (model.parts[name] > 0.5 for name in ("hand", "face"))
    assert np.abs(model.template[hand, 0]).min() > 0.6
    assert model.template[face, 2].min() > -0.05 and model.template[face, 1].min() > 0.1
    assert "CC0" in model.licence
    assert (model.weights > 0).sum(axis=1).max() <= 8
    np.testing.assert_allclose(model.weights.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("use_pca", [True, False])
def test_unmodified_smplx_loads_and_poses_it_as_we_do(use_pca: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'scan3d[body]'")
    smplx = pytest.importorskip("smplx", reason="smplx is the user's own choice: pip install 'scan3d[body]'")
    model = body()
    file = tmp_path / "SMPLX_NEUTRAL.npz"
    file.symlink_to(open_model_path())
    theirs = smplx.create(
        str(file), model_type="smplx", ext="npz", use_pca=use_pca, num_pca_comps=12, num_betas=40,
        num_expression_coeffs=30, use_face_contour=True, flat_hand_mean=False,
    )  # fmt: skip
    rng = np.random.default_rng(6)
    beta, expression = rng.normal(size=40), rng.normal(size=30)
    turns = 0.4 * rng.normal(size=(55, 3))
    hands = rng.normal(size=(2, 12 if use_pca else 45)) * (1 if use_pca else 0.3)
    for number, rows in enumerate((slice(25, 40), slice(40, 55))):
        full = hands[number] @ model.hand_bases[number][:12] if use_pca else hands[number]
        turns[rows] = (full + model.hand_means[number]).reshape(15, 3)
    tensor = lambda a: torch.tensor(np.asarray(a)[None], dtype=torch.float32)  # noqa: E731
    with torch.no_grad():
        out = theirs(
            betas=tensor(beta), expression=tensor(expression), global_orient=tensor(turns[0]),
            body_pose=tensor(turns[1:22].ravel()), jaw_pose=tensor(turns[22]), leye_pose=tensor(turns[23]),
            reye_pose=tensor(turns[24]), left_hand_pose=tensor(hands[0]), right_hand_pose=tensor(hands[1]),
            transl=tensor([1.0, 2.0, 3.0]),
        )  # fmt: skip
    p = BodyParameters(shape=beta, expression=expression, pose=turns, translation=np.array([1.0, 2, 3]))
    ours = pose_body(model, p)
    np.testing.assert_allclose(out.vertices[0].numpy(), ours.vertices, atol=2e-5)
    np.testing.assert_allclose(out.joints[0, :55].numpy(), ours.joints, atol=2e-5)
    named = dict(
        zip(("nose", "right_eye", "left_eye", "right_ear", "left_ear"), out.joints[0, 55:60].numpy(), strict=True)
    )
    for name, place in named.items():
        np.testing.assert_allclose(place, ours.vertices[model.landmarks[name]], atol=2e-5)
    assert out.joints.shape[1] == 55 + 21 + 51 + 17
