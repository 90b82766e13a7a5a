"""The light on a surface during a whole sequence, and what points of it make of that light."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scan3d.appearance.materials.gain_kernels import add_gain, predict
from scan3d.appearance.materials.gloss_kernels import USUAL_F0, pool
from scan3d.appearance.materials.kernels import light_on, solve_diffuse
from scan3d.appearance.materials.light_points import LightPoints
from scan3d.appearance.materials.observations import Sight
from scan3d.appearance.materials.surface import Points
from scan3d.pipeline.executor import run_chunks

ETA = (1 + USUAL_F0**0.5) / (1 - USUAL_F0**0.5)
# How far bumps may turn normals from the mesh's: standard deviation. Of 0.25 waves of pores keep 0.91 of their power in
# pictures, of 0.2 only 0.90; half-millimetre normals are 2.44 and 2.37 degrees off.
TILT_RAD = 0.25
ERROR = 0.015  # of a mean radiance, as a share of it
LEAST_COSINE = 0.3  # of a view that gloss is read from


@dataclass(frozen=True, kw_only=True, eq=False)
class Diffuse:
    """albedo (N, 3), normal (N, 3) world, trusted (N,) weight of the lamps that shone, residual (N,) share."""

    albedo: np.ndarray
    normal: np.ndarray
    trusted: np.ndarray
    residual: np.ndarray

    @cached_property
    def grey(self) -> np.ndarray:
        """(N,) albedo, mean of the channels."""
        return grey_of(self.albedo)


def grey_of(values: np.ndarray) -> np.ndarray:
    """(N,) means of (N, 3); NumPy's own mean over so short an axis takes ten times as long."""
    return np.asarray((values[:, 0] + values[:, 1] + values[:, 2]) / np.float32(3))


@dataclass(frozen=True, kw_only=True, eq=False)
class Lobe:
    """Gloss of N points: roughness (N,) of the first lobe, gain (N,) (F0); second roughness and share of all.

    leak: of diffuse light that is not Lambert's in what counts as gloss, see `gloss_kernels.burley`.
    """

    roughness: np.ndarray
    gain: np.ndarray
    second_roughness: float
    second_share: float
    leak: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Lighting:
    """lights: the lamps. seen: (V, L, P) uint8 patches that vertices see. thrown: (V, L, 3) irradiance over pi that the
    surface throws on itself. All methods work on points between those vertices."""

    lights: LightPoints
    seen: np.ndarray
    thrown: np.ndarray
    workers: int | None = None
    _lamps: tuple[np.ndarray, np.ndarray, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lamps", (self.lights.position, self.lights.ahead, self.lights.power))

    def diffuse(self, points: Points, value: np.ndarray, weight: np.ndarray, *, turn: bool = True) -> Diffuse:
        """The closed form of `solve_diffuse` for value (N, L, 3), weight (N, L)."""
        n = len(points)
        made = Diffuse(
            albedo=np.zeros((n, 3), np.float32), normal=np.zeros((n, 3), np.float32), trusted=np.zeros(n, np.float32),
            residual=np.zeros(n, np.float32),
        )  # fmt: skip
        run_chunks(
            n,
            lambda first, last: solve_diffuse(
                first, last, points.position, points.normal, points.corner, points.bary, self.seen, *self._lamps,
                self.lights.colour, self.thrown, value, weight, TILT_RAD, ERROR, turn, made.albedo, made.normal,
                made.trusted, made.residual,
            ),
            workers=self.workers,
        )  # fmt: skip
        return made

    def shown(self, points: Points, made: Diffuse) -> np.ndarray:
        """(N, L, 3) diffuse radiance that the points would show."""
        straight = np.zeros((len(points), len(self.lights.names)), np.float32)
        run_chunks(
            len(points),
            lambda first, last: light_on(
                first, last, points.position, made.normal, points.corner, points.bary, self.seen, *self._lamps, straight
            ),
            workers=self.workers,
        )
        light = straight[..., None] * self.lights.colour[None] + points.of(self.thrown)
        return np.asarray(made.albedo[:, None] * light, np.float32)

    def pool_gloss(
        self, points: Points, made: Diffuse, cell: np.ndarray, sight: Sight, value: np.ndarray, lamp: int,
        squares: np.ndarray, sums: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> None:  # fmt: skip
        """Adds a view's gloss (N,) under one lamp to the sums of `GlossSums`."""
        pool(
            0, len(points), points.position, made.normal, made.grey, points.corner, points.bary, cell,
            sight.share, sight.centre, value, self.seen, *self._lamps, self.lights.spread_m2, lamp, squares, ETA,
            LEAST_COSINE, *sums,
        )  # fmt: skip

    def add_gain(
        self, points: Points, made: Diffuse, sight: Sight, value: np.ndarray, lamp: int, lobe: Lobe,
        up: np.ndarray, down: np.ndarray,
    ) -> None:  # fmt: skip
        """Adds a view's gloss (N,) under one lamp to the least squares of each point's gain."""
        grey = made.grey
        run_chunks(
            len(points),
            lambda first, last: add_gain(
                first, last, points.position, made.normal, grey, points.corner, points.bary, sight.share, sight.centre,
                value, self.seen, *self._lamps, self.lights.spread_m2, lamp, lobe.roughness, lobe.second_roughness,
                lobe.second_share, lobe.leak, ETA, LEAST_COSINE, up, down,
            ),
            workers=self.workers,
        )  # fmt: skip

    def gloss(self, points: Points, normal: np.ndarray, sight: Sight, lamp: int, lobe: Lobe) -> np.ndarray:
        """(N,) gloss, grey, that the points show to a view under one lamp."""
        out = np.zeros(len(points), np.float32)
        run_chunks(
            len(points),
            lambda first, last: predict(
                first, last, points.position, normal, points.corner, points.bary, sight.share, sight.centre, self.seen,
                *self._lamps, self.lights.spread_m2, lamp, lobe.roughness, lobe.second_roughness, lobe.second_share,
                lobe.gain, ETA, out,
            ),
            workers=self.workers,
        )  # fmt: skip
        return out
