"""The one place that knows OpenCV's pixel convention: the first pixel's centre at (0, 0), not (0.5, 0.5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scan3d.geometry.cameras import Intrinsics
from scan3d.geometry.transforms import Array


def px_to_opencv(px: npt.ArrayLike) -> Array:
    """Pixels (..., 2) of ours as OpenCV counts them."""
    return np.asarray(px, dtype=np.float64) - 0.5


def px_from_opencv(px_cv: npt.ArrayLike) -> Array:
    """Pixels (..., 2) of OpenCV as we count them."""
    return np.asarray(px_cv, dtype=np.float64) + 0.5


def matrix_to_opencv(intrinsics: Intrinsics) -> Array:
    """(3, 3) camera matrix for cv2's functions."""
    matrix = intrinsics.matrix()
    matrix[:2, 2] -= 0.5
    return matrix


def intrinsics_from_opencv(
    model: str, matrix_cv: npt.ArrayLike, distortion: npt.ArrayLike, size: tuple[int, int]
) -> Intrinsics:
    """Intrinsics from cv2's camera matrix (3, 3), distortion and image size (width, height) in pixels."""
    matrix = np.asarray(matrix_cv, dtype=np.float64)
    return Intrinsics(
        model=model,
        width=size[0],
        height=size[1],
        fx=float(matrix[0, 0]),
        fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]) + 0.5,
        cy=float(matrix[1, 2]) + 0.5,
        distortion=tuple(float(k) for k in np.ravel(distortion)),
    )


def pixel_centres(width: int, height: int) -> Array:
    """(height, width, 2) our coordinates of every pixel's centre."""
    grid = np.empty((height, width, 2))
    grid[..., 0] = np.arange(width) + 0.5
    grid[..., 1] = (np.arange(height) + 0.5)[:, None]
    return grid


def remap_grid(source: Intrinsics, target: Intrinsics) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Maps (H, W) float32 for cv2.remap that turn a picture of `source` into one of `target`.

    Both stand at the same place and look the same way; with target = source.without_distortion() this
    undistorts. Pixels that `source` does not see get -1e6, outside any picture.
    """
    rays = target.unproject(pixel_centres(target.width, target.height))
    px_cv = px_to_opencv(source.project(rays))
    px_cv[~np.isfinite(px_cv).all(axis=-1)] = -1e6
    return px_cv[..., 0].astype(np.float32), px_cv[..., 1].astype(np.float32)
