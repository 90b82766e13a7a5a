"""RAW files as a camera writes them: a DNG with one colour per pixel, RGGB, between a black and a white level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

BLACK, WHITE = 512, 15000


def write_dng(path: Path, rgb: np.ndarray) -> None:
    """rgb: (H, W, 3) linear, 1 at the white level, in the sensor's own colours."""
    height, width = rgb.shape[:2]
    colour = (np.arange(height)[:, None] % 2) + (np.arange(width)[None] % 2)
    mosaic = np.take_along_axis(rgb, colour[..., None], axis=2)[..., 0]
    counts = np.rint(BLACK + np.clip(mosaic, 0, 1) * (WHITE - BLACK)).astype(np.uint16)
    matrix = [(10000, 10000) if k % 4 == 0 else (0, 10000) for k in range(9)]
    flat = [number for pair in matrix for number in pair]
    tags = [
        (33421, "H", 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, "B", 4, (0, 1, 1, 2), True),  # CFAPattern
        (50706, "B", 4, (1, 4, 0, 0), True),  # DNGVersion
        (50708, "s", 0, "scan3d virtual", True),  # UniqueCameraModel
        (50714, "H", 1, BLACK, True),
        (50717, "H", 1, WHITE, True),
        (50721, "2i", 9, flat, True),  # ColorMatrix1
        (50728, "2I", 3, [1, 2, 1, 1, 2, 3], True),  # AsShotNeutral: far from even, must not be used
        (50778, "H", 1, 21, True),
    ]
    tifffile.imwrite(path, counts, photometric=32803, extratags=tags, metadata=None)
