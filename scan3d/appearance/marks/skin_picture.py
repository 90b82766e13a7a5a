"""A tile of measured skin as marks are looked for in it: colours, and where on the body each texel lies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scan3d.appearance.materials.surface import Surface, points_of, texel_side_m

_FINEST_M = 0.3e-3  # marks are a millimetre and more: finer texels are averaged first, which takes their noise off
_CHUNK = 1_000_000
_BLUR = 0.35  # standard deviation of what a texel averages, in texels: a square has 0.29, photographs add theirs
# Photographs were sharpened and their noise with them: softened by so much, in texels, weak marks stand out again. Of
# 98 marks of the simulated head 94 have place and size instead of 91; with 0.6 three of 98 listed are invented.
_SOFTENED = 0.4
_SAME_SIDE = 0.5  # cosine between normals: of an ear one side is meant, of lips one lip


@dataclass(frozen=True, kw_only=True, eq=False)
class SkinPicture:
    """albedo: (H, W, 3) linear. known: (H, W) bool, skin that was seen. position, normal: (H, W, 3) float32, metres,
    outward; only where known. texel_m: side of a texel, the median. blur: standard deviation of what a texel averages,
    in texels. The picture is a cut of its tile: `uv_of`."""

    albedo: np.ndarray
    known: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    texel_m: float
    first: tuple[int, int] = (0, 0)
    texture_size: int = 0
    blur: float = _BLUR

    def uv_of(self, row: float, column: float) -> tuple[float, float]:
        """uv of a place in the picture, texels from the middle of its first one."""
        size = self.texture_size or self.known.shape[1]
        tall = self.texture_size or self.known.shape[0]
        return (float(column + self.first[1] + 0.5) / size, 1 - float(row + self.first[0] + 0.5) / tall)

    @cached_property
    def _texels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Any]:
        from scipy.spatial import KDTree

        at = np.flatnonzero(self.known.ravel())
        position = self.position.reshape(-1, 3)[at].astype(np.float64)
        normal, albedo = self.normal.reshape(-1, 3)[at], self.albedo.reshape(-1, 3)[at]
        return at, position, normal, albedo, KDTree(position, balanced_tree=False, compact_nodes=False)

    def nearest(self, place: np.ndarray) -> tuple[int, int]:
        """Row and column of the known texel nearest to a place (3,) in metres."""
        at, _, _, _, tree = self._texels
        row, column = divmod(int(at[tree.query(place)[1]]), self.known.shape[1])
        return row, column

    def patch(self, place: np.ndarray, reach_mm: float, *, along: np.ndarray | None = None) -> Patch:
        """What lies around a place (3,) on the surface, across seams of the chart too. along: (3,) of the first axis,
        about in the surface."""
        _, position, normal, albedo, tree = self._texels
        near = np.asarray(tree.query_ball_point(place, 1e-3 * reach_mm), np.int64)
        row, column = self.nearest(place)
        up = self.normal[row, column].astype(np.float64)
        up /= max(float(np.linalg.norm(up)), 1e-9)
        near = near[normal[near] @ up > _SAME_SIDE]
        across = np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))] if along is None else along)
        across /= max(float(np.linalg.norm(across)), 1e-9)
        axes = np.stack([np.cross(across, up), across])
        apart_mm = float(np.sqrt(np.pi * reach_mm**2 / max(len(near), 1)))
        return Patch(
            at=1e3 * (position[near] - place) @ axes.T, colour=albedo[near].astype(np.float64),
            blur_mm=self.blur * min(apart_mm, 1.5), place=place, axes=axes,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """Texels around a place (3,), N of them: at (N, 2) millimetres along axes (2, 3) of the tangent plane, colour
    (N, 3) linear. blur_mm: standard deviation of what a texel averages."""

    at: np.ndarray
    colour: np.ndarray
    blur_mm: float
    place: np.ndarray
    axes: np.ndarray

    def of(self, at: np.ndarray) -> np.ndarray:
        """(3,) metres of a point (2,) of the plane."""
        return np.asarray(self.place + 1e-3 * at @ self.axes)

    def around(self, least_mm: float) -> float:
        """Share of the directions in which there is skin farther away than so much."""
        away = self.at[np.hypot(*self.at.T) > least_mm]
        return len(np.unique(((np.arctan2(*away.T) / np.pi + 1) * 8).astype(int) % 16)) / 16


def skin_picture(
    surface: Surface, index: np.ndarray, face: np.ndarray, albedo: np.ndarray, known: np.ndarray
) -> SkinPicture | None:
    """Of texels (N,) of a tile with faces (N,), albedo (N, 3) and known (N,) bool; None where none is known.

    Texels finer than 0.3 mm are averaged two by two until they are not: marks need no finer ones, and
    memory follows.
    """
    if not known.any():
        return None
    index, face, albedo = index[known], face[known], albedo[known]
    size = surface.texture_size
    row, column = np.divmod(index, size)
    texel_m = texel_side_m(surface, np.unique(face))
    step = 1
    while texel_m * step < _FINEST_M and size % (2 * step) == 0:
        step *= 2
    row, column = row // step, column // step
    top, left = int(row.min()), int(column.min())
    tall, wide = int(row.max()) - top + 1, int(column.max()) - left + 1
    at = (row - top) * wide + column - left
    count = np.bincount(at, minlength=tall * wide).astype(np.float32)
    planes = np.zeros((tall * wide, 9), np.float32)
    for first in range(0, len(index), _CHUNK):
        rows = slice(first, first + _CHUNK)
        points = points_of(surface, index[rows], face[rows])
        values = np.column_stack([albedo[rows], points.position, points.normal])
        for k in range(9):
            planes[:, k] += np.bincount(at[rows], values[:, k], tall * wide).astype(np.float32)
    planes /= np.maximum(count, 1)[:, None]
    shaped = planes.reshape(tall, wide, 9)
    enough = (count > 0.5 * step * step).reshape(tall, wide)
    softened = mean_of_known(shaped[..., :3], enough.astype(np.float32), _SOFTENED)
    return SkinPicture(
        albedo=softened, known=enough, position=shaped[..., 3:6],
        normal=shaped[..., 6:], texel_m=texel_m * step, first=(top, left), texture_size=size // step,
        blur=float(np.hypot(_BLUR, _SOFTENED)),
    )  # fmt: skip


def mean_of_known(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of (H, W, C) by weight (H, W) float32, 1 where texels are known, else 0; sigma in texels."""
    import cv2

    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4)
    return np.asarray(cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma) / share[..., None])
