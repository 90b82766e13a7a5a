"""Caliscope's camera_array.toml: one table cameras.<number> per camera, in metres.

    [cameras.0]
    cam_id = 0
    size = [1280, 720]
    matrix = [[903.55, 0.0, 618.31], [0.0, 907.88, 394.21], [0.0, 0.0, 1.0]]    # pixel centres at (0, 0)
    distortions = [k1, k2, p1, p2, k3]                                          # k1 k2 k3 k4 with fisheye = true
    rotation = [1.2, -0.6, 0.4]         # rotation vector, camera from world; a 3 x 3 matrix in older files
    translation = [0.123, -0.209, 0.668]

Caliscope numbers its cameras and calls their videos cam_0.mp4: so is the camera called here. Files of ours add the
camera's name, which Caliscope does not read. Older projects keep the same tables as [cam_0] in config.toml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scan3d.calibration.formats import opencv_toml
from scan3d.calibration.formats.camera_file import CameraFile
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig


def read_caliscope(path: Path) -> CameraFile:
    """Cameras of Caliscope's TOML; those without a pose, and those it was told to ignore, are left out."""
    document = opencv_toml.load(path)
    cameras, left_out = [], {}
    for number, table in _tables(document, path).items():
        name = str(table.get("name", f"cam_{number}"))
        if "rotation" not in table or "translation" not in table:
            left_out[name] = "Caliscope has not found its pose"
        elif table.get("ignore", False):
            left_out[name] = "Caliscope was told to ignore it"
        else:
            cameras.append(opencv_toml.camera_of(name, table, f"camera {name}, {path}"))
    unit_m = opencv_toml.unit_of(document["units"], str(path)) if "units" in document else 1.0
    return CameraFile(cameras=tuple(cameras), unit_m=unit_m, source=f"Caliscope {path}", left_out=left_out)


def caliscope_text(rig: Rig) -> str:
    """The file's text. Raises CalibrationError for a rational lens, which it cannot hold."""
    lines = [f'units = "{"metres" if rig.scale_is_metric else "arbitrary"}"']
    for number, camera in zip(_camera_numbers(rig.camera_ids), rig, strict=True):
        lines += ["", f"[cameras.{number}]", f"cam_id = {number}", "rotation_count = 0"]
        lines += [f"name = {json.dumps(camera.camera_id, ensure_ascii=False)}"]
        lines += opencv_toml.lines_of(camera, "Caliscope")
    return "\n".join(lines) + "\n"


def _tables(document: Mapping[str, Any], path: Path) -> dict[str, Mapping[str, Any]]:
    found = document.get("cameras")
    if found is None:
        found = {k.removeprefix("cam_"): t for k, t in document.items() if isinstance(t, dict) and "cam_id" in t}
    if not isinstance(found, dict) or not found or not all(isinstance(t, dict) for t in found.values()):
        raise CalibrationError("There is no table [cameras.0] in it.", str(path), "Name the format with --from.")
    return found


def _camera_numbers(camera_ids: tuple[str, ...]) -> list[int]:
    """The number at each name's end, where all have one of their own; else 0, 1, 2, ..."""
    endings = [re.search(r"(\d+)$", name) for name in camera_ids]
    values = [int(ending.group()) for ending in endings if ending]
    return values if len(set(values)) == len(camera_ids) else list(range(len(camera_ids)))
