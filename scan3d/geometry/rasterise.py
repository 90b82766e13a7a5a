"""Depth images of a mesh by z-buffering: about 20 times cheaper than casting a ray per pixel at our mesh sizes."""

from __future__ import annotations

import numba
import numpy as np

_NONE = np.int32(-1)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _fill(px, inv_z, faces, depth, owner):
    """Rasterise triangles with perspective-correct depth: 1/z is linear in the image.  `depth` holds 1/z meanwhile."""
    height, width = depth.shape
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        wi, wj, wk = inv_z[i], inv_z[j], inv_z[k]
        if not (wi > 0 and wj > 0 and wk > 0):
            continue
        xi, yi, xj, yj, xk, yk = px[i, 0], px[i, 1], px[j, 0], px[j, 1], px[k, 0], px[k, 1]
        area = (xj - xi) * (yk - yi) - (xk - xi) * (yj - yi)
        if area >= 0:  # seen from behind (image y points down)
            continue
        y0 = max(int(np.ceil(min(yi, yj, yk) - 0.5)), 0)
        y1 = min(int(np.floor(max(yi, yj, yk) - 0.5)), height - 1)
        x0 = max(int(np.ceil(min(xi, xj, xk) - 0.5)), 0)
        x1 = min(int(np.floor(max(xi, xj, xk) - 0.5)), width - 1)
        if y1 < y0 or x1 < x0:
            continue
        inv_area = 1.0 / area
        # barycentric coordinates and 1/z as affine functions of the pixel
        ax, ay = (yj - yk) * inv_area, (xk - xj) * inv_area
        bx, by = (yk - yi) * inv_area, (xi - xk) * inv_area
        for y in range(y0, y1 + 1):
            dy = y + 0.5 - yk
            for x in range(x0, x1 + 1):
                dx = x + 0.5 - xk
                a = ax * dx + ay * dy
                b = bx * dx + by * dy
                c = 1.0 - a - b
                if a >= -1e-9 and b >= -1e-9 and c >= -1e-9:
                    w = a * wi + b * wj + c * wk
                    if w > depth[y, x]:
                        depth[y, x] = w
                        owner[y, x] = f


def rasterise_depth(
    vertices: np.ndarray, faces: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Depth (camera z) and nearest front face of every pixel of a pinhole view.

    vertices (V, 3) in the world, faces (F, 3), matrix (3, 4) = K @ cam_from_world, shape (H, W).  Returns depth (H, W)
    float32, NaN where nothing is seen, and face (H, W) int32, -1 there.  Faces seen from behind are transparent.
    """
    homogeneous = np.asarray(vertices, np.float64) @ matrix[:, :3].T + matrix[:, 3]
    z = homogeneous[:, 2]
    inv_z = 1.0 / np.where(z > 1e-9, z, -1.0)
    px = homogeneous[:, :2] * inv_z[:, None]
    depth = np.zeros(shape, np.float64)
    owner = np.full(shape, _NONE, np.int32)
    _fill(px, inv_z, faces, depth, owner)
    with np.errstate(divide="ignore"):
        return np.where(owner >= 0, 1.0 / depth, np.nan).astype(np.float32), owner
