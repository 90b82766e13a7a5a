"""How posed vertices answer to pose, shape, expression and translation, exactly: what a Gauss-Newton fit needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.rotations import derivatives, left_jacobians, matrices
from scan3d.body.skinning import Array, kinematics, tables


@dataclass(frozen=True, kw_only=True, eq=False)
class Moved:
    """Chosen vertices in the world and their derivatives, metres and radians.

    vertices: (n, 3). by_pose: (n, 3, K, 3) by the axis-angles of the K chosen joints. by_shape: (n, 3, B).
    by_expression: (n, 3, E). By the translation it is the identity for every vertex. joints: (J, 3).
    """

    vertices: Array
    by_pose: Array
    by_shape: Array
    by_expression: Array
    joints: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class VertexSubset:
    """The model's tables for n chosen vertices, so that each evaluation costs those only.

    template: (n, 3). basis: (n, 3, B + E) and joint_basis: (J, 3, B + E), the shape's first. weights: (J, n).
    correctives: per joint but the root, rows of the n (m,) and (m, 3, 9); empty where the model has none.
    below: (J, J) bool, [a, b] whether b hangs below a or is it.
    """

    model: BodyModel
    template: Array
    shape_count: int
    basis: Array
    joint_template: Array
    joint_basis: Array
    weights: Array
    correctives: tuple[tuple[npt.NDArray[np.int64], Array], ...]
    below: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, model: BodyModel, rows: npt.ArrayLike, *, shape: int, expression: int = 0) -> VertexSubset:
        """For the vertices `rows` (n,), the first `shape` and `expression` numbers of the model."""
        chosen = np.asarray(rows, np.int64)
        of = tables(model)
        numbers = np.r_[0:shape, of.shape_count : of.shape_count + expression]
        parts = [model.shape_basis[chosen, :, :shape], model.expression_basis[chosen, :, :expression]]
        correctives = []
        if model.pose_basis is not None:
            local = np.asarray(model.pose_basis[chosen]).reshape(len(chosen), 3, model.joints - 1, 9)
            for number in range(model.joints - 1):
                used = np.flatnonzero(local[:, :, number].any(axis=(1, 2)))
                correctives.append((used, local[used, :, number].astype(np.float64)))
        below = np.eye(model.joints, dtype=bool)
        for number in range(1, model.joints):
            below[:, number] |= below[:, model.parents[number]]
        return cls(
            model=model,
            template=np.asarray(model.template[chosen], np.float64),
            shape_count=shape,
            basis=np.concatenate(parts, axis=2).astype(np.float64),
            joint_template=of.joint_template,
            joint_basis=np.moveaxis(of.joint_basis[numbers], 0, 2).astype(np.float64),
            weights=np.ascontiguousarray(of.weights[chosen].T),
            correctives=tuple(correctives),
            below=below,
        )

    def at(self, parameters: BodyParameters, *, joints: npt.ArrayLike | None = None) -> Moved:
        """The vertices and their derivatives at these parameters; by the pose of `joints` (K,), all by default.

        Shape and expression numbers beyond those that were asked for count as 0.
        """
        numbers = self._numbers(parameters)
        pose = np.asarray(parameters.pose, np.float64)
        chosen = np.arange(len(pose)) if joints is None else np.asarray(joints, np.int64)
        rest_joints = self.joint_template + self.joint_basis @ numbers
        rest = self.template + self.basis @ numbers
        rest = rest + self._corrected(pose, len(rest))
        rotations, places = kinematics(self.model.parents, rest_joints, pose, parameters.translation)
        # (J, n, 3): where each joint alone would carry each vertex, times its weight.
        shares = rest @ np.swapaxes(rotations, 1, 2)
        shares += (places - np.einsum("jab,jb->ja", rotations, rest_joints))[:, None]
        shares *= self.weights[:, :, None]
        vertices = shares.sum(axis=0)
        blended = np.tensordot(self.weights, rotations, axes=(0, 0))
        by_pose = self._by_turning(shares, rotations, places, pose, chosen)
        self._add_correctives(by_pose, blended, pose, chosen)
        by_numbers = self._by_numbers(blended, rotations)
        return Moved(
            vertices=vertices,
            by_pose=by_pose,
            by_shape=by_numbers[:, :, : self.shape_count],
            by_expression=by_numbers[:, :, self.shape_count :],
            joints=places,
        )

    def _numbers(self, parameters: BodyParameters) -> Array:
        numbers = np.zeros(self.basis.shape[2])
        shape, expression = numbers[: self.shape_count], numbers[self.shape_count :]
        for room, given in ((shape, parameters.shape), (expression, parameters.expression)):
            used = np.asarray(given, np.float64)[: len(room)]
            room[: len(used)] = used
        return numbers

    def _corrected(self, pose: Array, count: int) -> Array:
        total = np.zeros((count, 3))
        if self.correctives:
            features = (matrices(pose[1:]) - np.eye(3)).reshape(-1, 9)
            for (rows, moves), feature in zip(self.correctives, features, strict=True):
                total[rows] += moves @ feature
        return total

    def _by_turning(self, shares: Array, rotations: Array, places: Array, pose: Array, chosen: npt.NDArray) -> Array:
        """A joint that turns by w carries what hangs below it: dv = w x (their shares - their weight * its place)."""
        parents = self.model.parents
        weight = self.weights.copy()
        for number in range(len(parents) - 1, 0, -1):
            shares[parents[number]] += shares[number]
            weight[parents[number]] += weight[number]
        axes = left_jacobians(pose)
        axes[1:] = rotations[parents[1:]] @ axes[1:]
        arms = shares[chosen] - weight[chosen, :, None] * places[chosen, None]
        out = np.empty((shares.shape[1], 3, len(chosen), 3))
        for at, number in enumerate(chosen):
            x, y, z = arms[at].T[:, :, None]
            u, v, w = axes[number]
            out[:, 0, at] = v * z - w * y
            out[:, 1, at] = w * x - u * z
            out[:, 2, at] = u * y - v * x
        return out

    def _add_correctives(self, by_pose: Array, blended: Array, pose: Array, chosen: npt.NDArray) -> None:
        if not self.correctives:
            return
        slopes = derivatives(pose).reshape(len(pose), 3, 9)
        for at, number in enumerate(chosen):
            if number == 0:
                continue
            rows, moves = self.correctives[number - 1]
            if len(rows):
                by_pose[rows, :, at] += blended[rows] @ (moves @ slopes[number].T)

    def _by_numbers(self, blended: Array, rotations: Array) -> Array:
        """(n, 3, B + E): the rest vertex moves, and so do the joints that carry it."""
        parents = self.model.parents
        places = np.empty_like(self.joint_basis)
        places[0] = self.joint_basis[0]
        for number in range(1, len(parents)):
            above = parents[number]
            places[number] = places[above] + rotations[above] @ (self.joint_basis[number] - self.joint_basis[above])
        moves = places - rotations @ self.joint_basis
        carried = self.weights.T @ moves.reshape(len(moves), -1)
        return np.asarray(blended @ self.basis + carried.reshape(self.basis.shape))
