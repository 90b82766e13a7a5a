"""How the virtual studio renders its photographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scan3d.pipeline.stage import insignificant


@dataclass(frozen=True, kw_only=True)
class RadianceOptions:
    """samples: paths per pixel of the oversampled pinhole views; 0: the quick renderer. seed: of the paths' noise.
    oversample: pinhole pixels per photograph's pixel along a side. aperture_m: diameter of the lenses' openings, 0 for
    everything sharp. lights: record of the setups. cameras: record of the cameras. variant: of the renderer, which
    changes the noise only."""

    samples: int
    seed: int
    oversample: float
    aperture_m: float
    lights: tuple[dict[str, Any], ...]
    cameras: tuple[dict[str, Any], ...]
    variant: str = insignificant(default="auto")
