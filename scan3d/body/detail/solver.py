"""Moves of a mesh's vertices that agree with what pulls at each of them and stay smooth: a large sparse system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from scan3d.body.detail.laplacian import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, kw_only=True, eq=False)
class Stiffness:
    """What holds the moves x (V, 3) of a mesh together: x' (L P L + M + F) x.

    edges: (V, V) weights w of scan3d.body.detail.laplacian, of which L is the Laplacian. plate: (V,) of the diagonal P.
    length: (V,) l of the membrane M, the Laplacian of weights l w l. fading: (V,) of the diagonal F.
    """

    edges: csr_array
    plate: Floats
    length: Floats
    fading: Floats

    def diagonal(self) -> Floats:
        """(V,) of the whole."""
        squared = self.edges.power(2)
        degree = np.asarray(self.edges.sum(axis=1)).ravel()
        bent = degree**2 * self.plate + squared @ self.plate
        return np.asarray(bent + self.length * (self.edges @ self.length) + self.fading)


def solve_moves(
    stiffness: Stiffness, pull: Floats, wanted: Floats, start: Floats, *, steps: int, tolerance: float = 1e-3
) -> Floats:
    """(V, 3) moves x with (stiffness + pull) x = wanted, by preconditioned conjugate gradients.

    pull: (V, 3, 3) symmetric. wanted: (V, 3). start: (V, 3). tolerance: of the preconditioned residual, relative to
    that of no moves.
    """
    diagonal = stiffness.diagonal()
    blocks = pull + (diagonal + 1e-12 * diagonal.max() + 1e-30)[:, None, None] * np.eye(3)
    x = np.array(start, np.float64)
    edges = stiffness.edges
    _conjugate_gradients(
        edges.indptr, edges.indices, edges.data, stiffness.plate, stiffness.length, stiffness.fading, pull,
        np.linalg.inv(blocks), np.ascontiguousarray(wanted, np.float64), x, steps, tolerance,
    )  # fmt: skip
    return x


@numba.njit(cache=True, nogil=True)
def _times(starts, columns, values, plate, length, fading, pull, x, bent, out):
    """out = (stiffness + pull) x; bent (V, 3) is room for P L x."""
    for i in range(len(x)):
        s0 = s1 = s2 = m0 = m1 = m2 = 0.0
        for k in range(starts[i], starts[i + 1]):
            j, w = columns[k], values[k]
            d0, d1, d2 = w * (x[i, 0] - x[j, 0]), w * (x[i, 1] - x[j, 1]), w * (x[i, 2] - x[j, 2])
            s0 += d0
            s1 += d1
            s2 += d2
            m0 += length[j] * d0
            m1 += length[j] * d1
            m2 += length[j] * d2
        p, f = plate[i], fading[i]
        bent[i, 0], bent[i, 1], bent[i, 2] = p * s0, p * s1, p * s2
        for a in range(3):
            out[i, a] = pull[i, a, 0] * x[i, 0] + pull[i, a, 1] * x[i, 1] + pull[i, a, 2] * x[i, 2] + f * x[i, a]
        out[i, 0] += length[i] * m0
        out[i, 1] += length[i] * m1
        out[i, 2] += length[i] * m2
    for i in range(len(x)):
        s0 = s1 = s2 = 0.0
        for k in range(starts[i], starts[i + 1]):
            j, w = columns[k], values[k]
            s0 += w * (bent[i, 0] - bent[j, 0])
            s1 += w * (bent[i, 1] - bent[j, 1])
            s2 += w * (bent[i, 2] - bent[j, 2])
        out[i, 0] += s0
        out[i, 1] += s1
        out[i, 2] += s2


@numba.njit(cache=True, nogil=True)
def _precondition(inverse, residual, out):
    """out = inverse residual; what the two have in common."""
    total = 0.0
    for i in range(len(residual)):
        for a in range(3):
            value = 0.0
            for b in range(3):
                value += inverse[i, a, b] * residual[i, b]
            out[i, a] = value
            total += value * residual[i, a]
    return total


@numba.njit(cache=True, nogil=True)
def _conjugate_gradients(
    starts, columns, values, plate, length, fading, pull, inverse, wanted, x, steps, tolerance
):  # fmt: skip
    """x (V, 3) is changed in place; one step length for all three coordinates, which the pull ties together."""
    product, scaled, bent = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    enough = tolerance * tolerance * _precondition(inverse, wanted, scaled)
    _times(starts, columns, values, plate, length, fading, pull, x, bent, product)
    residual = wanted - product
    old = _precondition(inverse, residual, scaled)
    direction = scaled.copy()
    for step in range(steps):
        if old <= enough:
            return step
        _times(starts, columns, values, plate, length, fading, pull, direction, bent, product)
        curvature = 0.0
        for i in range(len(x)):
            for c in range(3):
                curvature += direction[i, c] * product[i, c]
        if curvature <= 0:
            return step
        alpha = old / curvature
        for i in range(len(x)):
            for c in range(3):
                x[i, c] += alpha * direction[i, c]
                residual[i, c] -= alpha * product[i, c]
        new = _precondition(inverse, residual, scaled)
        beta = new / old
        old = new
        for i in range(len(x)):
            for c in range(3):
                direction[i, c] = scaled[i, c] + beta * direction[i, c]
    return steps
