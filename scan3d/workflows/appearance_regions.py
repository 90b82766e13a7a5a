"""--regions: pictures that name kinds of surface, read as the cameras saw them, and what they say of the scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from scan3d.appearance.materials.labels import KINDS, SKIN, voted_labels
from scan3d.appearance.materials.observations import LitView
from scan3d.capture.undistort import undistort
from scan3d.errors import InputError
from scan3d.geometry import Camera, Mesh, Rig


def region_labels(
    mesh: Mesh, rig: Rig, views: Mapping[str, LitView], folder: Path, *, only_skin: bool
) -> np.ndarray:  # fmt: skip
    """(V,) int16 kinds of surface, 0 skin, by the pictures <camera_id>.png of a folder; only_skin: all else is -1.

    rig: the cameras as calibrated, for the pictures lie on the photographs. Cameras without a picture do not vote.
    Raises InputError where there is no picture at all, or one that cannot be read, is of another size than its
    photograph or holds values that mean nothing.
    """
    pictures: dict[str, Callable[[], np.ndarray]] = {}
    for name, view in views.items():
        path = folder / f"{name}.png"
        if path.is_file():
            pictures[name] = _loader(path, rig[name], view.camera)
    if not pictures:
        raise InputError("There is no picture <camera_id>.png.", str(folder), "Name them as the cameras.")
    label = voted_labels(mesh, mesh.vertex_normals(), views, pictures)
    return np.where(label == SKIN, label, -1).astype(np.int16) if only_skin else label


def _loader(path: Path, taken: Camera, seen: Camera) -> Callable[[], np.ndarray]:
    """Of a picture as `taken` by the camera, undistorted and in the size that is `seen`."""

    def load() -> np.ndarray:
        import cv2

        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is None or picture.dtype != np.uint8 or picture.ndim != 2:
            raise InputError("A picture of regions cannot be read.", str(path), "Give 8-bit grey PNG files.")
        size = (taken.intrinsics.width, taken.intrinsics.height)
        if picture.shape[1::-1] != size:
            what = f"The picture of regions is {picture.shape[1]} x {picture.shape[0]} px, not {size[0]} x {size[1]}."
            raise InputError(what, str(path), "Draw regions on the photographs as they were taken.")
        if int(picture.max()) >= len(KINDS):
            names = ", ".join(f"{value} {kind}" for value, kind in enumerate(KINDS))
            raise InputError(f"The value {int(picture.max())} names no kind of surface.", str(path), f"Use {names}.")
        small = (seen.intrinsics.width, seen.intrinsics.height)
        return np.asarray(cv2.resize(_straight(picture, taken), small, interpolation=cv2.INTER_NEAREST))

    return load


def _straight(picture: np.ndarray, camera: Camera) -> np.ndarray:
    """Without the lens' distortion: kinds are not mixed, the one that most of a pixel's surroundings have stays."""
    if camera.intrinsics.model == "pinhole":
        return picture
    best, kind = np.zeros(picture.shape, np.float32), np.zeros(picture.shape, np.uint8)
    blank = np.zeros(picture.shape, np.uint8)
    for value in np.unique(picture):
        # The second picture is sampled linearly, as masks are.
        share = undistort(blank, camera, (picture == value).astype(np.float32))[1]
        kind[share > best] = value
        best = np.maximum(best, share)
    return kind
