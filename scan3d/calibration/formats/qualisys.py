"""Qualisys Track Manager's calibration (*.qca.txt, XML), read only: video cameras with their lenses.

    <camera serial="cam01" viewrotation="0">
      <fov_video left="0" top="0" right="1087" bottom="1919"/>
      <transform x y z r11 r12 ... r33/>            # millimetres; where the camera stands, and its axes in the world
      <intrinsic focalLengthU focalLengthV centerPointU centerPointV radialDistortion1..3 tangentalDistortion1..2/>

Lengths of <intrinsic> are in 1/64 pixel. The rows of r are the camera's axes x right, y up, z backward: two of them
turn round. Pixel centres are taken to lie at whole numbers as in OpenCV, which Qualisys does not document: where its
marker centroids are meant instead, everything shifts by half a pixel.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from scan3d.calibration.formats.camera_file import CameraFile, number, numbers, read_text, rotation_of, size_of
from scan3d.calibration.formats.lens_numbers import from_opencv_numbers
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Rigid3

_SUBPIXELS = 64.0
_LENS = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2", "radialDistortion3")
# Camera axes of ours from those of Qualisys: y down instead of up, z forward instead of backward.
_TURN = np.diag([1.0, -1.0, -1.0])


def read_qualisys(path: Path) -> CameraFile:
    """Cameras of a calibration. Raises CalibrationError for broken XML, skew, or a view that is turned."""
    try:
        root = ET.fromstring(read_text(path, "calibration of Qualisys"))
    except (ET.ParseError, ValueError) as error:
        raise CalibrationError(f"Not an XML file: {error}.", str(path), "Export the calibration again.") from error
    cameras: list[Camera] = []
    left_out: dict[str, str] = {}
    for element in root.iter("camera"):
        name = element.get("serial") or f"camera {len(cameras) + 1}"
        if element.get("active", "1") in ("0", "false"):
            left_out[name] = "it was not active in the calibration"
        else:
            cameras.append(_camera(name, element, f"camera {name}, {path}"))
    return CameraFile(cameras=tuple(cameras), unit_m=1e-3, source=f"Qualisys {path}", left_out=left_out)


def _camera(camera_id: str, element: ET.Element, where: str) -> Camera:
    if float(element.get("viewrotation") or 0) != 0:
        what = f"The camera's view is turned by {element.get('viewrotation')} degrees."
        raise CalibrationError(what, where, "Calibrate with an unturned view, or turn the photographs back.")
    view, pose, lens = (_part(element, tag, where) for tag in ("fov_video", "transform", "intrinsic"))
    left, top, right, bottom = (number(view.get(k), k, where) for k in ("left", "top", "right", "bottom"))
    r = [[number(pose.get(f"r{i}{k}"), f"r{i}{k}", where) for k in (1, 2, 3)] for i in (1, 2, 3)]
    rotation = _TURN @ rotation_of(numbers(r, (3, 3), "transform", where), where)
    centre = np.array([number(pose.get(k), k, where) for k in ("x", "y", "z")])

    def pixels(key: str) -> float:
        return number(lens.get(key), key, where) / _SUBPIXELS

    matrix = np.eye(3)
    matrix[0, 0], matrix[1, 1] = pixels("focalLengthU"), pixels("focalLengthV")
    matrix[0, 1] = number(lens.get("skew", "0"), "skew", where)
    matrix[0, 2], matrix[1, 2] = pixels("centerPointU") - left, pixels("centerPointV") - top
    size = size_of([right - left + 1, bottom - top + 1], where)
    coefficients = [number(lens.get(key, "0"), key, where) for key in _LENS]
    intrinsics = from_opencv_numbers(matrix, coefficients, size, fisheye=False, where=where)
    cam_from_world = Rigid3(rotation=rotation, translation=-rotation @ centre)
    return Camera(camera_id=camera_id, intrinsics=intrinsics, cam_from_world=cam_from_world)


def _part(element: ET.Element, tag: str, where: str) -> ET.Element:
    found = element.find(tag)
    if found is None:
        raise CalibrationError(f"<{tag}> is missing.", where, "Export the calibration again.")
    return found
