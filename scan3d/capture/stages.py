"""The stage that turns a take's photographs into undistorted grey views with masks, one photograph at a time."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from scan3d.errors import CaptureError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store

VIEWS = Stage(name="views", version=2, tools=("opencv-contrib-python-headless", "numpy"))

# The grey value that is matched: skin differs most in green, least in red (melanin and blood absorb the short waves).
_GREY = (0.3, 0.5, 0.2)
_LIST = "views.json"


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """linear: the photographs' files hold linear light, not sRGB."""

    linear: bool = False


@dataclass(frozen=True, kw_only=True)
class ViewFiles:
    """One undistorted view on disk: grey (H, W) uint16 sRGB-encoded .npy, mask (H, W) PNG."""

    camera: Camera
    grey: Path
    mask: Path
    mask_method: str  # "given", "plate", "backdrop", "dark", "surface" or "none"
    mask_doubts: tuple[str, ...]

    def with_mask(self, folder: Path) -> ViewFiles:
        """The view with the mask of that folder, where there is one for it."""
        path = folder / f"{self.camera.camera_id}.png"
        return replace(self, mask=path, mask_method="surface") if path.exists() else self

    def load_grey(self) -> np.ndarray:
        """(H, W) float32 in 0..1, sRGB-encoded."""
        return np.load(self.grey).astype(np.float32) / 65535

    def load_mask(self) -> np.ndarray:
        """(H, W) bool, True on the subject."""
        import cv2

        return np.asarray(cv2.imread(str(self.mask), cv2.IMREAD_GRAYSCALE)) > 127


def make_views(
    store: Store, images: Mapping[str, Path], rig: Rig, *, masks: Mapping[str, Path] | None = None,
    plates: Mapping[str, Path] | None = None, options: ViewOptions = ViewOptions(), progress: Progress,
    workers: int | None = None,
) -> Path:  # fmt: skip
    """The folder of undistorted views of a take's photographs; see `read_views`.

    images, masks, plates: by camera.  Raises CaptureError for a photograph or mask that cannot be used.
    """
    masks, plates = masks or {}, plates or {}
    cameras = {c: _camera_json(rig[c]) for c in sorted(images)}
    inputs: dict[str, Path | bytes | str] = {"cameras": json.dumps(cameras)}
    inputs |= {f"image {c}": p for c, p in images.items()}
    inputs |= {f"mask {c}": p for c, p in masks.items()} | {f"plate {c}": p for c, p in plates.items()}

    def work(out: Path) -> None:
        with progress.task("photographs", len(images)) as task:

            def unit(camera_id: str) -> dict[str, object]:
                found = store.units(out).run(
                    camera_id,
                    lambda folder: _make_view(
                        folder, rig[camera_id], images[camera_id], masks.get(camera_id), plates.get(camera_id),
                        options,
                    ),
                )  # fmt: skip
                return json.loads((found / "view.json").read_text())

            rows = run_units(unit, sorted(images), workers=workers, progress_task=task)
        for camera_id in sorted(images):
            for kind in ("grey.npy", "mask.png"):
                _link(store.units(out).path(camera_id) / kind, out / f"{camera_id}.{kind}")
        (out / _LIST).write_text(json.dumps(rows, indent=1))

    return store.run(VIEWS, inputs, options, work)


def read_views(folder: Path) -> list[ViewFiles]:
    """The views of a finished stage, in order of their cameras' names."""
    return [
        ViewFiles(
            camera=_camera_from_json(row["camera"]),
            grey=folder / f"{row['camera']['camera_id']}.grey.npy",
            mask=folder / f"{row['camera']['camera_id']}.mask.png",
            mask_method=row["mask_method"],
            mask_doubts=tuple(row["mask_doubts"]),
        )
        for row in json.loads((folder / _LIST).read_text())
    ]


def _link(source: Path, target: Path) -> None:
    """A second name for a finished unit's file: units must stay whole until the stage is."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _make_view(
    folder: Path, camera: Camera, image: Path, mask: Path | None, plate: Path | None, options: ViewOptions
) -> None:
    import cv2

    from scan3d.capture.images import load_photograph
    from scan3d.capture.undistort import pinhole_of, undistort

    i = camera.intrinsics
    photograph = load_photograph(
        image, camera_id=camera.camera_id, expected_size=(i.width, i.height), linear=options.linear
    )
    inside, method, doubts = _mask(photograph.rgb, camera.camera_id, mask, plate, options)
    full = np.float32(np.iinfo(photograph.rgb.dtype).max)
    grey = cv2.transform(photograph.rgb.astype(np.float32), np.array([_GREY], np.float32) / full)
    grey, inside = undistort(grey, camera, inside)
    grey = np.clip(grey, 0, 1)
    folder.mkdir()
    np.save(folder / "grey.npy", np.rint(grey * 65535).astype(np.uint16))
    cv2.imwrite(str(folder / "mask.png"), inside, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    row = {"camera": _camera_json(pinhole_of(camera)), "mask_method": method, "mask_doubts": list(doubts)}
    (folder / "view.json").write_text(json.dumps(row))


def _mask(
    rgb: np.ndarray, camera_id: str, mask: Path | None, plate: Path | None, options: ViewOptions
) -> tuple[np.ndarray, str, Sequence[str]]:
    """(H, W) uint8 0 or 255, how it was made, and why not to trust it."""
    from scan3d.capture.images import load_mask, load_rgb
    from scan3d.capture.masks import mask_from_backdrop, mask_from_plate

    if mask is not None:
        inside = (load_mask(mask, camera_id=camera_id) > 0.5).astype(np.uint8) * 255
        if inside.shape != rgb.shape[:2]:
            raise CaptureError(
                f"The mask is {inside.shape[1]} x {inside.shape[0]} px, the photograph {rgb.shape[1]} x "
                f"{rgb.shape[0]}.",
                f"camera {camera_id}, {mask}",
                "Make the mask from this photograph, or remove it and let scan3d make one.",
            )
        if not inside.any():
            raise CaptureError(
                "The mask is empty: nothing in it is white.",
                f"camera {camera_id}, {mask}",
                "White marks the subject. Remove the file to let scan3d make the mask.",
            )
        return inside, "given", ()
    if plate is None:
        made = mask_from_backdrop(rgb)
    else:
        empty = load_rgb(plate, camera_id=camera_id, linear=options.linear)
        try:
            made = mask_from_plate(rgb, empty)
        except CaptureError as error:
            raise CaptureError(error.what, f"camera {camera_id}, {plate}", error.next_step) from error
    if made.reliable:
        return made.mask.astype(np.uint8) * 255, made.method, ()
    return np.full(rgb.shape[:2], 255, np.uint8), "none", made.doubts


def _camera_json(camera: Camera) -> dict[str, object]:
    pose = camera.cam_from_world
    return {
        "camera_id": camera.camera_id,
        "intrinsics": asdict(camera.intrinsics),
        "rotation": pose.rotation.tolist(),
        "translation": pose.translation.tolist(),
    }


def _camera_from_json(row: Mapping[str, object]) -> Camera:
    intrinsics = dict(row["intrinsics"])  # type: ignore[call-overload]
    pose = Rigid3(rotation=np.array(row["rotation"]), translation=np.array(row["translation"]))
    return Camera(
        camera_id=str(row["camera_id"]),
        intrinsics=Intrinsics(**{**intrinsics, "distortion": tuple(intrinsics["distortion"])}),
        cam_from_world=pose,
    )
