"""Exact pictures of boards through any lens, by the mean over points inside each pixel."""

from __future__ import annotations

import functools

import numpy as np

from scan3d.calibration.board_artwork import board_artwork
from scan3d.calibration.targets import Board
from scan3d.geometry import Intrinsics, Rigid3

_STEP_PX = 2  # rays are exact on this grid and bilinear between: good to a thousandth of a pixel for real lenses


def picture_of(
    boards: list[tuple[Board, Rigid3]],
    lens: Intrinsics,
    *,
    texel_m: float = 0.0005,
    oversample: int = 4,
    blur_px: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
    margin: float = 0.5,
) -> np.ndarray:
    """(H, W) uint8, sRGB-encoded: boards at cam_from_board before a grey ground.

    texel_m: divides the board's lengths, so that edges are exact. blur_px: standard deviation, of light. noise: of the
    encoded picture, in levels. margin: of the board's ground around it, in squares.
    """
    import cv2

    rays = _rays(lens, oversample)
    light = np.full(rays.shape[:2], 0.18, np.float32)
    for board, cam_from_board in boards:
        texture, (width_m, height_m) = _texture(board, texel_m, margin)
        normal, origin = cam_from_board.rotation[:, 2], cam_from_board.translation
        axes, rim = cam_from_board.rotation[:, :2], margin * board.square_m
        # Of a ray with z = 1: where it meets the plane, in texels.
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = (normal @ origin) / (rays @ normal[:2].astype(np.float32) + np.float32(normal[2]))
        scale = np.array([texture.shape[1] / width_m, texture.shape[0] / height_m])
        maps = [
            ((rays @ axes[:2, k].astype(np.float32) + np.float32(axes[2, k])) * depth - origin @ axes[:, k] + rim)
            * scale[k] - 0.5
            for k in (0, 1)
        ]  # fmt: skip
        for coordinates in maps:
            coordinates[~(depth > 0)] = -9.0
        seen = cv2.remap(
            texture, maps[0].astype(np.float32), maps[1].astype(np.float32), cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0,
        )  # fmt: skip
        np.copyto(light, seen, where=seen >= 0)
    light = light.reshape(lens.height, oversample, lens.width, oversample).mean(axis=(1, 3))
    if blur_px:
        light = cv2.GaussianBlur(light, None, blur_px)
    encoded = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    encoded = encoded + np.random.default_rng(seed).normal(0, noise, encoded.shape) if noise else encoded
    return np.clip(np.rint(encoded), 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=16)
def _texture(board: Board, texel_m: float, margin: float) -> tuple[np.ndarray, tuple[float, float]]:
    """Light of the board on paper (h, w) float32, and its size in metres with the margin."""
    sheet = board_artwork(board).framed(margin * board.square_m)
    return (sheet.raster(texel_m, oversample=2) * 0.78 + 0.04).astype(np.float32), (sheet.width_m, sheet.height_m)


@functools.lru_cache(maxsize=2)
def _rays(lens: Intrinsics, oversample: int) -> np.ndarray:
    """(H * oversample, W * oversample, 2) float32 rays at z = 1, nan where the lens sees nothing."""
    columns, rows = np.arange(0, lens.width + _STEP_PX, _STEP_PX), np.arange(0, lens.height + _STEP_PX, _STEP_PX)
    coarse = lens.unproject(np.stack(np.meshgrid(columns, rows), axis=-1).astype(float))[..., :2]
    x = (np.arange(lens.width * oversample) + 0.5) / oversample / _STEP_PX
    y = (np.arange(lens.height * oversample) + 0.5) / oversample / _STEP_PX
    # Exact linear interpolation: that of cv2.remap goes in steps of a 32nd.
    i, j = np.minimum(x.astype(int), len(columns) - 2), np.minimum(y.astype(int), len(rows) - 2)
    fx, fy = (x - i)[None, :, None], (y - j)[:, None, None].astype(np.float32)
    across = (coarse[:, i] * (1 - fx) + coarse[:, i + 1] * fx).astype(np.float32)
    return across[j] * (1 - fy) + across[j + 1] * fy


def board_before(
    lens: Intrinsics, board: Board, *, distance_m: float, turn_deg: tuple[float, float] = (0.0, 0.0),
    roll_deg: float = 0.0, shift: tuple[float, float] = (0.0, 0.0),
) -> Rigid3:  # fmt: skip
    """cam_from_board: the board's middle at a distance, turned about its y and x axis, in the picture's middle moved by
    `shift` half pictures."""
    ry, rx = np.radians(turn_deg)
    turn = Rigid3.exp([0, 0, 0, 0, ry, 0]).rotation @ Rigid3.exp([0, 0, 0, rx, 0, 0]).rotation
    turn = Rigid3.exp([0, 0, 0, 0, 0, np.radians(roll_deg)]).rotation @ turn
    px = np.array([lens.cx + shift[0] * lens.width / 2, lens.cy + shift[1] * lens.height / 2])
    place = lens.unproject(px) * distance_m
    middle = np.array([*board.size_m, 0.0]) / 2
    return Rigid3(rotation=turn, translation=place - turn @ middle)


def exact_px(lens: Intrinsics, board: Board, cam_from_board: Rigid3) -> np.ndarray:
    """(N, 2) pixels of all points of the board."""
    return lens.project(cam_from_board.apply(board.points_m))
