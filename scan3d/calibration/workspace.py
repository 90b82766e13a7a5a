"""An undistorted workspace that COLMAP and OpenMVS read, so that nobody is locked in.

    <out>/images/<camera_id>.png            photographs without lens distortion
    <out>/masks/<camera_id>.png             where masks are given, white = subject
    <out>/sparse/{cameras,images,points3D}  COLMAP text model with pinhole cameras
    <out>/stereo/{patch-match,fusion}.cfg   COLMAP's dense stereo: the neighbours of each view

OpenMVS: `InterfaceCOLMAP -i <out> -o scene.mvs`. COLMAP: `colmap patch_match_stereo --workspace_path <out>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from scan3d.calibration.colmap_model import SparsePoints, write_colmap_model
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Rig
from scan3d.pipeline.aside import remove_tree, written_aside
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Silent

_NEIGHBOURS = 10
_BEST_ANGLE_RAD = np.deg2rad(15.0)
_MAX_POINTS = 20000
_STRIP_ROWS = 256

Load = Callable[[], np.ndarray]


def write_workspace(
    rig: Rig,
    images: Mapping[str, Load],
    out_dir: Path,
    *,
    masks: Mapping[str, Load] | None = None,
    mesh_points: np.ndarray | None = None,
    mesh_normals: np.ndarray | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Path:
    """Write an undistorted workspace; it appears whole or not at all.

    Args:
        rig: the cameras. Those without an image are left out.
        images: per camera a loader of (H, W, 3) uint8 or uint16, sRGB-encoded, as photographed.
        out_dir: replaced if it holds an earlier workspace; CalibrationError if it holds anything else.
        masks: per camera a loader of (H, W) bool or 0..1, as photographed.
        mesh_points: (P, 3) points of the surface, metres: they become the sparse points from which OpenMVS
            takes its depth ranges and neighbours.
        mesh_normals: (P, 3) their normals: a view must stand before the surface to see a point.
    Raises:
        StorageError where the folder cannot be written.
    """
    out_dir = Path(out_dir)
    masks = masks or {}
    progress = progress or Silent()
    if out_dir.exists() and any(out_dir.iterdir()) and not (out_dir / "sparse" / "cameras.txt").is_file():
        what = "The folder is not empty, and it is no workspace."
        raise CalibrationError(what, str(out_dir), "Choose a new folder; this one is not touched.")
    used = rig.subset(camera_id for camera_id in rig.camera_ids if camera_id in images)
    if not len(used):
        raise CalibrationError("No camera of the rig has a photograph.", rig.source, "Pass photographs by camera.")
    pinholes = replace(used, cameras=tuple(camera.without_distortion() for camera in used))
    points = None if mesh_points is None else _sparse_points(pinholes, mesh_points, mesh_normals)
    with written_aside(out_dir) as aside:
        for folder in ("images", "sparse", "stereo", *(["masks"] if masks else [])):
            (aside / folder).mkdir(parents=True)
        with progress.task("workspace", len(used)) as task:
            run_units(
                lambda camera: _write_view(camera, images[camera.camera_id], masks.get(camera.camera_id), aside),
                list(used), workers=workers, progress_task=task,
            )  # fmt: skip
        names = {camera.camera_id: f"{camera.camera_id}.png" for camera in used}
        write_colmap_model(pinholes, aside / "sparse", names, points=points)
        _write_stereo(pinholes, names, aside / "stereo")
        remove_tree(out_dir)
    return out_dir


def _write_view(camera: Camera, load: Load, load_mask: Load | None, out: Path) -> None:
    import cv2

    name = f"{camera.camera_id}.png"
    image = _undistorted(load(), camera)
    cv2.imwrite(str(out / "images" / name), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 2])
    if load_mask is not None:
        mask = _undistorted(load_mask().astype(np.float32), camera, nearest=True)
        cv2.imwrite(str(out / "masks" / name), (mask >= 0.5).astype(np.uint8) * 255)


def _undistorted(image: np.ndarray, camera: Camera, *, nearest: bool = False) -> np.ndarray:
    """The picture of the pinhole camera with the same focal length and centre, strip by strip."""
    import cv2

    i = camera.intrinsics
    if (image.shape[1], image.shape[0]) != (i.width, i.height):
        what = f"The photograph is {image.shape[1]} x {image.shape[0]} pixels, calibrated is {i.width} x {i.height}."
        raise CalibrationError(what, f"camera {camera.camera_id}", "Use the photographs of this calibration.")
    if i.model == "pinhole":
        return image
    out = np.empty_like(image)
    ideal = i.without_distortion()
    for top in range(0, i.height, _STRIP_ROWS):
        rows = np.arange(top, min(top + _STRIP_ROWS, i.height)) + 0.5
        x, y = np.meshgrid(np.arange(i.width) + 0.5, rows)
        # OpenCV's pixel centres lie at 0, ours at 0.5.
        px = (i.project(ideal.unproject(np.stack([x, y], axis=2))) - 0.5).astype(np.float32)
        how = cv2.INTER_NEAREST if nearest else cv2.INTER_LANCZOS4
        strip = cv2.remap(image, px[..., 0], px[..., 1], how, borderMode=cv2.BORDER_CONSTANT)
        out[top : top + len(rows)] = strip
    return out


def _sparse_points(rig: Rig, points: np.ndarray, normals: np.ndarray | None) -> SparsePoints:
    """Surface points with the views that can see them, at most some thousands, evenly taken."""
    step = max(1, -(-len(points) // _MAX_POINTS))
    xyz = np.asarray(points, dtype=np.float64)[::step]
    facing = None if normals is None else np.asarray(normals, dtype=np.float64)[::step]
    seen = np.zeros((len(xyz), len(rig)), bool)
    for column, camera in enumerate(rig):
        px, depth = camera.project(xyz)
        seen[:, column] = camera.intrinsics.contains(px) & (depth > 0)
        if facing is not None:
            seen[:, column] &= np.einsum("ij,ij->i", camera.centre - xyz, facing) > 0
    enough = seen.sum(axis=1) >= 2
    ids = np.array(rig.camera_ids)
    return SparsePoints(
        xyz=xyz[enough],
        rgb=np.full((int(enough.sum()), 3), 128, np.uint8),
        error_px=np.zeros(int(enough.sum())),
        views=tuple(tuple(ids[row]) for row in seen[enough]),
    )


def _write_stereo(rig: Rig, names: Mapping[str, str], folder: Path) -> None:
    for part in ("depth_maps", "normal_maps", "consistency_graphs"):
        (folder / part).mkdir()
    lines = []
    for camera in rig:
        others = [names[camera_id] for camera_id in neighbours_of(camera, rig)]
        lines += [names[camera.camera_id], ", ".join(others)]
    (folder / "patch-match.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "fusion.cfg").write_text("\n".join(names[c] for c in rig.camera_ids) + "\n", encoding="utf-8")


def neighbours_of(camera: Camera, rig: Rig, count: int = _NEIGHBOURS) -> list[str]:
    """The cameras that look from some 15 degrees aside, best first.

    The angle between the optical axes should be small enough to match and large enough to measure depth.
    """
    scored = []
    for other in rig:
        if other.camera_id == camera.camera_id:
            continue
        cosine = float(np.clip(camera.forward @ other.forward, -1.0, 1.0))
        angle = float(np.arccos(cosine))
        baseline = float(np.linalg.norm(camera.centre - other.centre))
        if angle < np.deg2rad(75.0) and baseline > 0:
            scored.append((abs(np.log(max(angle, 1e-3) / _BEST_ANGLE_RAD)), other.camera_id))
    return [camera_id for _, camera_id in sorted(scored)[:count]]
