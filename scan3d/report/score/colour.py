"""How a textured model looks beside photographs that it was not made from. Pictures are sRGB-encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.geometry import Camera
from scan3d.report.look import look_at
from scan3d.report.score.difference import ciede2000, lab_of_srgb, structural_similarity
from scan3d.report.shading import view_colours
from scan3d.report.surface_view import SurfaceView

_BAND_WINDOW_PX = 64
_MARGIN_PX = 8


@dataclass(frozen=True, kw_only=True)
class ViewScore:
    """A rendering against a photograph, where both the truth and the model are seen.

    psnr_db     over all channels of sRGB in [0, 1].
    ssim        structural similarity (Wang et al. 2004), mean over channels and pixels.
    ciede2000   mean colour difference.
    coverage    share of the truth's pixels that the model fills.
    sharpness   the rendering's power at waves of 2 to 8 pixels over the photograph's; nan where the subject is
                too small in the picture to tell.
    """

    camera_id: str
    psnr_db: float
    ssim: float
    ciede2000: float
    coverage: float
    sharpness: float


def rephotograph(
    model: SurfaceView, truth: SurfaceView, camera: Camera, photograph: NDArray[np.unsignedinteger]
) -> ViewScore:
    """Renders the textured model unlit into a camera and compares it with (H, W, 3) uint8 or uint16 of that camera.

    Virtual rephotography, Waechter et al. 2017. Pixels count where a ray meets both the truth and the model.
    Raises InputError where no pixel does.
    """
    shown = view_colours(look_at(model, camera, smooth=False))
    wanted = np.isfinite(look_at(truth, camera, smooth=False).depth_m)
    both = wanted & np.isfinite(shown.depth_m)
    if not both.any():
        raise InputError("The camera sees nothing of the model.", f"camera {camera.camera_id}", "Check both frames.")
    part = _around(both)
    coverage, both = float(both.sum() / wanted.sum()), both[part]
    taken = photograph[part].astype(np.float64) / np.iinfo(photograph.dtype).max
    rendered = np.where(both[..., None], shown.rgb[part].astype(np.float64), taken)
    error = float(((rendered - taken)[both] ** 2).mean())
    return ViewScore(
        camera_id=camera.camera_id,
        psnr_db=-10 * float(np.log10(max(error, 1e-12))),
        ssim=float(structural_similarity(rendered, taken)[both].mean()),
        ciede2000=float(ciede2000(lab_of_srgb(rendered[both]), lab_of_srgb(taken[both])).mean()),
        coverage=coverage,
        sharpness=relative_power(rendered, taken, both),
    )


def _around(inside: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of what is inside, and as many more as a window of similarity reaches: photographs are
    large, and mostly backdrop.
    """
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    # Whole half windows are cut off, so that the windows of `relative_power` lie where they would without the cut.
    top, left = (
        max(0, first - _MARGIN_PX) // (_BAND_WINDOW_PX // 2) * (_BAND_WINDOW_PX // 2) for first in (rows[0], columns[0])
    )
    return slice(top, rows[-1] + 1 + _MARGIN_PX), slice(left, columns[-1] + 1 + _MARGIN_PX)


def relative_power(rendered: NDArray[np.floating], taken: NDArray[np.floating], inside: NDArray[np.bool_]) -> float:
    """Power of the first picture at waves of 2 to 8 pixels over that of the second, inside.

    Of brightness, in overlapping Hann windows of 64 pixels that lie inside: blur hides in PSNR, not here.
    """
    shown, wanted = (picture @ np.array([0.2126, 0.7152, 0.0722]) for picture in (rendered, taken))
    totals = np.zeros(2)
    for top in range(0, inside.shape[0] - _BAND_WINDOW_PX + 1, _BAND_WINDOW_PX // 2):
        for left in range(0, inside.shape[1] - _BAND_WINDOW_PX + 1, _BAND_WINDOW_PX // 2):
            part = (slice(top, top + _BAND_WINDOW_PX), slice(left, left + _BAND_WINDOW_PX))
            if inside[part].all():
                totals += [_band_power(shown[part]), _band_power(wanted[part])]
    return float(totals[0] / totals[1]) if totals[1] > 0 else float("nan")


def _band_power(window: NDArray[np.floating]) -> float:
    hann = np.hanning(_BAND_WINDOW_PX)
    weight = hann[:, None] * hann
    mean = float((window * weight).sum() / weight.sum())
    spectrum = np.abs(np.fft.fft2((window - mean) * weight)) ** 2
    frequency = np.fft.fftfreq(_BAND_WINDOW_PX)
    radius = np.hypot(frequency[:, None], frequency)
    return float(spectrum[(radius >= 1 / 8) & (radius <= 1 / 2)].sum())
