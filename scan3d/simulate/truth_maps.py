"""What a camera truly sees of a subject: coverage, depth, normals and parts, by rays through the exact lens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.materials import Part
from scan3d.geometry.ray_scene import ray_scene, tensor

_SUBPIXELS = 8  # along a side, where a pixel may be covered in part
_STRIP = 200_000  # rays at once


@dataclass(frozen=True, kw_only=True, eq=False)
class TruthMaps:
    """mask: (H, W) float32 share of each pixel that the subject covers, to 1/64. depth_m: (H, W) float32 z in the
    camera's frame through the pixel's middle, 0 where nothing is. normal: (H, W, 3) float32 unit, world, smooth over
    the mesh, towards the outside; zeros where nothing is. part: (H, W) int16 row of the subject's parts, -1 where
    nothing is.
    """

    mask: np.ndarray
    depth_m: np.ndarray
    normal: np.ndarray
    part: np.ndarray


class TruthCaster:
    """A subject ready to be looked at with exact rays."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._normals = [part.mesh.vertex_normals().astype(np.float32) for part in parts]
        self._scene = ray_scene((part.mesh.vertices, part.mesh.faces) for part in parts)

    def maps(self, camera: Camera) -> TruthMaps:
        """All maps of one camera, of any lens."""
        i = camera.intrinsics
        shape = (i.height, i.width)
        px = np.stack(np.meshgrid(np.arange(i.width) + 0.5, np.arange(i.height) + 0.5), axis=-1).reshape(-1, 2)
        hit = np.zeros(len(px), bool)
        depth, normal = np.zeros(len(px), np.float32), np.zeros((len(px), 3), np.float32)
        part = np.full(len(px), -1, np.int16)
        for start in range(0, len(px), _STRIP):
            rows = slice(start, start + _STRIP)
            directions = camera.ray_directions(px[rows])
            found = self._cast(camera, directions)
            hit[rows] = np.isfinite(found["t_hit"])
            along = directions @ camera.forward
            depth[rows] = np.where(hit[rows], found["t_hit"] * along, 0.0)
            self._fill(found, normal[rows], part[rows])
        mask = hit.reshape(shape).astype(np.float32)
        self._soften(camera, mask)
        return TruthMaps(
            mask=mask, depth_m=depth.reshape(shape), normal=normal.reshape(*shape, 3), part=part.reshape(shape)
        )

    def _cast(self, camera: Camera, directions: np.ndarray) -> dict[str, np.ndarray]:
        origins = np.broadcast_to(camera.centre, directions.shape)
        rays = np.concatenate([origins, directions], axis=-1).astype(np.float32)
        return {name: value.numpy() for name, value in self._scene.cast_rays(tensor(rays)).items()}

    def _fill(self, found: dict[str, np.ndarray], normal: np.ndarray, part: np.ndarray) -> None:
        """Smooth normals and part numbers of rays that hit, into views of the maps."""
        for number, (of, normals) in enumerate(zip(self._parts, self._normals, strict=True)):
            seen = np.flatnonzero(found["geometry_ids"] == number)
            corner = found["primitive_uvs"][seen]
            weights = np.stack([1 - corner.sum(axis=1), corner[:, 0], corner[:, 1]], axis=1)
            vertices = of.mesh.faces[found["primitive_ids"][seen].astype(np.int64)]
            smooth = np.einsum("nk,nkd->nd", weights, normals[vertices])
            normal[seen] = smooth / np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
            part[seen] = number

    def _soften(self, camera: Camera, mask: np.ndarray) -> None:
        """The true share of pixels next to the outline, in place, from a grid of rays through each."""
        import cv2

        cross = np.ones((3, 3), np.uint8)
        unsure = cv2.dilate(mask, cross) != cv2.erode(mask, cross)
        at = np.argwhere(unsure)
        offsets = (np.arange(_SUBPIXELS) + 0.5) / _SUBPIXELS
        grid = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
        step = max(1, _STRIP // len(grid))
        for start in range(0, len(at), step):
            rows = at[start : start + step]
            px = rows[:, None, ::-1] + grid[None]
            found = self._cast(camera, camera.ray_directions(px.reshape(-1, 2)))
            mask[rows[:, 0], rows[:, 1]] = np.isfinite(found["t_hit"]).reshape(len(rows), -1).mean(axis=1)
