"""Vignetting: the share of the light that a lens lets reach each pixel, from photographs of a white wall.

In the logarithm, per colour: an even polynomial of the distance from the lens's axis, which is the lens, and a slope,
which is the wall's light. The lens alone is kept; its share is 1 on the axis (Goldman 2010, "Vignette and exposure
calibration and compensation", has the even polynomial).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.errors import CaptureError

POWERS = (2, 4, 6)  # of the distance from the axis, 1 in a corner of a picture centred on it
_CELLS = 48  # along the longer side: a wall is smooth
_ROUNDS = 10
_SCALE = 0.01  # of a robust residual, logarithm: texture of the wall, dust
_CLIPPED, _DARKEST = 0.002, 0.03
_UNEVEN = 0.03  # rms that a smooth wall may leave
_GRID = 65


@dataclass(frozen=True, kw_only=True, eq=False)
class Shading:
    """centre_px: (2,) the axis. radius_px: the distance that counts 1. terms: (3, 3) of the logarithm, rows red, green
    and blue, columns by `POWERS`."""

    centre_px: tuple[float, float]
    radius_px: float
    terms: np.ndarray

    def share(self, width: int, height: int) -> np.ndarray:
        """(H, W, 3) float32 share of the light that reaches each pixel."""
        x, y = np.linspace(0, width, _GRID), np.linspace(0, height, _GRID)
        coarse = np.exp(self.at(np.stack(np.meshgrid(x, y), axis=-1)))
        across, down = _between(x, width), _between(y, height)
        return np.stack([down @ coarse[..., c].astype(np.float32) @ across.T for c in range(3)], axis=-1)

    def at(self, px: np.ndarray) -> np.ndarray:
        """(..., 3) logarithm of the share at pixels (..., 2)."""
        return np.asarray(radial_terms(px, self.centre_px, self.radius_px) @ self.terms.T)


def _between(nodes_px: np.ndarray, size: int) -> np.ndarray:
    """(size, N) float32 weights that interpolate from nodes to the middles of pixels."""
    weights = [np.interp(np.arange(size) + 0.5, nodes_px, unit) for unit in np.eye(len(nodes_px))]
    return np.stack(weights, axis=1).astype(np.float32)


def radial_terms(px: np.ndarray, centre_px: tuple[float, float], radius_px: float) -> np.ndarray:
    """(..., 3) powers of the distance from the axis."""
    squared = ((np.asarray(px, float) - centre_px) ** 2).sum(axis=-1) / radius_px**2
    return np.stack([squared ** (power // 2) for power in POWERS], axis=-1)


def corner_radius(width: int, height: int) -> float:
    """Half the diagonal, the unit of the distance."""
    return 0.5 * float(np.hypot(width, height))


def flat_field(
    linear: np.ndarray, clipped: np.ndarray, *, where: str, centre_px: tuple[float, float] | None = None
) -> Shading:  # fmt: skip
    """The shading that a photograph (H, W, 3) of an evenly white wall shows.

    centre_px: the lens's axis, the picture's middle by default. Raises CaptureError where it is overexposed, too dark,
    or not smooth.
    """
    import cv2

    height, width = linear.shape[:2]
    if clipped.mean() > _CLIPPED:
        what = f"The flat field is overexposed: {100 * clipped.mean():.1f} % of it reach the end of the range."
        raise CaptureError(what, where, "Photograph the wall again with less light.")
    cells = max(3, _CELLS * width // max(width, height)), max(3, _CELLS * height // max(width, height))
    small = cv2.resize(cv2.medianBlur(linear.astype(np.float32), 5), cells, interpolation=cv2.INTER_AREA)
    if np.median(small) < _DARKEST:
        what = f"The flat field is too dark: {100 * np.median(small):.1f} % of the range."
        raise CaptureError(what, where, "Photograph the wall again with more light.")
    x = (np.arange(cells[0]) + 0.5) * width / cells[0]
    y = (np.arange(cells[1]) + 0.5) * height / cells[1]
    px = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    logs = np.log(np.maximum(small.reshape(-1, 3).astype(np.float64), 1e-5))
    centre = (0.5 * width, 0.5 * height) if centre_px is None else centre_px
    radius = corner_radius(width, height)
    unknowns = np.column_stack([radial_terms(px, centre, radius), (px - centre) / radius, np.ones(len(px))])
    weight = np.ones(len(px))
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)[:, None]
        solution = np.linalg.lstsq(unknowns * root, logs * root, rcond=None)[0]
        residual = logs - unknowns @ solution
        weight = 1.0 / (1.0 + (residual**2).mean(axis=1) / _SCALE**2)
    if float(np.sqrt((residual**2).mean())) > _UNEVEN:
        what = "The flat field is not a smooth white wall: something stands in it, or its light has edges."
        raise CaptureError(what, where, "Photograph an empty, evenly lit wall out of focus, or leave it out.")
    return Shading(centre_px=centre, radius_px=radius, terms=solution[: len(POWERS)].T)
