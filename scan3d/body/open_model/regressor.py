"""Where joints lie, by the skin around them.

MakeHuman's own joints do not follow its skin: its largest height moves the skin of the knee 63 mm further than the
knee, and its waist moves without the spine. So each joint is set into the mean body by MakeHuman, and from there
carried to everybody else by the affine map that best takes the skin around it along.
"""

from __future__ import annotations

import numpy as np

from scan3d.body.skeleton import JOINTS, PARENTS

_CANDIDATES = 120


def carrying_rows(mean: np.ndarray, joints: np.ndarray, weights: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """(55, V) such that rows @ vertices are the mean body's joints (55, 3), carried along by an affine map.

    The least squares affine map of the surroundings, told at the joint, is a weighted mean of them, whose weights may
    be negative. usable: (V,) vertices that may be used.
    """
    result = np.zeros((len(JOINTS), len(mean)))
    for number in range(len(JOINTS)):
        chosen = _candidates(number, mean, joints[number], weights, usable)
        result[number, chosen] = _affine_row(mean[chosen], joints[number])
    return result


def joint_regressor(
    points: np.ndarray, joints: np.ndarray, weights: np.ndarray, mirror: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """(55, V) sparse, non-negative, rows summing to 1, that gives joints (N, 55, 3) from people (N, V, 3).

    Each row is solved for by non-negative least squares (Lawson & Hanson 1974) over vertices around the joint; the
    right side's rows are the mirrored left ones. mirror: (V,) the twin of each vertex.
    """
    mean = points.mean(axis=0, dtype=np.float64)
    result = np.zeros((len(JOINTS), len(mean)))
    for number, name in enumerate(JOINTS):
        if name.startswith("right_"):
            continue
        chosen = _candidates(number, mean, joints[:, number].mean(axis=0), weights, usable)
        if not name.startswith("left_"):
            chosen = np.unique(np.concatenate([chosen, mirror[chosen]]))
        result[number, chosen] = _row(points[:, chosen].astype(np.float64), joints[:, number])
        if name.startswith("left_"):
            result[JOINTS.index(f"right_{name[5:]}")] = result[number, mirror]
        else:
            result[number] = 0.5 * (result[number] + result[number, mirror])
    return result


def _candidates(
    number: int, mean: np.ndarray, place: np.ndarray, weights: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """Vertices spread evenly over the surroundings of a joint, as far out as it takes to have it in their midst."""
    family = [number, *(k for k, parent in enumerate(PARENTS) if parent == number), max(PARENTS[number], 0)]
    share = weights[:, np.unique(family)].sum(axis=1)
    distance = np.linalg.norm(mean - place, axis=1)
    rows = np.flatnonzero(usable & (share > 0.2))
    chosen = rows
    for reach in (2.5, 3, 4, 5, 7, 10):
        near = rows[distance[rows] < reach * distance[rows].min() + 0.01]
        chosen = _spread(mean[near], near, int(np.argmin(distance[near])))
        # A joint outside of its vertices is told by weights of both signs, much larger than their sum.
        if np.abs(_affine_row(mean[chosen], place)).sum() < 1.15:
            break
    return chosen


def _spread(points: np.ndarray, rows: np.ndarray, first: int) -> np.ndarray:
    """Some of the rows, by farthest point sampling."""
    chosen = [first]
    away = np.linalg.norm(points - points[first], axis=1)
    while len(chosen) < min(_CANDIDATES, len(rows)):
        chosen.append(int(np.argmax(away)))
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.asarray(np.unique(rows[chosen]))


def _affine_row(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(K,) the smallest weights that give a place (3,) of points (K, 3), and of every affine image of them."""
    design = np.concatenate([points - place, np.ones((len(points), 1))], axis=1)
    return np.asarray(np.linalg.pinv(design, rcond=1e-6)[3])


def _row(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(K,) weights of points (N, K, 3) that best give target (N, 3)."""
    from scipy.optimize import nnls

    count = points.shape[1]
    strong = 100.0 * np.sqrt(len(points))
    matrix = np.concatenate([points.transpose(0, 2, 1).reshape(-1, count), np.full((1, count), strong)])
    row, _ = nnls(matrix, np.concatenate([target.ravel(), [strong]]), maxiter=20 * count)
    row[row < 1e-4] = 0
    return np.asarray(row / row.sum())
