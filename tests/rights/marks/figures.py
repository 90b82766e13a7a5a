"""Pictures that the tests draw themselves: a figure with folds and hair before a plain wall of any brightness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def figure(
    height: int = 720, width: int = 560, *, wall: int = 178, seed: int = 0, dtype: type = np.uint8
) -> npt.NDArray[np.integer]:
    """(height, width, 3): head and body with grain and stripes of their own, the wall without any."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / min(height, width)
    middle = width / min(height, width) / 2
    head = np.hypot((x - middle) / 0.11, (y - 0.22) / 0.14) < 1
    body = np.hypot((x - middle) / 0.2, (y - 0.75) / 0.42) < 1
    cloth = 120 + 50 * np.sin(40 * x + 9 * y) + 12 * rng.standard_normal((height, width))
    skin = 170 + 40 * (x - middle) / 0.11 + 5 * rng.standard_normal((height, width))
    grey = np.where(head, skin, np.where(body, cloth, wall))
    tint = np.where((head | body)[..., None], (1.0, 0.86, 0.78), (1.0, 1.0, 1.0))
    full = np.iinfo(dtype).max
    return np.rint(np.clip(grey[..., None] * tint, 0, 255) * (full / 255)).astype(dtype)


def psnr_db(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> float:
    full = float(np.iinfo(one.dtype).max)
    return float(10 * np.log10(full**2 / np.mean(np.square(one.astype(np.float64) - other))))
