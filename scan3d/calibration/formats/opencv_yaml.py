"""Cameras as YAML for cv2.FileStorage, with the names of OpenCV's own calibration sample.

    %YAML:1.0
    ---
    units: "metres"
    cameras:
       - camera_name: "cam00"
         image_width: 900
         image_height: 1200
         fisheye_model: 0                 # 1: cv2.fisheye
         camera_matrix: !!opencv-matrix             # 3 x 3, pixel centres at (0, 0)
         distortion_coefficients: !!opencv-matrix   # k1 k2 p1 p2 k3 k4 k5 k6; fisheye: k1 k2 k3 k4
         rotation: !!opencv-matrix                  # 3 x 3, camera from world
         translation: !!opencv-matrix               # 3 x 1

OpenCV itself has no file for several cameras with poses; image_width, image_height, fisheye_model, camera_matrix and
distortion_coefficients are those of its camera_calibration sample.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.formats import opencv_toml
from scan3d.calibration.formats.camera_file import CameraFile, numbers, read_text, rotation_of, size_of
from scan3d.calibration.formats.lens_numbers import from_opencv_numbers
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Rig, Rigid3
from scan3d.geometry.opencv_adapter import matrix_to_opencv


def read_opencv(path: Path) -> CameraFile:
    """Cameras of such a file; JSON and XML of cv2.FileStorage too. CalibrationError where it is something else."""
    import cv2

    text = read_text(path, "YAML file of OpenCV")
    try:
        storage = cv2.FileStorage(text, cv2.FileStorage_READ | cv2.FileStorage_MEMORY)
    except (cv2.error, SystemError) as error:
        raise CalibrationError("OpenCV cannot read this file.", str(path), "Write it anew.") from error
    node = storage.getNode("cameras")
    if node.empty() or not node.isSeq():
        alone = not storage.getNode("camera_matrix").empty()
        what = "It holds one camera without a pose." if alone else "It holds no sequence of cameras."
        next_step = "Give a file with a sequence 'cameras'; docs/cameras.md shows one."
        raise CalibrationError(what, str(path), next_step)
    cameras = tuple(_camera(node.at(k), k, path) for k in range(node.size()))
    units = storage.getNode("units")
    unit_m = None if units.empty() else opencv_toml.unit_of(units.string(), str(path))
    return CameraFile(cameras=cameras, unit_m=unit_m, source=f"OpenCV {path}")


def opencv_text(rig: Rig) -> str:
    """The file's text; it holds every lens that scan3d has."""
    lines = ["%YAML:1.0", "---", f'units: "{"metres" if rig.scale_is_metric else "arbitrary"}"', "cameras:"]
    for camera in rig:
        intrinsics, pose = camera.intrinsics, camera.cam_from_world
        lines += [
            "   -",
            f"      camera_name: {json.dumps(camera.camera_id, ensure_ascii=False)}",
            f"      image_width: {intrinsics.width}",
            f"      image_height: {intrinsics.height}",
            f"      fisheye_model: {int(intrinsics.model == 'fisheye')}",
            *_matrix("camera_matrix", matrix_to_opencv(intrinsics)),
        ]
        if intrinsics.distortion:
            lines += _matrix("distortion_coefficients", np.array([intrinsics.distortion]))
        lines += _matrix("rotation", pose.rotation) + _matrix("translation", pose.translation[:, None])
    return "\n".join(lines) + "\n"


def _camera(node: Any, number: int, path: Path) -> Camera:
    if not node.isMap():
        raise CalibrationError(f"Camera {number} is no map of its values.", str(path), "Write the file anew.")
    name = node.getNode("camera_name")
    camera_id = name.string() if name.isString() else f"cam{number:02d}"
    where = f"camera {camera_id}, {path}"
    distortion = node.getNode("distortion_coefficients")
    size = size_of([_real(node, "image_width", where), _real(node, "image_height", where)], where)
    intrinsics = from_opencv_numbers(
        _mat(node, "camera_matrix", (3, 3), where),
        [] if distortion.empty() else [float(k) for k in _mat(node, "distortion_coefficients", (-1,), where)],
        size,
        fisheye=not node.getNode("fisheye_model").empty() and _real(node, "fisheye_model", where) != 0,
        where=where,
    )
    pose = Rigid3(
        rotation=rotation_of(_mat(node, "rotation", (-1,), where), where),
        translation=_mat(node, "translation", (3,), where),
    )
    return Camera(camera_id=camera_id, intrinsics=intrinsics, cam_from_world=pose)


def _real(node: Any, key: str, where: str) -> float:
    child = node.getNode(key)
    if child.empty() or not (child.isInt() or child.isReal()):
        raise CalibrationError(f"{key} is missing or no number.", where, "Write the file anew.")
    return float(child.real())


def _mat(node: Any, key: str, shape: tuple[int, ...], where: str) -> np.ndarray:
    import cv2

    child = node.getNode(key)
    if child.empty() or not child.isMap():
        raise CalibrationError(f"{key} is missing or no matrix of OpenCV.", where, "Write the file anew.")
    try:
        return numbers(child.mat(), shape, key, where)
    except cv2.error as error:
        what = f"OpenCV cannot read {key}: its rows, cols, dt and data do not agree."
        raise CalibrationError(what, where, "Write the file anew.") from error


def _matrix(key: str, values: np.ndarray) -> list[str]:
    rows, columns = values.shape
    data = ", ".join(repr(float(v)) for v in values.ravel())
    inner = [f"rows: {rows}", f"cols: {columns}", "dt: d", f"data: [ {data} ]"]
    return [f"      {key}: !!opencv-matrix", *(f"         {line}" for line in inner)]
