"""Where a flash sits on the camera, how strong it was in each photograph, and what the room added.

The same point of the surface is seen from many sides at many distances, and the flash comes along: by how much it
changes between the photographs tells everything but the brightness of the whole. In logarithms the point's own albedo
is a constant, which is eliminated; what remains is Gauss-Newton over a few numbers of the rig and one of each
photograph, reweighted against what is no part of the model (Cauchy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

_SCALE = 0.08  # of a robust residual, logarithm
_TURNS = 12
_DARK = 0.01  # linear: noise and the tone curve's foot
_STEP, _SETTLED = 1e-4, 1e-3
_PLACE_M = 0.3  # how far from where it is guessed a flash is looked for: standard deviation
_SHADING = 0.1  # of a lens and a beam, logarithm in the corner
_AMBIENT = 0.02  # of the flash's light
_ROUGHNESS, _F0 = 0.4, 0.02


@dataclass(frozen=True, kw_only=True, eq=False)
class FlashSamples:
    """M sightings of N points in V photographs.

    position, normal: (N, 3) world. point, view: (M,) rows. value: (M, 3) linear, 1 where the photograph is clipped.
    weight: (M,) how much a sighting counts, 0 where it is clipped. lit: (M,) share of the flash that the point sees.
    radius2: (M,) squared distance from the picture's middle, 1 in the corner. thrown: (M,) light that the surface
    throws on itself, over the flash's. centre: (V, 3) of the lenses, turn: (V, 3, 3) cam_from_world.
    """

    position: np.ndarray
    normal: np.ndarray
    point: np.ndarray
    view: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    lit: np.ndarray
    radius2: np.ndarray
    thrown: np.ndarray
    centre: np.ndarray
    turn: np.ndarray

    def mean_of(self, weight: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(N,) weighted means of the points' values (M,)."""
        count = len(self.position)
        total = np.bincount(self.point, weight, count)
        return np.asarray(np.bincount(self.point, weight * values, count) / np.maximum(total, 1e-12))


@dataclass(frozen=True, kw_only=True, eq=False)
class FlashFit:
    """place_m: (3,) of the flash in the camera's frame. reference_m: distance at which it gives a surface that faces it
    a light of 1. gain: (V, 3) of the photographs, their mean logarithm 0. shading: (2,) of exp(a r^2 + b r^4).
    ambient: (4,) light of the room on a normal: even, and along x, y, z. roughness, specular: of the gloss, F0 over the
    albedo's unit. albedo: (N,) grey of the points. residual: what is left, logarithm, weighted root mean square.
    """

    place_m: np.ndarray
    reference_m: float
    gain: np.ndarray
    shading: np.ndarray
    ambient: np.ndarray
    roughness: float
    specular: float
    albedo: np.ndarray
    residual: float

    def times(self, factor: float) -> FlashFit:
        """The same photographs of a surface whose albedo is so many times as high."""
        # Photographs are gain x (albedo x (flash + room / gain) + gloss).
        return replace(
            self, gain=self.gain / factor, ambient=self.ambient / factor, albedo=self.albedo * factor,
            specular=self.specular * factor,
        )  # fmt: skip

    def room(self, normal: np.ndarray) -> np.ndarray:
        """(N,) light of the room on normals (N, 3)."""
        return np.maximum(self.ambient[0] + normal @ self.ambient[1:], 0)


def start(samples: FlashSamples, place_m: Sequence[float]) -> FlashFit:
    """Where the fit begins, for a flash about there."""
    reference = float(np.median(np.linalg.norm(samples.position.mean(0) - samples.centre, axis=1)))
    return FlashFit(
        place_m=np.asarray(place_m, float), reference_m=reference, gain=np.ones((len(samples.centre), 3)),
        shading=np.zeros(2), ambient=np.array([_AMBIENT, 0, 0, 0]), roughness=_ROUGHNESS, specular=_F0,
        albedo=np.full(len(samples.position), 0.5), residual=np.inf,
    )  # fmt: skip


