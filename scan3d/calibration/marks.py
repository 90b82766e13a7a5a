"""Points marked by hand in photographs, to give an alignment its scale.

    # marks.toml
    [marks.left_end]
    cam00 = [512.0, 640.5]
    cam03 = [498.2, 655.0]

Pixels are as an image viewer shows them, the corner of the first at 0.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scan3d.errors import CalibrationError, InputError
from scan3d.geometry import Rig

_MAX_ERROR_PX = 8.0
_MIN_ANGLE_RAD = np.deg2rad(2.0)

Marks = Mapping[str, Mapping[str, tuple[float, float]]]


def read_marks(path: Path) -> Marks:
    """Marks by name, each with pixels (x, y) by camera id. Raises InputError for a file that cannot be used."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("marks", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The marks cannot be read: {error}.", str(path), "Mend or remove the file.") from error
    marks = {}
    for name, by_camera in table.items():
        where = f"mark {name}, {path}"
        if not isinstance(by_camera, dict) or not all(_is_pixel(px) for px in by_camera.values()):
            what = "A mark must give [x, y] in pixels by camera."
            raise InputError(what, where, f"Write it as [marks.{name}] with lines like cam00 = [512.0, 640.5].")
        marks[name] = {camera: (float(px[0]), float(px[1])) for camera, px in by_camera.items()}
    return marks


def locate(name: str, rig: Rig, marks: Marks, marks_file: Path) -> np.ndarray:
    """A named place in the rig's frame: a camera's centre, or a mark seen by two aligned cameras: (3,).

    Raises InputError for an unknown name, CalibrationError for a mark that cannot be located well.
    """
    if name in rig:
        return rig[name].centre
    if name not in marks:
        what = f"There is no aligned camera and no mark called {name!r}."
        known = ", ".join([*rig.camera_ids[:4], *marks]) or "none"
        raise InputError(what, str(marks_file), f"Known: {known}. Marks are read from marks.toml in the take.")
    seen = {camera: px for camera, px in marks[name].items() if camera in rig}
    where = f"mark {name}, {marks_file}"
    if len(seen) < 2:
        what = f"The mark {name} is given in {len(seen)} aligned photographs; two are needed."
        raise CalibrationError(what, where, "Mark it in one more photograph.")
    return _triangulate(name, rig, seen, where)


def _triangulate(name: str, rig: Rig, seen: Mapping[str, tuple[float, float]], where: str) -> np.ndarray:
    """The point nearest to the rays, refined to least squared pixels (Gauss-Newton)."""
    cameras = [rig[camera_id] for camera_id in seen]
    px = np.array(list(seen.values()))
    rays = np.array([camera.ray_directions(p) for camera, p in zip(cameras, px, strict=True)])
    if not np.isfinite(rays).all():
        raise CalibrationError("The mark lies outside a photograph.", where, "Give pixels of the full photograph.")
    angle = max(float(np.arccos(np.clip(a @ b, -1.0, 1.0))) for a in rays for b in rays)
    if angle < _MIN_ANGLE_RAD:
        what = f"The mark {name} is seen from almost one direction only ({np.rad2deg(angle):.1f} degrees apart)."
        raise CalibrationError(what, where, "Mark it in photographs taken further apart.")
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    centres = np.array([camera.centre for camera in cameras])
    point = np.linalg.solve(across.sum(axis=0), np.einsum("nij,nj->i", across, centres))
    for _ in range(10):
        rows, left = [], []
        for camera, p in zip(cameras, px, strict=True):
            at, by_point, _ = camera.intrinsics.project_jacobian(camera.cam_from_world.apply(point))
            rows.append(by_point @ camera.cam_from_world.rotation)
            left.append(p - at)
        step = np.linalg.lstsq(np.concatenate(rows), np.concatenate(left), rcond=None)[0]
        point = point + step
    errors_px = [float(np.linalg.norm(c.project(point)[0] - p)) for c, p in zip(cameras, px, strict=True)]
    worst = int(np.argmax(errors_px))
    if not errors_px[worst] < _MAX_ERROR_PX:
        camera_id = cameras[worst].camera_id
        what = f"The mark {name} is {errors_px[worst]:.1f} pixels off in the photograph of camera {camera_id}."
        raise CalibrationError(what, f"camera {camera_id}, {where}", "Check that it marks the same point everywhere.")
    return point


def _is_pixel(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in value)
    )
