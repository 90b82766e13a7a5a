"""A body model as the fit needs it: fewer blends, few weights a vertex, any subset of vertices, posed in the world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scan3d.body.fit.kernels import jacobian_rows, skin_points
from scan3d.body.model import BodyModel
from scan3d.body.skeleton import JOINTS

_SMALLEST_WEIGHT = 0.001
# World from the model's frame (Y up, facing +Z): Z up, facing -Y.
UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def joint_names(model: BodyModel) -> tuple[str, ...]:
    """Names of a model's joints: SMPL-X's 55, SMPL-H's 52 or SMPL's 24. Raises ValueError for another number."""
    if model.joints == 55:
        return JOINTS
    if model.joints == 52:
        return (*JOINTS[:22], *JOINTS[25:])
    if model.joints == 24:
        return (*JOINTS[:22], "left_index1", "right_index1")
    raise ValueError(f"a body model of {model.joints} joints is not known")


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """Parameters on their way. rotations: (J, 3, 3) of each joint in its parent's frame, the root's in the world.

    blends: (D,) shape numbers, then expression. translation: (3,) metres.
    """

    rotations: np.ndarray
    blends: np.ndarray
    translation: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Moved:
    """A body in the world. vertices, rest: (V, 3) posed, and before posing with all blends and correctives.

    world: (J, 3, 3) world_from_rest rotations; places: (J, 3) joints; shifts: (J, 3), so that a joint alone moves a
    rest point to world @ rest + shift. joint_basis: (J, 3, D) derivative of the shifts by the blends.
    """

    vertices: np.ndarray
    rest: np.ndarray
    world: np.ndarray
    places: np.ndarray
    shifts: np.ndarray
    joint_basis: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """A model's arrays over all its vertices or some of them. Model frame, metres.

    template: (V, 3). basis: (V, 3, D), `shapes` shape blends and then expressions. correctives: (V, 3, 9 (J - 1))
    float32 or None. weight_joint, weight_share: (V, K). joints: (J, 3) at rest, joint_basis: (J, 3, D). normals:
    (V, 3) of the template. rows: (V,) which of the model's vertices these are. faces: (F, 3), none for a subset.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    template: np.ndarray
    basis: np.ndarray
    shapes: int
    correctives: np.ndarray | None
    weight_joint: np.ndarray
    weight_share: np.ndarray
    joints: np.ndarray
    joint_basis: np.ndarray
    normals: np.ndarray
    rows: np.ndarray
    faces: np.ndarray

    @classmethod
    def of(cls, model: BodyModel, *, shapes: int = 100, expressions: int = 10) -> Body:
        """The whole model with so many of its blends, or all it has."""
        from scan3d.geometry import Mesh

        shapes = min(shapes, model.shape_basis.shape[2])
        expressions = min(expressions, model.expression_basis.shape[2])
        basis = np.concatenate([model.shape_basis[..., :shapes], model.expression_basis[..., :expressions]], axis=2)
        basis = np.ascontiguousarray(basis, dtype=np.float64)
        template = np.asarray(model.template, np.float64)
        regressor = np.asarray(model.joint_regressor, np.float64)
        weights = np.where(model.weights < _SMALLEST_WEIGHT, 0.0, np.asarray(model.weights, np.float64))
        most = int((weights > 0).sum(axis=1).max())
        order = np.argsort(-weights, axis=1, kind="stable")[:, :most]
        share = np.take_along_axis(weights, order, axis=1)
        correctives = None
        if model.pose_basis is not None and np.any(model.pose_basis):
            correctives = np.asarray(model.pose_basis, np.float32)
        faces = np.asarray(model.faces, np.int32)
        return cls(
            names=joint_names(model),
            parents=np.asarray(model.parents, np.int64),
            template=template,
            basis=basis,
            shapes=shapes,
            correctives=correctives,
            weight_joint=order.astype(np.int64),
            weight_share=share / share.sum(axis=1, keepdims=True),
            joints=regressor @ template,
            joint_basis=np.einsum("jv,vcd->jcd", regressor, basis),
            normals=Mesh(vertices=template, faces=faces).vertex_normals(),
            rows=np.arange(len(template)),
            faces=faces,
        )

    def part(self, rows: np.ndarray) -> Body:
        """The body of these vertices alone, without faces."""
        return replace(
            self,
            template=self.template[rows],
            basis=np.ascontiguousarray(self.basis[rows]),
            correctives=None if self.correctives is None else np.ascontiguousarray(self.correctives[rows]),
            weight_joint=self.weight_joint[rows],
            weight_share=self.weight_share[rows],
            normals=self.normals[rows],
            rows=self.rows[rows],
            faces=np.zeros((0, 3), np.int32),
        )

    def joint(self, name: str) -> int:
        return self.names.index(name)

    @cached_property
    def flat_basis(self) -> np.ndarray:
        """(3 V, D)."""
        return self.basis.reshape(-1, self.basis.shape[2])

    @cached_property
    def strongest(self) -> np.ndarray:
        """(V,) the joint that moves each vertex most."""
        best = np.argmax(self.weight_share, axis=1)
        return np.asarray(np.take_along_axis(self.weight_joint, best[:, None], axis=1)[:, 0])

    def neutral(self) -> State:
        """At rest, facing -Y, over the origin."""
        rotations = np.tile(np.eye(3), (len(self.names), 1, 1))
        rotations[0] = UPRIGHT
        return State(rotations=rotations, blends=np.zeros(self.basis.shape[2]), translation=np.zeros(3))

    def rest_joints(self, blends: np.ndarray) -> np.ndarray:
        """(J, 3) joints at rest, model frame."""
        return np.asarray(self.joints + self.joint_basis @ blends)

    def moved(self, state: State, *, with_basis: bool = False) -> Moved:
        """The body as parameters place it (Loper et al. 2015). with_basis: also what a Jacobian needs."""
        blends = state.blends
        rest = self.template + (self.flat_basis @ blends).reshape(-1, 3)
        if self.correctives is not None:
            turned = (state.rotations[1:] - np.eye(3)).ravel().astype(np.float32)
            rest = rest + (self.correctives.reshape(-1, len(turned)) @ turned).reshape(-1, 3)
        joints = self.rest_joints(blends)
        world, places = chain(self.parents, state.rotations, joints, state.translation)
        shifts = places - np.einsum("jab,jb->ja", world, joints)
        vertices = skin_points(rest, self.weight_joint, self.weight_share, world, shifts)
        joint_basis = self._shift_basis(world) if with_basis else np.zeros((0, 3, 0))
        return Moved(vertices=vertices, rest=rest, world=world, places=places, shifts=shifts, joint_basis=joint_basis)

    def _shift_basis(self, world: np.ndarray) -> np.ndarray:
        result = np.empty_like(self.joint_basis)
        places = np.empty_like(self.joint_basis)
        for j, parent in enumerate(self.parents):
            own = self.joint_basis[j]
            if parent < 0:
                places[j] = own
            else:
                places[j] = places[parent] + world[parent] @ (own - self.joint_basis[parent])
            result[j] = places[j] - world[j] @ own
        return result

    def moved_normals(self, moved: Moved) -> np.ndarray:
        """(V, 3) the template's normals turned with the skin."""
        zero = np.zeros_like(moved.shifts)
        normals = skin_points(self.normals, self.weight_joint, self.weight_share, moved.world, zero)
        return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))

    def rows_of_jacobian(
        self, moved: Moved, corners: np.ndarray, shares: np.ndarray, directions: np.ndarray, blends: int
    ) -> np.ndarray:
        """(N, 3 + 3 J + blends) see `jacobian_rows`; moved with its basis."""
        return jacobian_rows(
            corners, shares, directions, self.weight_joint, self.weight_share, moved.shifts, moved.rest, self.basis,
            self.parents, moved.world, moved.places, moved.joint_basis, blends,
        )  # fmt: skip


def chain(
    parents: np.ndarray, rotations: np.ndarray, joints: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (J, 3, 3) and places (J, 3) of joints at rest (J, 3), turned one after the other."""
    world, places = np.empty_like(rotations), np.empty_like(joints)
    for j, parent in enumerate(parents):
        if parent < 0:
            world[j], places[j] = rotations[j], joints[j] + translation
        else:
            world[j] = world[parent] @ rotations[j]
            places[j] = places[parent] + world[parent] @ (joints[j] - joints[parent])
    return world, places


def inverse_left_jacobian(vectors: np.ndarray) -> np.ndarray:
    """(N, 3, 3) how an axis-angle changes with a small rotation applied after it (Sola et al. 2018, eq. 146)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    cross = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
    cross[:, 1, 0], cross[:, 2, 0], cross[:, 2, 1] = z, -y, x
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    c = np.where(small, 1 / 12, 1 / safe**2 - (1 + np.cos(safe)) / (2 * safe * np.sin(safe)))
    return np.asarray(np.eye(3) - 0.5 * cross + c * cross @ cross)
