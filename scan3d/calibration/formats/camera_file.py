"""What every format of camera files shares: what was read, and numbers that are checked as they come in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Rig, Rigid3
from scan3d.geometry.transforms import Array

# Rotations whose digits were cut are mended up to here; beyond it the matrix is no rotation.
_MENDED_UP_TO = 1e-3
_EXACT = 1e-12


@dataclass(frozen=True, kw_only=True)
class CameraFile:
    """Cameras of a file.

    cameras: lengths in the file's own unit, until `rig()`. unit_m: that unit in metres; None where neither the file
    nor its format says it. left_out: cameras that the file names and that have no pose, and why.
    """

    cameras: tuple[Camera, ...]
    unit_m: float | None
    source: str
    left_out: Mapping[str, str] = field(default_factory=dict)

    def rig(self, unit_m: float | None = None) -> Rig:
        """The cameras in metres. unit_m: the file's unit in metres, for those who know better than the file.

        Where nobody knows the unit the numbers stay as they are and the rig says that its scale is not metric.
        """
        unit = unit_m if unit_m is not None else self.unit_m
        cameras = self.cameras if unit in (None, 1.0) else tuple(_scaled(c, float(unit)) for c in self.cameras)
        if not cameras:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.left_out.items())
            what = "The file holds no camera with a pose" + (f" ({reasons})." if reasons else ".")
            raise CalibrationError(what, self.source, "Calibrate or align the cameras first, then export them again.")
        return Rig(cameras=cameras, scale_is_metric=unit is not None, source=self.source)


def _scaled(camera: Camera, factor: float) -> Camera:
    rigid = camera.cam_from_world
    pose = Rigid3(rotation=rigid.rotation, translation=factor * rigid.translation)
    return Camera(camera_id=camera.camera_id, intrinsics=camera.intrinsics, cam_from_world=pose)


def cannot_hold(what: str, camera_id: str, next_step: str) -> CalibrationError:
    """A format has no place for something that a camera has."""
    return CalibrationError(what, f"camera {camera_id}", next_step)


def read_text(path: Path, what_it_is: str) -> str:
    """The text of a file; CalibrationError where it is missing or no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise CalibrationError("There is no such file.", str(path), "Check the path.") from error
    except UnicodeDecodeError as error:
        raise CalibrationError(f"This is no {what_it_is}: not a text file.", str(path), "Export it again.") from error
    except OSError as error:
        raise CalibrationError(f"Cannot be read: {error.strerror}.", str(path), "Check its permissions.") from error


def numbers(values: Any, shape: tuple[int, ...], name: str, where: str) -> Array:
    """Finite float64 of a shape, one -1 in it allowed; lists may be nested or flat."""
    try:
        array = np.array(values, dtype=np.float64)
        array = array.reshape(shape)
    except (TypeError, ValueError) as error:
        size = " x ".join("any" if n < 0 else str(n) for n in shape)
        raise CalibrationError(f"{name} must hold {size} numbers.", where, "Export the cameras again.") from error
    if not np.isfinite(array).all():
        raise CalibrationError(f"{name} holds NaN or infinity.", where, "Calibrate this camera again.")
    return array


def number(text: Any, name: str, where: str) -> float:
    """One finite number, of text or a number."""
    try:
        value = float(text)
    except (TypeError, ValueError) as error:
        raise CalibrationError(f"{name} = {text!r} is no number.", where, "Export the cameras again.") from error
    if not math.isfinite(value):
        raise CalibrationError(f"{name} holds NaN or infinity.", where, "Calibrate this camera again.")
    return value


def row(text: str | None, count: int, name: str, where: str) -> Array:
    """(count,) numbers of a text with blanks between them."""
    return numbers((text or "").split(), (count,), name, where)


def size_of(values: Any, where: str) -> tuple[int, int]:
    """Width and height in whole pixels above zero."""
    size = numbers(values, (2,), "The image size", where)
    if (size != np.round(size)).any() or (size < 1).any():
        what = f"The image size {size[0]:g} x {size[1]:g} px is not possible."
        raise CalibrationError(what, where, "Write the photograph's width and height in pixels.")
    return int(size[0]), int(size[1])


def rotation_of(values: Any, where: str) -> Array:
    """(3, 3) from a matrix or a rotation vector (3,). A matrix with few digits becomes the nearest rotation."""
    if np.size(values) == 3:
        return Rigid3.exp([0.0, 0.0, 0.0, *numbers(values, (3,), "rotation", where)]).rotation
    matrix = numbers(values, (3, 3), "rotation", where)
    off = float(np.abs(matrix @ matrix.T - np.eye(3)).max())
    if off > _MENDED_UP_TO or np.linalg.det(matrix) < 0:
        what = "The rotation of the camera is not a rotation (not orthonormal, or mirrored)."
        raise CalibrationError(what, where, "Export the cameras again, from the program that wrote this file.")
    if off <= _EXACT:
        return matrix
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right)


def text_row(values: Sequence[float] | np.ndarray) -> str:
    """Numbers with blanks between them; every one reads back exactly."""
    return " ".join(repr(float(v)) for v in np.ravel(values))
