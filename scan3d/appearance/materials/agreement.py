"""What cameras make of the same light: exposure and white balance of each, and the shading of the rig's lens.

Diffuse light looks the same from everywhere, so that any difference between two cameras that see one point under one
lamp is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SCALE = 0.06  # of a robust residual, logarithm
_ROUNDS = 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """gain: (V, 3) factors to be multiplied with; their mean logarithm is 0. shading: (2,) of the factor
    exp(a r^2 + b r^4) that the lenses' corners receive, r = 1 in the corner."""

    gain: np.ndarray
    shading: np.ndarray

    def factor(self, view: int, radius2: np.ndarray) -> np.ndarray:
        """(N, 3) what a view's values at squared radii (N,) are multiplied with."""
        a, b = self.shading
        out: np.ndarray = np.exp(-(a * radius2 + b * radius2**2))[:, None] * self.gain[view]
        return out.astype(np.float32)


def agree(values: np.ndarray, weights: np.ndarray, radius2: np.ndarray, *, lens: bool = True) -> Agreement:
    """values (V, N, L, 3) linear, weights (V, N), radius2 (V, N); lens: False where shading was corrected already.

    Alternates between the points' logarithms and the cameras' parameters, with Cauchy weights.
    """
    views = len(values)
    logs = np.log(np.maximum(values, np.float32(1e-6)), dtype=np.float32)
    bright = values.max(axis=(0, 1, 2)) if values.size else np.ones(3)
    weight = np.where(values > 0.01 * bright, weights[:, :, None, None], 0.0).astype(np.float32)
    powers = np.stack([radius2, radius2**2], axis=-1).astype(np.float64)  # (V, N, 2)
    gain, shading = np.zeros((views, 3)), np.zeros(2)
    robust = weight
    # All samples of all views are kept in single precision: what is summed over them is not.
    for _ in range(_ROUNDS):
        bent = (powers @ shading).astype(np.float32)[:, :, None, None] if lens else np.float32(0)
        known = logs - bent - gain.astype(np.float32)[:, None, None, :]
        mean = (robust * known).sum(0) / np.maximum(robust.sum(0), 1e-9)
        residual = known - mean
        robust = weight / (1 + (residual / _SCALE) ** 2)
        total = robust.sum(axis=(1, 2), dtype=np.float64)
        step = (robust * residual).sum(axis=(1, 2), dtype=np.float64) / (total + 10.0)
        gain += step
        gain -= gain.mean(0)
        if lens:
            residual -= step.astype(np.float32)[:, None, None, :]
            shading = shading + _bend(powers, residual, robust)
    return Agreement(gain=np.exp(-gain), shading=shading)


def _bend(powers: np.ndarray, residual: np.ndarray, robust: np.ndarray) -> np.ndarray:
    """(2,) change of the lens' shading that explains the residuals best, against that of the points themselves."""
    weight = robust.sum(axis=-1)  # (V, N, L)
    value = (robust * residual).sum(axis=-1)
    # The points' own means move with the shading: only what differs between the views of a point counts.
    total = np.maximum(weight.sum(0), 1e-9)
    mean = (weight[..., None] * powers[:, :, None]).sum(0) / total[..., None]  # (N, L, 2)
    away = powers[:, :, None] - mean[None]
    matrix = np.einsum("vnl,vnli,vnlj->ij", weight, away, away)
    right = np.einsum("vnl,vnli->i", value, away)
    return np.asarray(np.linalg.solve(matrix + 1e-3 * np.trace(matrix) * np.eye(2) + 1e-9 * np.eye(2), right))
