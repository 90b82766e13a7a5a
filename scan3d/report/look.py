"""One look at a surface: all rays of a picture, cast once and then coloured in as many ways as are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.geometry import Camera
from scan3d.report.surface_view import Hits, SurfaceView

# A rotated grid: four places in a pixel that differ in x and in y.
_OFFSETS_PX = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]])
_PIXELS_AT_ONCE = 1_000_000
_STEP_PX = 16


@dataclass(frozen=True, kw_only=True)
class View:
    """A picture of a surface.

    rgb      (H, W, 3) float32, sRGB-encoded, in [0, 1]; 0 where the surface is not.
    cover    (H, W) float32: the share of each pixel that the surface fills (1 inside, between at its edges).
    depth_m  (H, W) float32: camera z at pixel centres, nan where the surface is not.
    """

    rgb: NDArray[np.float32]
    cover: NDArray[np.float32]
    depth_m: NDArray[np.float32]

    def over(self, ground: NDArray[np.floating] | tuple[float, float, float]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 on a ground: an sRGB-encoded colour (3,) or picture (H, W, 3), in [0, 1]."""
        mixed = self.rgb * self.cover[..., None] + np.asarray(ground) * (1 - self.cover[..., None])
        return np.rint(np.clip(mixed, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a camera sees of a surface.

    hits     through pixel centres; pixel (n,) int64 their indices row * width + column.
    depth_m  (H, W) float32 camera z, nan where the surface is not.
    edge     (E,) int64 pixels at an edge of the surface, which have more rays; empty when not smooth.
    finer    for each further ray of the edge pixels, its hits.
    smooth   whether edges have more rays and maps are averaged to the pixel's size.
    """

    surface: SurfaceView
    camera: Camera
    hits: Hits
    pixel: NDArray[np.int64]
    depth_m: NDArray[np.float32]
    edge: NDArray[np.int64]
    finer: tuple[Hits, ...]
    smooth: bool

    def painted(self, paint: Callable[[Hits, NDArray[np.int64]], NDArray[np.floating]]) -> View:
        """The picture whose colours `paint(hits, their pixels)` gives as (n, 3) sRGB-encoded numbers in [0,
        1].
        """
        height, width = self.depth_m.shape
        rgb = np.zeros((height * width, 3), np.float32)
        cover = np.isfinite(self.depth_m).astype(np.float32).reshape(-1)
        rgb[self.pixel] = paint(self.hits, self.pixel)
        if len(self.edge):
            total, share = np.zeros((len(self.edge), 3), np.float32), np.zeros(len(self.edge), np.float32)
            for hits in self.finer:
                total[hits.hit] += paint(hits, self.edge[hits.hit])
                share[hits.hit] += 1
            rgb[self.edge] = total / np.maximum(share, 1)[:, None]
            cover[self.edge] = share / len(self.finer)
        return View(rgb=rgb.reshape(height, width, 3), cover=cover.reshape(height, width), depth_m=self.depth_m)


def look_at(surface: SurfaceView, camera: Camera, *, smooth: bool = True) -> Look:
    """Casts a ray through every pixel's centre and, when smooth, four more through pixels at edges.

    Only edges need more than one ray, so that an anti-aliased picture costs a third of four rays everywhere.
    """
    width, height = camera.intrinsics.width, camera.intrinsics.height
    left, top, right, bottom = surface.box_px(camera)
    parts, pixels = [], []
    rows = max(1, _PIXELS_AT_ONCE // max(1, right - left))
    for first in range(top, bottom, rows):
        last = min(first + rows, bottom)
        row, column = np.mgrid[first:last, left:right].reshape(2, -1)
        parts.append(surface.cast_along(camera, _directions(camera, (left, first, right, last))))
        pixels.append((row * width + column)[parts[-1].hit])
    hits, pixel = Hits.joined(parts), np.concatenate([np.zeros(0, np.int64), *pixels])
    depth = np.full(height * width, np.nan, np.float32)
    depth[pixel] = hits.depth_m
    picture = depth.reshape(height, width)
    edge = np.zeros(0, np.int64)
    finer: tuple[Hits, ...] = ()
    if smooth:
        normals = np.zeros((height * width, 3), np.float32)
        normals[pixel] = surface.normals(hits)
        edge = np.flatnonzero(_edges(picture, normals.reshape(height, width, 3), camera.intrinsics.fx))
        centre = np.stack([edge % width + 0.5, edge // width + 0.5], axis=1)
        finer = tuple(surface.cast(camera, centre + offset) for offset in _OFFSETS_PX)
    return Look(
        surface=surface, camera=camera, hits=hits, pixel=pixel, depth_m=picture, edge=edge, finer=finer,
        smooth=smooth
    )  # fmt: skip


def _directions(camera: Camera, box: tuple[int, int, int, int]) -> NDArray[np.floating]:
    """(N, 3) unit directions through the pixel centres of a box, row by row.

    Undoing a lens costs more than casting the ray. It is smooth, so it is undone at every sixteenth pixel and
    a spline gives the rest, to a millionth of a pixel (a thousandth for a fisheye).
    """
    left, top, right, bottom = box
    x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
    if camera.intrinsics.model != "pinhole" and min(len(x), len(y)) >= 4 * _STEP_PX:
        from scipy.interpolate import RectBivariateSpline

        coarse_x, coarse_y = (np.linspace(v[0], v[-1], len(v) // _STEP_PX + 2) for v in (x, y))
        rays = camera.intrinsics.unproject(np.stack(np.meshgrid(coarse_x, coarse_y), axis=-1))
        if np.isfinite(rays).all():
            across, down = (RectBivariateSpline(coarse_y, coarse_x, rays[..., k])(y, x) for k in (0, 1))
            seen = np.stack([across, down, np.ones_like(across)], axis=-1).reshape(-1, 3)
            seen /= np.linalg.norm(seen, axis=1, keepdims=True)
            return seen @ np.asarray(camera.cam_from_world.rotation)
    return camera.ray_directions(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))


def _edges(depth: NDArray[np.float32], normals: NDArray[np.float32], focal_px: float) -> NDArray[np.bool_]:
    """Pixels beside which the silhouette, the depth or the normal jumps."""
    known = np.isfinite(depth)
    solid = np.where(known, depth, 0.0)
    edge = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        ahead = tuple(slice(1, None) if k == axis else slice(None) for k in (0, 1))
        behind = tuple(slice(None, -1) if k == axis else slice(None) for k in (0, 1))
        # Six pixels' width of depth between neighbours: steeper than 80 degrees, or another part of the body.
        jump = np.abs(solid[ahead] - solid[behind]) > 6 * np.maximum(solid[ahead], solid[behind]) / focal_px
        turn = np.einsum("ijk,ijk->ij", normals[ahead], normals[behind]) < 0.9
        differs = (known[ahead] != known[behind]) | ((jump | turn) & known[ahead] & known[behind])
        edge[ahead] |= differs
        edge[behind] |= differs
    return edge
