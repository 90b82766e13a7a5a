"""A photograph in the virtual studio: pinhole views of a subject, rendered and thrown through the lens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Part
from scan3d.simulate.optics import pinhole_plan, resample
from scan3d.simulate.path_tracer import Studio
from scan3d.simulate.preview import Preview
from scan3d.simulate.radiance import RadianceOptions
from scan3d.simulate.scattering import Scattered, Scattering, scatters

Renderer: TypeAlias = Studio | Preview | Scattered


def open_studio(parts: Sequence[Part], lights: LightSetup, *, quick: bool, variant: str = "auto") -> Renderer:
    """The subject under its light; quick: by the preview's renderer. Light enters the parts that scatter."""
    plain = Preview(parts, lights) if quick else Studio(parts, lights, variant=variant)
    return Scattered(plain, Scattering(parts, lights)) if scatters(parts) else plain


def bounds(parts: Sequence[Part], margin: float = 0.02) -> np.ndarray:
    """(2, 3) lowest and highest corner of a box around all parts, with a margin of its diagonal."""
    low = np.min([part.mesh.vertices.min(axis=0) for part in parts], axis=0)
    high = np.max([part.mesh.vertices.max(axis=0) for part in parts], axis=0)
    room = margin * np.linalg.norm(high - low)
    return np.stack([low - room, high + room])


def photograph(studio: Renderer, parts: Sequence[Part], camera: Camera, options: RadianceOptions) -> np.ndarray:
    """(H, W, 3) float32 linear radiance as the camera's lens throws it on the sensor."""
    plan = pinhole_plan(camera, bounds(parts), oversample=options.oversample)
    # Every camera has noise of its own, the same in every run.
    seed = options.seed + sum(byte * 257**k for k, byte in enumerate(camera.camera_id.encode())) % 1_000_003
    focus_m = float(np.linalg.norm(bounds(parts).mean(axis=0) - camera.centre))
    pictures = [
        studio.render(
            view.camera, samples=options.samples, seed=seed + k, crop=view.crop, aperture_m=options.aperture_m,
            focus_m=focus_m,
        )
        for k, view in enumerate(plan)
    ]  # fmt: skip
    return resample(camera, plan, pictures)
