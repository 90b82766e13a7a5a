"""Moves of a mesh's vertices that agree with what pulls at each of them and stay smooth: a large sparse system."""

from __future__ import annotations

import numba
import numpy as np

from scan3d.body.detail.laplacian import Floats


def solve_moves(
    stiffness: object, pull: Floats, wanted: Floats, start: Floats, *, steps: int, tolerance: float = 1e-4
) -> Floats:
    """(V, 3) moves x with (stiffness + pull) x = wanted, by preconditioned conjugate gradients.

    stiffness: (V, V) sparse, positive semi-definite, the same for each coordinate. pull: (V, 3, 3) symmetric.
    wanted: (V, 3). start: (V, 3). tolerance: of the preconditioned residual, relative to that of no moves.
    """
    diagonal = np.asarray(stiffness.diagonal())  # type: ignore[attr-defined]
    blocks = pull + diagonal[:, None, None] * np.eye(3)
    blocks += (1e-12 * diagonal.max() + 1e-30) * np.eye(3)
    inverse = np.linalg.inv(blocks)
    x = np.array(start, np.float64)
    _conjugate_gradients(
        stiffness.indptr,  # type: ignore[attr-defined]
        stiffness.indices,  # type: ignore[attr-defined]
        stiffness.data,  # type: ignore[attr-defined]
        pull,
        inverse,
        np.ascontiguousarray(wanted, np.float64),
        x,
        steps,
        tolerance,
    )
    return x


@numba.njit(cache=True, nogil=True, parallel=True)
def _times(starts, columns, values, pull, x, out):
    for i in numba.prange(len(x)):
        a = pull[i, 0, 0] * x[i, 0] + pull[i, 0, 1] * x[i, 1] + pull[i, 0, 2] * x[i, 2]
        b = pull[i, 1, 0] * x[i, 0] + pull[i, 1, 1] * x[i, 1] + pull[i, 1, 2] * x[i, 2]
        c = pull[i, 2, 0] * x[i, 0] + pull[i, 2, 1] * x[i, 1] + pull[i, 2, 2] * x[i, 2]
        for k in range(starts[i], starts[i + 1]):
            j, w = columns[k], values[k]
            a += w * x[j, 0]
            b += w * x[j, 1]
            c += w * x[j, 2]
        out[i, 0], out[i, 1], out[i, 2] = a, b, c


@numba.njit(cache=True, nogil=True, parallel=True)
def _precondition(inverse, residual, out):
    for i in numba.prange(len(residual)):
        for a in range(3):
            out[i, a] = (
                inverse[i, a, 0] * residual[i, 0]
                + inverse[i, a, 1] * residual[i, 1]
                + inverse[i, a, 2] * residual[i, 2]
            )


@numba.njit(cache=True, nogil=True)
def _dot(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i, 0] * b[i, 0] + a[i, 1] * b[i, 1] + a[i, 2] * b[i, 2]
    return total


@numba.njit(cache=True, nogil=True)
def _conjugate_gradients(starts, columns, values, pull, inverse, wanted, x, steps, tolerance):
    """x (V, 3) is changed in place; one step length for all three coordinates, which the pull ties together."""
    product, scaled = np.empty_like(x), np.empty_like(x)
    _precondition(inverse, wanted, scaled)
    enough = tolerance * tolerance * _dot(wanted, scaled)
    _times(starts, columns, values, pull, x, product)
    residual = wanted - product
    _precondition(inverse, residual, scaled)
    direction = scaled.copy()
    old = _dot(residual, scaled)
    for step in range(steps):
        if old <= enough:
            return step
        _times(starts, columns, values, pull, direction, product)
        curvature = _dot(direction, product)
        if curvature <= 0:
            return step
        alpha = old / curvature
        for i in range(len(x)):
            for c in range(3):
                x[i, c] += alpha * direction[i, c]
                residual[i, c] -= alpha * product[i, c]
        _precondition(inverse, residual, scaled)
        new = _dot(residual, scaled)
        beta = new / old
        old = new
        for i in range(len(x)):
            for c in range(3):
                direction[i, c] = scaled[i, c] + beta * direction[i, c]
    return steps
