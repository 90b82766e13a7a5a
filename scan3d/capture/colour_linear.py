"""Photographs as linear light in the camera's own colours, for corrections by a chart.

RAW is developed without anything that a chart's correction does better: the camera's black and white levels, a plain
demosaic, no white balance, no brightening, no matrix. JPEG and PNG are decoded by the sRGB curve, TIFF too, unless
take.toml says that it is linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scan3d.capture.colour import srgb_to_linear
from scan3d.capture.images import RAW, check_upright, load_rgb, raw_library, read_header
from scan3d.errors import CaptureError

_TOP = 0.995  # of the range: a value above it may have been cut off
_TOP_8BIT = 254


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearPhotograph:
    """rgb: (H, W, 3) float32, 1 = the end of the sensor's range. clipped: (H, W) bool, a channel reached it.
    native: the sensor's own colours (RAW); else those that the camera or another program developed."""

    rgb: np.ndarray
    clipped: np.ndarray
    native: bool


def load_linear(path: Path, *, camera_id: str = "", linear: bool = False) -> LinearPhotograph:
    """A photograph as linear light. linear: a TIFF holds linear values. Raises as `load_rgb`."""
    if path.suffix.lower() in RAW:
        check_upright(read_header(path, camera_id=camera_id), path, camera_id)
        return _from_raw(path, camera_id)
    is_tiff = path.suffix.lower() in (".tif", ".tiff")
    encoded = load_rgb(path, camera_id=camera_id, linear=linear and is_tiff)
    top = _TOP_8BIT if encoded.dtype == np.uint8 else _TOP * 65535
    clipped = np.asarray((encoded >= top).any(axis=2))
    return LinearPhotograph(rgb=srgb_to_linear(encoded), clipped=clipped, native=False)


def _from_raw(path: Path, camera_id: str) -> LinearPhotograph:
    rawpy = raw_library(path, camera_id)
    try:
        with rawpy.imread(str(path)) as raw:
            pixels = raw.postprocess(
                user_wb=[1.0, 1.0, 1.0, 1.0], no_auto_bright=True, no_auto_scale=False, output_bps=16, gamma=(1, 1),
                user_flip=0, output_color=rawpy.ColorSpace.raw, adjust_maximum_thr=0.0,
                highlight_mode=rawpy.HighlightMode.Clip,
            )  # fmt: skip
    except (OSError, rawpy.LibRawError) as error:
        where = f"camera {camera_id}, {path}" if camera_id else str(path)
        raise CaptureError("The RAW file cannot be read.", where, "Copy it from the camera again.") from error
    rgb = pixels.astype(np.float32) / np.float32(65535)
    return LinearPhotograph(rgb=rgb, clipped=np.asarray((rgb >= _TOP).any(axis=2)), native=True)
