"""COLMAP's camera models as ours."""

from __future__ import annotations

import math

from scan3d.calibration import colmap_format as files
from scan3d.errors import CalibrationError
from scan3d.geometry import Intrinsics

_OURS = {
    "SIMPLE_PINHOLE": "pinhole", "PINHOLE": "pinhole", "SIMPLE_RADIAL": "opencv", "RADIAL": "opencv",
    "OPENCV": "opencv", "OPENCV_FISHEYE": "fisheye", "FULL_OPENCV": "full_opencv",
}  # fmt: skip


def intrinsics_of_row(row: files.CameraRow) -> Intrinsics:
    """The camera of a COLMAP model as our own. Raises CalibrationError, naming where the row comes from."""
    names = files.CAMERA_MODELS[row.model][1]
    if len(row.params) != len(names):
        what = f"Camera model {row.model} has {len(names)} parameters, not {len(row.params)}."
        raise CalibrationError(what, row.where, f"Write {' '.join(names)}.")
    if not all(math.isfinite(p) for p in row.params):
        raise CalibrationError("The intrinsics hold NaN or infinity.", row.where, "Calibrate this camera again.")
    value = dict(zip(names, row.params, strict=True))
    focal = value.get("f", 0.0)
    fx, fy = value.get("fx", focal), value.get("fy", focal)
    if min(row.width, row.height, fx, fy) <= 0:
        what = "Image size and focal length must be greater than zero."
        raise CalibrationError(what, row.where, "Calibrate this camera again.")
    ours = _OURS[row.model]
    # COLMAP's order of what follows f and c is ours; its one- and two-parameter models are OpenCV's with
    # zeros.
    distortion = [value[name] for name in names if name not in ("f", "fx", "fy", "cx", "cy")]
    if ours == "opencv":
        distortion += [0.0] * (4 - len(distortion))
    return Intrinsics(
        model=ours, width=row.width, height=row.height, fx=fx, fy=fy, cx=value["cx"], cy=value["cy"],
        distortion=tuple(distortion),
    )  # fmt: skip
