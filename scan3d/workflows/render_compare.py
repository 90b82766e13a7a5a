"""A picture from the rig's own camera under its own light, laid over the photograph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.capture.colour import linear_to_srgb
from scan3d.capture.images import load_mask
from scan3d.capture.take import Take
from scan3d.errors import InputError
from scan3d.geometry import Camera
from scan3d.render.flip import flip
from scan3d.render.frame import Frame
from scan3d.report.score.colour import relative_power
from scan3d.report.score.difference import ciede2000, lab_of_srgb, structural_similarity
from scan3d.workflows.cameras import rig_of
from scan3d.workflows.lit_photographs import LitPhotographs

_CLIPPED = 0.98
_AMPLIFIED = 4.0
_LEAST_PX = 64


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a picture and a photograph differ by, inside of the mask.

    psnr_db, ssim, ciede2000, flip: on sRGB encoding, as published figures are. psnr_linear_db: scene-linear, 1 the
    photograph's white. sharpness: the picture's power at waves of 2 to 8 pixels over the photograph's. exposure: what
    the render was multiplied with, one number for all channels. mask: what it was made of.
    """

    camera_id: str
    light_id: str
    psnr_db: float
    psnr_linear_db: float
    ssim: float
    ciede2000: float
    flip: float
    sharpness: float
    exposure: float
    mask: str
    pixels: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """figures, and the pictures: encoded, (H, W, 3) 0..1; difference four times as large as it is. as_lit: the figures
    with nothing fitted, where the exposure is known."""

    figures: Comparison
    render: np.ndarray
    photograph: np.ndarray
    difference: np.ndarray
    as_lit: Comparison | None = None


def camera_of(take: Take, camera_id: str) -> Camera:
    """One camera of the take's rig. Raises InputError where there is none of that name."""
    rig = rig_of(take)
    known = [camera.camera_id for camera in rig.cameras]
    if camera_id not in known:
        raise InputError(f"There is no camera '{camera_id}'.", "--camera", f"Cameras: {', '.join(known)}.")
    return rig[camera_id]


def photograph_of(take: Take, camera: Camera, light_id: str) -> np.ndarray:
    """(H, W, 3) float32 linear Rec.709 of the camera's photograph, with the corrections of `scan3d colour` where there
    are any. Raises InputError, CaptureError."""
    if camera.camera_id not in take.images(light_id):
        raise InputError("The camera has no photograph.", f"camera {camera.camera_id}", "Choose another camera.")
    return LitPhotographs(take).load(camera.camera_id, light_id)


def compare(
    frame: Frame, photograph: np.ndarray, *, camera_id: str, light_id: str, mask: npt.NDArray[np.bool_], words: str,
    known_exposure: float | None = None,
) -> Compared:  # fmt: skip
    """The frame beside a photograph (H, W, 3) linear, in a mask (H, W) of whole pixels.

    Only the exposure, one number, is fitted: colours are not helped. known_exposure: a photograph's linear value over
    the radiance it was taken of; figures with that are made, too. Raises InputError where the mask is empty.
    """
    inside = mask & (frame.alpha > 0.999)
    if inside.sum() < _LEAST_PX:
        raise InputError(
            "The camera sees nothing of the subject in the mask.",
            f"camera {camera_id}",
            "Choose another camera or mask.",
        )
    exposure = _exposure(frame.beauty[inside], photograph[inside])
    whole = exposure * frame.beauty
    encoded, photo = linear_to_srgb(whole), linear_to_srgb(photograph)
    difference = np.clip(_AMPLIFIED * np.abs(encoded - photo), 0, 1) * frame.alpha[..., None]
    named = {"camera_id": camera_id, "light_id": light_id, "mask": words}
    return Compared(
        figures=_figures(frame, photograph, inside, exposure, **named),
        render=encoded,
        photograph=photo,
        difference=difference.astype(np.float32),
        as_lit=None if known_exposure is None else _figures(frame, photograph, inside, known_exposure, **named),
    )


def _figures(
    frame: Frame, photograph: np.ndarray, inside: npt.NDArray[np.bool_], exposure: float, **named: str
) -> Comparison:
    rendered = np.where(inside[..., None], exposure * frame.beauty, photograph)
    part = _around(inside)
    inside, shown, taken = inside[part], linear_to_srgb(rendered[part]), linear_to_srgb(photograph[part])
    linear_error = float(((np.clip(rendered, 0, 1) - np.clip(photograph, 0, 1))[part][inside] ** 2).mean())
    return Comparison(
        psnr_db=_psnr(float(((shown - taken)[inside].astype(np.float64) ** 2).mean())),
        psnr_linear_db=_psnr(linear_error),
        ssim=float(structural_similarity(shown, taken)[inside].mean()),
        ciede2000=float(ciede2000(lab_of_srgb(shown[inside]), lab_of_srgb(taken[inside])).mean()),
        flip=float(flip(taken, shown)[inside].mean()),
        sharpness=relative_power(shown, taken, inside),
        exposure=exposure,
        pixels=int(inside.sum()),
        **named,
    )


def mask_of(take: Take, camera: Camera, given: Path | None) -> tuple[npt.NDArray[np.bool_], str]:
    """(H, W) where to compare, and what that is: a file's or folder's white, else the take's mask, else all."""
    shape = (camera.intrinsics.height, camera.intrinsics.width)
    path = given / f"{camera.camera_id}.png" if given is not None and given.is_dir() else given
    words = "the given mask"
    if path is None and camera.camera_id in take.masks:
        path, words = take.masks[camera.camera_id], "the subject: rendered surface in the take's mask"
    if path is None:
        return np.ones(shape, bool), "the subject: rendered surface"
    if not path.is_file():
        raise InputError("There is no such mask.", str(path), "Give a picture, or a folder of <camera>.png.")
    mask = load_mask(path, camera_id=camera.camera_id)
    if mask.shape != shape:
        raise InputError(
            f"The mask is {mask.shape[1]} x {mask.shape[0]} pixels, the photograph {shape[1]} x {shape[0]}.",
            str(path),
            "Give a mask of the photograph's size.",
        )
    return mask > 0.999, words


def beside(compared: Compared) -> np.ndarray:
    """(H, W, 3) photograph, render and four times the difference, cut to the subject."""
    lit = compared.difference.any(axis=2) | (compared.render.max(axis=2) > 0.02)
    part = _around(lit) if lit.any() else (slice(None), slice(None))
    return np.concatenate([p[part] for p in (compared.photograph, compared.render, compared.difference)], axis=1)


def as_json(figures: Comparison) -> dict[str, Any]:
    """JSON values; what could not be measured is null."""
    from scan3d.report.page_files import plain

    made: dict[str, Any] = plain(figures)
    return made


def _exposure(render: np.ndarray, photograph: np.ndarray) -> float:
    """The one factor that brings the render nearest to the photograph where that is not clipped (least squares)."""
    good = (photograph < _CLIPPED).all(axis=1)
    a, b = (values[good].astype(np.float64) for values in (render, photograph))
    power = float((a * a).sum())
    return float((a * b).sum()) / power if power > 0 else 1.0


def _psnr(error: float) -> float:
    return -10 * float(np.log10(max(error, 1e-12)))


def _around(inside: np.ndarray, margin: int = 16) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    return slice(top, int(rows[-1]) + margin), slice(left, int(columns[-1]) + margin)
