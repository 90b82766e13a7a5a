"""More triangles for a scan: the same surface, so that costs can be told at a size."""

from __future__ import annotations

import numpy as np


def split_edges(vertices: np.ndarray, faces: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Splits edges of which no two share a face, until there are `wanted` faces or no more such edges.

    Returns (V', 3), (F', 3) and (N, 2) the ends of the split edges; their middles come after the old vertices.
    """
    pairs, inverse, counts = np.unique(
        np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_inverse=True, return_counts=True
    )
    side_edge = inverse.reshape(-1, 3)
    rank = np.random.default_rng(0).permutation(len(pairs))
    rank[counts != 2] = -1
    best = rank[side_edge].max(axis=1)
    lowest = np.full(len(pairs), len(pairs))
    np.minimum.at(lowest, side_edge.ravel(), np.repeat(best, 3))
    chosen = np.flatnonzero((rank >= 0) & (lowest == rank))[: max(0, (wanted - len(faces)) // 2)]
    number = np.full(len(pairs), -1)
    number[chosen] = len(vertices) + np.arange(len(chosen))
    middle = number[side_edge]
    split = middle.max(axis=1) >= 0
    corner = middle[split].argmax(axis=1)
    old, rows = faces[split], np.arange(split.sum())
    a, b, c = (old[rows, (corner + k) % 3] for k in range(3))
    m = middle[split].max(axis=1)
    new = np.concatenate([np.stack([a, m, c], axis=1), np.stack([m, b, c], axis=1)])
    points = np.concatenate([vertices, 0.5 * (vertices[pairs[chosen, 0]] + vertices[pairs[chosen, 1]])])
    return points, np.concatenate([faces[~split], new]).astype(faces.dtype), pairs[chosen]
