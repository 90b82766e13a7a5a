"""Coarse to fine: which level looks how far, how finely, and what it makes of it.

All lengths are in footprints, the size of a level's pixel on the subject, so that a head in 1 megapixel and a body in
24 are one recipe.  Depth levels make a new surface, whose topology may change; refinement levels move its vertices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Mesh
from scan3d.pipeline.device import CPU
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Silent
from scan3d.reconstruction.depth import DepthEstimate, SweepOptions, sweep_view
from scan3d.reconstruction.fusion import confirmed_depth, oriented_points
from scan3d.reconstruction.keeping import Keeper
from scan3d.reconstruction.neighbours import choose_neighbours
from scan3d.reconstruction.refinement import Refined, correlation_curves, move_to_peaks
from scan3d.reconstruction.surface import poisson_surface
from scan3d.reconstruction.views import Level, View, noise_variance

_COARSEST_PX = 300  # long side of the coarsest level, within a factor of 1.4


@dataclass(frozen=True, kw_only=True)
class DepthPass:
    """One depth level in footprints: search from `near` (towards the camera) to `far`, windows, agreement.

    far reaches further than near: a surface that bridges a gap (behind an ear, between fingers) lies in front of the
    truth.  On a 32 camera head +16 mm instead of +8 took what lies more than 1 mm off from 1.5% to 1.1%.
    """

    near: float
    far: float
    step: float
    radius_px: int
    agree: float
    least_agreeing: int = 2
    least_score: float = 0.2
    occlusion: float = 8.0
    sources: int = 6
    best: int = 3
    smoothing: tuple[float, float] = (0.1, 0.6)
    voxel: float = 1.5


@dataclass(frozen=True, kw_only=True)
class RefinePass:
    """One refinement level in footprints: search +-reach by step; pooled over rings of vertices."""

    reach: float = 4.8
    step: float = 0.6
    radius_px: int = 3
    sources: int = 6
    best: int = 4
    occlusion: float = 12.0
    pool_rings: int = 2
    stiffness: float = 2.0


FROM_HULL = DepthPass(near=-4.5, far=45.0, step=1.2, radius_px=3, agree=3.0)
AGAIN = DepthPass(near=-7.5, far=19.0, step=0.9, radius_px=3, agree=2.3)
FINER = DepthPass(near=-12.0, far=24.0, step=1.2, radius_px=4, agree=2.3)
REFINE = RefinePass()
FINE = RefinePass(reach=3.0)  # after a refinement at half the scale, or a first one at this


def scales(views: Sequence[View]) -> list[float]:
    """Image scales from coarse to full, each twice the one before."""
    longest = max(max(view.shape()) for view in views)
    count = max(0, round(math.log2(longest / _COARSEST_PX)))
    return [2.0 ** (k - count) for k in range(count + 1)]


def footprint_m(views: Sequence[View], centre: np.ndarray, scale: float) -> float:
    """Median size in metres of a pixel of a level at the subject's centre (3,)."""
    sizes = [np.linalg.norm(v.camera.centre - centre) / v.camera.intrinsics.fx for v in views]
    return float(np.median(sizes)) / scale


def _options(p: DepthPass | RefinePass, pixel: float, noise: float, device: str) -> SweepOptions:
    near, far = (p.near, p.far) if isinstance(p, DepthPass) else (-p.reach, p.reach)
    return SweepOptions(
        offsets_m=np.arange(near, far + 0.5 * p.step, p.step) * pixel,
        radius_px=p.radius_px,
        best=p.best,
        choose_per_offset=isinstance(p, DepthPass),
        smoothing=p.smoothing if isinstance(p, DepthPass) else None,
        jump_m=15 * pixel,
        occlusion_m=p.occlusion * pixel,
        noise_variance=noise,
        device=device,
    )


