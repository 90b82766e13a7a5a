"""Takes to measure on, made of the sample rig capture: fewer cameras, other sizes, never its masks or its truth."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scan3d.calibration.colmap_model import read_colmap_model, write_colmap_model
from scan3d.geometry import Camera, Rig

_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RING = 16  # cameras per ring of the sample rig: cam00 to cam15 at the height of the face, cam16 to cam31 above


def sample_capture() -> Path:
    """The folder of the sample rig capture.  Raises SystemExit with a clear word where it is absent."""
    data = Path(os.environ.get("SCAN3D_DATA", _DATA))
    if not (data / "rig_head" / "truth").is_dir():
        raise SystemExit(f"No capture at {data}: set SCAN3D_DATA to the folder that holds rig_head.")
    return data / "rig_head"


def around_both_rings(count: int) -> list[str]:
    """Names of `count` cameras (2, 4, 8, 16 or 32), half of each ring, evenly around; the rings' stand staggered."""
    if count < 2 or 2 * RING % count:
        raise ValueError(f"{count} cameras cannot be spread evenly over two rings of {RING}")
    step = 2 * RING // count
    lower = range(0, RING, step)
    return [f"cam{k:02d}" for k in [*lower, *(RING + k + step // 2 for k in lower)]]


def scaled_take(source: Path, target: Path, cameras: Sequence[str], scale: float, *, copies: int = 1) -> Path:
    """Some photographs and their cameras, resized by `scale`; with copies = 2 each camera stands there twice.

    Both copies of a camera have one pose and other names: what a photograph holds cannot be doubled otherwise.
    """
    (target / "images").mkdir(parents=True)
    rig = read_colmap_model(source / "colmap")
    made: list[Camera] = []
    for name in cameras:
        camera = rig[name].scaled(scale)
        first = target / "images" / f"{name}.jpg"
        _resize(source / "images" / first.name, first, camera)
        made.append(camera)
        for number in range(1, copies):
            twin = replace(camera, camera_id=f"{name}-{number + 1}")
            shutil.copyfile(first, first.with_name(f"{twin.camera_id}.jpg"))
            made.append(twin)
    write_colmap_model(Rig(cameras=tuple(made)), target / "colmap", {c.camera_id: f"{c.camera_id}.jpg" for c in made})
    return target


def _resize(source: Path, target: Path, camera: Camera) -> None:
    import cv2

    size = (camera.intrinsics.width, camera.intrinsics.height)
    picture = cv2.imread(str(source))
    if picture.shape[1::-1] == size:  # the file itself: no second loss by compression
        shutil.copyfile(source, target)
        return
    how = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    cv2.imwrite(str(target), cv2.resize(picture, size, interpolation=how), [cv2.IMWRITE_JPEG_QUALITY, 95])
