"""A first look at the colours, in small pictures: exposure on which the cameras agree, and a guess for each vertex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.appearance.exposure import agree_on_gains
from scan3d.appearance.sampling import add_low
from scan3d.appearance.tone import linear_from_srgb
from scan3d.appearance.view_image import ViewImage
from scan3d.appearance.visibility import Visibility, look_through
from scan3d.geometry import Camera, Mesh
from scan3d.pipeline.executor import run_units

_SAMPLES = 20_000  # surface points on which exposure is agreed


def gains_and_guess(
    mesh: Mesh, views: Sequence[ViewImage], workers: int | None, done: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Exposure factors (V, 3), and the colour of every vertex (N, 3) float32, the mean of what the views see.

    Both from pictures reduced to a quarter of a megapixel.
    """
    position = np.ascontiguousarray(mesh.vertices, np.float32)
    normal = np.ascontiguousarray(mesh.vertex_normals(), np.float32)
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(position), min(_SAMPLES, len(position)), replace=False))

    def reduced(view: ViewImage) -> _Small:
        made = _Small.of(mesh, view)
        done()
        return made

    small = run_units(reduced, views, workers=workers)

    def means(factors: np.ndarray, batch: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        total, weight = np.zeros(position.shape, np.float32), np.zeros(len(position), np.float32)
        samples = np.zeros((len(views), len(chosen), 3), np.float32)
        weights = np.zeros((len(views), len(chosen)), np.float32)
        for first in range(0, len(views), batch):
            sampled = run_units(
                lambda one: one.sampled(position, normal), small[first : first + batch], workers=workers
            )
            for k, (t, w) in enumerate(sampled, first):
                samples[k] = linear_from_srgb(t[chosen] / np.maximum(w[chosen], 1e-9)[:, None])
                weights[k] = w[chosen]
                total += t * (factors[k] ** (1 / 2.4)).astype(np.float32)
                weight += w
        return total / np.maximum(weight, 1e-9)[:, None], samples, weights

    guess, samples, weights = means(np.ones((len(views), 3)))
    gains = agree_on_gains(samples, weights)
    if not np.allclose(gains, 1.0):
        guess, _, _ = means(gains)
    return gains, guess


@dataclass(frozen=True, kw_only=True)
class _Small:
    """A view reduced to a quarter of a megapixel: its pinhole camera, picture and what it sees."""

    camera: Camera
    picture: np.ndarray
    visible: Visibility

    @staticmethod
    def of(mesh: Mesh, view: ViewImage) -> _Small:
        import cv2

        i = view.camera.intrinsics
        camera = view.camera.scaled(min(1.0, float(np.sqrt(0.25e6 / (i.width * i.height)))))
        size = (camera.intrinsics.width, camera.intrinsics.height)
        mask = None
        if view.load_mask is not None:
            mask = cv2.resize(view.load_mask().astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        picture = cv2.resize(view.load(), size, interpolation=cv2.INTER_AREA)
        return _Small(camera=camera, picture=picture, visible=look_through(mesh, camera, mask))

    def sampled(self, position: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted encoded colours (N, 3) and weights (N,) of points."""
        low = self.picture.astype(np.float32) / np.float32(np.iinfo(self.picture.dtype).max)
        total, weight = np.zeros((len(position), 3), np.float32), np.zeros(len(position), np.float32)
        i = self.camera.intrinsics
        matrix = i.matrix() @ self.camera.cam_from_world.matrix()[:3]
        add_low(
            0, len(position), position, normal, matrix, self.camera.centre, float(i.fx), self.visible.depth,
            self.visible.trust, low, 0.2, total, weight,
        )  # fmt: skip
        return total, weight
