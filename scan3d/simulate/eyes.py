"""The eyeballs of the open human."""

from __future__ import annotations

from functools import cache

import numpy as np

from scan3d.geometry import Mesh
from scan3d.openhuman import OpenHuman, load_open_human
from scan3d.simulate.surface import Surface, subdivide


@cache
def _surfaces() -> tuple[tuple[str, Surface], ...]:
    human = load_open_human()
    result = []
    for name, group in (("eye_left", "l-eye"), ("eye_right", "r-eye")):
        quads = human.group(group)
        uv = human.uv[human.quad_uv[quads]]
        low, high = uv.min(axis=(0, 1)), uv.max(axis=(0, 1))
        uv = 0.01 + 0.98 * (uv - low) / (high - low).max()
        result.append((name, subdivide(human.quads[quads], uv, human.vertices)))
    return tuple(result)


def eye_meshes(human: OpenHuman, cage: np.ndarray) -> tuple[tuple[str, Mesh], ...]:
    """("eye_left", mesh) and ("eye_right", mesh) of the open human's vertices (C, 3), posed or at rest."""
    return tuple((name, surface.mesh(cage)) for name, surface in _surfaces())
