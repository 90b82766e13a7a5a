"""The body in torch is the body in numpy, and can be differentiated."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is an extra: pip install 'scan3d[body]'")

import torch

from scan3d.body.jacobian import VertexSubset
from scan3d.body.model import BodyModel
from scan3d.body.skinning import pose_body
from scan3d.body.skinning_torch import TorchBody, rotation_matrices
from tests.body.stick_body import random_parameters

NAMES = ("shape", "expression", "pose", "translation")


def batch(model: BodyModel, count: int, dtype: object) -> tuple[list, list]:
    rng = np.random.default_rng(7)
    people = [random_parameters(model, rng) for _ in range(count)]
    return people, [torch.tensor(np.stack([getattr(p, name) for p in people]), dtype=dtype) for name in NAMES]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_a_batch_is_what_numpy_makes_of_each(stick: BodyModel, dtype: object, tolerance: float) -> None:
    people, tensors = batch(stick, 4, dtype)
    done = TorchBody(stick, dtype=dtype)(*tensors)
    for number, person in enumerate(people):
        posed = pose_body(stick, person)
        np.testing.assert_allclose(done.vertices[number].numpy(), posed.vertices, atol=tolerance)
        np.testing.assert_allclose(done.joints[number].numpy(), posed.joints, atol=tolerance)
        np.testing.assert_allclose(done.world_from_rest[number].numpy(), posed.world_from_rest, atol=tolerance)


def test_its_derivatives_are_the_closed_ones(stick: BodyModel) -> None:
    people, tensors = batch(stick, 1, torch.float64)
    body, rows = TorchBody(stick, dtype=torch.float64), np.array([10, 333, 801])
    by = torch.autograd.functional.jacobian(lambda *x: body(*x).vertices[0, rows], tuple(tensors))
    exact = VertexSubset.of(stick, rows, shape=6, expression=3).at(people[0])
    np.testing.assert_allclose(by[0][:, :, 0].numpy(), exact.by_shape, atol=1e-10)
    np.testing.assert_allclose(by[1][:, :, 0].numpy(), exact.by_expression, atol=1e-10)
    np.testing.assert_allclose(by[2][:, :, 0].numpy(), exact.by_pose, atol=1e-10)
    np.testing.assert_allclose(by[3][:, :, 0].numpy(), np.tile(np.eye(3), (3, 1, 1)), atol=1e-12)


@pytest.mark.parametrize("length", [0.0, 1e-9, 1e-3, 0.0099, 0.0101, 1.0])
def test_rotations_have_derivatives_at_and_near_zero(length: float) -> None:
    vector = torch.tensor([[0.6, 0.0, 0.8]], dtype=torch.float64) * length
    vector.requires_grad_(True)
    assert torch.autograd.gradcheck(rotation_matrices, (vector,), eps=1e-7, atol=1e-7)
    assert torch.autograd.gradcheck(lambda v: rotation_matrices(v).square(), (vector,), eps=1e-7, atol=1e-7)


def test_offsets_are_added_at_rest(stick: BodyModel) -> None:
    people, tensors = batch(stick, 2, torch.float64)
    offsets = np.random.default_rng(0).normal(size=stick.template.shape) * 0.01
    done = TorchBody(stick, dtype=torch.float64)(*tensors, torch.tensor(offsets))
    np.testing.assert_allclose(done.vertices[1].numpy(), pose_body(stick, people[1], offsets).vertices, atol=1e-12)
