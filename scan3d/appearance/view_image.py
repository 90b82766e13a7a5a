"""A photograph as appearance reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Camera


@dataclass(frozen=True, kw_only=True)
class ViewImage:
    """An undistorted photograph.  camera: pinhole.  load(): (H, W, 3) uint8 or uint16, sRGB-encoded.  load_mask():
    (H, W) bool, True on the subject."""

    camera: Camera
    load: Callable[[], np.ndarray]
    load_mask: Callable[[], np.ndarray] | None = None
