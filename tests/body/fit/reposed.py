"""A fitted body moved as the truth moves: pose A is fitted, in pose B both are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import open3d as o3d

from scan3d.body.detail import Detail
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.detail.posing import placed
from scan3d.body.fit.posing import State, chain
from scan3d.body.fit.prepared import prepared
from scan3d.body.fit.result import Fitted
from scan3d.body.fit.solver import Sums, stepped
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.rotations import matrices, vectors
from scan3d.body.skeleton import PARENTS
from scan3d.geometry import Mesh
from scan3d.simulate.body_surface import body_surface
from scan3d.simulate.poses import POSES, posed_skeleton
from scan3d.simulate.skeleton import apply
from tests.body.fit.scores import skin_vertices
from tests.body.fit.truth import BONE_OF, FINGER_OF, Truth, rays_at

_BONES = {**BONE_OF, **FINGER_OF}
_ARMPIT_M, _CROTCH_M = 0.10, 0.12
_STEPS, _HELD = 8, 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Reposed:
    """off_m: (N,) of the vertices that the scan saw outside armpits and crotch, how far from the truth's skin."""

    off_m: np.ndarray


def reposed(truth: Truth, fitted: Fitted, model: BodyModel, detail: Detail, pose: str) -> Reposed:
    """The detailed body in a pose of the library, beside the truth's own body in it, moved by its own bones.

    The two rigs differ: MakeHuman's shoulders lie up to 18 mm from where the skin has them, and an arm raised about
    there ends elsewhere. So joints turn as the bones do, and then until skin lies on skin as well as turning goes;
    shape and detail stay.
    """
    parameters, skin = _moved_like(truth, fitted, pose)
    parameters = _settled(parameters, skin, model)
    mesh = fine_mesh(model, detail.level)
    points = placed(model, parameters, mesh).posed(detail.offsets)
    rows = np.flatnonzero(detail.seen & ~_folding(fitted, placed(model, fitted.parameters, mesh).posed()))
    distance = rays_at(skin).compute_distance(o3d.core.Tensor.from_numpy(points[rows].astype(np.float32)))
    return Reposed(off_m=distance.numpy())


def _moved_like(truth: Truth, fitted: Fitted, pose: str) -> tuple[BodyParameters, Mesh]:
    """Each joint turned in the world as the truth's bone turns from its stance to the pose, and the truth's skin."""
    body = body_surface()
    before = posed_skeleton(body.human, truth.cage, truth.stance)
    after = posed_skeleton(body.human, truth.cage, POSES[pose])
    cos, sin = np.cos(truth.yaw_rad), np.sin(truth.yaw_rad)
    yaw = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    world = _world(matrices(fitted.parameters.pose))
    turned = world.copy()
    for number, name in enumerate(fitted.names):
        bone = _BONES.get(name, _BONES["head"])  # jaw and eyes go with the head
        turn = after.posed_from_rest(bone)[:3, :3] @ before.posed_from_rest(bone)[:3, :3].T
        turned[number] = yaw @ turn @ yaw.T @ world[number]
    local = turned.copy()
    for number, parent in enumerate(PARENTS):
        if parent >= 0:
            local[number] = turned[parent].T @ turned[number]
    # The pelvis keeps its place within the truth's.
    bone = _BONES["pelvis"]
    middle = apply(after.posed_from_rest(bone), after.head(bone))
    pelvis = yaw @ middle + turned[0] @ world[0].T @ (fitted.joints[0] - truth.joints["pelvis"])
    parameters = BodyParameters(
        shape=fitted.parameters.shape,
        expression=fitted.parameters.expression,
        pose=vectors(local),
        translation=fitted.parameters.translation + pelvis - fitted.joints[0],
    )
    points = body.surface.points(after.skin(truth.cage)) @ yaw.T
    return parameters, Mesh(vertices=points, faces=body.surface.faces)


def _world(rotations: np.ndarray) -> np.ndarray:
    return chain(np.asarray(PARENTS), rotations, np.zeros((len(rotations), 3)), np.zeros(3))[0]


def _settled(parameters: BodyParameters, skin: Mesh, model: BodyModel) -> BodyParameters:
    """Turned further, by Gauss-Newton over joints and place alone, until the body's vertices are nearest to theirs."""
    ready = prepared(model)
    body, numbers = ready.body, skin_vertices()
    blends = np.zeros(body.basis.shape[2])
    blends[: len(parameters.shape)] = parameters.shape
    blends[body.shapes : body.shapes + len(parameters.expression)] = parameters.expression
    state = State(rotations=matrices(parameters.pose), blends=blends, translation=parameters.translation)
    rows = ready.back_rows[numbers[ready.back_rows] >= 0]
    corners = np.repeat(rows[:, None], 3, axis=1)
    shares = np.tile([1.0, 0, 0], (len(rows), 1))
    free = np.arange(3 + 3 * len(body.names))
    for _ in range(_STEPS):
        moved = body.moved(state, with_basis=True)
        sums = Sums(body, moved, free)
        offset = skin.vertices[numbers[rows]] - moved.vertices[rows]
        for axis in np.eye(3):
            sums.add(corners, shares, np.tile(axis, (len(rows), 1)), offset, np.full(len(rows), 1.0))
        # Joints that hardly move anything (eyes, jaw, finger tips) stay.
        sums.normal[free[3:], free[3:]] += _HELD * len(rows)
        state = stepped(state, sums.solved())
    return replace(parameters, pose=vectors(state.rotations), translation=state.translation)


def _folding(fitted: Fitted, points: np.ndarray) -> np.ndarray:
    """(N,) which places of the fitted body lie in armpits or crotch, where skin folds and no model is exact."""
    hips = 0.5 * sum(fitted.joints[fitted.names.index(f"{side}_hip")] for side in ("left", "right"))
    folding = np.linalg.norm(points - (hips - [0, 0, 0.06]), axis=1) < _CROTCH_M
    for side in ("left", "right"):
        armpit = fitted.joints[fitted.names.index(f"{side}_shoulder")] - [0, 0, 0.06]
        folding |= np.linalg.norm(points - armpit, axis=1) < _ARMPIT_M
    return np.asarray(folding)
