"""Our skinning against the smplx package on the same model file and random parameters."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is an extra: pip install 'scan3d[body]'")
pytest.importorskip("smplx", reason="smplx is the user's own choice: pip install 'scan3d[body]'")

import smplx
import torch

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.skeleton import BODY, JAW, LEFT_EYE, LEFT_HAND, PARENTS, RIGHT_EYE, RIGHT_HAND
from scan3d.body.skinning import pose_body

VERTICES = 10_000  # smplx names vertices up to 9929
TOLERANCE_M = 1e-5


@pytest.fixture(scope="module")
def model() -> BodyModel:
    """A cloud of points of a body's size with dense bases: nothing of it is zero."""
    rng = np.random.default_rng(8)
    regressor = rng.random((55, VERTICES)) ** 8
    weights = rng.random((VERTICES, 55)) ** 12
    return BodyModel(
        name="cloud",
        licence="none needed",
        template=rng.normal(size=(VERTICES, 3)) * [0.3, 0.5, 0.15],
        faces=rng.integers(0, VERTICES, (200, 3), dtype=np.int32),
        shape_basis=rng.normal(size=(VERTICES, 3, 300)) * 0.003,
        expression_basis=rng.normal(size=(VERTICES, 3, 100)) * 0.002,
        pose_basis=rng.normal(size=(VERTICES, 3, 486)) * 0.0005,
        joint_regressor=regressor / regressor.sum(axis=1, keepdims=True),
        parents=np.array(PARENTS, np.int32),
        weights=weights / weights.sum(axis=1, keepdims=True),
        hand_means=rng.normal(size=(2, 45)) * 0.2,
        hand_bases=rng.normal(size=(2, 45, 45)),
    )


@pytest.fixture(scope="module")
def theirs(model: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> "smplx.SMPLX":
    """The smplx package's body of the same numbers, by a file in its format."""
    path = tmp_path_factory.mktemp("model") / "SMPLX_NEUTRAL.npz"
    write_smplx_file(model, path)
    return smplx.SMPLX(
        str(path),
        ext="npz",
        gender="neutral",
        use_pca=False,
        flat_hand_mean=True,
        num_betas=20,
        num_expression_coeffs=15,
        batch_size=1,
        dtype=torch.float64,
    )


def write_smplx_file(model: BodyModel, path: Path) -> None:
    np.savez(
        path,
        v_template=model.template,
        f=model.faces.astype(np.uint32),
        shapedirs=np.concatenate([model.shape_basis, model.expression_basis], axis=2),
        posedirs=model.pose_basis,
        J_regressor=model.joint_regressor,
        kintree_table=np.stack([np.where(model.parents < 0, 2**32 - 1, model.parents), np.arange(55)]).astype(np.int64),
        weights=model.weights,
        hands_componentsl=model.hand_bases[0],
        hands_componentsr=model.hand_bases[1],
        hands_meanl=model.hand_means[0],
        hands_meanr=model.hand_means[1],
        lmk_faces_idx=np.zeros(51, np.int64),
        lmk_bary_coords=np.full((51, 3), 1 / 3),
        dynamic_lmk_faces_idx=np.zeros((79, 17), np.int64),
        dynamic_lmk_bary_coords=np.full((79, 17, 3), 1 / 3),
    )


@pytest.mark.parametrize("seed", range(6))
def test_vertices_and_joints_agree(model: BodyModel, theirs: "smplx.SMPLX", seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose = rng.normal(size=(55, 3)) * 0.7
    pose[0] *= 2
    p = BodyParameters(
        shape=rng.normal(size=20) * 2, expression=rng.normal(size=15) * 2, pose=pose, translation=rng.normal(size=3)
    )

    def row(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(np.ravel(values)[None], dtype=torch.float64)

    done = theirs(
        betas=row(p.shape),
        expression=row(p.expression),
        global_orient=row(pose[0]),
        body_pose=row(pose[BODY]),
        jaw_pose=row(pose[JAW]),
        leye_pose=row(pose[LEFT_EYE]),
        reye_pose=row(pose[RIGHT_EYE]),
        left_hand_pose=row(pose[LEFT_HAND]),
        right_hand_pose=row(pose[RIGHT_HAND]),
        transl=row(p.translation),
    )
    ours = pose_body(model, p)
    assert np.abs(done.vertices[0].detach().numpy() - ours.vertices).max() < TOLERANCE_M
    assert np.abs(done.joints[0, :55].detach().numpy() - ours.joints).max() < TOLERANCE_M
