"""Whether a photograph is as sharp as what the other cameras show of the same places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scan3d.geometry import Camera
from scan3d.report.look import look_at
from scan3d.report.surface_view import SurfaceView

_CROP_PX = 160
_CROPS = 3
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def relative_sharpness(
    surface: SurfaceView, camera: Camera, photograph: NDArray[Any], model: NDArray[np.floating],
    inside: NDArray[np.bool_],
) -> float | None:  # fmt: skip
    """Power of the photograph's detail over the model's, at waves of 2 to 8 pixels, in the liveliest places.

    camera      of the photograph's own size; the photograph (H, W, 3) is compared at full size, in small
                crops.
    model       (h, w, 3) the model in this view at any smaller size, inside (h, w) where it may be compared.

    Noise and sharpening count in it, so it says nothing by itself; against the other cameras of a rig it
    shows which one is out of focus or moved. None when no crop lies on the subject.
    """
    ratios = []
    for left, top in _lively_places(model, inside, (camera.intrinsics.width, camera.intrinsics.height)):
        crop = photograph[top : top + _CROP_PX, left : left + _CROP_PX]
        taken = crop @ _LUMA / np.float32(np.iinfo(crop.dtype).max)
        look = look_at(surface, _cropped(camera, left, top), smooth=False)
        shown = look.painted(lambda hits, _: surface.colours(hits)).rgb @ _LUMA
        if np.isfinite(look.depth_m).mean() > 0.98:
            ratios.append(detail_power(taken) / max(detail_power(shown), 1e-12))
    return float(np.median(ratios)) if ratios else None


def detail_power(picture: NDArray[np.floating]) -> float:
    """Power of (H, W) brightness at waves of 2 to 8 pixels over its squared mean, under a Hann window."""
    height, width = picture.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    mean = float((picture * window).sum() / window.sum())
    spectrum = np.abs(np.fft.rfft2((picture - mean) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    band = (frequency >= 1 / 8) & (frequency <= 1 / 2)
    # Half of the plane stands for both halves.
    power = 2 * spectrum[band].sum() / (height * width * (window**2).sum())
    return float(power / max(mean * mean, 1e-9))


def _lively_places(
    model: NDArray[np.floating], inside: NDArray[np.bool_], size: tuple[int, int]
) -> list[tuple[int, int]]:
    """Left and top, in the full photograph, of crops that lie on the subject where the model has most
    detail.
    """
    import cv2

    scale = size[0] / inside.shape[1]
    reach = _CROP_PX / scale
    side = 2 * int(np.ceil(reach / 2)) + 1
    whole = cv2.erode(inside.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=0) != 0
    brightness = (model @ _LUMA).astype(np.float32)
    detail = cv2.blur((brightness - cv2.GaussianBlur(brightness, (0, 0), 2)) ** 2, (side, side))
    places = []
    for _ in range(_CROPS):
        if not whole.any():
            break
        row, column = np.unravel_index(np.argmax(np.where(whole, detail, -1)), detail.shape)
        left, top = round((column + 0.5) * scale - _CROP_PX / 2), round((row + 0.5) * scale - _CROP_PX / 2)
        places.append((min(max(left, 0), size[0] - _CROP_PX), min(max(top, 0), size[1] - _CROP_PX)))
        near = int(np.ceil(reach))
        whole[max(row - near, 0) : row + near + 1, max(column - near, 0) : column + near + 1] = False
    return places


def _cropped(camera: Camera, left: int, top: int) -> Camera:
    lens = camera.intrinsics
    crop = replace(lens, width=_CROP_PX, height=_CROP_PX, cx=lens.cx - left, cy=lens.cy - top)
    return replace(camera, intrinsics=crop)
