"""Cameras in and out: the files of COLMAP, OpenCV, Caliscope, Anipose, Metashape, RealityScan and Qualisys."""

from scan3d.calibration.formats.camera_file import CameraFile
from scan3d.calibration.formats.nearest_lens import with_lenses_for
from scan3d.calibration.formats.registry import (
    FORMATS,
    format_of,
    read_camera_file,
    read_cameras,
    target_format_of,
    write_cameras,
)

__all__ = [
    "FORMATS",
    "CameraFile",
    "format_of",
    "read_camera_file",
    "read_cameras",
    "target_format_of",
    "with_lenses_for",
    "write_cameras",
]