def fit_flash(samples: FlashSamples, fit: FlashFit, *, known_place: bool, lens: bool = True) -> FlashFit:
    """Improve a fit. known_place: the flash stays where it is; lens: False where shading was corrected before."""
    grey = np.log(np.maximum(samples.value.mean(axis=1), 1e-5))
    bright = np.exp(grey)
    trust = samples.weight * (bright / (bright + _DARK)) ** 2
    held = np.array([known_place] * 3 + [not lens] * 2 + [False] * 6)
    prior = 1 / np.array([_PLACE_M] * 3 + [_SHADING] * 2 + [0.3, 1.0] + [5.0] * 4) ** 2
    first = _packed(fit)
    vector, gain, albedo = first.copy(), np.log(fit.gain.mean(axis=1)), fit.albedo
    weight = trust
    for _ in range(_TURNS):
        model = _Modelled(samples, fit, gain, albedo)
        predicted = model(vector)
        mean = np.zeros(len(albedo))
        for turn in range(4):
            mean = samples.mean_of(trust if turn == 0 else weight, grey - predicted)
            weight = trust / (1 + ((grey - predicted - mean[samples.point]) / _SCALE) ** 2)
        albedo = np.clip(albedo * np.exp(mean), 0.01, 3)
        model = _Modelled(samples, fit, gain, albedo)
        predicted = model(vector)
        slopes = np.stack([(model(vector + _STEP * axis) - predicted) / _STEP for axis in np.eye(11)[~held]], axis=1)
        step, own = _step(
            samples, weight, grey - predicted, slopes, model.share(vector), prior[~held], (first - vector)[~held]
        )
        vector[~held] += np.clip(step, -0.3, 0.3)
        gain = gain + own
        gain -= gain.mean()
        if max(np.abs(step).max(initial=0), np.abs(own).max()) < _SETTLED:
            break
    residual = grey - predicted - samples.mean_of(weight, grey - predicted)[samples.point]
    made = _unpacked(fit, vector)
    return replace(
        made, gain=np.exp(gain)[:, None] * _balance(samples, weight), albedo=albedo,
        residual=float(np.sqrt((weight * residual**2).sum() / max(weight.sum(), 1e-12))),
    )  # fmt: skip


def _packed(fit: FlashFit) -> np.ndarray:
    gloss = [np.log(fit.roughness), np.log(max(fit.specular, 1e-5))]
    return np.concatenate([fit.place_m, fit.shading, gloss, fit.ambient / _AMBIENT])


def _unpacked(fit: FlashFit, vector: np.ndarray) -> FlashFit:
    return replace(
        fit, place_m=vector[:3].copy(), shading=vector[3:5].copy(), roughness=float(np.clip(np.exp(vector[5]), 0.1, 1)),
        specular=float(np.exp(vector[6])), ambient=vector[7:] * _AMBIENT,
    )  # fmt: skip


