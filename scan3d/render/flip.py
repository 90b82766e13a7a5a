"""FLIP: how different two pictures look to somebody who flips between them (Andersson et al. 2020).

By NVIDIA's own library `flip-evaluator`; 0 alike .. 1. At 67 pixels a degree: a 4K screen 0.7 m away.
"""

from __future__ import annotations

import numpy as np

PIXELS_PER_DEGREE = 67.0206


def flip(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(H, W) float32 of two sRGB-encoded pictures (H, W, 3) in 0..1. Raises ValueError where their shapes differ."""
    import flip_evaluator

    if reference.shape != other.shape or reference.ndim != 3 or reference.shape[2] != 3:
        raise ValueError(f"two pictures (H, W, 3) of one size are needed, not {reference.shape} and {other.shape}")
    first, second = (np.ascontiguousarray(np.clip(p, 0, 1), np.float32) for p in (reference, other))
    found = flip_evaluator.evaluate(
        first, second, "LDR", applyMagma=False, computeMeanError=False, parameters={"ppd": PIXELS_PER_DEGREE}
    )[0]
    found = np.asarray(found, np.float32)
    return found[..., 0] if found.ndim == 3 else found
