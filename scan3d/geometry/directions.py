"""Directions spread over the sphere."""

from __future__ import annotations

import numpy as np


def even_directions(count: int) -> np.ndarray:
    """(N, 3) unit directions evenly over the sphere (a Fibonacci lattice, Gonzalez 2010)."""
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
