"""What a camera makes of the light on its sensor: exposure, shading, blur, noise, colour filters, finite steps.

The noise is that of the EMVA 1288 camera model: photons are counted (Poisson), reading adds a normal error in
electrons, a converter rounds to steps. The sensor's colour filters are those of Rec.709: its colours need no matrix.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from scan3d.geometry import Intrinsics

# Streams of random numbers: the body's own errors stay the same from shot to shot, the noise does not.
_BODY, _SHOT = 1, 2
_SHADING_STEP_PX, _SHADING_STEPS = 16, 100  # at most so far apart, at least so many along a side


@dataclass(frozen=True, kw_only=True)
class SensorModel:
    """A camera's electronics and what is wrong with it.

    exposure: radiance times this is the share of the full well that it fills; 1 is white. exposure_spread,
    white_balance_spread: standard deviations between cameras, of the logarithm of the exposure and of red and blue
    against green. full_well_e: electrons of a pixel at white, 0 for no noise at all. read_noise_e: electrons.
    response: (3,) share of the full well that red, green and blue fill at white; what is missing is made up by
    amplification. bits: of the converter, 0 for no steps. bayer: one colour per pixel (RGGB), made whole again by the
    filter of Malvar, He and Cutler (2004). falloff: how much of the lens's natural shading (cos^4; cos for fisheyes) is
    in the picture. shading: (a, b) of a factor 1 + a r^2 + b r^4, r = 1 in the picture's corner. defocus_px: radius of
    the disc of a point. motion_px, motion_rad: length and direction of a point's way during the exposure.
    """

    exposure: float = 1.0
    exposure_spread: float = 0.02
    white_balance_spread: float = 0.015
    full_well_e: float = 40_000.0
    read_noise_e: float = 4.0
    response: tuple[float, float, float] = (0.55, 1.0, 0.7)
    bits: int = 14
    bayer: bool = False
    falloff: float = 1.0
    shading: tuple[float, float] = (-0.08, 0.0)
    defocus_px: float = 0.0
    motion_px: float = 0.0
    motion_rad: float = 0.0

    def flawless(self) -> SensorModel:
        """The same exposure without errors, shading, blur and noise: for pictures that others are measured by."""
        return replace(
            self,
            exposure_spread=0.0,
            white_balance_spread=0.0,
            full_well_e=0.0,
            bits=0,
            bayer=False,
            falloff=0.0,
            shading=(0.0, 0.0),
            defocus_px=0.0,
            motion_px=0.0,
        )


def meter(pictures: Iterable[np.ndarray], *, level: float = 0.8, share: float = 0.995) -> float:
    """The exposure that brings the brightest light of a set of pictures, each (H, W, 3) radiance, to a level below
    white: `share` of the pixels that receive any light are darker. 1.0 where all is black."""
    values = [np.asarray(picture, np.float64).max(axis=-1).ravel() for picture in pictures]
    light = np.concatenate(values) if values else np.zeros(0)
    light = light[light > 1e-4 * light.max(initial=0.0)]
    return float(level / np.quantile(light, share)) if len(light) else 1.0


def expose(
    radiance: np.ndarray, model: SensorModel, *, intrinsics: Intrinsics, seed: int, camera_id: str, shot: str = ""
) -> np.ndarray:
    """The photograph as developed: (H, W, 3) float32, linear Rec.709, 0..1, clipped at the full well.

    radiance: (H, W, 3) linear, as the lens throws it. seed, camera_id: of what is wrong with this camera. shot: with
    them, of the noise: the light's name, or a number.
    """
    camera = zlib.crc32(camera_id.encode())
    light = np.asarray(radiance, np.float32) * np.float32(model.exposure)
    light = _blurred(light, model)
    light = light * shading(intrinsics, model)[..., None]
    errors = np.random.default_rng([seed, _BODY, camera]).standard_normal(3)
    gain = np.exp(model.exposure_spread * errors[0]) * np.ones(3)
    balance = np.exp(model.white_balance_spread * np.array([errors[1], 0.0, errors[2]]))
    light *= gain.astype(np.float32)
    rng = np.random.default_rng([seed, _SHOT, camera, zlib.crc32(shot.encode())])
    if model.bayer:
        colours = _filters(light.shape[0], light.shape[1])
        one = np.take_along_axis(light, colours[..., None], axis=-1)[..., 0]
        read = _read(one, np.asarray(model.response)[colours], model, rng) * balance[colours]
        developed = demosaic(read.astype(np.float32))
    else:
        developed = _read(light, np.broadcast_to(model.response, light.shape), model, rng) * balance
    return np.clip(developed, 0.0, 1.0).astype(np.float32)


def shading(intrinsics: Intrinsics, model: SensorModel) -> np.ndarray:
    """(H, W) float32 share of the light that reaches each pixel, 1 on the lens's axis."""
    width, height = intrinsics.width, intrinsics.height
    nx, ny = max(_SHADING_STEPS, width // _SHADING_STEP_PX), max(_SHADING_STEPS, height // _SHADING_STEP_PX)
    x, y = np.linspace(0.0, width, nx + 1), np.linspace(0.0, height, ny + 1)
    px = np.stack(np.meshgrid(x, y), axis=-1)
    rays = intrinsics.unproject(px)
    cosine = np.nan_to_num(1.0 / np.linalg.norm(rays, axis=-1), nan=0.0)
    natural = cosine ** (1.0 if intrinsics.model == "fisheye" else 4.0)
    r2 = ((px - (intrinsics.cx, intrinsics.cy)) ** 2).sum(axis=-1) / (0.25 * (width**2 + height**2))
    a, b = model.shading
    coarse = (1.0 - model.falloff * (1.0 - natural)) * (1.0 + a * r2 + b * r2 * r2)
    fine = _linear(y, height) @ coarse @ _linear(x, width).T
    return np.asarray(np.maximum(fine, 0.0), np.float32)


def _linear(nodes_px: np.ndarray, size: int) -> np.ndarray:
    """(size, N) weights that interpolate from nodes to the middles of pixels."""
    weights = [np.interp(np.arange(size) + 0.5, nodes_px, unit) for unit in np.eye(len(nodes_px))]
    return np.stack(weights, axis=1)


def _read(light: np.ndarray, response: np.ndarray, model: SensorModel, rng: np.random.Generator) -> np.ndarray:
    """Light 0..1 as read: counted, clipped, rounded and amplified to where 1 is white."""
    if model.full_well_e <= 0:
        read = np.minimum(light, 1.0).astype(np.float64)
    else:
        expected = np.maximum(light, 0.0) * (response * model.full_well_e)
        electrons = rng.poisson(expected) + model.read_noise_e * rng.standard_normal(expected.shape)
        # Green fills its well first; developed, red and blue above white are cut off.
        read = np.minimum(electrons, model.full_well_e) / (model.full_well_e * response)
    if model.bits:
        # One step is the same in electrons for each colour; what lies below black is kept by the black level.
        steps = response * (2.0**model.bits - 1.0)
        read = np.rint(read * steps) / steps
    return np.asarray(read)


def demosaic(mosaic: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 from one colour per pixel, RGGB, (H, W) float32 (Malvar, He and Cutler 2004).

    A linear filter, exact where all colours change linearly with the place.
    """
    import cv2

    cross = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8
    along = np.array([[0, 0, 1, 0, 0], [0, -2, 0, -2, 0], [-2, 8, 10, 8, -2], [0, -2, 0, -2, 0], [0, 0, 1, 0, 0]]) / 16
    other = np.array([[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]]) / 16
    across = along.T
    green, beside, above, opposite = (
        cv2.filter2D(mosaic, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)
        for kernel in (cross, along, across, other)
    )
    out = np.empty((*mosaic.shape, 3), np.float32)
    red, blue = (slice(0, None, 2), slice(0, None, 2)), (slice(1, None, 2), slice(1, None, 2))
    in_red_row, in_blue_row = (slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))
    for c, own, far, row, column in ((0, red, blue, in_red_row, in_blue_row), (2, blue, red, in_blue_row, in_red_row)):
        out[(*own, c)] = mosaic[own]
        out[(*far, c)] = opposite[far]
        out[(*row, c)] = beside[row]
        out[(*column, c)] = above[column]
    for own in (red, blue):
        out[(*own, 1)] = green[own]
    for own in (in_red_row, in_blue_row):
        out[(*own, 1)] = mosaic[own]
    return out


def _filters(height: int, width: int) -> np.ndarray:
    """(H, W) which colour each pixel sees: RGGB."""
    return np.asarray((np.arange(height)[:, None] % 2) + (np.arange(width)[None] % 2))


def _blurred(light: np.ndarray, model: SensorModel) -> np.ndarray:
    import cv2

    for kernel in (_disc(model.defocus_px), _way(model.motion_px, model.motion_rad)):
        if kernel.size > 1:
            light = cv2.filter2D(light, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
    return light


def _disc(radius_px: float) -> np.ndarray:
    """A disc of equal weights, its rim shared out by area."""
    if radius_px <= 0:
        return np.ones((1, 1))
    reach, fine = int(np.ceil(radius_px)), 16
    at = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (at[:, None] ** 2 + at[None] ** 2 <= radius_px**2).astype(float)
    weights = inside.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).sum(axis=(1, 3))
    return np.asarray(weights / weights.sum())


def _way(length_px: float, angle_rad: float) -> np.ndarray:
    """A straight way at even speed, its points shared out over the pixels around them."""
    if length_px <= 0:
        return np.ones((1, 1))
    reach, count = int(np.ceil(0.5 * length_px)) + 1, 64 * int(np.ceil(length_px))
    along = length_px * ((np.arange(count) + 0.5) / count - 0.5)
    weights = np.zeros((2 * reach + 1, 2 * reach + 1))
    for step in along:
        x, y = reach + step * np.cos(angle_rad), reach + step * np.sin(angle_rad)
        i, j, fx, fy = int(np.floor(x)), int(np.floor(y)), x % 1.0, y % 1.0
        weights[j : j + 2, i : i + 2] += np.outer([1 - fy, fy], [1 - fx, fx])
    return weights / weights.sum()
