"""Photographs as lights.toml means them: corrected in colour where the take's cameras were, their brightness kept.

A chart's correction makes the chart's white 1 under its own light, with crossed polarisers as with parallel ones. The
exposure in lights.toml is that of the photographs as they are, and crossed against parallel tells gloss: so the rig's
common factor of each state is taken off again. What cameras differ by, and colour, stays corrected.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.capture.colour_correction import (
    FILE,
    FOLDER,
    CorrectionSet,
    corrected,
    load_photograph_linear,
    polarisation_of,
)
from scan3d.capture.take import Take
from scan3d.errors import CaptureError

_STEP_PX = 7  # between pixels that are looked at
_MOST_CAMERAS = 12
_DARK, _BRIGHT = 0.02, 0.9
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


class LitPhotographs:
    """The photographs of a take, linear Rec.709, 1 = white, corrected by results/colour where that is there."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._corrections = CorrectionSet.of(take)
        self.corrected = (take.results / FOLDER / FILE).is_file()
        states = sorted({polarisation_of(light) for light in take.lights})
        self._factor = {state: self._common_factor(state) if self.corrected else 1.0 for state in states}

    def load(self, camera_id: str, light_id: str) -> np.ndarray:
        """(H, W, 3) float32 of one photograph. Raises CaptureError."""
        shown = corrected(self._take, camera_id, light_id, self._corrections)
        factor = self._factor[polarisation_of(light_id)]
        return shown if factor == 1 else np.asarray(shown / np.float32(factor), np.float32)

    def _common_factor(self, state: str) -> float:
        """What corrections of one state of polarisation brighten photographs by: the median over cameras."""
        lights = [light for light in self._take.lights if polarisation_of(light) == state]
        light = next((light for light in lights if light.startswith("all")), lights[0])
        # The shading of the lens is no matter of exposure: its middle is as bright with and without.
        plain = CorrectionSet(cameras={k: replace(c, shading=None) for k, c in self._corrections.cameras.items()})
        wanted = [name for name in self._take.camera_ids if light in self._take.photographs[name]]
        found = []
        for name in wanted[:: max(1, len(wanted) // _MOST_CAMERAS)]:
            path = self._take.photographs[name][light]
            before = load_photograph_linear(path, name, self._take.settings.linear)[::_STEP_PX, ::_STEP_PX] @ _LUMINANCE
            after = corrected(self._take, name, light, plain)[::_STEP_PX, ::_STEP_PX] @ _LUMINANCE
            good = (before > _DARK) & (before < _BRIGHT)
            if good.any():
                found.append(float(np.median(after[good] / before[good])))
        if not found or min(found) <= 0:
            what = f"No photograph under the light {light!r} is bright enough to tell what its correction does."
            raise CaptureError(what, str(self._take.root), "Run `scan3d colour TAKE` again, or remove results/colour.")
        return float(np.median(found))
