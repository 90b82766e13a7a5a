"""Where joints lie, as sparse non-negative means of the skin's vertices."""

from __future__ import annotations

import numpy as np

from scan3d.body.skeleton import JOINTS, PARENTS

_CANDIDATES = 120


def joint_regressor(
    points: np.ndarray, joints: np.ndarray, weights: np.ndarray, mirror: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """(55, V) non-negative, rows summing to 1, that gives joints (N, 55, 3) from people (N, V, 3).

    Each joint's row is solved for by non-negative least squares (Lawson & Hanson 1974) over vertices around it, those
    that move with the joint or its parent; the right side's rows are the mirrored left ones.
    usable: (V,) vertices that may be used (not those that expressions move).
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
    """Vertices spread evenly (farthest point sampling) over the surroundings of a joint."""
    share = weights[:, number] + (weights[:, PARENTS[number]] if PARENTS[number] >= 0 else 0)
    distance = np.linalg.norm(mean - place, axis=1)
    rows = np.flatnonzero(usable & (share > 0.2))
    if len(rows) < 12:
        rows = np.flatnonzero(usable)
    # All around: a joint of the trunk lies nearer to the back than to the front.
    rows = rows[distance[rows] < 3 * distance[rows].min() + 0.01]
    chosen = [int(rows[np.argmin(distance[rows])])]
    away = np.linalg.norm(mean[rows] - mean[chosen[0]], axis=1)
    while len(chosen) < min(_CANDIDATES, len(rows)):
        chosen.append(int(rows[np.argmax(away)]))
        away = np.minimum(away, np.linalg.norm(mean[rows] - mean[chosen[-1]], axis=1))
    return np.unique(chosen)


def _row(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(K,) weights of points (N, K, 3) that best give target (N, 3)."""
    from scipy.optimize import nnls

    strong = 100.0 * np.sqrt(len(points))
    matrix = np.concatenate([points.transpose(0, 2, 1).reshape(-1, points.shape[1]), np.full((1, points.shape[1]), strong)])
    row, _ = nnls(matrix, np.concatenate([target.ravel(), [strong]]), maxiter=20 * points.shape[1])
    row[row < 1e-4] = 0
    return np.asarray(row / row.sum())