def _median_noise(views: Sequence[View], scale: float) -> float:
    few = views[:: max(1, len(views) // 5)]
    return float(np.median([noise_variance(v, scale) for v in few]))


@dataclass(frozen=True, kw_only=True)
class Swept:
    """The closed surface of a depth level, and per view the share of its depths that its neighbours confirm."""

    mesh: Mesh
    confirmed: tuple[float, ...]


def depth_level(
    views: Sequence[View], surface: Mesh, scale: float, p: DepthPass, *, workers: int | None = None,
    progress: Progress | None = None, keeper: Keeper | None = None, device: str = CPU,
) -> Swept:  # fmt: skip
    """Sweep every view along `surface` and make a new closed surface of what the views confirm of each other."""
    progress = progress or Silent()
    pixel = footprint_m(views, surface.vertices.mean(0), scale)
    neighbours = choose_neighbours(views, surface, count=p.sources, scale=min(scale, 0.25))
    level = Level(
        views=views, scale=scale, radius_px=p.radius_px, vertices=surface.vertices, faces=surface.faces,
        reach_px=4,
    )  # fmt: skip
    options = _options(p, pixel, _median_noise(views, scale), device)
    with progress.task(f"depth maps at 1/{round(1 / scale)}", len(views)) as task:

        def sweep(i: int) -> DepthEstimate:
            def make() -> dict[str, np.ndarray]:
                made = sweep_view(level, i, neighbours[i], options)
                return {"depth": made.depth, "score": made.score}

            name = views[i].camera.camera_id
            arrays = keeper.arrays(name, make) if keeper else make()
            task.advance()
            return DepthEstimate(**arrays)

        estimates = run_units(sweep, range(len(views)), workers=workers)

    def points(i: int) -> tuple[np.ndarray, np.ndarray, float]:
        depth = confirmed_depth(
            estimates, level, i, neighbours[i], tolerance_m=p.agree * pixel, least_agreeing=p.least_agreeing,
            least_score=p.least_score,
        )  # fmt: skip
        swept = int(np.isfinite(level.get(i)[1]).sum())
        confirmed = int(np.isfinite(depth).sum()) / max(1, swept)
        return *oriented_points(depth, level.matrices[i]), confirmed

    found = run_units(points, range(len(views)), workers=workers)
    positions = np.concatenate([position for position, _, _ in found])
    normals = np.concatenate([normal for _, normal, _ in found])
    mesh = poisson_surface(positions, normals, voxel_m=p.voxel * pixel, thin_m=pixel, workers=workers)
    return Swept(mesh=mesh, confirmed=tuple(share for _, _, share in found))


def refine_level(
    views: Sequence[View], surface: Mesh, scale: float, p: RefinePass, *, workers: int | None = None,
    progress: Progress | None = None, keeper: Keeper | None = None, budget_bytes: int = 2_500_000_000,
    device: str = CPU,
) -> Refined:  # fmt: skip
    """Move the surface's vertices to where all pairs of photographs of this scale agree best."""
    progress = progress or Silent()
    pixel = footprint_m(views, surface.vertices.mean(0), scale)
    neighbours = choose_neighbours(views, surface, count=p.sources, scale=min(scale, 0.25))
    level = Level(
        views=views, scale=scale, radius_px=p.radius_px, vertices=surface.vertices, faces=surface.faces,
        budget_bytes=budget_bytes,
    )  # fmt: skip
    options = _options(p, pixel, _median_noise(views, scale), device)
    inner = 0.75 * p.reach
    offsets = np.arange(-inner, inner + 0.5 * p.step, p.step) * pixel
    with progress.task(f"refinement at 1/{round(1 / scale)}", len(views)) as task:
        curves = correlation_curves(
            level, surface, neighbours, options, offsets, workers=workers, task=task, keeper=keeper
        )
    return move_to_peaks(surface, curves, pool_rings=p.pool_rings, stiffness=p.stiffness)


def dense_enough(mesh: Mesh, views: Sequence[View], scale: float, *, most_faces: int) -> Mesh:
    """The mesh with every edge halved until they are about three pixels of this level, within `most_faces`."""
    pixel = footprint_m(views, mesh.vertices.mean(0), scale)
    while 4 * len(mesh.faces) <= most_faces:
        edges = mesh.edges()
        lengths = np.linalg.norm(mesh.vertices[edges[:, 0]] - mesh.vertices[edges[:, 1]], axis=1)
        if np.median(lengths) <= 3.5 * pixel:
            break
        mesh = _halved(mesh)
    return mesh


def _halved(mesh: Mesh) -> Mesh:
    """Every face in four, new vertices at the middles of edges."""
    corners = mesh.faces.astype(np.int64)
    n = len(mesh.vertices)
    a, b = corners.ravel(), np.roll(corners, -1, axis=1).ravel()
    edge, where = np.unique(np.minimum(a, b) * n + np.maximum(a, b), return_inverse=True)
    middles = 0.5 * (mesh.vertices[edge // n] + mesh.vertices[edge % n])
    m = where.reshape(-1, 3) + n
    i, j, k = corners.T
    ij, jk, ki = m.T
    faces = np.concatenate([np.stack(t, 1) for t in ((i, ij, ki), (ij, j, jk), (ki, jk, k), (ij, jk, ki))])
    return Mesh(vertices=np.concatenate([mesh.vertices, middles]), faces=faces.astype(np.int32))
