"""How well each photograph agrees with the finished model: the quickest way to find a camera that is wrong.

The model's colours are what all cameras agree on. Rendered into one camera and laid over its photograph, they
show whether that camera stands where its calibration says (a shift), is exposed as the others (a gain) and
shows the same surface (what remains).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import CaptureError
from scan3d.geometry import Camera
from scan3d.report.look import look_at
from scan3d.report.picture_motion import displacement_px, find_motion, moved
from scan3d.report.sharpness import relative_sharpness
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import to_8_bit

_LEAST_PIXELS = 400
_AMPLIFIED = 4
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LINEAR_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """A photograph and its camera.

    camera  with the lens that the photograph as loaded still has.
    load    returns (H, W, 3) uint8 or uint16 sRGB-encoded RGB, of the camera's size or a smaller picture of
            the same.
    mask    returns (H, W) bool or uint8, not 0 on the subject, of any size; None when there is no mask.
    """

    camera: Camera
    load: Callable[[], NDArray[np.generic]]
    mask: Callable[[], NDArray[np.generic]] | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One camera against the model. Numbers are None when it sees too little of it.

    shift_px            how far the photograph lies from the model, root mean square over the subject, in
                        pixels of the full photograph.
    exposure_ev         its exposure against the model's colours, stops (positive: brighter).
    photometric_levels  what differs after both are taken out: a robust standard deviation in 8-bit sRGB
                        levels.
    sharpness           power of its detail over the model's (`sharpness.relative_sharpness`); only the
                        comparison with other cameras says something.
    mask_overlap        share of the model's pixels in this picture that the mask calls subject; None without
                        mask.
    mask_share          share of the photograph that the mask calls subject; None without mask.
    subject             (h, w) bool: the mask, or where the model is when there is no mask.
    photograph, model, difference   (h, w, 3) uint8 sRGB pictures at working size, for a person to look at.
    """

    camera_id: str
    shift_px: float | None
    exposure_ev: float | None
    photometric_levels: float | None
    sharpness: float | None
    mask_overlap: float | None
    mask_share: float | None
    subject: NDArray[np.bool_]
    photograph: NDArray[np.uint8]
    model: NDArray[np.uint8]
    difference: NDArray[np.uint8]


def measure_agreement(surface: SurfaceView, view: ReportView, *, long_side_px: int = 480) -> Agreement:
    """Renders the textured surface into the view at a working size and compares it with the photograph.

    The surface must have a texture. The shift is an affine motion (`picture_motion`), so a turned camera
    shows in it as well as a changed focal length. Raises CaptureError when the photograph is not one of the
    camera's shape.
    """
    full = view.camera.intrinsics
    factor = min(1.0, long_side_px / max(full.width, full.height))
    camera = view.camera.scaled(factor)
    original = _checked(view)
    photograph = _resized(original, camera)
    look = look_at(surface, camera, smooth=False)
    model = np.clip(look.painted(lambda hits, _: surface.colours(hits, camera)).rgb, 0, 1)
    solid = np.isfinite(look.depth_m)
    mask = None if view.mask is None else _resized_mask(view.mask(), photograph.shape[:2])
    inside = _inner(solid if mask is None else solid & mask)
    compared = _compare(photograph, model, inside, factor)
    own_size = view.camera.scaled(original.shape[1] / full.width)
    return Agreement(
        camera_id=view.camera.camera_id,
        shift_px=compared.shift_px,
        exposure_ev=compared.exposure_ev,
        photometric_levels=compared.levels,
        sharpness=relative_sharpness(surface, own_size, original, model, inside),
        mask_overlap=float(mask[solid].mean()) if mask is not None and solid.any() else None,
        mask_share=None if mask is None else float(mask.mean()),
        subject=solid if mask is None else mask,
        photograph=photograph,
        model=np.rint(model * 255).astype(np.uint8),
        difference=np.rint(np.clip(0.5 + _AMPLIFIED * compared.difference, 0, 1) * 255).astype(np.uint8),
    )


@dataclass(frozen=True)
class _Comparison:
    shift_px: float | None
    exposure_ev: float | None
    levels: float | None
    difference: NDArray[np.floating]


def _compare(
    photograph: NDArray[np.uint8], model: NDArray[np.floating], inside: NDArray[np.bool_], factor: float
) -> _Comparison:
    """Takes out gain and motion, in this order, and looks at what remains."""
    taken = photograph.astype(np.float32) / 255
    if inside.sum() < _LEAST_PIXELS:
        return _Comparison(None, None, None, np.zeros_like(taken))
    gain = _gain(taken, model, inside)
    matched = _encoded(_linear(model) * gain)
    motion = find_motion(matched @ _LUMA, taken @ _LUMA, inside)
    rest = (moved(taken, motion) - matched)[inside]
    return _Comparison(
        shift_px=displacement_px(motion, inside) / factor,
        exposure_ev=float(np.log2(gain @ _LINEAR_LUMA)),
        levels=255 * 1.4826 * float(np.median(np.abs(rest))),
        # Not aligned: a shift is to be seen, as relief along edges.
        difference=np.where(inside[..., None], taken - matched, 0),
    )


def _checked(view: ReportView) -> NDArray[np.generic]:
    picture, lens = view.load(), view.camera.intrinsics
    if picture.ndim != 3 or abs(picture.shape[1] / picture.shape[0] * lens.height / lens.width - 1) > 0.02:
        raise CaptureError(
            f"The photograph is of the shape {picture.shape}, its camera of {lens.width} x {lens.height} px.",
            f"camera {view.camera.camera_id}",
            "Check that the photograph and the calibration belong together.",
        )
    return picture


def _resized(picture: NDArray[np.generic], camera: Camera) -> NDArray[np.uint8]:
    import cv2

    size = (camera.intrinsics.width, camera.intrinsics.height)
    return to_8_bit(cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA))


def _resized_mask(mask: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    import cv2

    return cv2.resize((mask != 0).astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) != 0


def _inner(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels on the subject some way off its rim, where backdrop and subject mix."""
    import cv2

    return cv2.erode(solid.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0) != 0


def _linear(encoded: NDArray[np.floating]) -> NDArray[np.floating]:
    low = encoded / np.float32(12.92)
    return np.where(encoded <= 0.04045, low, ((encoded + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4))


def _encoded(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    clipped = np.clip(linear, 0, 1).astype(np.float32)
    high = np.float32(1.055) * clipped ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(clipped <= 0.0031308, clipped * np.float32(12.92), high)


def _gain(taken: NDArray[np.floating], model: NDArray[np.floating], inside: NDArray[np.bool_]) -> NDArray[np.floating]:
    """(3,) median ratio of linear light, photograph over model, over pixels neither dark nor clipped in
    either.
    """
    first, second = taken[inside], model[inside]
    fair = (np.minimum(first, second).min(axis=1) > 0.05) & (np.maximum(first, second).max(axis=1) < 0.98)
    if fair.sum() < _LEAST_PIXELS // 4:
        fair = np.maximum(first, second).max(axis=1) < 0.98
    if not fair.any():
        return np.ones(3, np.float32)
    ratio = _linear(first[fair]) / np.maximum(_linear(second[fair]), 1e-4)
    return np.maximum(np.median(ratio, axis=0), 1e-3).astype(np.float32)
