"""Skinning weights as files hold them: a few joints a vertex."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def strongest(weights: Floats, count: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """(V, count) the joints that move each vertex most, the strongest first, and their weights, which sum to 1.

    weights: (V, J). A place that is not needed has weight 0 and joint 0.
    """
    found = min(count, weights.shape[1])
    joints = np.argpartition(-weights, found - 1, axis=1)[:, :found]
    values = np.take_along_axis(weights, joints, axis=1).astype(np.float64)
    order = np.argsort(-values, axis=1, kind="stable")
    joints, values = np.take_along_axis(joints, order, axis=1), np.take_along_axis(values, order, axis=1)
    values[values < 1e-6] = 0
    total = values.sum(axis=1, keepdims=True)
    values = (values / np.where(total > 0, total, 1)).astype(np.float32)
    # The first takes what rounding has left over: readers check the sum.
    values[:, 0] += (1 - values.astype(np.float64).sum(axis=1)).astype(np.float32)
    joints = np.where(values > 0, joints, 0)
    padding = ((0, 0), (0, count - found))
    return np.pad(joints, padding).astype(np.int32), np.pad(values, padding)
