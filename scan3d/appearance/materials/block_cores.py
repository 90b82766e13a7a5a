"""A block of texels on the cores: Numba's kernels on chunks side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scan3d.appearance.materials.block import ROBUST, STRAIGHT, Shared, held_gains, lobe_of
from scan3d.appearance.materials.kernels import add_view, expose
from scan3d.appearance.materials.lighting import Diffuse, grey_of
from scan3d.appearance.materials.observations import Sight, grey_light, picked, radius2
from scan3d.appearance.materials.surface import Points
from scan3d.pipeline.executor import run_chunks


class CoreBlock:
    """`block.Block` in NumPy and Numba."""

    def __init__(self, shared: Shared, points: Points, *, workers: int | None = None) -> None:
        self.lobe = lobe_of(shared.common, points)
        self._lamps, self._views, self._common = shared.lamps, shared.views, shared.common
        self._lighting, self._points, self._workers = shared.common.lighting, points, workers
        count, lamps = len(points), len(shared.lamps)
        self._total = np.zeros((count, lamps, 3), np.float32)
        self._weight = np.zeros((count, lamps), np.float32)
        self._best = np.zeros(count, np.float32)

    def look(self, number: int) -> bool:
        watched = self._views.view(number)
        self._number, self._view = number, watched.view
        self._sight: Sight = watched.sight(self._points.position, self._points.normal)
        self._known_factor: np.ndarray | None = None
        return bool((self._sight.share > 0).any())

    def note_best(self) -> None:
        np.maximum(self._best, self._sight.share, out=self._best)

    def favour_best(self) -> None:
        best = np.maximum(self._best, 1e-9)
        self._sight = replace(self._sight, share=self._sight.share**STRAIGHT / best ** (STRAIGHT - 1))

    def add_diffuse(self, lamp: int) -> None:
        lit, points, share = self._lamps[lamp], self._points, self._sight.share
        light_id, times = lit.diffuse
        value, factor = self._picked(light_id), self._factor()
        self._each(lambda first, last: expose(first, last, share, factor, times, value))
        if not lit.polarised and self.lobe is not None:
            shine = self._lighting.gloss(points, points.normal, self._sight, lamp, self.lobe)
            value -= shine[:, None] * self._lighting.lights.colour[lamp]
        guess = np.ascontiguousarray(self._common.guess[:, lamp])
        total, weight = self._total[:, lamp], self._weight[:, lamp]
        self._each(
            lambda first, last: add_view(
                first, last, share, value, points.corner, points.bary, guess, ROBUST, total, weight
            )
        )

    def solve(self, *, turn: bool) -> Diffuse:
        for k in range(len(self._lamps)):
            self._total[:, k] /= np.maximum(self._weight[:, k], 1e-9)[:, None]
        self._made = self._lighting.diffuse(self._points, self._total, self._weight, turn=turn)
        del self._total, self._weight, self._best  # gloss needs their room
        if self.lobe is not None:
            self._up, self._down = np.zeros((2, len(self._points)), np.float64)
            polarised = all(lamp.polarised for lamp in self._lamps)
            self._shown = None if polarised else self._lighting.shown(self._points, self._made)
        return self._made

    def add_gloss(self, lamp: int) -> None:
        assert self.lobe is not None
        lit, share, factor = self._lamps[lamp], self._sight.share, self._factor()
        if lit.plain is not None:
            assert self._shown is not None
            value, base = self._picked(lit.plain), self._shown[:, lamp]
            self._each(lambda first, last: expose(first, last, share, factor, 1.0, value))
        else:
            assert lit.parallel is not None and lit.cross is not None
            value, base = self._picked(lit.parallel), self._picked(lit.cross)
        colour = self._lighting.lights.colour[lamp]
        grey = grey_light(value, base, colour, self._sight, workers=self._workers)
        if lit.plain is None:
            grey *= grey_of(factor)
        self._lighting.add_gain(self._points, self._made, self._sight, grey, lamp, self.lobe, self._up, self._down)

    def gains(self) -> np.ndarray:
        assert self.lobe is not None
        return held_gains(self._up, self._down, self.lobe)

    def _factor(self) -> np.ndarray:
        """(N, 3) what makes the view agree with the others."""
        if self._known_factor is None:
            far = radius2(self._sight, self._view.camera)
            self._known_factor = self._common.agreement.factor(self._number, far)
        return self._known_factor

    def _picked(self, light_id: str) -> np.ndarray:
        return picked(self._view.load(light_id), self._sight, workers=self._workers)

    def _each(self, work: Callable[[int, int], None]) -> None:
        run_chunks(len(self._points), work, workers=self._workers)
