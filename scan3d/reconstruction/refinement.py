"""Photometric refinement: every vertex moves along its normal to where all pairs of photographs agree best.

Each view sweeps the surface as in the depth stage; instead of a depth per pixel, the correlation as a function of
the offset is carried to the vertices the view sees and summed there.  Adding curves before looking for their peak
uses what each pair knows about the shape of the peak.  Measured on a 32 camera head with the same sweeps: summed
curves, windows of 7 px, 0.053 mm median error; robust mean of the views' own peaks, windows of 11 px, 0.069 mm;
curves of 11 px windows 0.056 mm.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numba
import numpy as np
import scipy.sparse as sp

from scan3d.geometry import Camera, Mesh
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Task
from scan3d.reconstruction.depth import SweepOptions, bands, score_band
from scan3d.reconstruction.keeping import Keeper
from scan3d.reconstruction.views import Level

_KEEP_EVERY_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What the photographs say about each vertex.

    offsets_m (Q,) along the normal; total (V, Q) weighted sum of correlations, weight (V, Q); views (V,) how many
    photographs see the vertex with a known correlation.
    """

    offsets_m: np.ndarray
    total: np.ndarray
    weight: np.ndarray
    views: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Refined:
    """A moved mesh with, per vertex, the correlation at the peak (0 where none) and the number of views."""

    mesh: Mesh
    score: np.ndarray
    views: np.ndarray


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _project(vertices, m, out):
    for i in range(vertices.shape[0]):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        w = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
        out[i, 2] = w
        out[i, 0] = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) / w - 0.5 if w > 0 else -1.0
        out[i, 1] = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) / w - 0.5 if w > 0 else -1.0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _gather(
    chosen, projected, vertices, normals, centre, axis, surface, volume, y0, x0, first, step, tolerance,
    least_cosine, offsets, total, weight, views,
):  # fmt: skip
    """Add a band's curves (R, W', D) along rays to the curves along normals of the vertices seen in it."""
    rows, width, n = volume.shape
    for index in range(chosen.size):
        i = chosen[index]
        u, v, z = projected[i, 0] - x0, projected[i, 1] - y0, projected[i, 2]
        if not (u >= 0 and v >= 0 and u < width - 1 and v < rows - 1):
            continue
        rx, ry, rz = vertices[i, 0] - centre[0], vertices[i, 1] - centre[1], vertices[i, 2] - centre[2]
        length = np.sqrt(rx * rx + ry * ry + rz * rz)
        cosine = -(rx * normals[i, 0] + ry * normals[i, 1] + rz * normals[i, 2]) / length
        if not (cosine >= least_cosine):
            continue
        iu, iv = int(u), int(v)
        f, g = u - iu, v - iv
        seen = True
        for a in range(2):
            for b in range(2):
                s = surface[y0 + iv + a, x0 + iu + b]
                c = volume[iv + a, iu + b, 0]
                if not (abs(s - z) <= tolerance) or not (c == c):
                    seen = False
        if not seen:
            continue
        w00, w01, w10, w11 = (1 - f) * (1 - g), f * (1 - g), (1 - f) * g, f * g
        here = (
            w00 * surface[y0 + iv, x0 + iu] + w01 * surface[y0 + iv, x0 + iu + 1]
            + w10 * surface[y0 + iv + 1, x0 + iu] + w11 * surface[y0 + iv + 1, x0 + iu + 1]
        )  # fmt: skip
        # moving the local plane by o along camera z moves it by -k o along its normal
        k = cosine * length / (rx * axis[0] + ry * axis[1] + rz * axis[2])
        share = cosine * cosine
        views[i] += 1
        for q in range(offsets.size):
            p = (z - here - offsets[q] / k - first) / step
            if not (p >= 0 and p <= n - 1):
                continue
            d = min(int(p), n - 2)
            e = p - d
            low = w00 * volume[iv, iu, d] + w01 * volume[iv, iu + 1, d]
            low += w10 * volume[iv + 1, iu, d] + w11 * volume[iv + 1, iu + 1, d]
            high = w00 * volume[iv, iu, d + 1] + w01 * volume[iv, iu + 1, d + 1]
            high += w10 * volume[iv + 1, iu, d + 1] + w11 * volume[iv + 1, iu + 1, d + 1]
            total[i, q] += share * (low * (1 - e) + high * e)
            weight[i, q] += share


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ready:
    """A view and the vertices in it: surface (H, W) its depth, projected (V, 3) columns, rows and depths, inside the
    vertices within its rows in the order of these, rows theirs."""

    surface: np.ndarray
    projected: np.ndarray
    inside: np.ndarray
    rows: np.ndarray

    @staticmethod
    def of(level: Level, i: int, vertices: np.ndarray) -> _Ready:
        _, surface = level.get(i)
        projected = np.empty((len(vertices), 3))
        _project(vertices, level.matrices[i], projected)
        row = projected[:, 1]
        inside = np.flatnonzero((row >= 0) & (row < surface.shape[0] - 1))
        inside = inside[np.argsort(row[inside], kind="stable")]
        return _Ready(surface=surface, projected=projected, inside=inside, rows=row[inside])

    def between(self, y0: int, y1: int) -> np.ndarray:
        """Indices of the vertices in rows y0..y1."""
        return self.inside[np.searchsorted(self.rows, y0) : np.searchsorted(self.rows, y1)]


