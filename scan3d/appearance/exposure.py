"""Exposure and white balance on which the cameras of a rig agree, from the surface they see together."""

from __future__ import annotations

import numpy as np

# Differences below this are what gloss does to honest cameras; they are left alone.
_HONEST = 0.03  # natural logarithm, about 0.04 stops
_SCALE = 0.08  # of a robust residual, logarithm
_ROUNDS = 12


def agree_on_gains(samples: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Factors (V, 3) that bring linear colours of V cameras to agree; their geometric mean is 1.

    samples (V, N, 3) linear colours of N points of the surface; weights (V, N), 0 where a camera does not see one.
    Alternates between the points' colours and the cameras' gains in the logarithm, with Cauchy weights against gloss
    (iteratively reweighted least squares).  A camera within 3% of the others keeps the factor 1.
    """
    known = (weights > 0)[..., None] & (samples > 1e-3)
    logs = np.log(np.maximum(samples, 1e-3))
    gains = np.zeros((len(samples), 3))
    weight = np.where(known, weights[..., None], 0.0)
    robust = weight
    for _ in range(_ROUNDS):
        colour = (robust * (logs - gains[:, None])).sum(0) / np.maximum(robust.sum(0), 1e-9)
        residual = logs - colour
        robust = weight / (1 + ((residual - gains[:, None]) / _SCALE) ** 2)
        # a few virtual points of gain 1 hold cameras that share little with the others
        gains = (robust * residual).sum(1) / (robust.sum(1) + 10.0)
        gains -= gains.mean(0)
    honest = np.abs(gains).max(1, keepdims=True) < _HONEST
    gains = np.where(honest, 0.0, gains)
    return np.exp(-(gains - gains.mean(0)))
