"""The figures of one reconstruction of the sample capture: shape, topology, colour, masks, cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.colmap_model import read_colmap_model
from scan3d.geometry import Mesh
from scan3d.report import SurfaceView
from scan3d.report.mesh_files import read_ply
from scan3d.report.score import load_model, rephotograph, score_mesh
from tests.benchmarks.run import Run

_COLOUR = ("psnr_db", "ssim", "ciede2000", "sharpness", "coverage")


def cost_of(run: Run, take: Path, unit_cpu_s: float | None = None) -> dict[str, Any]:
    """What a run cost, as a whole and by stage; with a unit also in units."""
    row: dict[str, Any] = {
        "cpu_s": run.cpu_s,
        "wall_s": run.wall_s,
        "wall_over_cpu": run.wall_s / run.cpu_s,
        "peak_mb": run.peak_mb,
        "faces": run.output.get("faces"),
        "stages": stages_of(json.loads((take / "results" / "report.json").read_text()), run),
    }
    return row | ({"units": run.cpu_s / unit_cpu_s} if unit_cpu_s else {})


def stages_of(report: Mapping[str, Any], run: Run) -> list[dict[str, Any]]:
    """Cost of each stage, and what is left of the run: start, mesh files, preview and report."""
    kept = [{k: stage[k] for k in ("name", "cpu_s", "wall_s", "peak_mb")} for stage in report["stages"]]
    rest = {
        "name": "start, results, report",
        "cpu_s": run.cpu_s - sum(stage["cpu_s"] for stage in kept),
        "wall_s": run.wall_s - sum(stage["wall_s"] for stage in kept),
        "peak_mb": None,
    }
    return [*kept, rest]


def shape_scores(source: Path, results: Path) -> dict[str, Any]:
    """results/mesh.ply against the truth, mm; completeness of what at least two cameras see."""
    mesh = read_ply(results / "mesh.ply")
    found = score_mesh(_truth(source), mesh, cameras=read_colmap_model(source / "colmap").cameras)
    row: dict[str, Any] = {
        "accuracy_median_mm": found.accuracy.median_m * 1e3,
        "accuracy_p95_mm": found.accuracy.p95_m * 1e3,
        "complete_median_mm": found.completeness.median_m * 1e3,
        "truth_points": found.truth_points,
    }
    for at in found.at:
        row[f"f_{at.tolerance_m * 1e3:g}mm"] = at.f
        row[f"complete_{at.tolerance_m * 1e3:g}mm"] = at.recall
    return row | topology(mesh)


def topology(mesh: Mesh) -> dict[str, Any]:
    """Whether the surface is closed and of one piece, and how many of its edges are not as they should be."""
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    faces_at_edge = np.unique(edges, axis=0, return_counts=True)[1]
    return {
        "watertight": mesh.is_watertight(),
        "manifold": mesh.is_manifold(),
        "boundary_edges": int((faces_at_edge == 1).sum()),
        "non_manifold_edges": int((faces_at_edge > 2).sum()),
        "pieces": int(mesh.components().max(initial=-1)) + 1,
    }


def colour_scores(source: Path, results: Path) -> dict[str, float]:
    """results/model.obj rendered into the held-out cameras against their photographs, mean over these."""
    import cv2

    held = source / "truth" / "heldout"
    model, truth = SurfaceView(*load_model(results / "model.obj")), SurfaceView(_truth(source))
    views = []
    for camera in read_colmap_model(held):
        photograph = cv2.imread(str(held / f"{camera.camera_id}.jpg"))[..., ::-1]
        views.append(rephotograph(model, truth, camera, photograph))
    return {name: float(np.mean([getattr(view, name) for view in views])) for name in _COLOUR}


def mask_scores(source: Path, take: Path) -> dict[str, float]:
    """How the masks that a run made overlap with those of the renderer; both without the lens' distortion."""
    import cv2

    from scan3d.capture.stages import read_views
    from scan3d.capture.undistort import undistort

    rig = read_colmap_model(source / "colmap")
    shares = []
    folders = json.loads((take / "results" / "report.json").read_text())["settings"]["stages"]
    views = read_views(take / ".scan3d" / "views" / folders["views"])
    if "masks" in folders:
        views = [view.with_mask(take / ".scan3d" / "masks" / folders["masks"]) for view in views]
    for view in views:
        name = view.camera.camera_id
        given = cv2.imread(str(source / "masks" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        _, wanted = undistort(given, rig[name], given)
        shares.append(overlap(view.load_mask(), wanted > 127))
    return {"mask_iou_mean": float(np.mean(shares)), "mask_iou_worst": float(np.min(shares))}


def overlap(mask: np.ndarray, wanted: np.ndarray) -> float:
    """Intersection over union of two (H, W) bool masks; 1 where both are empty."""
    union = int((mask | wanted).sum())
    return float((mask & wanted).sum() / union) if union else 1.0


def _truth(source: Path) -> Mesh:
    import trimesh

    loaded = trimesh.load(source / "truth" / "mesh.ply", process=False)
    return Mesh(vertices=np.asarray(loaded.vertices), faces=np.asarray(loaded.faces))
