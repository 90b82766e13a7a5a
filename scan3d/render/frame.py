"""What an engine gives back: a picture's light, what it covers, and its passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """beauty: (H, W, 3) float32 linear Rec.709, black where nothing is. alpha: (H, W) 0..1.

    diffuse: (H, W, 3) the same without gloss; specular is what is left. shadow: (H, W) share of the light that still
    falls on the ground there. depth_m: (H, W) along the camera's axis, inf where nothing is. normal: (H, W, 3) world.
    part: (H, W) int32, 1, 2, ... by the figure's parts, 0 for nothing. cpu_s: CPU seconds that it took.
    """

    beauty: np.ndarray
    alpha: np.ndarray
    diffuse: np.ndarray | None = None
    shadow: np.ndarray | None = None
    depth_m: np.ndarray | None = None
    normal: np.ndarray | None = None
    part: np.ndarray | None = None
    cpu_s: float = 0.0

    def layers(self) -> dict[str, np.ndarray]:
        """The passes by the names that they have in an EXR file; the picture with its alpha first."""
        named = {"": np.concatenate([self.beauty, self.alpha[..., None]], axis=-1)}
        if self.diffuse is not None:
            named |= {"diffuse": self.diffuse, "specular": self.beauty - self.diffuse}
        for name, values in (("depth", self.depth_m), ("normal", self.normal), ("id", self.part)):
            if values is not None:
                named[name] = values.astype(np.float32)
        return named | ({} if self.shadow is None else {"shadow": self.shadow})
