"""Where the plane of a board lies in a picture: a perspective, bent by a lens nobody knows yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.geometry.transforms import Array

# Degree of the bend by the number of points it is fitted to; between points the fit must not swing.
_DEGREES = ((60, 4), (20, 3), (10, 2))
_RIDGE = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardMap:
    """From metres on the board (..., 2) to pixels: homography (3, 3), then a polynomial (T, 2) of the place on the
    board, normalised by middle and half_m."""

    homography: Array
    bend: Array
    degree: int
    middle: Array
    half_m: float

    def __call__(self, plane_m: np.ndarray) -> Array:
        """Pixels (..., 2) of places (..., 2)."""
        px = _through(self.homography, plane_m)
        if self.degree:
            px = px + _terms((plane_m - self.middle) / self.half_m, self.degree) @ self.bend
        return np.asarray(px)

    def px_per_m(self, plane_m: np.ndarray) -> Array:
        """(..., 2) how long a metre along x and along y is there, pixels."""
        step = 1e-3 * self.half_m
        here = self(plane_m)
        along_x, along_y = (self(plane_m + np.array(way)) - here for way in ((step, 0.0), (0.0, step)))
        return np.stack([np.linalg.norm(along_x, axis=-1), np.linalg.norm(along_y, axis=-1)], axis=-1) / step


def fit_board_map(plane_m: np.ndarray, px: np.ndarray) -> BoardMap | None:
    """The map that takes places (N, 2) near their pixels (N, 2); None with fewer than four, or all in a line."""
    import cv2

    if len(plane_m) < 4:
        return None
    homography, _ = cv2.findHomography(plane_m, px)
    if homography is None or not np.isfinite(homography).all():
        return None
    middle: Array = 0.5 * (plane_m.min(axis=0) + plane_m.max(axis=0))
    half_m = float(0.5 * np.ptp(plane_m, axis=0).max())
    degree = next((degree for least, degree in _DEGREES if len(plane_m) >= least), 0)
    bend: Array = np.zeros((0, 2))
    if degree:
        terms = _terms((plane_m - middle) / half_m, degree)
        left = px - _through(homography, plane_m)
        bend = np.asarray(
            np.linalg.solve(terms.T @ terms + _RIDGE * len(terms) * np.eye(terms.shape[1]), terms.T @ left)
        )
    return BoardMap(homography=np.asarray(homography), bend=bend, degree=degree, middle=middle, half_m=half_m)


def _through(homography: Array, plane_m: np.ndarray) -> Array:
    mapped = plane_m @ homography[:, :2].T + homography[:, 2]
    return np.asarray(mapped[..., :2] / mapped[..., 2:])


def _terms(unit: np.ndarray, degree: int) -> Array:
    """(..., T) all products of powers of x and y up to a degree."""
    x, y = unit[..., 0], unit[..., 1]
    powers = [(i, total - i) for total in range(degree + 1) for i in range(total + 1)]
    return np.stack([x**i * y**j for i, j in powers], axis=-1)
