"""The motion between two pictures of the same thing, to a few hundredths of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def find_motion(model: Array, taken: Array, inside: NDArray[np.bool_]) -> Array:
    """(2, 3) by how many pixels a place of `model` lies elsewhere in `taken`: D @ (x, y, 1).

    model, taken  (H, W) float32 brightness; inside (H, W) where the model is to be compared.
    x and y run about the picture's middle in halves of its long side, so the six numbers are all pixels and
    weigh alike. Affine with gain and offset by inverse compositional Lucas-Kanade with Huber weights, coarse
    to fine (Baker and Matthews 2004, "Lucas-Kanade 20 Years On", sections 3.2 and 5).
    """
    import cv2

    motion: Array = np.zeros((2, 3))
    row, column = np.nonzero(inside)
    # Every n-th place: thirty thousand say as much of six numbers as all of them.
    some = slice(None, None, max(1, len(row) // 30_000))
    row, column = row[some], column[some]
    x, y = _centred(column, row, inside.shape)
    half = max(inside.shape) / 2
    weight = inside.astype(np.float32)
    for sigma in (4.0, 2.0, 1.0):
        still, moving = (_detail(picture, weight, sigma) for picture in (model, taken))
        gx, gy = (cv2.Scharr(still, cv2.CV_32F, *order)[row, column] / 32 for order in ((1, 0), (0, 1)))
        base = still[row, column]
        jacobian = np.stack([gx * x, gx * y, gx, gy * x, gy * y, gy, base, np.ones_like(base)], axis=1)
        for _ in range(15):
            error = moved(moving, motion)[row, column] - base
            step = _robust_step(jacobian, error)[:6].reshape(2, 3)
            motion = _after(motion, step, half)
            if np.abs(step).max() < 4e-3:
                break
    return motion


def moved(picture: Array, motion: Array) -> Array:
    """The picture, (H, W) or (H, W, C), read where the motion of `find_motion` leads to."""
    import cv2

    half = max(picture.shape[:2]) / 2
    # Between pixel centres of OpenCV at whole numbers: p -> p + A (p - middle) / half + t.
    middle = np.array([picture.shape[1] - 1, picture.shape[0] - 1]) / 2
    linear = np.eye(2) + motion[:, :2] / half
    matrix = np.column_stack([linear, motion[:, 2] + middle - linear @ middle])
    size = (picture.shape[1], picture.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped: NDArray[Any] = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped


def displacement_px(motion: Array, inside: NDArray[np.bool_]) -> float:
    """Root mean square length of the motion over the places inside, pixels."""
    row, column = np.nonzero(inside)
    x, y = _centred(column, row, inside.shape)
    moved_by = np.stack([x, y, np.ones_like(x)], axis=1) @ motion.T
    return float(np.sqrt((moved_by**2).sum(axis=1).mean()))


def _detail(picture: Array, weight: Array, sigma: float) -> Array:
    """What stands out at a scale, in units of its usual strength around there.

    Light and gloss differ between cameras, in broad strokes and in strength; pores, brows and folds do not.
    """

    def mean(values: Array, reach: float) -> Array:
        import cv2

        share = cv2.GaussianBlur(weight, (0, 0), reach)
        return cv2.GaussianBlur(values * weight, (0, 0), reach) / np.maximum(share, 1e-3)

    detail = mean(picture, sigma) - mean(picture, 3 * sigma)
    return detail / (np.sqrt(mean(detail * detail, 8 * sigma)) + 2e-3)


def _robust_step(jacobian: Array, error: Array) -> Array:
    width = 1.345 * 1.4826 * float(np.median(np.abs(error))) + 1e-6
    weight = np.minimum(1, width / np.maximum(np.abs(error), 1e-12))
    weighted = jacobian * weight[:, None]
    normal = (weighted.T @ jacobian).astype(np.float64)
    # What the picture says nothing about (a featureless one) stays where it is.
    normal[np.diag_indices_from(normal)] += 1e-6 * np.trace(normal) / len(normal) + 1e-12
    return np.linalg.solve(normal, (weighted.T @ error).astype(np.float64))


def _after(motion: Array, step: Array, half: float) -> Array:
    """The motion composed with the inverse of the step that the model would have to make."""
    whole, moved_model = (np.vstack([np.eye(2, 3) + part / half, [0, 0, 1]]) for part in (motion, step))
    return ((whole @ np.linalg.inv(moved_model))[:2] - np.eye(2, 3)) * half


def _centred(column: NDArray[np.integer], row: NDArray[np.integer], shape: tuple[int, ...]) -> tuple[Array, Array]:
    half = max(shape) / 2
    x, y = (column - (shape[1] - 1) / 2) / half, (row - (shape[0] - 1) / 2) / half
    return x.astype(np.float32), y.astype(np.float32)
