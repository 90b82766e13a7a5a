"""What a photograph shows of a surface, and how much to trust it near the edges of what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Camera, Mesh
from scan3d.geometry.rasterise import rasterise_depth

_JUMP = 14.0  # footprints between neighbouring pixels: another surface begins
_FULL_TRUST_PX = 4.0  # from an edge


@dataclass(frozen=True, kw_only=True)
class Visibility:
    """Of one pinhole view: depth (H, W) float32, NaN off the surface; trust (H, W) float32, 0 at edges, 1 inside.

    An edge is where the depth jumps, the subject's mask ends or the photograph does: there colours of two things mix.
    """

    depth: np.ndarray
    trust: np.ndarray


def look_through(mesh: Mesh, camera: Camera, mask: np.ndarray | None) -> Visibility:
    """The visibility of a mesh in a pinhole camera; mask (H, W) bool, True on the subject."""
    import cv2

    i = camera.intrinsics
    matrix = i.matrix() @ camera.cam_from_world.matrix()[:3]
    depth, _ = rasterise_depth(mesh.vertices, mesh.faces, matrix, (i.height, i.width))
    solid = np.isfinite(depth)
    filled = np.where(solid, depth, np.float32(1e6))
    square = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(filled, square) - cv2.erode(filled, square) > _JUMP * filled / np.float32(i.fx)
    edge = jump | ~solid
    if mask is not None:
        edge |= ~mask
    edge = np.pad(edge, 1, constant_values=True).astype(np.uint8)
    distance = cv2.distanceTransform(1 - edge, cv2.DIST_L2, 5)[1:-1, 1:-1]
    trust = np.clip((distance - 1) / (_FULL_TRUST_PX - 1), 0, 1).astype(np.float32)
    return Visibility(depth=depth, trust=trust)
