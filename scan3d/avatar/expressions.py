"""What a face does in a motion, as strengths of shapes: the named ones, and a few more for what those leave over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.model import BodyModel

Floats = npt.NDArray[np.floating]

# Of a model that names no shapes of the face, its expression numbers become shapes, this many.
_EXPRESSION_KEYS = 10
# All that may be left over of a face, in metres over all its vertices together; no vertex is off by more.
_LEFT_OVER_M = 2e-5
_RIDGE = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceShapes:
    """names: (S,). moves: S times (V, 3) of the model at rest, at full strength, metres. numbers: (S, E) the
    expression numbers that come nearest to each. strengths: (N, S) of the faces that were asked for, 0 to 1."""

    names: tuple[str, ...]
    moves: tuple[Floats, ...]
    numbers: Floats
    strengths: Floats


def named_shapes(model: BodyModel) -> FaceShapes:
    """The model's own shapes, or its first expression numbers where it names none."""
    basis = np.asarray(model.expression_basis, np.float64)
    count = basis.shape[2]
    if not model.shapes:
        used = min(count, _EXPRESSION_KEYS)
        return FaceShapes(
            names=tuple(f"expression_{n + 1:02d}" for n in range(used)),
            moves=tuple(basis[:, :, n] for n in range(used)),
            numbers=np.eye(count)[:used],
            strengths=np.zeros((0, used)),
        )
    moves = tuple(np.asarray(move, np.float64) for move in model.shapes.values())
    flat = basis.reshape(-1, count)
    gram = flat.T @ flat
    # A little ridge: directions that no shape of the face needs stay at zero.
    gram += _RIDGE * (np.trace(gram) / max(count, 1) + 1e-12) * np.eye(count)
    shapes = np.stack([move.ravel() for move in moves])
    return FaceShapes(
        names=tuple(model.shapes),
        moves=moves,
        numbers=np.linalg.solve(gram, flat.T @ shapes.T).T,
        strengths=np.zeros((0, len(moves))),
    )


def shapes_for(model: BodyModel, own: Floats, wanted: Floats) -> FaceShapes:
    """The shapes with which the model shows the expressions wanted, (N, E') numbers, on a rest mesh that holds its own.

    own: (E'',) the numbers in the rest mesh. The named shapes come as near as strengths from 0 to 1 allow; what they
    leave over becomes shapes of its own, by its principal components, one for each sign.
    """
    named = named_shapes(model)
    change = _padded(wanted, named.numbers.shape[1]) - _padded(own[None], named.numbers.shape[1])
    if not np.abs(change).max(initial=0):
        return FaceShapes(
            names=named.names,
            moves=named.moves,
            numbers=named.numbers,
            strengths=np.zeros((len(change), len(named.names))),
        )
    basis = np.asarray(model.expression_basis, np.float64).reshape(-1, change.shape[1])
    both = np.hstack([np.stack([move.ravel() for move in named.moves], axis=1), basis])
    gram, count = both.T @ both, len(named.names)
    strengths = _bounded(gram[:count, :count], gram[:count, count:] @ change.T)
    left = np.hstack([-strengths, change])
    names, moves, numbers, amounts = list(named.names), list(named.moves), [*named.numbers], [strengths]
    for number, (component, values) in enumerate(_components(left, gram), start=1):
        for sign, word in ((1, "more"), (-1, "less")):
            one_way = np.maximum(sign * values, 0)
            if not one_way.max():
                continue
            full = sign * one_way.max() * component
            names.append(f"face_{number:02d}_{word}")
            moves.append((both @ full).reshape(-1, 3))
            numbers.append(full[:count] @ named.numbers + full[count:])
            amounts.append(one_way[:, None] / one_way.max())
    return FaceShapes(names=tuple(names), moves=tuple(moves), numbers=np.array(numbers), strengths=np.hstack(amounts))


def _padded(numbers: Floats, count: int) -> Floats:
    """(N, count) with zeros behind."""
    return np.pad(np.asarray(numbers, np.float64), ((0, 0), (0, count - numbers.shape[1])))


def _bounded(gram: Floats, right: Floats) -> Floats:
    """(N, S) least squares between 0 and 1. gram: (S, S) of the shapes, right: (S, N) the shapes times the targets."""
    from scipy.optimize import lsq_linear

    ridge = _RIDGE * np.trace(gram) / len(gram)
    factor = np.linalg.cholesky(gram + ridge * np.eye(len(gram))).T
    targets = np.linalg.solve(factor.T, right)
    return np.array([lsq_linear(factor, target, (0, 1), method="bvls").x for target in targets.T])


def _components(left: Floats, gram: Floats) -> Sequence[tuple[Floats, Floats]]:
    """Directions (S + E,) and their amounts (N,), until what no direction holds cannot be seen. left: (N, S + E)."""
    value, vector = np.linalg.eigh(gram)
    kept = value > 1e-12 * value[-1]
    root = vector[:, kept] * np.sqrt(value[kept])
    back = vector[:, kept] / np.sqrt(value[kept])
    amount, size, way = np.linalg.svd(left @ root, full_matrices=False)
    amount = amount * size
    rest = np.sqrt(np.maximum(np.cumsum((amount**2)[:, ::-1], axis=1)[:, ::-1], 0)).max(axis=0)
    return [(back @ way[k], amount[:, k]) for k in range(len(size)) if rest[k] > _LEFT_OVER_M]
