"""Gauss-Newton on pairs of places: one damped step after another, each with fresh pairs and weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scan3d.body.fit.anatomy import PosePrior
from scan3d.body.fit.cloth import Cloth
from scan3d.body.fit.face import Face
from scan3d.body.fit.posing import Body, Moved, State, inverse_left_jacobian
from scan3d.body.fit.scan_points import ScanPoints
from scan3d.body.fit.surface_match import Pairs, from_vertices, geman_mcclure, to_faces, to_vertices
from scan3d.body.rotations import matrices, vectors

_PIECES = 700.0  # how many of the scan's points count as seen independently of each other
# A pair on the face is more exact: its points lie close together, and no cloth over them.
_FACE_NOISE_M, _FACE_REACH = 0.003, 0.6
_AT_REST = 4.0  # pull to a face at rest: people hold still, and noise must not open mouths
_MOST_TURN_RAD, _MOST_SHIFT_M = 0.35, 0.12


@dataclass(frozen=True, kw_only=True)
class Round:
    """Some steps of the same kind.

    steps: how many. reach_m: of the robust weights at the first and the last step. points: of the scan. joints: (J,)
    that may turn. shapes, expressions: how many blends may change. sliding: weight of steps along the surface, which
    holds far bodies to their points. back: weight of pairs sought from the body, 0..1. noise_m: how exact a pair is.
    ridge: strength of the pull to the likeliest shape; that to a face at rest does not fade with it. face: how many
    pieces the face counts as besides its share of the whole.
    """

    steps: int
    reach_m: tuple[float, float]
    points: int
    joints: np.ndarray
    shapes: int
    expressions: int = 0
    sliding: float = 0.0
    back: float = 0.5
    noise_m: float = 0.006
    ridge: float = 1.0
    face: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A scan and a body to be brought onto it.

    body: all vertices with faces, or a thinned one without. faces: (F, 3) that can be seen, of a whole body.
    back_rows: (M,) vertices whose pairs are sought from the body. prior: of the pose. cloth: what hangs off it.
    floor: whether the body is held above the floor. face: of the scan, for rounds in which it counts.
    """

    body: Body
    scan: ScanPoints
    faces: np.ndarray
    back_rows: np.ndarray
    prior: PosePrior
    cloth: Cloth | None = None
    floor: bool = True
    face: Face | None = None

    def run(self, state: State, round_: Round, *, seed: int = 0) -> State:
        """The state after the round's steps."""
        rows = self.scan.thinned(round_.points, seed)
        first, last = round_.reach_m
        for step in range(round_.steps):
            share = step / max(round_.steps - 1, 1)
            state = self.step(state, round_, rows, first * (last / first) ** share)
        return state

    def step(self, state: State, round_: Round, rows: np.ndarray, reach_m: float) -> State:
        moved = self.body.moved(state, with_basis=True)
        normals = self.body.moved_normals(moved)
        forward = self.forward(moved, normals, rows)
        free = np.flatnonzero(self._free(round_))
        sums = Sums(self.body, moved, free)
        amount = _PIECES / round_.noise_m**2
        self._add(sums, forward, round_, reach_m, amount / len(rows), False)
        if round_.back > 0 and len(self.back_rows):
            pairs = from_vertices(moved, normals, self.back_rows, self.scan)
            self._add(sums, pairs, round_, reach_m, round_.back * amount / len(self.back_rows), True)
        if self.face is not None and round_.face > 0:
            self._add_face(sums, self.face, normals, round_, reach_m)
        if self.floor:
            self._add_floor(sums, amount)
        self._add_priors(sums, state, round_)
        return stepped(state, sums.solved())

    def forward(self, moved: Moved, normals: np.ndarray, rows: np.ndarray) -> Pairs:
        """Pairs sought from the scan's points."""
        points, point_normals = self.scan.points[rows], self.scan.normals[rows]
        if len(self.faces):
            pairs = to_faces(self.body, moved, self.faces, points, point_normals)
        else:
            pairs = to_vertices(self.body, moved, normals, points, point_normals)
        return replace(pairs, rows=rows)

    def _add(
        self, sums: Sums, pairs: Pairs, round_: Round, reach_m: float, amount: float, back: bool
    ) -> None:  # fmt: skip
        """Adds the pairs' squares to the normal equations."""
        weight = geman_mcclure(pairs.distance, reach_m) * pairs.trust
        offset = pairs.offset
        if self.cloth is not None:
            weight, offset = self.cloth.weighed(pairs, weight, back=back)
        keep = weight > 1e-4
        corners, shares, offset = pairs.corners[keep], pairs.shares[keep], offset[keep]
        weight = amount * weight[keep]
        normal = pairs.normal[keep]
        if round_.sliding > 0:
            first, second = _along(normal)
            normal = np.concatenate([normal, first, second])
            weight = np.concatenate([weight, round_.sliding * weight, round_.sliding * weight])
            corners, shares, offset = (np.tile(a, (3, 1)) for a in (corners, shares, offset))
        sums.add(corners, shares, normal, offset, weight)

    def _add_face(self, sums: Sums, face: Face, normals: np.ndarray, round_: Round, reach_m: float) -> None:
        """The face once more, from the scan's and the body's side."""
        scan, moved, reach_m = face.scan, sums.moved, _FACE_REACH * reach_m
        amount = round_.face / _FACE_NOISE_M**2
        pairs = to_faces(self.body, moved, self.faces, scan.points, scan.normals)
        self._add(sums, pairs.of(face.on[pairs.corners].all(axis=1)), round_, reach_m, amount / len(scan.points), True)
        back = from_vertices(moved, normals, face.rows, scan)
        self._add(sums, back, round_, reach_m, round_.back * amount / len(face.rows), True)

    def _add_floor(self, sums: Sums, amount: float) -> None:
        """No part of the body reaches below the floor."""
        vertices = sums.moved.vertices
        below = self.scan.floor_m - vertices[:, 2] - 0.004
        low = np.flatnonzero(below > 0)
        if not len(low):
            return
        corners = np.repeat(low[:, None], 3, axis=1)
        shares = np.tile([1.0, 0, 0], (len(low), 1))
        up = np.tile([0.0, 0, 1.0], (len(low), 1))
        sums.add(corners, shares, up, up * below[low, None], np.full(len(low), 0.3 * amount / len(vertices)))

    def _add_priors(self, sums: Sums, state: State, round_: Round) -> None:
        angles = vectors(state.rotations)
        gradient, curvature = self.prior.pull(angles)
        gradient[0], curvature[0] = 0, 0
        chain = inverse_left_jacobian(angles)
        joints = 3 * len(angles)
        size = 3 + joints + len(state.blends)
        normal, right = np.zeros((size, size)), np.zeros(size)
        blocks = np.einsum("jba,jb,jbc->jac", chain, curvature, chain)
        for j in range(len(angles)):
            at = slice(3 + 3 * j, 6 + 3 * j)
            normal[at, at] = blocks[j]
            right[at] = -chain[j].T @ gradient[j]
        at_blends = np.arange(3 + joints, size)
        ridge = np.full(len(at_blends), round_.ridge)
        ridge[self.body.shapes :] = _AT_REST
        normal[at_blends, at_blends] = ridge
        right[at_blends] = -ridge * state.blends
        sums.normal += normal[np.ix_(sums.free, sums.free)]
        sums.right += right[sums.free]

    def _free(self, round_: Round) -> np.ndarray:
        """(P,) which parameters may change."""
        body = self.body
        blends = np.zeros(body.basis.shape[2], bool)
        blends[: min(round_.shapes, body.shapes)] = True
        blends[body.shapes : body.shapes + round_.expressions] = True
        return np.concatenate([np.ones(3, bool), np.repeat(round_.joints, 3), blends])


