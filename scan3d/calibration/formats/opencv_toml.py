"""A camera's table in the TOML of Anipose and Caliscope: matrix, distortions, rotation and translation as OpenCV has
them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.formats.camera_file import numbers, read_text, rotation_of, size_of
from scan3d.calibration.formats.lens_numbers import from_opencv_numbers, polynomial
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Rigid3
from scan3d.geometry.opencv_adapter import matrix_to_opencv


def load(path: Path) -> dict[str, Any]:
    """The document; CalibrationError where it is no TOML."""
    try:
        return tomllib.loads(read_text(path, "TOML file"))
    except tomllib.TOMLDecodeError as error:
        raise CalibrationError(f"Not a TOML file: {error}.", str(path), "Mend the line, or export it again.") from error


def camera_of(camera_id: str, table: Mapping[str, Any], where: str) -> Camera:
    """The camera of a table; CalibrationError, naming the key, where it is wrong."""
    for key in ("size", "matrix", "distortions", "rotation", "translation"):
        if key not in table:
            raise CalibrationError(f"The key {key!r} is missing.", where, "Export the calibration again.")
    fisheye = table.get("fisheye", False)
    if not isinstance(fisheye, bool):
        raise CalibrationError("fisheye must be true or false.", where, "Write true or false, unquoted.")
    intrinsics = from_opencv_numbers(
        numbers(table["matrix"], (3, 3), "matrix", where),
        [float(k) for k in numbers(table["distortions"], (-1,), "distortions", where)],
        size_of(table["size"], where),
        fisheye=fisheye,
        where=where,
    )
    pose = Rigid3(
        rotation=rotation_of(table["rotation"], where),
        translation=numbers(table["translation"], (3,), "translation", where),
    )
    return Camera(camera_id=camera_id, intrinsics=intrinsics, cam_from_world=pose)


def lines_of(camera: Camera, program: str) -> list[str]:
    """The lines of a table, without its header. Raises CalibrationError for a rational lens."""
    intrinsics = camera.intrinsics
    fisheye = intrinsics.model == "fisheye"
    coefficients = intrinsics.distortion if fisheye else polynomial(camera, program)
    pose = camera.cam_from_world
    return [
        f"size = [{intrinsics.width}, {intrinsics.height}]",
        f"matrix = [{', '.join(_list(line) for line in matrix_to_opencv(intrinsics))}]",
        f"distortions = {_list(coefficients)}",
        f"rotation = {_list(pose.log()[3:])}",
        f"translation = {_list(pose.translation)}",
        f"fisheye = {str(fisheye).lower()}",
    ]


def unit_of(name: Any, where: str) -> float | None:
    """Metres of the unit that scan3d noted in the file; None for "arbitrary"."""
    known = {"metres": 1.0, "arbitrary": None}
    if name not in known:
        raise CalibrationError(f"units = {name!r} is not known.", where, f"Use one of {', '.join(known)}.")
    return known[name]


def _list(values: Any) -> str:
    return "[" + ", ".join(repr(float(v)) for v in np.ravel(values)) + "]"
