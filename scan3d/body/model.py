"""A body model: a mesh that changes shape by numbers and is moved by joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class BodyModel:
    """SMPL-X (Pavlakos et al. 2019) as arrays, and what the open model knows beyond it. Metres.

    The rest pose stands in the model's own frame, Y up, facing +Z, its left at +X; a global orientation of 90 degrees
    about X stands it up in the world, facing -Y.

    name: of the model, "open" for the one built here. licence: its text, or where it is to be read.
    template: (V, 3) the mean shape. faces: (F, 3) int32.
    shape_basis: (V, 3, B) by shape numbers whose spread over people is 1. expression_basis: (V, 3, E).
    pose_basis: (V, 3, 9 (J - 1)) or None: by the entries of the joints' rotation matrices less the identity, root left
    out. joint_regressor: (J, V). parents: (J,) int32, -1 for the root. weights: (V, J), rows sum to 1.
    hand_means: (2, 45) axis-angles of the left and right hand at rest. hand_bases: (2, K, 45), rows are components.
    quads: (Q, 4) int32 or None: the faces as an artist wants them; faces are their halves, in order.
    uv: (T, 2) texture coordinates, row 0 of a picture at v = 1, or None. quad_uv: (Q, 4) int32 rows of uv.
    shapes: name -> (V, 3) moves of the rest pose at full strength, such as ARKit's 52 expressions.
    parts: name -> (V,) float32 0..1: "lips", "eyeball", "mouth_inside", "scalp", "face", "hand", "foot" and the like.
    landmarks: name -> vertex.
    """

    name: str
    licence: str
    template: Floats
    faces: npt.NDArray[np.int32]
    shape_basis: Floats
    expression_basis: Floats
    pose_basis: Floats | None
    joint_regressor: Floats
    parents: npt.NDArray[np.int32]
    weights: Floats
    hand_means: Floats
    hand_bases: Floats
    quads: npt.NDArray[np.int32] | None = None
    uv: Floats | None = None
    quad_uv: npt.NDArray[np.int32] | None = None
    shapes: Mapping[str, Floats] = field(default_factory=dict)
    parts: Mapping[str, Floats] = field(default_factory=dict)
    landmarks: Mapping[str, int] = field(default_factory=dict)

    @property
    def joints(self) -> int:
        """How many: 55 of SMPL-X, 52 of SMPL-H, 24 of SMPL."""
        return len(self.parents)


@dataclass(frozen=True, kw_only=True, eq=False)
class BodyParameters:
    """Where somebody's body is, in the world: vertices = skinned(shape, expression, pose) + translation.

    shape: (B,), expression: (E,): as many as are used; the rest are 0. pose: (J, 3) axis-angles, the root's first: all
    joints, hands as full angles with their mean included. translation: (3,) metres, added after the pose, as SMPL-X
    does it (the root turns about its own joint).
    """

    shape: Floats
    expression: Floats
    pose: Floats
    translation: Floats
