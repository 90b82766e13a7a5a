"""Anipose's calibration.toml (aniposelib, CameraGroup.dump): one table cam_0, cam_1, ... per camera.

    [cam_0]
    name = "front"
    size = [1440, 1080]
    matrix = [[1850.5, 0.0, 719.5], [0.0, 1850.5, 539.5], [0.0, 0.0, 1.0]]    # pixel centres at (0, 0)
    distortions = [k1, k2, p1, p2, k3]                                        # k1 k2 k3 k4 with fisheye = true
    rotation = [-0.0016, -0.0024, -0.0075]                                    # rotation vector, camera from world
    translation = [1.62, -0.60, 20.75]
    fisheye = false

    [metadata]
    adjusted = false
    error = 0.16

The format does not say its unit: Anipose's is that of the board's squares, most often millimetres. Files of ours say
units = "metres" under [metadata], which Anipose carries along unread.
"""

from __future__ import annotations

import json
from pathlib import Path

from scan3d.calibration.formats import opencv_toml
from scan3d.calibration.formats.camera_file import CameraFile
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig


def read_anipose(path: Path) -> CameraFile:
    """Cameras of Anipose's TOML. Raises CalibrationError, naming camera and key, where it is broken."""
    document = opencv_toml.load(path)
    cameras = []
    for key, table in document.items():
        if key == "metadata":
            continue
        if not isinstance(table, dict):
            what = f"{key!r} is no table of a camera, so this is no calibration of Anipose."
            raise CalibrationError(what, str(path), "Name the format with --from.")
        name = str(table.get("name", key))
        cameras.append(opencv_toml.camera_of(name, table, f"camera {name}, {path}"))
    metadata = document.get("metadata", {})
    unit_m = opencv_toml.unit_of(metadata["units"], str(path)) if "units" in metadata else None
    return CameraFile(cameras=tuple(cameras), unit_m=unit_m, source=f"Anipose {path}")


def anipose_text(rig: Rig) -> str:
    """The file's text. Raises CalibrationError for a rational lens, which it cannot hold."""
    lines = []
    for number, camera in enumerate(rig):
        lines += [f"[cam_{number}]", f"name = {json.dumps(camera.camera_id, ensure_ascii=False)}"]
        lines += [*opencv_toml.lines_of(camera, "Anipose"), ""]
    units = "metres" if rig.scale_is_metric else "arbitrary"
    lines += ["[metadata]", "adjusted = false", "error = 0.0", f'units = "{units}"']
    return "\n".join(lines) + "\n"
