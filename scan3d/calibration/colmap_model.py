"""COLMAP models as rigs, read and written without COLMAP.

Only what a calibrated rig needs is kept: one camera per image, its pose, and (for those who ask) the sparse
points. Poses in COLMAP are ``cam_from_world`` with x right, y down, z forward and pixel centres at 0.5: the
project's own conventions, so nothing is converted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scan3d.calibration import colmap_format as files
from scan3d.calibration.colmap_lens import intrinsics_of_row
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3

_THEIRS = {
    "pinhole": "PINHOLE",
    "opencv": "OPENCV",
    "full_opencv": "FULL_OPENCV",
    "fisheye": "OPENCV_FISHEYE",
}


@dataclass(frozen=True, kw_only=True)
class SparsePoints:
    """Sparse points of a model.

    xyz: (P, 3) float64, world frame of the model. rgb: (P, 3) uint8 sRGB. error_px: (P,) mean reprojection
    error.
    views: per point the camera ids that see it.
    """

    xyz: np.ndarray
    rgb: np.ndarray
    error_px: np.ndarray
    views: tuple[tuple[str, ...], ...]


def find_colmap_model(folder: Path) -> Path | None:
    """The folder that holds the model: ``folder`` itself, ``folder/sparse``, ``folder/0`` or ``folder/sparse/0``."""
    for candidate in (folder, folder / "sparse", folder / "0", folder / "sparse" / "0"):
        for extension in ("bin", "txt"):
            if all((candidate / f"{part}.{extension}").is_file() for part in ("cameras", "images")):
                return candidate
    return None


def read_colmap_model(folder: Path, *, scale_is_metric: bool = True) -> Rig:
    """Read the cameras of a COLMAP model (text or binary; binary where both lie there).

    Args:
        folder: the model's folder, or one above it (see `find_colmap_model`).
        scale_is_metric: what the rig shall say of itself; COLMAP's files do not know.
    Returns:
        A rig ordered by camera id. The id is the image's name without extension, or its folder's name where
        the photographs of several lights lie in one folder per camera.
    Raises:
        CalibrationError: no model, a broken file, an unsupported camera model, numbers that are not finite.
    """
    model, extension = _locate(Path(folder))
    intrinsics = {row.number: intrinsics_of_row(row) for row in files.read_cameras(model / f"cameras.{extension}")}
    images_file = model / f"images.{extension}"
    cameras = []
    for camera_id, row in _rows_by_camera(images_file).items():
        where = f"camera {camera_id}, image {row.name}, {images_file}"
        if row.camera not in intrinsics:
            what = f"The image uses camera {row.camera}, which cameras.{extension} does not have."
            raise CalibrationError(what, where, "Export both files from the same model.")
        pose = _cam_from_world(row, where)
        cameras.append(Camera(camera_id=camera_id, intrinsics=intrinsics[row.camera], cam_from_world=pose))
    return Rig(cameras=tuple(cameras), scale_is_metric=scale_is_metric, source=f"COLMAP model {model}")


def read_colmap_points(folder: Path) -> SparsePoints | None:
    """Sparse points of a model, or None where it has none. Raises CalibrationError for a broken file."""
    model, extension = _locate(Path(folder))
    path = model / f"points3D.{extension}"
    rows = files.read_points(path) if path.is_file() else []
    if not rows:
        return None
    by_camera = _rows_by_camera(model / f"images.{extension}")
    camera_of = {row.number: camera_id for camera_id, row in by_camera.items()}
    return SparsePoints(
        xyz=np.array([row.xyz for row in rows], dtype=np.float64),
        rgb=np.array([row.rgb for row in rows], dtype=np.uint8),
        error_px=np.array([row.error_px for row in rows], dtype=np.float64),
        views=tuple(tuple(sorted({camera_of[i] for i, _ in row.track if i in camera_of})) for row in rows),
    )


def write_colmap_model(
    rig: Rig,
    folder: Path,
    image_names: Mapping[str, str],
    *,
    points: SparsePoints | None = None,
    binary: bool = False,
) -> None:
    """Write cameras, images and points3D of a rig. Cameras with identical intrinsics share one COLMAP camera.

    Args:
        folder: made if it is not there; files of the same names are replaced.
        image_names: file name per camera id, as COLMAP shall find it under its image folder.
        points: sparse points; each seeing view gets a 2D observation at the point's projection.
    Raises:
        CalibrationError: a camera without an image name.
    """
    folder = Path(folder)
    missing = [camera.camera_id for camera in rig.cameras if camera.camera_id not in image_names]
    if missing:
        what = f"No image name given for {', '.join(missing)}."
        raise CalibrationError(what, str(folder), "Pass a file name for every camera.")
    shared: dict[Intrinsics, int] = {}
    for camera in rig.cameras:
        shared.setdefault(camera.intrinsics, len(shared) + 1)
    cameras = [
        files.CameraRow(number, _THEIRS[i.model], i.width, i.height, (i.fx, i.fy, i.cx, i.cy, *i.distortion))
        for i, number in shared.items()
    ]
    observed = _observations(rig, points)
    images = [
        files.ImageRow(
            number,
            tuple(float(v) for v in camera.cam_from_world.quaternion()),
            tuple(float(v) for v in camera.cam_from_world.translation),
            shared[camera.intrinsics],
            image_names[camera.camera_id],
            tuple(observed[camera.camera_id]),
        )
        for number, camera in enumerate(rig.cameras, start=1)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write = files.write_binary if binary else files.write_text
    write(folder, cameras, images, _point_rows(points, images))


def _locate(folder: Path) -> tuple[Path, str]:
    model = find_colmap_model(folder)
    if model is None:
        raise CalibrationError(
            "There is no COLMAP model here: cameras and images, as .bin or .txt, are needed.",
            str(folder),
            "Export the model into this folder, or remove the folder to use calibration.toml.",
        )
    is_binary = (model / "cameras.bin").is_file() and (model / "images.bin").is_file()
    return model, "bin" if is_binary else "txt"


def _rows_by_camera(path: Path) -> dict[str, files.ImageRow]:
    """Image rows by camera id, sorted; photographs of one camera under several lights must agree on its pose."""
    rows = files.read_images(path)
    if not rows:
        raise CalibrationError("The COLMAP model holds no image.", str(path), "Export it again after a mapping.")
    stems = [Path(row.name).stem for row in rows]
    by_folder = len(set(stems)) < len(stems) and all(len(Path(row.name).parts) > 1 for row in rows)
    found: dict[str, files.ImageRow] = {}
    for stem, row in zip(stems, rows, strict=True):
        camera_id = Path(row.name).parts[-2] if by_folder else stem
        first = found.setdefault(camera_id, row)
        if (first.quaternion, first.translation, first.camera) != (
            row.quaternion,
            row.translation,
            row.camera,
        ):
            what = f"Images {first.name} and {row.name} are of one camera, and their poses differ."
            raise CalibrationError(what, f"camera {camera_id}, {path}", "Give each camera's image a name of its own.")
    return dict(sorted(found.items()))


def _cam_from_world(row: files.ImageRow, where: str) -> Rigid3:
    if not all(math.isfinite(v) for v in (*row.quaternion, *row.translation)):
        raise CalibrationError("The pose holds NaN or infinity.", where, "Align or calibrate this camera again.")
    length = math.hypot(*row.quaternion)
    if abs(length - 1.0) > 1e-3:
        what = f"The rotation quaternion has length {length:.6g} instead of 1."
        raise CalibrationError(what, where, "Check that it is written in the order w x y z.")
    return Rigid3.from_quaternion(np.array(row.quaternion), np.array(row.translation))


def _observations(rig: Rig, points: SparsePoints | None) -> dict[str, list[tuple[float, float, int]]]:
    """Per camera (x_px, y_px, point number); the point's projection stands in for the keypoint, which is not kept."""
    observed: dict[str, list[tuple[float, float, int]]] = {camera.camera_id: [] for camera in rig.cameras}
    if points is None:
        return observed
    seen_by: dict[str, list[int]] = {camera_id: [] for camera_id in observed}
    for index, views in enumerate(points.views):
        for camera_id in views:
            if camera_id in seen_by:
                seen_by[camera_id].append(index)
    for camera in rig.cameras:
        indices = seen_by[camera.camera_id]
        if indices:
            px, _ = camera.project(points.xyz[indices])
            observed[camera.camera_id] = [(float(x), float(y), i + 1) for (x, y), i in zip(px, indices, strict=True)]
    return observed


def _point_rows(points: SparsePoints | None, images: Sequence[files.ImageRow]) -> list[files.PointRow]:
    if points is None:
        return []
    tracks: list[list[tuple[int, int]]] = [[] for _ in points.xyz]
    for image in images:
        for index, (_, _, number) in enumerate(image.points):
            tracks[number - 1].append((image.number, index))
    rows = zip(points.xyz.tolist(), points.rgb.tolist(), points.error_px.tolist(), tracks, strict=True)
    return [
        files.PointRow(number, tuple(xyz), tuple(rgb), error_px, tuple(track))
        for number, (xyz, rgb, error_px, track) in enumerate(rows, start=1)
    ]
