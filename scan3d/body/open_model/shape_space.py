"""Principal components of many people: what is alike on both sides, and what is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapeSpace:
    """mean: (V, 3) symmetric. basis: (V, 3, B) components times their standard deviations. explained: (B,) the share
    of the variance that the components up to each one hold. real: how many of them are not zeros."""

    mean: np.ndarray
    basis: np.ndarray
    explained: np.ndarray
    real: int


def shape_space(points: np.ndarray, mirror: np.ndarray, count: int) -> ShapeSpace:
    """Of people (N, V, 3), each counted as himself and as his mirror image; mirror: (V,) the twin of each vertex.

    With mirror images the covariance falls apart into a symmetric and an antisymmetric part, so every component is
    one or the other.
    """
    flat = points.reshape(len(points), -1)
    flipped = (points[:, mirror] * np.array([-1, 1, 1], points.dtype)).reshape(len(points), -1)
    both, differing = (flat + flipped) / 2, (flat - flipped) / 2
    mean = both.mean(axis=0, dtype=np.float64)
    parts = [_components(both - mean.astype(np.float32)), _components(differing)]
    variances = np.concatenate([variance for _, variance in parts])
    rows = np.concatenate([basis for basis, _ in parts])
    order = np.argsort(-variances, kind="stable")[:count]
    order = order[variances[order] > 1e-9 * variances.max()]
    basis = np.zeros((flat.shape[1], count), np.float32)
    basis[:, : len(order)] = (rows[order] * np.sqrt(variances[order])[:, None]).T
    explained = np.cumsum(variances[order]) / variances.sum()
    return ShapeSpace(mean=mean.reshape(-1, 3), basis=basis.reshape(-1, 3, count), explained=explained, real=len(order))


def _components(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows (K, D) and variances (K,), largest first; signs such that the entry of largest size is positive."""
    # Summed in double precision: the last components hold a millionth of the variance of the first.
    gram = np.zeros((len(centred), len(centred)))
    for start in range(0, centred.shape[1], 4096):
        part = centred[:, start : start + 4096].astype(np.float64)
        gram += part @ part.T
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-12 * values.max()
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    rows = (vectors / np.sqrt(values)).T.astype(np.float32) @ centred
    largest = np.abs(rows).argmax(axis=1)
    rows *= np.sign(rows[np.arange(len(rows)), largest])[:, None]
    return rows, values / len(centred)
