"""calibration.toml: the cameras of a take as a file that people can read, compare and mend.

    format = "scan3d calibration 1"
    units = "metres"
    scale_is_metric = true
    source = "scan3d align, pycolmap 4.2.1"
    date = 2026-11-21T10:30:00Z

    [cameras.cam00]
    model = "opencv"                    # pinhole, opencv, full_opencv or fisheye
    width = 900
    height = 1200
    fx = 3312.11129
    fy = 3312.11129
    cx = 447.792065                     # pixel centres at 0.5
    cy = 597.230001
    distortion = [-0.092, 0.05, 0.00018, 0.00004]
    cam_from_world.quaternion_wxyz = [0.788, 0.615, 0.007, -0.009]
    cam_from_world.translation_m = [0.025, 1.462, 0.734]

An optional left_out = ["cam07"] names cameras that have photographs and could not be calibrated; an optional
reprojection_px of a camera is the mean residual of its calibration.
"""

from __future__ import annotations

import datetime
import difflib
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.pipeline.aside import write_bytes

FORMAT = "scan3d calibration 1"
_TOP_KEYS = ("format", "units", "scale_is_metric", "source", "date", "left_out", "cameras")
_CAMERA_KEYS = ("model", "width", "height", "fx", "fy", "cx", "cy", "distortion", "cam_from_world")
_NOTES = ("reprojection_px",)
_POSE_KEYS = ("quaternion_wxyz", "translation_m")
_DISTORTION = {
    "pinhole": (),
    "opencv": ("k1", "k2", "p1", "p2"),
    "full_opencv": ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    "fisheye": ("k1", "k2", "k3", "k4"),
}


def read_calibration(path: Path) -> Rig:
    """Read calibration.toml.

    Raises:
        CalibrationError: the file is missing or is not TOML; a key is missing, misspelt or of the wrong type;
            a number is NaN or infinite; a quaternion is not of length 1; no camera. The message names camera
            and file.
    """
    path = Path(path)
    document = _load(path)
    where = str(path)
    if document.get("format") != FORMAT:
        what = f"The file does not say format = {FORMAT!r}, but {document.get('format')!r}."
        raise CalibrationError(what, where, "Write it anew with this version: `scan3d align`.")
    _check_keys(document, _TOP_KEYS, required=("units", "scale_is_metric", "cameras"), where=where)
    if document["units"] != "metres":
        what = f"Units are {document['units']!r}; only metres are known."
        raise CalibrationError(what, where, "Convert the translations and write units = 'metres'.")
    if not isinstance(document["scale_is_metric"], bool):
        raise CalibrationError("scale_is_metric must be true or false.", where, "Write true or false, unquoted.")
    tables = document["cameras"]
    if not isinstance(tables, dict) or not tables:
        raise CalibrationError("The file holds no camera.", where, "Add a table [cameras.<camera_id>] per camera.")
    cameras = tuple(_camera(camera_id, table, f"camera {camera_id}, {path}") for camera_id, table in tables.items())
    return Rig(cameras=cameras, scale_is_metric=document["scale_is_metric"], source=str(document.get("source", "")))


def read_left_out(path: Path) -> tuple[str, ...]:
    """Cameras whose photographs the calibration knows of and leaves out, because they could not be aligned."""
    left_out = _load(Path(path)).get("left_out", [])
    if not isinstance(left_out, list) or not all(isinstance(v, str) for v in left_out):
        raise CalibrationError("left_out must be a list of camera names.", str(path), 'Write ["cam07"] or [].')
    return tuple(left_out)


def read_reprojection(path: Path) -> dict[str, float]:
    """Mean reprojection error in pixels of the cameras of which the file says it."""
    tables = _load(Path(path)).get("cameras", {})
    return {name: float(table["reprojection_px"]) for name, table in tables.items() if "reprojection_px" in table}


def read_date(path: Path) -> datetime.datetime | None:
    """When the calibration was made, in UTC and without a time zone; None where the file does not say."""
    date = _load(Path(path)).get("date")
    if not isinstance(date, datetime.datetime):
        return None
    return date if date.tzinfo is None else date.astimezone(datetime.UTC).replace(tzinfo=None)


def write_calibration(
    rig: Rig,
    path: Path,
    *,
    left_out: Sequence[str] = (),
    reprojection_px: Mapping[str, float] | None = None,
    date: datetime.datetime | None = None,
) -> None:
    """Write calibration.toml, whole or not at all: aside first, then renamed over what is there.

    Numbers read back exactly as they are; a rotation becomes a quaternion, which gives it back to 1e-15.

    Args:
        left_out: cameras that have photographs and are not in the rig, on purpose.
        reprojection_px: mean residual of cameras, for the report.
        date: when the calibration was made; now in UTC by default.
    Raises:
        StorageError: the folder cannot be written.
    """
    path = Path(path)
    date = date or datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    lines = [
        "# Cameras: x right, y down, z forward; pixel centres at 0.5. World: metres, Z up, subject faces -Y.",
        f"format = {json.dumps(FORMAT)}",
        'units = "metres"',
        f"scale_is_metric = {str(rig.scale_is_metric).lower()}"
        + ("" if rig.scale_is_metric else "  # the scale is arbitrary: no distance was known"),
        f"source = {json.dumps(rig.source, ensure_ascii=False)}",
        f"date = {date.isoformat().replace('+00:00', 'Z')}",
    ]
    if left_out:
        lines.append(f"left_out = {json.dumps(list(left_out), ensure_ascii=False)}")
    for camera in rig.cameras:
        lines += ["", *_camera_lines(camera)]
        if reprojection_px and camera.camera_id in reprojection_px:
            lines.append(f"reprojection_px = {float(reprojection_px[camera.camera_id])!r}")
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def _camera_lines(camera: Camera) -> list[str]:
    i = camera.intrinsics
    key = camera.camera_id if re.fullmatch(r"[A-Za-z0-9_-]+", camera.camera_id) else json.dumps(camera.camera_id)
    named = ", ".join(_DISTORTION[i.model])
    return [
        f"[cameras.{key}]",
        f'model = "{i.model}"',
        f"width = {i.width}",
        f"height = {i.height}",
        f"fx = {float(i.fx)!r}",
        f"fy = {float(i.fy)!r}",
        f"cx = {float(i.cx)!r}",
        f"cy = {float(i.cy)!r}",
        f"distortion = {_row(i.distortion)}" + (f"  # {named}" if named else ""),
        f"cam_from_world.quaternion_wxyz = {_row(camera.cam_from_world.quaternion())}",
        f"cam_from_world.translation_m = {_row(camera.cam_from_world.translation)}",
    ]


