"""The pose library on the open body: no hand, forearm or lower leg inside another part of the body."""

from functools import cache

import numpy as np
import pytest

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.poses import grounded, named_pose, pose_names
from scan3d.body.skeleton import JOINTS
from scan3d.body.skinning import pose_body
from scan3d.geometry import Mesh

pytestmark = pytest.mark.slow
_OUT_M = 0.003
# Of about 3900 vertices of limbs; what touches may overlap by a little.
_FEW = 60


@cache
def open_body() -> BodyModel:
    from scan3d.body.library import default_model

    return default_model()


@cache
def inside(name: str, seed: int) -> frozenset[int]:
    """Vertices of hands, forearms, lower legs and feet around which the skin closes twice (Jacobson et al. 2013)."""
    import igl

    model = open_body()
    shape = np.random.default_rng(seed).normal(size=10) * (seed > 0)
    p = BodyParameters(
        shape=shape, expression=np.zeros(0), pose=named_pose(model, name, shape), translation=np.zeros(3)
    )
    vertices = pose_body(model, grounded(model, p)).vertices
    whole = Mesh(vertices=vertices, faces=model.faces)
    skin = whole.faces[whole.components() == 0]
    owner = np.argmax(model.weights, axis=1)
    ends = [n for n, part in enumerate(JOINTS) if n >= 25 or part.endswith(("wrist", "elbow", "knee", "ankle"))]
    rows = np.intersect1d(np.flatnonzero(np.isin(owner, ends)), skin)
    normals = Mesh(vertices=vertices, faces=skin).vertex_normals()
    turns = igl.fast_winding_number(vertices, skin.astype(np.int32), vertices[rows] + _OUT_M * normals[rows])
    return frozenset(rows[turns > 0.6].tolist())


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", pose_names())
def test_limbs_stay_outside_of_the_body(name: str, seed: int) -> None:
    # What is inside already in a T pose is the mesh's own doing.
    assert len(inside(name, seed) - inside("t", seed)) < _FEW
