"""Two lobes of gloss for each patch of skin, in closed form.

Every sample of gloss is a sum of lobes of fixed roughness; the normal equations of all of them are added up per patch
once (`gloss_kernels.pool`). Any pair of lobes, any share between them and the best gain follow from those sums alone,
so that all pairs are tried. The first lobe's roughness and the gain differ from patch to patch, the second, sharper
lobe and its share are the person's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NODES = np.linspace(0.14, 0.86, 19)  # roughness, alpha before squaring
_FINE = np.linspace(0.2, 0.8, 121)
_SECOND = np.linspace(0.16, 0.5, 35)
_SHARES = np.linspace(0.0, 0.5, 21)


@dataclass(frozen=True, kw_only=True, eq=False)
class GlossSums:
    """Normal equations of C patches: normal (C, K, K), right (C, K), square (C, 2): sum of squares, of weights."""

    normal: np.ndarray
    right: np.ndarray
    square: np.ndarray

    @staticmethod
    def zeros(cells: int) -> GlossSums:
        k = len(NODES) + 1
        return GlossSums(normal=np.zeros((cells, k, k)), right=np.zeros((cells, k)), square=np.zeros((cells, 2)))

    def mixed(self, share: np.ndarray) -> GlossSums:
        """Sums of neighbourhoods: share (C', C) how much each counts."""
        full = np.tril(self.normal) + np.swapaxes(np.tril(self.normal, -1), 1, 2)
        return GlossSums(
            normal=np.einsum("dc,ckj->dkj", share, full), right=share @ self.right, square=share @ self.square
        )

    def only(self, keep: np.ndarray) -> GlossSums:
        """Those of some patches (C,) bool; the others count as not seen."""
        return GlossSums(
            normal=self.normal * keep[:, None, None],
            right=self.right * keep[:, None],
            square=self.square * keep[:, None],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class GlossFit:
    """roughness, specular (F0): (C,) of each patch, nan where nothing was seen. second_roughness, second_share: of all.
    explained: (C,) share of the gloss' squares that the lobes explain. leak: of diffuse light that is not
    Lambert's, see `gloss_kernels.burley`."""

    roughness: np.ndarray
    specular: np.ndarray
    second_roughness: float
    second_share: float
    explained: np.ndarray
    leak: float = 0.0


def fit_gloss(sums: GlossSums, *, two_lobes: bool = True) -> GlossFit:
    """The best lobes of each patch. sums: with whole matrices, as `GlossSums.mixed` gives them."""
    whole, sums = sums, _without_leaks(sums)
    known = (sums.square[:, 1] > 0) & (np.trace(sums.normal, axis1=1, axis2=2) > 0)
    first, second = _between(_FINE), _between(_SECOND)
    a11 = np.einsum("fk,ckj,fj->cf", first, sums.normal[known], first)
    a22 = np.einsum("sk,ckj,sj->cs", second, sums.normal[known], second)
    a12 = np.einsum("fk,ckj,sj->cfs", first, sums.normal[known], second)
    b1, b2 = sums.right[known] @ first.T, sums.right[known] @ second.T
    best = (-np.inf, 0, 0.0)
    for s in range(len(_SECOND) if two_lobes else 1):
        rougher = _SECOND[s] + 0.04 < _FINE
        for share in _SHARES if two_lobes else _SHARES[:1]:
            gained = _gained(a11, a12[:, :, s], a22[:, s], b1, b2[:, s], share)[0]
            total = float(np.where(rougher, gained, 0).max(axis=1).sum())
            if total > best[0]:
                best = (total, s, float(share))
    _, s, share = best
    gained, gain = _gained(a11, a12[:, :, s], a22[:, s], b1, b2[:, s], share)
    at = np.argmax(gained, axis=1)
    rows = np.arange(len(at))
    cells = len(known)
    roughness, specular, explained = np.full(cells, np.nan), np.full(cells, np.nan), np.zeros(cells)
    roughness[known] = _refined(gained, at)
    specular[known] = gain[rows, at]
    explained[known] = gained[rows, at] / np.maximum(sums.square[known, 0], 1e-30)
    mix = np.zeros((cells, len(NODES)))
    mix[known] = gain[rows, at, None] * ((1 - share) * first[at] + share * second[s])
    return GlossFit(
        roughness=roughness, specular=specular, second_roughness=float(_SECOND[s]) if share else 0.25,
        second_share=share, explained=explained, leak=_leak(whole, mix, known),
    )  # fmt: skip


def _without_leaks(sums: GlossSums) -> GlossSums:
    """The sums once the last column, which is no gloss, took what it explains (Schur's complement)."""
    k = len(NODES)
    cross, right = sums.normal[:, :k, k:], sums.right[:, k:]
    inverse = np.linalg.inv(_held(sums.normal[:, k:, k:]))
    taken = cross @ inverse
    square = sums.square.copy()
    square[:, 0] -= np.einsum("ci,cij,cj->c", right, inverse, right)
    return GlossSums(
        normal=sums.normal[:, :k, :k] - taken @ np.swapaxes(cross, 1, 2),
        right=sums.right[:, :k] - np.einsum("cki,ci->ck", taken, right),
        square=square,
    )


def _leak(sums: GlossSums, mix: np.ndarray, known: np.ndarray) -> float:
    """How much diffuse light is in the samples, median over the patches, beside the lobes mix (C, K)."""
    if not known.any():
        return 0.0
    k = len(NODES)
    left = sums.right[known, k:] - np.einsum("cki,ck->ci", sums.normal[known, :k, k:], mix[known])
    found = np.linalg.solve(_held(sums.normal[known, k:, k:]), left[..., None])[..., 0]
    return float(np.median(found[:, 0]))


def _held(matrix: np.ndarray) -> np.ndarray:
    """(C, 1, 1) that can be inverted where nothing was seen, too."""
    trace = np.trace(matrix, axis1=1, axis2=2)[:, None, None]
    return np.asarray(matrix + (1e-6 * trace + 1e-30) * np.eye(1))


def _between(roughness: np.ndarray) -> np.ndarray:
    """(F, K) weights that make lobes of any roughness from those of the nodes: cubic, through four neighbours."""
    step = NODES[1] - NODES[0]
    place = np.clip((roughness - NODES[0]) / step, 0, len(NODES) - 1)
    start = np.clip(np.floor(place).astype(int) - 1, 0, len(NODES) - 4)
    weights = np.zeros((len(roughness), len(NODES)))
    for a in range(4):
        value = np.ones(len(roughness))
        for b in range(4):
            if b != a:
                value *= (place - (start + b)) / (a - b)
        weights[np.arange(len(roughness)), start + a] = value
    return weights


def _gained(a11, a12, a22, b1, b2, share):
    """(C, F) squares explained by the mix of lobes at its best gain, and that gain."""
    a = (1 - share) ** 2 * a11 + 2 * share * (1 - share) * a12 + share**2 * a22[:, None]
    b = (1 - share) * b1 + share * b2[:, None]
    gain = np.maximum(b, 0) / np.maximum(a, 1e-30)
    return gain * np.maximum(b, 0), gain


def _refined(gained: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Roughness at the top of a parabola through the best value and its neighbours."""
    rows = np.arange(len(at))
    inner = np.clip(at, 1, len(_FINE) - 2)
    left, middle, right = gained[rows, inner - 1], gained[rows, inner], gained[rows, inner + 1]
    bend = left - 2 * middle + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1), 0.0)
    return np.asarray(_FINE[inner] + np.clip(shift, -1, 1) * (_FINE[1] - _FINE[0]))
