"""`scan3d reconstruct`: photographs of a calibrated rig become a textured, metric mesh and a report.

photographs -> views -> masks -> shape -> surface -> atlas -> texture -> results
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.appearance.stages import make_texture
from scan3d.appearance.view_image import ViewImage
from scan3d.capture.checks import check_output, require_good_take
from scan3d.capture.images import load_rgb
from scan3d.capture.stages import ViewFiles, ViewOptions, make_views, read_views
from scan3d.capture.take import Take
from scan3d.capture.undistort import pinhole_of, undistort
from scan3d.geometry import Mesh, Rig
from scan3d.pipeline.device import choose_device
from scan3d.pipeline.executor import cpu_count
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.reconstruction.stages import (
    MaskOptions,
    make_missing_masks,
    make_shape,
    make_surface,
    read_mesh,
)
from scan3d.reconstruction.views import View
from scan3d.workflows.cameras import left_out_of, rig_in_use, rig_of
from scan3d.workflows.quality import Quality, quality_called
from scan3d.workflows.results import Material, write_results


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What `reconstruct_take` leaves: results for people, the report's page, and its main figures."""

    results_dir: Path
    report_path: Path
    summary: dict[str, Any]


def estimate_seconds(take_dir: Path, quality: str, *, workers: int | None = None) -> float:
    """About how long `reconstruct_take` will take on so many cores (default: all), from the photographs' headers."""
    from scan3d.capture.images import read_header

    preset = quality_called(quality)
    headers = [read_header(path, camera_id=camera) for camera, path in Take.open(take_dir).images().items()]
    megapixels = sum(h.width * h.height for h in headers) / 1e6
    cpu_s = preset.cpu_s_fixed + preset.cpu_s_per_mpx * megapixels
    serial = 0.2  # Poisson and packing run on one core
    return cpu_s * (serial + (1 - serial) / min(workers or cpu_count(), cpu_count()))


def reconstruct_take(
    take_dir: Path, *, quality: str, workspace: Path | None = None, device: str = "auto", progress: Progress,
    workers: int | None = None,
) -> Reconstruction:  # fmt: skip
    """Reconstruct a take into TAKE/results, going on where an earlier run stopped.

    quality: "preview", "standard" or "high".  workspace: also write an undistorted COLMAP workspace there.
    device: "auto", "cpu" or "cuda", see `choose_device`.
    Raises a Scan3dError that names camera and file for anything wrong with the take, before anything is computed.
    """
    started = Meter()
    preset = quality_called(quality).on(choose_device(device))
    take = Take.open(take_dir)
    require_good_take(take, rig_of(take), left_out=left_out_of(take))
    rig = rig_in_use(take)
    check_output(take)
    store = Store(take.store)
    with store.locked():
        before = frozenset(take.store.glob("*/*"))
        material = _material(store, take, rig, preset, progress, workers)
        results = write_results(store, take, rig, preset, material, progress=progress, started=started, before=before)
        if workspace is not None:
            from scan3d.calibration.workspace import write_workspace

            pictures = _pictures(take, rig, material.files)
            write_workspace(
                Rig(cameras=tuple(p.camera for p in pictures), scale_is_metric=rig.scale_is_metric),
                {p.camera.camera_id: p.load for p in pictures},
                workspace,
                mesh_points=material.mesh.vertices[::50],
                mesh_normals=material.mesh.vertex_normals()[::50],
                progress=progress,
                workers=workers,
            )
    return Reconstruction(results_dir=take.results, report_path=results.report_path, summary=results.summary)


def _images(take: Take, rig: Rig) -> dict[str, Path]:
    """The photographs of the cameras that are calibrated."""
    return {camera: path for camera, path in take.images().items() if camera in rig}


def _material(store: Store, take: Take, rig: Rig, preset: Quality, progress: Progress, workers: int | None) -> Material:
    views_folder = make_views(
        store, _images(take, rig), rig, masks=take.masks, plates=take.plates,
        options=ViewOptions(linear=take.settings.linear), progress=progress, workers=workers,
    )  # fmt: skip
    files = read_views(views_folder)
    folders = {"views": views_folder}
    missing = tuple(f.camera.camera_id for f in files if f.mask_method == "none")
    if missing:
        folders["masks"] = make_missing_masks(
            store,
            views_folder,
            _views(files),
            MaskOptions(missing=missing),
            progress=progress,
            workers=workers,
        )
        files = [f.with_mask(folders["masks"]) for f in files]
    views = _views(files)
    masks = folders.get("masks")
    folders["shape"] = make_shape(store, views_folder, masks, views, preset.shape, progress=progress, workers=workers)
    folders["surface"] = make_surface(
        store, views_folder, masks, folders["shape"], views, preset.shape, preset.surface, progress=progress,
        workers=workers,
    )  # fmt: skip
    mesh = read_mesh(folders["surface"])
    inputs = {"views": views_folder} | ({"masks": masks} if masks else {})
    inputs |= {f"image {camera}": path for camera, path in _images(take, rig).items()}
    texture = make_texture(
        store, folders["surface"], mesh, inputs, _pictures(take, rig, files, _useful_scale(mesh, files, preset)),
        preset.texture, progress=progress, workers=workers,
    )  # fmt: skip
    folders |= {"atlas": texture.atlas_folder, "texture": texture.folder}
    return Material(folders=folders, files=files, mesh=mesh, texture=texture)


def _pictures(take: Take, rig: Rig, files: Sequence[ViewFiles], scale: float = 1.0) -> list[ViewImage]:
    """The photographs in colour without their lenses' distortion, resized by `scale`, read when they are needed."""
    images, linear = take.images(), take.settings.linear

    def picture(file: ViewFiles) -> ViewImage:
        camera_id = file.camera.camera_id
        camera = rig[camera_id].scaled(scale)
        size = (camera.intrinsics.width, camera.intrinsics.height)

        def load() -> np.ndarray:
            import cv2

            rgb = load_rgb(images[camera_id], camera_id=camera_id, linear=linear)
            small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
            return undistort(small, camera)[0]

        def load_mask() -> np.ndarray:
            import cv2

            mask = file.load_mask()
            if scale == 1:
                return mask
            return cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0

        return ViewImage(camera=pinhole_of(camera), load=load, load_mask=load_mask)

    return [picture(file) for file in files]


def _useful_scale(mesh: Mesh, files: Sequence[ViewFiles], preset: Quality) -> float:
    """How much of the photographs' resolution the texture can hold: pixels finer than its texels are averaged."""
    middle = mesh.vertices.mean(0)
    cameras = [f.camera for f in files]
    pixel_m = float(np.median([np.linalg.norm(c.centre - middle) / c.intrinsics.fx for c in cameras]))
    covered = 0.7  # of an atlas
    texel_m = float(np.sqrt(mesh.face_areas().sum() / (covered * preset.texture.tiles))) / preset.texture.texture_size
    return 1.0 if texel_m < 1.3 * pixel_m else pixel_m / texel_m


def _views(files: Sequence[ViewFiles]) -> list[View]:
    return [View(camera=f.camera, load_grey=f.load_grey, load_mask=f.load_mask) for f in files]