class _Modelled:
    """The logarithm of what photographs show (M,), as a function of the packed numbers."""

    def __init__(self, samples: FlashSamples, fit: FlashFit, gain: np.ndarray, albedo: np.ndarray) -> None:
        self._samples, self._fit = samples, fit
        self._gain, self._albedo = np.exp(gain)[samples.view], albedo[samples.point]

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        flash, room = self._parts(vector)
        return np.asarray(np.log(np.maximum(flash + room, 1e-6)))

    def share(self, vector: np.ndarray) -> np.ndarray:
        """(M,) the flash's of all light."""
        flash, room = self._parts(vector)
        return np.asarray(flash / np.maximum(flash + room, 1e-6))

    def _parts(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        s, fit = self._samples, _unpacked(self._fit, vector)
        light, shine = flash_light(s, fit)
        room = self._albedo * fit.room(s.normal)[s.point]
        return self._gain * (self._albedo * (light + s.thrown) + shine), room


def flash_light(samples: FlashSamples, fit: FlashFit) -> tuple[np.ndarray, np.ndarray]:
    """(M,) irradiance over pi from the flash, and the gloss (GGX, Walter et al. 2007) that it makes."""
    at, turn = samples.position[samples.point], samples.turn[samples.view]
    normal = samples.normal[samples.point]
    eye = samples.centre[samples.view] - at
    lamp = eye + np.einsum("mji,j->mi", turn, fit.place_m)
    square = (lamp**2).sum(axis=1)
    lamp, eye = lamp / np.sqrt(square)[:, None], eye / np.linalg.norm(eye, axis=1)[:, None]
    cos_i, cos_o = (np.maximum((normal * d).sum(axis=1), low) for d, low in ((lamp, 1e-3), (eye, 0.05)))
    half = lamp + eye
    cos_h = np.clip((normal * half).sum(axis=1) / np.linalg.norm(half, axis=1), 0, 1)
    ahead = np.maximum(-(lamp * turn[:, 2]).sum(axis=1), 0)  # it shines as a panel does
    bend = np.exp(fit.shading[0] * samples.radius2 + fit.shading[1] * samples.radius2**2)
    arriving = np.maximum(samples.lit, 1e-3) * ahead * bend * fit.reference_m**2 / square
    alpha2 = fit.roughness**4
    facets = alpha2 / (cos_h**2 * (alpha2 - 1) + 1) ** 2
    hidden = 1.0
    for cosine in (cos_i, cos_o):
        hidden = hidden * 2 / (1 + np.sqrt(1 + alpha2 * (1 - cosine**2) / cosine**2))
    return arriving * cos_i, arriving * fit.specular * facets * hidden / (4 * cos_o)


def _step(
    s: FlashSamples, weight: np.ndarray, residual: np.ndarray, slopes: np.ndarray, share: np.ndarray,
    prior: np.ndarray, back: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """One step of Gauss-Newton: of the shared numbers (P,) and of the views' gains (V,), points eliminated."""
    points, views, few = len(s.position), len(s.centre), slopes.shape[1]
    total = np.maximum(np.bincount(s.point, weight, points), 1e-12)

    def centred(values: np.ndarray) -> np.ndarray:
        out: np.ndarray = values - (np.bincount(s.point, weight * values, points) / total)[s.point]
        return out

    residual = centred(residual)
    slopes = np.stack([centred(column) for column in slopes.T], axis=1)
    # Of the gains only the part that differs from the point's mean counts: B holds each point's mean of each gain.
    of_views = np.bincount(s.point * views + s.view, weight * share, points * views).reshape(points, views)
    matrix = np.zeros((few + views, few + views))
    matrix[:few, :few] = slopes.T @ (weight[:, None] * slopes)
    for k in range(few):
        matrix[k, few:] = np.bincount(s.view, weight * share * slopes[:, k], views)
    matrix[few:, :few] = matrix[:few, few:].T
    matrix[few:, few:] = np.diag(np.bincount(s.view, weight * share**2, views)) - of_views.T @ (
        of_views / total[:, None]
    )
    right = np.concatenate(
        [slopes.T @ (weight * residual), np.bincount(s.view, weight * share * residual, views)]
    )  # fmt: skip
    # A prior counts like a hundred sightings: it decides where the photographs say nothing.
    matrix[np.arange(few), np.arange(few)] += 100 * _SCALE**2 * prior
    right[:few] += 100 * _SCALE**2 * prior * back
    matrix[few:, few:] += 1e-3 * weight.sum() / views**2  # their mean is free
    matrix[np.arange(len(right)), np.arange(len(right))] += 1e-6 * np.trace(matrix) / len(right)
    found = np.linalg.solve(matrix, right)
    return found[:few], found[few:]


def _balance(s: FlashSamples, weight: np.ndarray) -> np.ndarray:
    """(V, 3) white balance of the photographs: factors of the channels, each channel's mean logarithm 0."""
    logs = np.log(np.maximum(s.value, 1e-5))
    logs -= logs.mean(axis=1, keepdims=True)
    views = len(s.centre)
    total = np.maximum(np.bincount(s.view, weight, views), 1e-9)
    balance = np.zeros((views, 3))
    for _ in range(10):
        for c in range(3):
            own = logs[:, c] - balance[s.view, c]
            own = own - s.mean_of(weight, own)[s.point]
            balance[:, c] += np.bincount(s.view, weight * own, views) / total
        balance -= balance.mean(axis=0)
    return np.asarray(np.exp(balance))
