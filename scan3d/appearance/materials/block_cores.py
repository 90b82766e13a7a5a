"""A block of texels on the cores: Numba's kernels on chunks side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.appearance.materials.block import ROBUST, STRAIGHT, Shared, held_gains, lobe_of
from scan3d.appearance.materials.first_solve import seen_light
from scan3d.appearance.materials.kernels import add_view
from scan3d.appearance.materials.lighting import Diffuse
from scan3d.appearance.materials.observations import LitView, Sight, picked, radius2
from scan3d.appearance.materials.surface import Points
from scan3d.pipeline.executor import run_units

_CHUNK = 50_000


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
        lit, points, sight = self._lamps[lamp], self._points, self._sight
        if lit.cross is not None:
            value = 2 * self._picked(lit.cross) * self._factor()
        else:
            assert lit.plain is not None
            value = self._picked(lit.plain) * self._factor()
            if self.lobe is not None:
                shine = self._lighting.gloss(points, points.normal, sight, lamp, self.lobe)
                value -= shine[:, None] * self._lighting.lights.colour[lamp]
        guess = np.ascontiguousarray(self._common.guess[:, lamp])

        def work(first: int) -> None:
            last = min(first + _CHUNK, len(points))
            add_view(
                first, last, sight.share, value, points.corner, points.bary, guess, ROBUST, self._total[:, lamp],
                self._weight[:, lamp],
            )  # fmt: skip

        run_units(work, range(0, len(points), _CHUNK), workers=self._workers)

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
        lit, colour = self._lamps[lamp], self._lighting.lights.colour[lamp]
        if lit.plain is not None:
            assert self._shown is not None
            light = self._picked(lit.plain) * self._factor() - self._shown[:, lamp]
            value = (light / np.maximum(colour, 1e-3)).mean(axis=1)
        else:
            value = seen_light(self._view, lit, self._sight, colour)[1] * self._factor().mean(axis=1)
        self._lighting.add_gain(
            self._points, self._made, self._sight, value, lamp, self.lobe, self._up, self._down
        )  # fmt: skip

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
        view: LitView = self._view
        return picked(view.load(light_id), self._sight)
