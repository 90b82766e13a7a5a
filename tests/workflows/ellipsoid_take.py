"""A take on disk of the textured ellipsoid: JPEG photographs on black, calibration.toml."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from scan3d.calibration.toml_file import write_calibration
from scan3d.geometry import Rig
from tests.reconstruction.ellipsoid_scene import shots


def write_take(folder: Path, *, count: int = 16, size: int = 300) -> Path:
    (folder / "images").mkdir(parents=True)
    made = shots(count, size)
    for shot in made:
        tint = np.array([0.75, 0.9, 1.0])  # BGR of skin
        picture = np.where(shot.mask[..., None], shot.grey[..., None] * tint, 0.01) * 255
        name = str(folder / "images" / f"{shot.camera.camera_id}.jpg")
        cv2.imwrite(name, picture.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 95])
    write_calibration(Rig(cameras=tuple(shot.camera for shot in made), source="made"), folder / "calibration.toml")
    return folder
