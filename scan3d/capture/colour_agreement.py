"""Cameras of a rig brought to agree on what they see together: a factor per camera and colour, and the lenses' shading.

Each point of the surface has one colour; a camera sees it times its factor, times the lens's share at that place. In
the logarithm that is linear: the points' colours are eliminated, and the small system of the cameras is solved with
Cauchy weights (iteratively reweighted least squares). Gloss only ever adds light, and adds it to a few cameras: what is
brighter than the cameras agree on weighs less than what is darker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_ROUNDS = 40
_LEAST_SCALE = 0.004  # of a robust residual, logarithm: below it is noise of the photographs
_DARK, _BRIGHT = 2e-3, 0.98
_FEWEST = 30  # points that a camera must share
_GLOSS = 0.5  # a residual above counts as one this much larger would
_WORTH = 0.9  # a lens's shading must leave so much less


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """factors: (V, 3) to multiply each camera's linear colours with; their geometric mean is 1, and 1 for a camera that
    shares too little. shading: (T,) terms of the logarithm of the lens's share, one lens for all, zeros where they do
    not pay. before, after: the middle of how far a camera is from the others at a point, as a share (0.01: 1 %).
    error: (V,) standard error of the factors by noise alone. shared: (V,) points that a camera shares with others."""

    factors: np.ndarray
    shading: np.ndarray
    before: float
    after: float
    error: np.ndarray
    shared: np.ndarray


def agree(samples: np.ndarray, weights: np.ndarray, radial: np.ndarray | None = None) -> Agreement:
    """Bring V cameras to agree on N points.

    samples: (V, N, 3) linear colours. weights: (V, N), 0 where a camera does not see a point. radial: (V, N, T) terms
    of the lens's shading at the place (`colour_shading.radial_terms`), None to leave it alone.
    """
    usable = np.asarray((weights > 0) & (samples > _DARK).all(axis=2) & (samples < _BRIGHT).all(axis=2))
    usable = np.asarray(usable & (usable.sum(axis=0) >= 2))
    shared = np.asarray(usable.sum(axis=1))
    usable = np.asarray(usable & (shared >= _FEWEST)[:, None])
    usable = np.asarray(usable & (usable.sum(axis=0) >= 2))
    weight = np.where(usable, weights, 0.0)
    logs = np.where(usable[..., None], np.log(np.maximum(samples, _DARK)), 0.0)
    before = _spread(logs, weight, usable)
    plain = _solve(logs, weight, None)
    best, shading = plain, np.zeros(0 if radial is None else radial.shape[2])
    if radial is not None and usable.any():
        with_lens = _solve(logs, weight, radial)
        if _left(logs, with_lens, weight, usable, radial) < _WORTH * _left(logs, plain, weight, usable, None):
            best, shading = with_lens, with_lens[1]
    after = _left(logs, best, weight, usable, radial if shading.any() else None)
    gains, _, error = best
    known = np.asarray(usable.any(axis=1))
    gains = np.asarray(np.where(known[:, None], gains, 0.0))
    gains[known] -= gains[known].mean(axis=0) if known.any() else 0.0
    return Agreement(factors=np.exp(-gains), shading=shading, before=before, after=after,
                     error=np.where(known, error, np.nan), shared=shared)  # fmt: skip


def _solve(
    logs: np.ndarray, weight: np.ndarray, radial: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logarithms of what cameras multiply with (V, 3), shading (T,) and the standard error of the former (V,)."""
    views, seen = len(logs), weight > 0
    gains, lens, robust = np.zeros((views, 3)), np.zeros(0), weight
    scale, inverse = 1.0, np.zeros((views, views))
    for turn in range(_ROUNDS):
        normal, right = _normal_equations(logs, robust, radial)
        # Factors common to all cameras are left open by the points: the smallest ones are taken.
        inverse = np.linalg.pinv(normal, rcond=1e-10)
        lens = (inverse @ right)[views:].mean(axis=1)
        gains = np.linalg.pinv(normal[:views, :views], rcond=1e-10) @ (
            right[:views] - (normal[:views, views:] @ lens)[:, None]
        )
        residual = logs - _explained(gains, lens, radial)
        residual -= (robust[..., None] * residual).sum(axis=0) / np.maximum(robust.sum(axis=0), 1e-12)[:, None]
        if not seen.any():
            break
        # Gloss is white: it is one matter for all three colours.
        grey = residual.mean(axis=2)
        size = np.sqrt((residual**2).mean(axis=2)) * np.where(grey > 0, 1 + _GLOSS, 1.0)
        scale = max(_LEAST_SCALE, 1.5 * float(np.median(size[seen])))
        before, robust = robust, weight / (1.0 + (size / (2 * scale)) ** 2)
        if turn > 3 and np.abs(robust - before).max() < 1e-4:
            break
    return gains, lens, scale * np.sqrt(np.maximum(np.diag(inverse)[:views], 0.0))


def _normal_equations(
    logs: np.ndarray, weight: np.ndarray, radial: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The cameras' and the lens's system (V + T, V + T) with the points' colours eliminated (Schur complement), and
    its right sides (V + T, 3)."""
    total = np.maximum(weight.sum(axis=0), 1e-12)
    apart = logs - (weight[..., None] * logs).sum(axis=0) / total[:, None]
    gains = np.diag(weight.sum(axis=1)) - (weight / total) @ weight.T
    right = (weight[..., None] * apart).sum(axis=1)
    if radial is None:
        return gains, right
    out = radial - (weight[..., None] * radial).sum(axis=0) / total[:, None]
    cross = np.einsum("vn,vnt->vt", weight, out)
    weighed = weight[..., None] * out
    lens = np.einsum("vns,vnt->st", weighed, out)
    return np.block([[gains, cross], [cross.T, lens]]), np.concatenate(
        [right, np.einsum("vnt,vnc->tc", weighed, apart)]
    )


def _explained(gains: np.ndarray, lens: np.ndarray, radial: np.ndarray | None) -> np.ndarray:
    return gains[:, None] if radial is None else gains[:, None] + (radial @ lens)[..., None]


def _left(
    logs: np.ndarray, solved: tuple[np.ndarray, np.ndarray, np.ndarray], weight: np.ndarray, usable: np.ndarray,
    radial: np.ndarray | None,
) -> float:  # fmt: skip
    return _spread(logs - _explained(solved[0], solved[1], radial), weight, usable)


def _spread(logs: np.ndarray, weight: np.ndarray, usable: np.ndarray) -> float:
    """The middle of the distances from the cameras' mean at each point."""
    if not usable.any():
        return float("nan")
    mean = (weight[..., None] * logs).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)[:, None]
    return float(np.expm1(np.median(np.abs(logs - mean)[usable])))
