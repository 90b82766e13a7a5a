"""The nearest lens that a format can hold, and how far off it is: for those who want a file rather than an error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.calibration.formats.camera_file import cannot_hold
from scan3d.calibration.formats.registry import FORMATS
from scan3d.errors import InputError
from scan3d.geometry import Camera, Intrinsics, Rig

_GRID = 33


def with_lenses_for(rig: Rig, format: str, *, within_px: float) -> tuple[Rig, dict[str, float]]:
    """The rig with lenses that a format has a place for, and per camera that was changed by how many pixels at most.

    A rational lens, and where need be a fisheye, becomes k1 k2 p1 p2 k3 by linear least squares over a grid of
    33 x 33 pixels from edge to edge; focal length and centre stay, so that nothing changes where the axis meets the
    picture. The size is the largest distance between where the two lenses put a point of that grid.

    Raises CalibrationError, naming camera and size, where the nearest lens is further off than `within_px`; InputError
    for a format that does not exist.
    """
    if format not in FORMATS:
        raise InputError(f"There is no camera format {format!r}.", "", f"Use one of {', '.join(FORMATS)}.")
    form = FORMATS[format]
    cameras, off_px = [], {}
    for camera in rig:
        lens = camera.intrinsics
        fits = form.fisheye if lens.model == "fisheye" else form.rational or not any(lens.distortion[5:])
        if not fits:
            nearest, worst = nearest_polynomial(lens)
            if worst > within_px:
                what = f"The nearest lens that {format} can hold is off by up to {worst:.3g} px, not {within_px:g}."
                raise cannot_hold(what, camera.camera_id, _ADVICE)
            off_px[camera.camera_id] = worst
            camera = Camera(camera_id=camera.camera_id, intrinsics=nearest, cam_from_world=camera.cam_from_world)
        cameras.append(camera)
    return replace(rig, cameras=tuple(cameras)), off_px


_ADVICE = "Undistort its photographs, calibrate it with a simpler lens, or allow as much with --approximate."


def nearest_polynomial(lens: Intrinsics) -> tuple[Intrinsics, float]:
    """The lens k1 k2 p1 p2 k3 nearest to another over its picture, and the largest distance in pixels (inf where the
    nearest folds within the picture).
    """
    x, y = np.meshgrid(np.linspace(0, lens.width, _GRID), np.linspace(0, lens.height, _GRID))
    px = np.stack([x.ravel(), y.ravel()], axis=1)
    rays = lens.unproject(px)
    seen = np.isfinite(rays[:, 0])
    px, rays = px[seen], rays[seen]
    start = replace(lens, model="full_opencv", distortion=(0.0,) * 8)
    # project() of no distortion is linear in the five coefficients: its derivative by them is the whole model.
    ideal, _, by_params = start.project_jacobian(rays)
    chosen = by_params[..., 4:9].reshape(-1, 5)
    scale = np.maximum(np.abs(chosen).max(axis=0, initial=0.0), 1e-300)
    k = np.linalg.lstsq(chosen / scale, (px - ideal).ravel(), rcond=None)[0] / scale
    nearest = replace(start, distortion=(*(float(v) for v in k), 0.0, 0.0, 0.0))
    distance = np.linalg.norm(nearest.project(rays) - px, axis=1)
    return nearest, float(np.nan_to_num(distance, nan=np.inf).max(initial=0.0))
