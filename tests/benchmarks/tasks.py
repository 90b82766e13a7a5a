"""What is measured: the sample rig capture, growth with views and pixels, memory at the size of a real rig."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.colmap_model import read_colmap_model, write_colmap_model
from scan3d.geometry import Camera, Mesh, Rig
from scan3d.report import SurfaceView
from scan3d.report.mesh_files import read_ply
from tests.benchmarks.measures import load_model, rephotograph, score_mesh
from tests.benchmarks.run import Run, copy_take, reconstruct, unit_seconds

_MEGAPIXELS_24 = 4.7143  # times 900 x 1200 in each direction


def sample_capture() -> Path:
    """The folder of the sample rig capture.  Raises SystemExit with a clear word where it is absent."""
    data = Path(os.environ.get("SCAN3D_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not (data / "rig_head" / "truth").is_dir():
        raise SystemExit(f"No capture at {data}: set SCAN3D_DATA to the folder that holds rig_head.")
    return data / "rig_head"


def head() -> dict[str, Any]:
    """Both qualities on the sample capture in fresh takes, without masks, against the truth."""
    source = sample_capture()
    unit = unit_seconds(source / "images")
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for quality in ("preview", "standard"):
            take = copy_take(source, Path(folder) / quality)
            cost = reconstruct(take, quality)
            rows[quality] = {**_cost(cost, unit), **_scores(source, take / "results")}
            if quality == "standard":
                rows[quality] |= _masks(source, take)
    return {"unit_cpu_s": unit, "load": os.getloadavg()[0], **rows}


def growth() -> dict[str, Any]:
    """CPU of `standard` with more views and with more pixels, and the exponent of CPU against views x pixels."""
    source = sample_capture()
    # neighbours in both rings, so that fewer views still see each other
    names = [f"cam{k + ring:02d}" for k in range(16) for ring in (0, 16)]
    plan = [(8, 1.0), (16, 1.0), (32, 1.0), (8, 0.5), (8, 2.0)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count, scale in plan:
            chosen = names[:count]
            take = scaled_take(source, Path(folder) / f"{count}_{scale}", chosen, scale)
            cost = reconstruct(take, "standard")
            size = count * 0.9 * 1.2 * scale**2
            rows.append({"views": count, "mpx": 1.08 * scale**2, "view_mpx": size, **_cost(cost, None)})
    by_views, by_pixels = rows[:3], [rows[3], rows[0], rows[4]]
    return {
        "rows": rows,
        "exponent_views": exponent([(r["views"], r["cpu_s"]) for r in by_views]),
        "exponent_pixels": exponent([(r["mpx"], r["cpu_s"]) for r in by_pixels]),
        "exponent": exponent([(r["view_mpx"], r["cpu_s"]) for r in rows]),
    }


def memory() -> dict[str, Any]:
    """Peak memory of `standard` at 64 views of 24 megapixels.

    SCAN3D_BENCH_SCALE gives another enlargement, SCAN3D_BENCH_VIEWS a number of views; the page says which.
    """
    scale = float(os.environ.get("SCAN3D_BENCH_SCALE", _MEGAPIXELS_24))
    views = int(os.environ.get("SCAN3D_BENCH_VIEWS", "64"))
    source = sample_capture()
    with tempfile.TemporaryDirectory() as folder:
        names = [f"cam{k:02d}" for k in range(0, 32, max(1, 32 // views))]
        take = scaled_take(source, Path(folder) / "take", names, scale, twice=views > 32)
        cost = reconstruct(take, "standard")
    return {"views": views, "mpx": 1.08 * scale**2, **_cost(cost, None)}


TASKS: dict[str, Callable[[], dict[str, Any]]] = {"head": head, "growth": growth, "memory": memory}


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Slope of log cost against log size, by least squares."""
    x, y = np.log(np.array(points, float)).T
    return float(np.polyfit(x, y, 1)[0])


def scaled_take(source: Path, target: Path, cameras: Sequence[str], scale: float, *, twice: bool = False) -> Path:
    """Some photographs and their cameras resized by `scale`; `twice`: each under two names."""
    import cv2

    (target / "images").mkdir(parents=True)
    rig = read_colmap_model(source / "colmap")
    made: list[Camera] = []
    for name in cameras:
        camera = rig[name].scaled(scale)
        size = (camera.intrinsics.width, camera.intrinsics.height)
        picture = cv2.imread(str(source / "images" / f"{name}.jpg"))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        picture = cv2.resize(picture, size, interpolation=how) if scale != 1 else picture
        for suffix in ("", "b") if twice else ("",):
            cv2.imwrite(str(target / "images" / f"{name}{suffix}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
            made.append(
                Camera(
                    camera_id=f"{name}{suffix}",
                    intrinsics=camera.intrinsics,
                    cam_from_world=camera.cam_from_world,
                )
            )
    write_colmap_model(Rig(cameras=tuple(made)), target / "colmap", {c.camera_id: f"{c.camera_id}.jpg" for c in made})
    return target


def _cost(cost: Run, unit: float | None) -> dict[str, float]:
    row = {
        "cpu_s": cost.cpu_s,
        "wall_s": cost.wall_s,
        "wall_over_cpu": cost.wall_s / cost.cpu_s,
        "peak_mb": cost.peak_mb,
    }
    return row | ({"units": cost.cpu_s / unit} if unit else {})


def _scores(source: Path, results: Path) -> dict[str, float]:
    """Geometry and rephotography of a finished take against the truth."""
    import cv2
    import trimesh

    loaded = trimesh.load(source / "truth" / "mesh.ply", process=False)
    truth = Mesh(vertices=np.asarray(loaded.vertices), faces=np.asarray(loaded.faces))
    rig = read_colmap_model(source / "colmap")
    mesh = read_ply(results / "mesh.ply")
    found = score_mesh(truth, mesh, cameras=rig.cameras)
    row = {
        "accuracy_median_mm": found.accuracy.median_m * 1e3,
        "accuracy_p95_mm": found.accuracy.p95_m * 1e3,
        "complete_1mm": next(a.recall for a in found.at if math.isclose(a.tolerance_m, 1e-3)),
        "open_edges": len(mesh.boundary_edges()),
        "manifold": float(mesh.is_manifold()),
    }
    row |= {f"f_{a.tolerance_m * 1e3:g}mm": a.f for a in found.at}
    held = source / "truth" / "heldout"
    model, exact = SurfaceView(*load_model(results / "model.obj")), SurfaceView(truth)
    views = []
    for camera in read_colmap_model(held):
        photograph = cv2.imread(str(held / f"{camera.camera_id}.jpg"))[..., ::-1]
        views.append(rephotograph(model, exact, camera, photograph))
    for name in ("psnr_db", "ssim", "ciede2000", "sharpness", "coverage"):
        row[name] = float(np.mean([getattr(view, name) for view in views]))
    return row


def _masks(source: Path, take: Path) -> dict[str, float]:
    """How the masks that were made compare with those of the renderer, undistorted both."""
    import cv2

    from scan3d.capture.stages import read_views
    from scan3d.capture.undistort import undistort

    rig = read_colmap_model(source / "colmap")
    folder = next((take / ".scan3d" / "views").glob("[0-9a-f]*"))
    shares = []
    for view in read_views(folder):
        name = view.camera.camera_id
        given = cv2.imread(str(source / "masks" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        _, wanted = undistort(given, rig[name], given)
        mask, wanted = view.load_mask(), wanted > 127
        shares.append((mask & wanted).sum() / (mask | wanted).sum())
    return {"mask_iou_mean": float(np.mean(shares)), "mask_iou_worst": float(np.min(shares))}
