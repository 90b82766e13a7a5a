"""The way between sRGB-encoded values and linear light (IEC 61966-2-1)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """sRGB-encoded uint8, uint16 or float (0..1) to linear light, float32, same shape (IEC 61966-2-1)."""
    if values.dtype == np.uint8:
        import cv2

        return cv2.LUT(values, _table(256)) if values.ndim >= 2 else _table(256)[values]
    if values.dtype == np.uint16:
        return _table(65536)[values]
    encoded = np.asarray(values, dtype=np.float64)
    return _decode_curve(encoded).astype(np.float32)


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """Linear light to sRGB-encoded float32 0..1, same shape; values outside 0..1 are clipped (IEC 61966-2-1)."""
    light = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    low = light <= 0.0031308
    return np.where(low, 12.92 * light, 1.055 * np.power(light, 1.0 / 2.4) - 0.055).astype(np.float32)


def quantised(encoded: np.ndarray, dtype: type[np.unsignedinteger[Any]]) -> np.ndarray:
    """Encoded values 0..1 rounded to uint8 or uint16."""
    return np.rint(np.clip(encoded, 0.0, 1.0) * float(np.iinfo(dtype).max)).astype(dtype)


def _decode_curve(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, np.power((np.maximum(encoded, 0.0) + 0.055) / 1.055, 2.4))


@functools.cache
def _table(levels: int) -> np.ndarray:
    return _decode_curve(np.arange(levels) / (levels - 1)).astype(np.float32)
