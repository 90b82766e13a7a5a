"""A take's photographs of all lights as the skin solve reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from scan3d.appearance.materials.observations import LitView, sharpened
from scan3d.capture.lights_file import KnownLights
from scan3d.capture.take import Take
from scan3d.capture.undistort import pinhole_of, undistort
from scan3d.errors import InputError
from scan3d.geometry import Mesh, Rig
from scan3d.workflows.lit_photographs import LitPhotographs


def lit_views(take: Take, rig: Rig, known: KnownLights, mesh: Mesh, size: int, tiles: int) -> dict[str, LitView]:
    """The calibrated cameras' photographs as linear radiance, undistorted, no finer than texels; colours corrected
    where `scan3d colour` was run."""
    middle = mesh.vertices.mean(axis=0)
    cameras = [rig[name] for name in take.camera_ids if name in rig]
    if len(cameras) < 2:
        raise InputError("Fewer than two cameras are calibrated.", str(take.root), "Run: scan3d calibrate")
    pixel_m = float(np.median([np.linalg.norm(c.centre - middle) / c.intrinsics.fx for c in cameras]))
    texel_m = float(np.sqrt(mesh.face_areas().sum() / (0.7 * tiles))) / size
    scale = 1.0 if texel_m < 1.3 * pixel_m else pixel_m / texel_m
    photographs = LitPhotographs(take)
    return {camera.camera_id: _view(take, camera.scaled(scale), known, scale, photographs) for camera in cameras}


def _view(take: Take, camera: Any, known: KnownLights, scale: float, photographs: LitPhotographs) -> LitView:
    name, by_light = camera.camera_id, take.photographs[camera.camera_id]
    size = (camera.intrinsics.width, camera.intrinsics.height)

    def load(light: str) -> np.ndarray:
        import cv2

        linear = photographs.load(name, light)
        if scale < 1:
            linear = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
        if linear.shape[1::-1] != size:
            what = f"The photograph is {linear.shape[1]} x {linear.shape[0]} px; the calibration is not."
            raise InputError(what, f"camera {name}, {by_light[light]}", "Give the photographs that were calibrated.")
        flat: np.ndarray = sharpened(undistort(linear, camera)[0]) / np.float32(known.exposure)
        return flat

    def load_mask() -> np.ndarray:
        import cv2

        from scan3d.capture.images import load_mask

        mask = (load_mask(take.masks[name], camera_id=name) > 0.5).astype(np.float32)
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) if scale < 1 else mask
        return np.asarray(undistort(mask, camera)[0] > 0.5)

    return LitView(camera=pinhole_of(camera), load=load, load_mask=load_mask if name in take.masks else None)