def _row(values: Sequence[float] | np.ndarray) -> str:
    return "[" + ", ".join(repr(float(v)) for v in values) + "]"


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        what = "There is no calibration here."
        raise CalibrationError(what, str(path), "Run `scan3d align TAKE`, or copy the rig's calibration.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CalibrationError(f"Not a TOML file: {error}.", str(path), "Mend the line, or write it anew.") from error
    except OSError as error:
        raise CalibrationError(f"Cannot be read: {error.strerror}.", str(path), "Check its permissions.") from error


def _check_keys(table: Mapping[str, Any], known: Sequence[str], *, required: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(known)}."
            raise CalibrationError(f"The key {key!r} is not known here.", where, hint)
    for key in required:
        if key not in table:
            raise CalibrationError(f"The key {key!r} is missing.", where, "Add it, or write the file anew.")


def _camera(camera_id: str, table: Any, where: str) -> Camera:
    if not isinstance(table, dict):
        raise CalibrationError("A camera must be a table.", where, f"Write it as [cameras.{camera_id}].")
    _check_keys(table, (*_CAMERA_KEYS, *_NOTES), required=[k for k in _CAMERA_KEYS if k != "distortion"], where=where)
    pose = table["cam_from_world"]
    if not isinstance(pose, dict):
        what = "cam_from_world must hold quaternion_wxyz and translation_m."
        raise CalibrationError(what, where, "Write a 4x4 matrix as a quaternion and a translation.")
    _check_keys(pose, _POSE_KEYS, required=_POSE_KEYS, where=where)
    cam_from_world = _cam_from_world(pose, where)
    return Camera(camera_id=camera_id, intrinsics=_intrinsics(table, where), cam_from_world=cam_from_world)


def _intrinsics(table: Mapping[str, Any], where: str) -> Intrinsics:
    model = table["model"]
    if model not in _DISTORTION:
        raise CalibrationError(f"Camera model {model!r} is not known.", where, f"Use one of {', '.join(_DISTORTION)}.")
    names = _DISTORTION[model]
    distortion = _finite(table.get("distortion", [0.0] * len(names)), "distortion", where)
    if len(distortion) != len(names):
        what = f"Distortion of a {model} camera has {len(names)} numbers, not {len(distortion)}."
        raise CalibrationError(what, where, f"Write [{', '.join(names)}].")
    for key in ("width", "height"):
        if not isinstance(table[key], int) or isinstance(table[key], bool) or table[key] <= 0:
            what = f"{key} = {table[key]!r} must be a whole number above zero."
            raise CalibrationError(what, where, "Write the photograph's size in pixels.")
    fx, fy, cx, cy = _finite([table[key] for key in ("fx", "fy", "cx", "cy")], "fx, fy, cx, cy", where)
    if min(fx, fy) <= 0:
        raise CalibrationError("fx and fy must be above zero.", where, "Write focal lengths in pixels.")
    return Intrinsics(
        model=model,
        width=table["width"],
        height=table["height"],
        fx=fx,
        fy=fy,
        cx=cx,
        cy=cy,
        distortion=distortion,
    )


def _cam_from_world(pose: Mapping[str, Any], where: str) -> Rigid3:
    quaternion = _finite(pose["quaternion_wxyz"], "quaternion_wxyz", where)
    translation = _finite(pose["translation_m"], "translation_m", where)
    if len(quaternion) != 4 or len(translation) != 3:
        what = "quaternion_wxyz must have 4 numbers and translation_m 3."
        raise CalibrationError(what, where, "Write [w, x, y, z] and [x, y, z].")
    length = math.hypot(*quaternion)
    if abs(length - 1.0) > 1e-6:
        what = f"quaternion_wxyz has length {length:.9g} instead of 1: it is not a rotation."
        raise CalibrationError(what, where, "Copy all its digits, in the order w x y z.")
    return Rigid3.from_quaternion(np.array(quaternion), np.array(translation))


def _finite(values: Any, name: str, where: str) -> tuple[float, ...]:
    if not isinstance(values, list) or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        raise CalibrationError(f"{name} must be numbers.", where, "Write plain numbers, without quotes.")
    if not all(math.isfinite(v) for v in values):
        raise CalibrationError(f"{name} holds NaN or infinity.", where, "Calibrate or align this camera again.")
    return tuple(float(v) for v in values)