class Sums:
    """The normal equations of one step, over the parameters that may change."""

    def __init__(self, body: Body, moved: Moved, free: np.ndarray) -> None:
        self.body, self.moved, self.free = body, moved, free
        # Blends beyond the last one that may change are not asked for.
        self.blends = max(0, int(free.max(initial=0)) + 1 - 3 - 3 * len(body.names))
        self.normal = np.zeros((len(free), len(free)))
        self.right = np.zeros(len(free))

    def add(
        self, corners: np.ndarray, shares: np.ndarray, directions: np.ndarray, offset: np.ndarray, weight: np.ndarray
    ) -> None:
        """Squares of the offset (N, 3) along directions (N, 3) of places on the body, each with a weight."""
        if not len(corners):
            return
        rows = self.body.rows_of_jacobian(self.moved, corners, shares, np.ascontiguousarray(directions), self.blends)
        root = np.sqrt(weight)
        rows = rows[:, self.free] * root[:, None]
        self.normal += rows.T @ rows  # of the same array: half the work of two
        self.right += rows.T @ (root * np.einsum("nc,nc->n", offset, directions))

    def solved(self) -> np.ndarray:
        """(P,) the damped step, 0 where parameters are held (Levenberg 1944, Marquardt 1963)."""
        from scipy.linalg import cho_factor, cho_solve

        at = np.arange(len(self.normal))
        self.normal[at, at] += 1e-3 * self.normal[at, at] + 1e-6
        joints = len(self.body.names)
        step = np.zeros(3 + 3 * joints + self.body.basis.shape[2])
        step[self.free] = cho_solve(cho_factor(self.normal, check_finite=False), self.right, check_finite=False)
        return step


def stepped(state: State, step: np.ndarray) -> State:
    """The state after a step of its parameters, none of them too long."""
    joints = len(state.rotations)
    turns = step[3 : 3 + 3 * joints].reshape(-1, 3)
    lengths = np.linalg.norm(turns, axis=1, keepdims=True)
    turns = turns * np.minimum(1.0, _MOST_TURN_RAD / np.maximum(lengths, 1e-12))
    shift = step[:3] * min(1.0, _MOST_SHIFT_M / max(float(np.linalg.norm(step[:3])), 1e-12))
    return State(
        rotations=matrices(turns) @ state.rotations,
        blends=np.clip(state.blends + step[3 + 3 * joints :], -5, 5),
        translation=state.translation + shift,
    )


def _along(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (N, 3) each, square to unit normals (N, 3) and to each other (Duff et al. 2017)."""
    x, y, z = normals.T
    sign = np.where(z >= 0, 1.0, -1.0)
    a = -1.0 / (sign + z)
    b = x * y * a
    return np.stack([1 + sign * x * x * a, sign * b, -sign * x], axis=1), np.stack([b, sign + y * y * a, -y], axis=1)
