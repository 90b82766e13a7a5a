"""Depth maps of many views become oriented points: what neighbours confirm stays, what they look through goes."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from scan3d.reconstruction.depth import DepthEstimate, source_from_reference
from scan3d.reconstruction.views import Level


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _compare(depth, other, m, tolerance, agree, through):
    """Count, per pixel, whether another view's depth agrees within `tolerance` or lies clearly behind."""
    height, width = other.shape
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            z = depth[y, x]
            if not (z == z):
                continue
            w = (m[2, 0] * (x + 0.5) + m[2, 1] * (y + 0.5) + m[2, 2]) * z + m[2, 3]
            if w <= 0:
                continue
            u = ((m[0, 0] * (x + 0.5) + m[0, 1] * (y + 0.5) + m[0, 2]) * z + m[0, 3]) / w - 0.5
            v = ((m[1, 0] * (x + 0.5) + m[1, 1] * (y + 0.5) + m[1, 2]) * z + m[1, 3]) / w - 0.5
            if not (u >= 0 and v >= 0 and u < width - 1 and v < height - 1):
                continue
            i, j = int(u), int(v)
            f, g = u - i, v - j
            seen = (other[j, i] * (1 - f) + other[j, i + 1] * f) * (1 - g) + (
                other[j + 1, i] * (1 - f) + other[j + 1, i + 1] * f
            ) * g
            if not (seen == seen):
                seen = other[int(v + 0.5), int(u + 0.5)]
            if seen == seen:
                if abs(seen - w) < tolerance:
                    agree[y, x] += 1
                elif seen > w + 3 * tolerance:
                    through[y, x] += 1


def confirmed_depth(
    estimates: Sequence[DepthEstimate], level: Level, reference: int, sources: Sequence[int], *,
    tolerance_m: float, least_agreeing: int, least_score: float,
) -> np.ndarray:  # fmt: skip
    """The depth of one view where at least `least_agreeing` sources say the same within `tolerance_m`, and no more
    sources look through it than confirm it.  (H, W) float32, NaN elsewhere."""
    depth = np.where(estimates[reference].score >= least_score, estimates[reference].depth, np.nan)
    agree = np.zeros(depth.shape, np.int32)
    through = np.zeros(depth.shape, np.int32)
    for source in sources:
        m = source_from_reference(level.matrices[reference], level.matrices[source])
        _compare(depth, estimates[source].depth, m, tolerance_m, agree, through)
    return np.where((agree >= least_agreeing) & (through <= agree), depth, np.nan).astype(np.float32)


def oriented_points(
    depth: np.ndarray, matrix: np.ndarray, *, least_cosine: float = 0.15
) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) and unit normals (N, 3) in the world from a depth map and its view's (3, 4) matrix.

    Normals are central differences over 3 x 3 means; points seen flatter than `least_cosine` and those at the edge of
    the known are left out.
    """
    import cv2

    height, width = depth.shape
    inverse = np.linalg.inv(matrix[:, :3])
    centre = -inverse @ matrix[:, 3]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rays = np.stack([x + 0.5, y + 0.5, np.ones_like(x)], -1) @ inverse.T.astype(np.float32)
    known = np.isfinite(depth)
    weight = cv2.blur(known.astype(np.float32), (3, 3))
    smooth = cv2.blur(np.nan_to_num(depth), (3, 3)) / np.maximum(weight, 1e-6)
    soft = rays * smooth[..., None]
    across, down = np.zeros_like(soft), np.zeros_like(soft)
    across[:, 1:-1] = soft[:, 2:] - soft[:, :-2]
    down[1:-1] = soft[2:] - soft[:-2]
    normal = np.cross(down, across)
    length = np.linalg.norm(normal, axis=-1)
    normal /= np.maximum(length, 1e-20)[..., None]
    cosine = -(normal * rays).sum(-1) / np.linalg.norm(rays, axis=-1)
    normal *= np.where(cosine < 0, -1, 1)[..., None]
    core = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    ok = core & (length > 0) & (np.abs(cosine) > least_cosine)
    return (rays[ok] * depth[ok][:, None]).astype(np.float64) + centre, normal[ok].astype(np.float64)
