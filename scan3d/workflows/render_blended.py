"""Plain multi-view blending as it is without a model of light: the scan's own texture, seen from a camera."""

from __future__ import annotations

import numpy as np

from scan3d.capture.colour import srgb_to_linear
from scan3d.capture.take import Take
from scan3d.geometry import Camera
from scan3d.render.frame import Frame


def blended_frame(take: Take, camera: Camera) -> Frame:
    """The texture of `scan3d reconstruct` unlit, in the photographs' own encoding made linear: what a picture with
    solved materials has to be better than. Raises InputError where the model cannot be read."""
    from scan3d.report import SurfaceView, look_at, view_colours
    from scan3d.report.score import load_model

    look = look_at(SurfaceView(*load_model(take.results / "model.obj")), camera, smooth=False)
    shown = view_colours(look).rgb
    alpha = np.isfinite(look.depth_m).astype(np.float32)
    return Frame(beauty=srgb_to_linear(shown) * alpha[..., None], alpha=alpha)
