"""Undistorted views as the reconstruction reads them, and one level of a coarse-to-fine pass over all of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.rasterise import rasterise_depth


@dataclass(frozen=True, kw_only=True)
class View:
    """One photograph without distortion.

    camera: pinhole.  load_grey() gives (H, W) float32 in 0..1, gamma-encoded, because there photon noise is about
    the same everywhere; load_mask() gives (H, W) bool, True on the subject.  Both are read when needed, never kept.
    """

    camera: Camera
    load_grey: Callable[[], np.ndarray]
    load_mask: Callable[[], np.ndarray]

    def matrix(self, scale: float = 1.0) -> np.ndarray:
        """(3, 4) pixel-from-world of the view resized by `scale`."""
        intrinsics = self.camera.intrinsics
        height, width = self.shape(scale)
        k = intrinsics.matrix()
        k[0] *= width / intrinsics.width
        k[1] *= height / intrinsics.height
        return k @ self.camera.cam_from_world.matrix()[:3]

    def shape(self, scale: float = 1.0) -> tuple[int, int]:
        """(height, width) of the view resized by `scale`."""
        i = self.camera.intrinsics
        return max(1, round(i.height * scale)), max(1, round(i.width * scale))


def high_passed(grey: np.ndarray, mask: np.ndarray, shape: tuple[int, int], radius_px: int) -> np.ndarray:
    """Grey values resized to `shape` less their surroundings within the mask; (H, W) float32, NaN off the subject.

    Surroundings are a Gaussian of twice the window's radius: shading that differs between views goes, and sums of
    squares stay small enough for float32.
    """
    import cv2

    inside = mask.astype(np.float32)
    grey = grey * inside
    if shape != grey.shape:
        size = (shape[1], shape[0])
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        inside = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    sigma = 2.0 * radius_px
    weight = np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 1e-3)
    around = cv2.GaussianBlur(grey, (0, 0), sigma) / weight
    value = grey / np.maximum(inside, 1e-3) - around
    value[inside <= 0.6] = np.nan
    return value.astype(np.float32)


def extend_depth(depth: np.ndarray, wanted: np.ndarray, reach_px: int) -> np.ndarray:
    """Depth carried to the nearest `wanted` pixels without any, so that a surface can grow to the silhouette."""
    import cv2

    missing = ~np.isfinite(depth)
    if not (missing & wanted).any() or missing.all():
        return depth
    distance, label = cv2.distanceTransformWithLabels(
        missing.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = np.flatnonzero(~missing.ravel())
    nearest = np.zeros(label.max() + 1, np.int64)
    nearest[label.ravel()[known]] = known
    grow = missing & wanted & (distance <= reach_px)
    return np.where(grow, depth.ravel()[nearest[label]], depth).astype(np.float32)


class Level:
    """All views at one scale with one surface seen in each; images and depths are made on demand and kept within
    `budget_bytes` (least recently used go first), safe for threads."""

    def __init__(
        self, *, views: Sequence[View], scale: float, radius_px: int, vertices: np.ndarray, faces: np.ndarray,
        reach_px: int = 0, budget_bytes: int = 2_000_000_000,
    ) -> None:  # fmt: skip
        self.views = views
        self.scale = scale
        self.radius_px = radius_px
        self._surface = (np.ascontiguousarray(vertices, np.float64), np.ascontiguousarray(faces, np.int32))
        self._reach_px = reach_px
        self._budget = budget_bytes
        self._kept: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._lock = threading.Lock()
        self.matrices = [view.matrix(scale) for view in views]

    def get(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Image and surface depth of a view at this level, both (H, W) float32 with NaN where there is nothing."""
        with self._lock:
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
        made = self._make(index)
        with self._lock:
            self._kept[index] = made
            size = sum(a.nbytes + b.nbytes for a, b in self._kept.values())
            while size > self._budget and len(self._kept) > 1:
                _, (a, b) = self._kept.popitem(last=False)
                size -= a.nbytes + b.nbytes
        return made

    def _make(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        view = self.views[index]
        image = high_passed(view.load_grey(), view.load_mask(), view.shape(self.scale), self.radius_px)
        depth, _ = rasterise_depth(*self._surface, self.matrices[index], image.shape)
        if self._reach_px:
            depth = extend_depth(depth, np.isfinite(image), self._reach_px)
        return image, depth


def noise_variance(view: View, scale: float) -> float:
    """Variance of the noise of grey values at a scale, from the subject's finest differences.

    Immerkaer's Laplacian-difference operator (1996), the lower quartile over blocks, because pores are no noise.
    """
    import cv2

    shape = view.shape(scale)
    grey = view.load_grey()
    mask = view.load_mask()
    if shape != grey.shape:
        grey = cv2.resize(grey, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask.astype(np.uint8), (shape[1], shape[0])) > 0
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = cv2.blur(cv2.filter2D(grey, -1, kernel) ** 2, (15, 15)) / 36.0
    inside = cv2.erode(mask.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    return float(np.percentile(response[inside], 25)) if inside.any() else 1e-5
