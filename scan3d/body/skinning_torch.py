"""The same body in torch: batched and differentiable. Needs torch, an extra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from scan3d.body.model import BodyModel
from scan3d.body.skinning import tables


@dataclass(frozen=True, kw_only=True, eq=False)
class TorchPosed:
    """Metres, world. vertices: (N, V, 3). joints: (N, J, 3). world_from_rest: (N, J, 4, 4)."""

    vertices: torch.Tensor
    joints: torch.Tensor
    world_from_rest: torch.Tensor


class TorchBody(torch.nn.Module):
    """A body model as tensors of one type on one device; `scan3d.body.skinning` says what its numbers mean."""

    template: torch.Tensor
    basis: torch.Tensor
    joint_template: torch.Tensor
    joint_basis: torch.Tensor
    weights: torch.Tensor
    pose_basis: torch.Tensor

    def __init__(
        self, model: BodyModel, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__()
        of = tables(model)

        def kept(name: str, values: np.ndarray) -> None:
            self.register_buffer(name, torch.as_tensor(np.array(values), dtype=dtype, device=device), persistent=False)

        self.parents = [int(parent) for parent in model.parents]
        self.shape_count = of.shape_count
        kept("template", model.template)
        kept("basis", of.basis.reshape(len(of.basis), -1))
        kept("joint_template", of.joint_template)
        kept("joint_basis", of.joint_basis.reshape(len(of.basis), -1))
        kept("weights", of.weights)
        self.corrected = model.pose_basis is not None
        if model.pose_basis is not None:
            kept("pose_basis", np.asarray(model.pose_basis).reshape(3 * len(model.template), -1).T)

    def forward(
        self,
        shape: torch.Tensor,
        expression: torch.Tensor,
        pose: torch.Tensor,
        translation: torch.Tensor,
        extra_offsets: torch.Tensor | None = None,
    ) -> TorchPosed:
        """shape: (N, B), expression: (N, E), as many as are used. pose: (N, J, 3) axis-angles. translation: (N, 3).

        extra_offsets: (N, V, 3) or (V, 3) on the rest vertices, metres.
        """
        rest, joints = self.shaped(shape, expression, extra_offsets)
        local = rotation_matrices(pose)
        if self.corrected:
            turned = (local[:, 1:] - torch.eye(3, dtype=local.dtype, device=local.device)).flatten(1)
            rest = rest + (turned @ self.pose_basis).reshape(rest.shape)
        rotations, places = self._kinematics(local, joints)
        shifts = places - torch.einsum("njab,njb->nja", rotations, joints)
        turn = torch.einsum("vj,njk->nvk", self.weights, rotations.flatten(2)).unflatten(2, (3, 3))
        vertices = torch.einsum("nvab,nvb->nva", turn, rest) + torch.einsum("vj,nja->nva", self.weights, shifts)
        shifts = shifts + translation[:, None]
        last = torch.tensor([0.0, 0, 0, 1], dtype=pose.dtype, device=pose.device).expand(*shifts.shape[:2], 1, 4)
        return TorchPosed(
            vertices=vertices + translation[:, None],
            joints=places + translation[:, None],
            world_from_rest=torch.cat([torch.cat([rotations, shifts[..., None]], dim=3), last], dim=2),
        )

    def shaped(
        self, shape: torch.Tensor, expression: torch.Tensor, extra_offsets: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Rest vertices (N, V, 3) and joints (N, J, 3), metres in the model's frame."""
        vertices, joints = self.template.flatten()[None], self.joint_template.flatten()[None]
        for start, numbers in ((0, shape), (self.shape_count, expression)):
            rows = slice(start, start + numbers.shape[1])
            vertices = vertices + numbers @ self.basis[rows]
            joints = joints + numbers @ self.joint_basis[rows]
        vertices, joints = vertices.unflatten(1, (-1, 3)), joints.unflatten(1, (-1, 3))
        return vertices if extra_offsets is None else vertices + extra_offsets, joints

    def _kinematics(self, local: torch.Tensor, joints: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rotations, places = [local[:, 0]], [joints[:, 0]]
        for number, above in enumerate(self.parents[1:], 1):
            bone = joints[:, number] - joints[:, above]
            rotations.append(rotations[above] @ local[:, number])
            places.append(places[above] + (rotations[above] @ bone[..., None])[..., 0])
        return torch.stack(rotations, dim=1), torch.stack(places, dim=1)


def rotation_matrices(vectors: torch.Tensor) -> torch.Tensor:
    """(..., 3, 3) rotations of (..., 3) axis-angle vectors; value and derivatives are exact at zero too."""
    squared = (vectors * vectors).sum(-1, keepdim=True)
    small = squared < 1e-4
    # A length of its own where the series is used: the derivative of the root has no bound there.
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    a = torch.where(small, 1 - squared / 6 * (1 - squared / 20), torch.sin(angle) / angle)
    b = torch.where(small, 0.5 - squared / 24 * (1 - squared / 30), 2 * torch.sin(0.5 * angle) ** 2 / safe)
    x, y, z = vectors.unbind(-1)
    o = torch.zeros_like(x)
    k = torch.stack([o, -z, y, z, o, -x, -y, x, o], dim=-1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return eye + a[..., None] * k + b[..., None] * (k @ k)
