"""Where the subject can be: the visual hull of the masks, and the box around it (Laurentini 1994)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from scan3d.errors import CaptureError
from scan3d.geometry import Mesh
from scan3d.pipeline.executor import run_units
from scan3d.reconstruction.views import View


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _carve(origin, voxel, parent, z0, z1, matrices, focal, silhouettes, scale, allowed, least_views, out):
    """Fill out[z0:z1] (nz, ny, nx) with the hull's approximate signed distance in metres, negative inside.

    Where `parent`, the field at twice the voxel, is far from the surface its value is kept.
    """
    ny, nx = out.shape[1], out.shape[2]
    has_parent = parent.size > 1
    worst = np.empty(allowed + 1, np.float32)
    height, width = silhouettes.shape[1], silhouettes.shape[2]
    for z in range(z0, z1):
        pz = origin[2] + (z + 0.5) * voxel
        for y in range(ny):
            py = origin[1] + (y + 0.5) * voxel
            for x in range(nx):
                if has_parent:
                    value = parent[z // 2, y // 2, x // 2]
                    if abs(value) > 5.0 * voxel:
                        out[z, y, x] = value
                        continue
                p = origin[0] + (x + 0.5) * voxel
                worst[:] = -1e9
                seen = 0
                for i in range(matrices.shape[0]):
                    m = matrices[i]
                    w = m[2, 0] * p + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
                    if w <= 0:
                        continue
                    u = int(np.floor((m[0, 0] * p + m[0, 1] * py + m[0, 2] * pz + m[0, 3]) / w * scale))
                    v = int(np.floor((m[1, 0] * p + m[1, 1] * py + m[1, 2] * pz + m[1, 3]) / w * scale))
                    if u < 0 or v < 0 or u >= width or v >= height:
                        continue
                    d = silhouettes[i, v, u]
                    if not (d == d):  # outside the photograph
                        continue
                    seen += 1
                    d = d * w / (scale * focal[i])
                    if d > worst[allowed]:
                        k = allowed
                        while k > 0 and worst[k - 1] < d:
                            worst[k] = worst[k - 1]
                            k -= 1
                        worst[k] = d
                # of few witnesses none may be overruled, or corners that three cameras see would stay
                overruled = allowed if seen >= 8 else 0
                out[z, y, x] = worst[overruled] if seen >= least_views else np.float32(8 * voxel)


def silhouette_distances(masks: list[np.ndarray], scale: float) -> np.ndarray:
    """Signed distance to each mask's outline (V, h, w) float32, coarse pixels, negative inside, NaN off the image."""
    import cv2

    shapes = [(round(m.shape[0] * scale), round(m.shape[1] * scale)) for m in masks]
    out = np.full((len(masks), max(s[0] for s in shapes), max(s[1] for s in shapes)), np.nan, np.float32)
    for i, (mask, (h, w)) in enumerate(zip(masks, shapes, strict=True)):
        small = cv2.resize(mask.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)
        inside = np.pad((small > 0.5).astype(np.uint8), 1, mode="edge")
        far_in = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
        far_out = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
        # along the outline the mask's own grey value places the edge within the pixel
        out[i, :h, :w] = np.where(np.minimum(far_in + far_out, 9) <= 1.5, 0.5 - small, far_out - far_in)
    return out


@dataclass(frozen=True, kw_only=True)
class Hull:
    """A visual hull: field (nz, ny, nx) float32, metres, negative inside; voxel (0, 0, 0) starts at `origin`."""

    field: np.ndarray
    origin: np.ndarray
    voxel_m: float

    def surface(self) -> Mesh:
        """Its closed surface by marching cubes; faces look outward."""
        import igl

        field = np.pad(self.field, 1, constant_values=self.voxel_m).astype(np.float64)
        nz, ny, nx = field.shape
        z, y, x = np.meshgrid(*(np.arange(n) for n in field.shape), indexing="ij")
        grid = np.stack([x, y, z], -1).reshape(-1, 3) * self.voxel_m + self.origin - 0.5 * self.voxel_m
        vertices, faces, _ = igl.marching_cubes(field.ravel(), grid, nx, ny, nz, 0.0)
        corners = vertices[faces] - vertices.mean(0)
        volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
        return Mesh(vertices=vertices, faces=faces if volume > 0 else faces[:, ::-1])


def shared_space(views: Sequence[View]) -> tuple[np.ndarray, float]:
    """Centre (3,) and radius of the space the cameras look at together: nearest point of their axes, widest image."""
    centres = np.array([v.camera.centre for v in views])
    axes = np.array([v.camera.forward for v in views])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    # a little pull towards the mean keeps parallel axes solvable
    weight = 1e-6 * len(views)
    a = across.sum(0) + weight * np.eye(3)
    b = (across @ centres[:, :, None]).sum(0)[:, 0] + weight * centres.mean(0)
    centre = np.linalg.solve(a, b)
    half = np.array([np.hypot(*v.shape()) / 2 / v.camera.intrinsics.fx for v in views])
    return centre, float(np.median(np.linalg.norm(centres - centre, axis=1) * half))


def visual_hull(
    views: Sequence[View], *, resolution: int = 192, silhouette_px: int = 400, workers: int | None = None
) -> Hull:
    """The space that the masks allow, `resolution` voxels along its longest side.

    One view may disagree where there are twelve or more (a mask that lost a hand must not carve it away), and a
    place needs to be in the picture of a quarter of the views, at least two.
    Raises CaptureError when the masks leave nothing.
    """
    masks = [view.load_mask() for view in views]
    scale = min(1.0, silhouette_px / max(max(view.shape()) for view in views))
    silhouettes = silhouette_distances(masks, scale)
    del masks
    matrices = np.stack([view.matrix() for view in views])
    focal = np.array([view.camera.intrinsics.fx for view in views])
    allowed = 1 if len(views) >= 12 else 0
    least = max(2, len(views) // 4)

    def carve(low: np.ndarray, voxel: float, counts: np.ndarray, parent: np.ndarray) -> np.ndarray:
        out = np.empty(counts[::-1], np.float32)

        def slab(z: int) -> None:
            _carve(
                low, voxel, parent, z, min(z + 8, int(counts[2])), matrices, focal, silhouettes, scale, allowed,
                least, out,
            )  # fmt: skip

        run_units(slab, range(0, int(counts[2]), 8), workers=workers)
        return out

    centre, radius = shared_space(views)
    low, high = centre - radius, centre + radius
    nothing = np.zeros((1, 1, 1), np.float32)
    for _ in range(2):  # find the box, then find it again at a voxel that fits it
        voxel = float((high - low).max()) / 64
        field = carve(low, voxel, np.maximum(np.ceil((high - low) / voxel).astype(int), 1), nothing)
        inside = np.argwhere(field < voxel)[:, ::-1]
        if not len(inside):
            raise CaptureError(
                "The masks leave no space that the cameras agree on.",
                "",
                "Look at the masks (results/report.html shows them): is the subject white in every one, and does "
                "the calibration belong to this rig?",
            )
        low, high = low + voxel * (inside.min(0) - 1), low + voxel * (inside.max(0) + 2)
    coarsest = 4 * float((high - low).max()) / resolution
    counts = np.ceil((high - low) / coarsest).astype(int)
    parent = nothing
    for halving in (1, 2, 4):
        parent = carve(low, coarsest / halving, counts * halving, parent)
    return Hull(field=parent, origin=low, voxel_m=coarsest / 4)
