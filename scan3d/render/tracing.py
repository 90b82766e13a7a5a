"""Final pictures by path tracing, of cameras with any lens; nothing is ever denoised."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Part
from scan3d.render.displacement import displaced
from scan3d.render.frame import Frame
from scan3d.render.skin_surface import can_shade, skin_surface
from scan3d.render.surface_rays import SurfaceRays
from scan3d.simulate.optics import pinhole_plan, resample
from scan3d.simulate.path_tracer import Scene
from scan3d.simulate.variant import choose_variant, load_mitsuba

SCALAR_NOTE = "Without LLVM the skin is Mitsuba's principled surface, which returns up to 5 % more light than falls."


class Tracer:
    """Parts under one light, ready to be looked at, their displacement as shape. passes: the diffuse part, depth,
    normal and part, too."""

    def __init__(
        self, parts: Sequence[Part], lights: LightSetup, *, passes: bool = False, variant: str = "auto"
    ) -> None:
        parts = [displaced(part) for part in parts]
        variant = choose_variant(variant)
        own = can_shade(load_mitsuba(variant))
        self.notes = () if own else (SCALAR_NOTE,)
        self._parts, self._polarisation = tuple(parts), lights.polarisation
        surface = skin_surface if own else None
        crossed = self._polarisation == "cross"
        self._full = None if crossed else Scene(parts, lights, variant=variant, surface=surface)
        matt = passes or self._polarisation != "none"
        self._matt = Scene(parts, lights, variant=variant, surface=surface, gloss=False) if matt else None
        self._rays = SurfaceRays(parts) if passes else None
        points = np.concatenate([part.mesh.vertices for part in parts])
        self._box = np.stack([points.min(axis=0), points.max(axis=0)])

    def render(self, camera: Camera, *, samples: int, seed: int = 0) -> Frame:
        """samples: paths a pixel (of the views that a lens with distortion is made of). The same seed, the same
        picture."""
        started = time.process_time()
        matt = None if self._matt is None else self._through_lens(self._matt, camera, samples, seed)
        full = None if self._full is None else self._through_lens(self._full, camera, samples, seed)
        both = full if full is not None else matt
        assert both is not None
        light, alpha = both[..., :3], both[..., 3]
        diffuse = None if matt is None else matt[..., :3]
        if self._polarisation != "none":
            # Half of what has lost its polarisation passes, and of the gloss all or nothing: see `path_tracer.Studio`.
            assert diffuse is not None
            light = 0.5 * diffuse if full is None else light - 0.5 * diffuse
            diffuse = 0.5 * diffuse
        frame = Frame(beauty=light, alpha=np.clip(alpha, 0, 1), diffuse=diffuse if self._rays else None)
        if self._rays is not None:
            depth, normal, part = self._rays.passes(camera)
            frame = replace(frame, depth_m=depth, normal=normal, part=part)
        return replace(frame, cpu_s=time.process_time() - started)

    def _through_lens(self, scene: Scene, camera: Camera, samples: int, seed: int) -> np.ndarray:
        """(H, W, 4) light and cover."""
        i = camera.intrinsics
        if i.model == "pinhole" and abs(i.fx / i.fy - 1) < 1e-9:
            return scene.render(camera, samples=samples, seed=seed, alpha=True)
        plan = pinhole_plan(camera, self._box)
        views = [scene.render(v.camera, samples=samples, seed=seed, crop=v.crop, alpha=True) for v in plan]
        light = resample(camera, plan, [view[..., :3] for view in views])
        cover = resample(camera, plan, [np.repeat(view[..., 3:], 3, axis=-1) for view in views])
        return np.concatenate([light, cover[..., :1]], axis=-1)
