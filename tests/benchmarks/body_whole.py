"""What follows a body's fit, measured beside the truth: its detail, its maps' cost, and the body in another pose."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import open3d as o3d

from scan3d.body.bake import BakeOptions, ScanTexture, bake_maps, bake_target
from scan3d.body.detail import Detail, register_detail
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.detail.posing import placed
from scan3d.body.fit.result import Fitted
from scan3d.body.model import BodyModel
from scan3d.geometry import Mesh
from tests.body.fit.reposed import reposed
from tests.body.fit.truth import Truth, rays_at

SIZE = 4096
POSES = ("walk", "t", "contrapposto")
_SAMPLES, _SEEN_M, _NEAR_M = 60_000, 0.004, 0.006


def followed(model: BodyModel, truth: Truth, fitted: Fitted, *, pose: str = "", maps: bool = False) -> dict[str, Any]:
    """Errors of the detail where the scan saw, metres, and what it cost. pose: to which the body is moved as well."""
    start, cpu = time.perf_counter(), time.process_time()
    detail = register_detail(fitted.scan, model, fitted.parameters, level=2)
    row: dict[str, Any] = {"detail_wall_s": time.perf_counter() - start, "detail_cpu_s": time.process_time() - cpu}
    off = detail_errors_m(model, truth, fitted, detail)
    row |= {"detail_mean_m": float(off.mean()), "detail_p95_m": float(np.percentile(off, 95))}
    row["seen"] = float(detail.seen.mean())
    if pose:
        away = reposed(truth, fitted, model, detail, pose).off_m
        row["reposed"] = {
            "to": pose,
            "mean_m": float(away.mean()),
            "p95_m": float(np.percentile(away, 95)),
            "within": float((away <= _NEAR_M).mean()),
        }
    if maps:
        start, cpu = time.perf_counter(), time.process_time()
        target = bake_target(model, fitted.parameters, detail)
        bake_maps(target, fitted.scan, _atlas(fitted.scan), options=BakeOptions(size=SIZE))
        row |= {"maps_wall_s": time.perf_counter() - start, "maps_cpu_s": time.process_time() - cpu}
    return row


def detail_errors_m(model: BodyModel, truth: Truth, fitted: Fitted, detail: Detail) -> np.ndarray:
    """(N,) distance to the detailed body from places spread over the true skin that the scan shows, metres."""
    mesh = fine_mesh(model, detail.level)
    points = placed(model, fitted.parameters, mesh).posed(detail.offsets)
    areas = truth.skin.face_areas()
    rng = np.random.default_rng(3)
    faces = rng.choice(len(areas), _SAMPLES, p=areas / areas.sum())
    corners = truth.skin.corners()[faces]
    skin = np.einsum("nk,nkc->nc", rng.dirichlet([1, 1, 1], len(faces)), corners).astype(np.float32)
    near = rays_at(truth.scan).compute_distance(o3d.core.Tensor.from_numpy(skin)).numpy() < _SEEN_M
    body = rays_at(Mesh(vertices=points, faces=mesh.faces))
    return np.asarray(body.compute_distance(o3d.core.Tensor.from_numpy(skin[near])).numpy())


def _atlas(scan: Mesh) -> ScanTexture:
    """A texture as large as a scan's: each two faces share a square of an 8K atlas."""
    count = len(scan.faces)
    side = int(np.ceil(np.sqrt(count / 2)))
    square = np.arange(count) // 2
    corner = np.stack([square % side, square // side], axis=1) / side
    triangle = np.array([[[0.1, 0.1], [0.8, 0.1], [0.1, 0.8]], [[0.9, 0.9], [0.2, 0.9], [0.9, 0.2]]])
    uv = corner[:, None] + triangle[np.arange(count) % 2] / side
    picture = np.random.default_rng(0).integers(0, 255, (8192, 8192, 3), dtype=np.uint8)
    return ScanTexture(uv=uv, tile_of_face=np.zeros(count, np.int32), tiles=[lambda: picture])
