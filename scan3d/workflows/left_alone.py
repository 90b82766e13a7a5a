"""Surfaces that `--only-skin` leaves alone keep the scan's plain texture in the solved maps, instead of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scan3d.appearance.materials.files import FULL_F0
from scan3d.report.score import load_model

# Gloss of what nobody solved: of most things that are no metal, and rather dull.
_F0, _ROUGHNESS = 0.028, 0.6


def fill_left_alone(folder: Path, model: Path, numbers: Sequence[int]) -> None:
    """Writes the plain texture, and usual gloss, into the texels of albedo, specular and roughness that no solve
    reached: coverage stays 0 there. folder: of the solved maps. model: the textured scan. numbers: of tiles, 1001, ...
    """
    import cv2

    _, texture = load_model(model)
    for tile, number in enumerate(numbers):
        suffix = f"{number}.png"
        coverage = _read(folder / f"coverage.{suffix}")
        bare = coverage == 0
        plain = np.asarray(texture.picture(tile))[..., :3]
        depth = 257 if plain.dtype == np.uint8 else 1
        plain = cv2.resize(plain, coverage.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.uint16) * np.uint16(
            depth
        )
        albedo = _read(folder / f"albedo.{suffix}")
        albedo[bare] = plain[..., ::-1][bare]
        cv2.imwrite(str(folder / f"albedo.{suffix}"), albedo, [cv2.IMWRITE_PNG_COMPRESSION, 2])
        for kind, value in (("specular", _F0 / FULL_F0), ("roughness", _ROUGHNESS)):
            path = folder / f"{kind}.{suffix}"
            if path.is_file():
                picture = _read(path)
                picture[bare & (picture == 0)] = round(65535 * value)
                cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 2])


def _read(path: Path) -> np.ndarray:
    import cv2

    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
