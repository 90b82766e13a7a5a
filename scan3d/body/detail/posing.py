"""A fitted body's finer mesh: where it is at rest and in the world, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.fine_mesh import FineMesh
from scan3d.body.model import BodyModel, BodyParameters

Floats = npt.NDArray[np.floating]

_LEAST_STRETCH = 0.2  # of the blended joints' motion, below which a move cannot be taken back


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """linear: (V', 3) the mesh at rest, flat between the model's vertices. rest: (V', 3) the same, smooth.

    motion: (V', 3, 4) from the rest pose to the world, of each vertex. Metres.
    """

    linear: Floats
    rest: Floats
    motion: Floats

    def posed(self, offsets: Floats | None = None) -> Floats:
        """(V', 3) in the world: the smooth body, or the flat one with offsets (V', 3) at rest."""
        points = self.rest if offsets is None else self.linear + offsets
        return np.asarray(np.einsum("vij,vj->vi", self.motion[:, :, :3], points) + self.motion[:, :, 3])

    def offsets(self, moves: Floats) -> Floats:
        """(V', 3) of the flat mesh at rest, that move the smooth body in the world by `moves` (V', 3)."""
        u, stretch, vt = np.linalg.svd(self.motion[:, :, :3])
        inverse = vt.transpose(0, 2, 1) @ (u.transpose(0, 2, 1) / np.maximum(stretch, _LEAST_STRETCH)[:, :, None])
        return np.asarray(self.rest - self.linear + np.einsum("vij,vj->vi", inverse, moves))


def placed(model: BodyModel, parameters: BodyParameters, mesh: FineMesh) -> Placed:
    """The finer mesh of a body with these parameters."""
    from scan3d.body.skinning import pose_offsets, shaped, skin

    body = shaped(model, parameters.shape, parameters.expression)
    joints = skin(model, body.vertices, body.joints, parameters.pose, parameters.translation).world_from_rest
    corrected = pose_offsets(model, parameters.pose)
    rest = body.vertices if corrected is None else body.vertices + corrected
    motion = (mesh.matrix @ (np.asarray(model.weights) @ joints[:, :3].reshape(len(joints), 12))).reshape(-1, 3, 4)
    return Placed(linear=mesh.matrix @ rest, rest=mesh.smooth(rest), motion=motion)