def correlation_curves(
    level: Level, mesh: Mesh, neighbours: Sequence[Sequence[int]], options: SweepOptions, offsets_m: np.ndarray, *,
    workers: int | None = None, task: Task | None = None, keeper: Keeper | None = None, least_cosine: float = 0.15,
) -> Curves:  # fmt: skip
    """Sum, over all views, of the correlation of every vertex as a function of its offset along the normal.

    Views one after the other, bands of a view side by side: a vertex lies in one band, so that the sums are the same
    whatever the number of workers.  With a keeper the sums are put away from time to time, and taken up again.
    """
    vertices = np.ascontiguousarray(mesh.vertices, np.float64)
    normals = np.ascontiguousarray(mesh.vertex_normals(), np.float64)
    total = np.zeros((len(vertices), offsets_m.size), np.float32)
    weight = np.zeros_like(total)
    seen = np.zeros(len(vertices), np.int32)
    done, kept_at = 0, time.monotonic()
    if keeper is not None and (state := keeper.latest()) is not None:
        done, arrays = state
        total, weight, seen = arrays["total"], arrays["weight"], arrays["seen"]
    first, step = float(options.offsets_m[0]), float(options.offsets_m[1] - options.offsets_m[0])
    ready: dict[int, _Ready] = {}

    def prepare(i: int) -> None:
        for k in (i, *neighbours[i]):
            level.get(k)
        ready[i] = _Ready.of(level, i, vertices)

    for i, sources in enumerate(neighbours):
        if i < done:
            if task is not None:
                task.advance()
            continue
        if i not in ready:
            run_units(level.get, [i, *sources], workers=workers)
            prepare(i)
        see, camera = ready.pop(i), level.views[i].camera

        def band(
            rows: tuple[int, int], i: int = i, sources: Sequence[int] = sources, see: _Ready = see,
            camera: Camera = camera,
        ) -> None:  # fmt: skip
            y0, y1 = rows
            chosen = see.between(y0, y1)
            height = see.surface.shape[0]
            made = score_band(level, i, sources, (y0, min(y1 + 1, height)), options) if chosen.size else None
            if made is not None:
                volume, x0 = made
                _gather(
                    chosen, see.projected, vertices, normals, camera.centre, camera.forward, see.surface, volume, y0,
                    x0, first, step, options.jump_m, least_cosine, offsets_m, total, weight, seen,
                )  # fmt: skip

        # The next view is made ready, which is one thread's work, while the others go on with this one.
        jobs = [partial(prepare, i + 1)] * (i + 1 < len(neighbours))
        jobs += [partial(band, rows) for rows in bands(see.surface.shape, len(sources), options)]
        run_units(lambda job: job(), jobs, workers=workers)
        if keeper is not None and time.monotonic() - kept_at > _KEEP_EVERY_S:
            keeper.put(i + 1, {"total": total, "weight": weight, "seen": seen})
            kept_at = time.monotonic()
        if task is not None:
            task.advance()
    return Curves(offsets_m=offsets_m, total=total, weight=weight, views=seen)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _peaks(total, weight, offsets, value, sharpness, score):
    """Sub-sample peak of each mean curve; sharpness is correlation times curvature there, 0 without a peak."""
    step = offsets[1] - offsets[0]
    n = offsets.size
    c = np.empty(n, np.float32)
    for i in range(total.shape[0]):
        most = np.float32(0)
        for q in range(n):
            most = max(most, weight[i, q])
        best = -1
        for q in range(n):
            c[q] = total[i, q] / weight[i, q] if weight[i, q] > 0.5 * most else np.float32(-9)
            if best < 0 or c[q] > c[best]:
                best = q
        value[i], sharpness[i], score[i] = 0, 0, 0
        if most <= 0 or best == 0 or best == n - 1 or c[best - 1] < -8 or c[best + 1] < -8:
            continue
        bend = 2 * c[best] - c[best - 1] - c[best + 1]
        if bend <= 0:
            continue
        value[i] = offsets[best] + 0.5 * (c[best + 1] - c[best - 1]) / bend * step
        score[i] = c[best]
        sharpness[i] = max(c[best], np.float32(0)) * bend * np.sqrt(most)


def neighbour_sum(mesh: Mesh) -> sp.csr_array:
    """(V, V) float32 matrix that adds a vertex and its neighbours along edges."""
    edges = mesh.edges()
    n = len(mesh.vertices)
    ones = np.ones(len(edges), np.float32)
    half = sp.csr_array((ones, (edges[:, 0], edges[:, 1])), shape=(n, n))
    return (half + half.T + sp.eye_array(n, dtype=np.float32)).tocsr()


def move_to_peaks(
    mesh: Mesh, curves: Curves, *, pool_rings: int = 2, stiffness: float = 2.0, iterations: int = 10
) -> Refined:
    """Move vertices to the peaks of their curves.

    Curves are first pooled over `pool_rings` of neighbours, which widens the window on the surface itself; then each
    offset is drawn to its neighbours' mean with `stiffness` against the sharpness of its own peak (Jacobi steps), so
    that a vertex without a peak follows its surroundings.
    """
    adjacency = neighbour_sum(mesh)
    total, weight = curves.total, curves.weight
    for _ in range(pool_rings):
        total, weight = adjacency @ total, adjacency @ weight
    n = len(mesh.vertices)
    value, sharpness, score = np.zeros(n), np.zeros(n), np.zeros(n)
    _peaks(total, weight, curves.offsets_m, value, sharpness, score)
    known = sharpness > 0
    if not known.any():
        return Refined(mesh=mesh, score=score, views=curves.views)
    trust = np.minimum(sharpness / np.median(sharpness[known]), 3.0)
    degree = np.maximum(np.diff(adjacency.indptr) - 1, 1)
    offset = value.copy()
    for _ in range(iterations):
        around = (adjacency @ offset - offset) / degree
        offset = (trust * value + stiffness * around) / (trust + stiffness)
    moved = mesh.vertices + mesh.vertex_normals() * offset[:, None]
    return Refined(mesh=Mesh(vertices=moved, faces=mesh.faces), score=score, views=curves.views)
