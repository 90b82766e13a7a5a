"""Photographs of colour charts made from spectra or matrices: where every patch is and what it is are known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from scan3d.capture.colour_charts import Chart, colour_science, rgb_to_xyz
from scan3d.capture.colour_find import homography

FRAME = 0.02  # reflectance of the chart's frame
PATCH = 0.87  # of a step: a patch's side
_OVERSAMPLE = 3
_TEXELS = 64  # of a step
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensor:
    """A virtual camera. electrons: at the end of its range, 0 for no noise. exposure: what a white fills of it."""

    electrons: float = 40_000.0
    exposure: float = 0.8
    bits: int = 14


def photograph(
    colours: np.ndarray, chart: Chart, corners_px: np.ndarray, size: tuple[int, int], *, sensor: Sensor | None = None,
    slope: tuple[float, float] = (0.0, 0.0), share: np.ndarray | None = None, blur_px: float = 0.0, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """(H, W, 3) float32 linear picture of a chart whose patches have camera colours (N, 3), white near 1.

    size: (width, height). slope: of the logarithm of the light over one chart's width, right and down. share: of the
    light that reaches each pixel (H, W) or (H, W, 3). Without a sensor it is exact.
    """
    width, height = size
    margin = 0.5
    texture = np.full((round((chart.rows + 2 * margin) * _TEXELS), round((chart.columns + 2 * margin) * _TEXELS), 3),
                      FRAME, np.float32)  # fmt: skip
    half = 0.5 * PATCH * _TEXELS
    for (column, row), colour in zip(chart.centres(), colours, strict=True):
        x, y = ((at + 0.5 + margin) * _TEXELS for at in (column, row))
        texture[round(y - half) : round(y + half), round(x - half) : round(x + half)] = colour
    rows, columns = np.mgrid[: texture.shape[0], : texture.shape[1]]
    right = ((columns + 0.5) / _TEXELS - margin - 0.5) / (chart.columns - 1) - 0.5
    down = ((rows + 0.5) / _TEXELS - margin - 0.5 - 0.5 * (chart.rows - 1)) / (chart.columns - 1)
    texture *= np.exp(slope[0] * right + slope[1] * down)[..., None].astype(np.float32)
    # Steps on the chart to texels; both count from the middle of the first pixel.
    texel = np.array([[1 / _TEXELS, 0, 0.5 / _TEXELS - margin - 0.5], [0, 1 / _TEXELS, 0.5 / _TEXELS - margin - 0.5],
                      [0, 0, 1]])  # fmt: skip
    fine = np.array([[_OVERSAMPLE, 0, -0.5], [0, _OVERSAMPLE, -0.5], [0, 0, 1]])
    matrix = fine @ homography(chart, corners_px) @ texel
    big = cv2.warpPerspective(texture, matrix, (width * _OVERSAMPLE, height * _OVERSAMPLE), flags=cv2.INTER_AREA,
                              borderValue=(0.18, 0.18, 0.18))  # fmt: skip
    picture = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)
    if blur_px:
        picture = cv2.GaussianBlur(picture, (0, 0), blur_px)
    if share is not None:
        picture = picture * (share if share.ndim == 3 else share[..., None])
    return exposed(picture, sensor, seed)


def exposed(picture: np.ndarray, sensor: Sensor | None, seed: int) -> np.ndarray:
    """A picture through a sensor's noise and steps; as it is without one."""
    if sensor is None:
        return np.asarray(picture, np.float32)
    light = np.maximum(picture * sensor.exposure, 0.0)
    if sensor.electrons:
        rng = np.random.default_rng(seed)
        light = (rng.poisson(light * sensor.electrons) + 3.0 * rng.standard_normal(light.shape)) / sensor.electrons
    steps = 2.0**sensor.bits - 1
    return np.asarray(np.clip(np.rint(light * steps) / steps, 0.0, 1.0), np.float32)


def spectral_colours(camera: str, light: str, *, shift_nm: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Camera colours (24, 3) of the Classic under a light, white at 1 in its strongest channel, and the true linear
    Rec.709 (24, 3), adapted by Bradford. shift_nm: of the camera's sensitivities: another one of its kind."""
    colour = colour_science()
    shape = colour.SpectralShape(400, 700, 10)
    spectra = np.array([s.copy().align(shape).values for s in colour.SDS_COLOURCHECKERS["BabelColor Average"].values()])
    sensitivity = colour.MSDS_CAMERA_SENSITIVITIES[camera].copy().align(shape).values
    at = shape.wavelengths
    sensitivity = np.stack([np.interp(at - shift_nm, at, sensitivity[:, k]) for k in range(3)], axis=1)
    power = colour.SDS_ILLUMINANTS[light].copy().align(shape).values
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values
    white = power @ observer / (power @ observer[:, 1])
    xyz = spectra * power @ observer / (power @ observer[:, 1])
    adapt = colour.adaptation.matrix_chromatic_adaptation_VonKries(white, rgb_to_xyz(np.ones(3)), transform="Bradford")
    true = xyz @ adapt.T @ np.linalg.inv(rgb_to_xyz(np.eye(3)))
    seen = spectra * power @ sensitivity
    return seen / (power @ sensitivity).max(), true


def corners(
    chart: Chart, size: tuple[int, int], *, step_px: float = 40.0, yaw_deg: float = 0.0, pitch_deg: float = 0.0,
    roll_deg: float = 0.0, middle: tuple[float, float] = (0.5, 0.5),
) -> np.ndarray:  # fmt: skip
    """(4, 2) pixels of the corner patches of a chart turned before a camera; step_px from patch to patch facing it."""
    a, b, c = np.radians([yaw_deg, pitch_deg, roll_deg])
    turn_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    flat = (_CORNERS - 0.5) * (chart.columns - 1, chart.rows - 1)
    points = np.column_stack([flat, np.zeros(4)]) @ (turn_z @ turn_x @ turn_y).T
    distance = 3.0 * chart.columns
    px = points[:, :2] * (step_px * distance / (distance + points[:, 2:]))
    return np.asarray(px + np.array(middle) * size)
