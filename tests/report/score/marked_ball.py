"""A ball of skin with marks painted on it, whose places, sizes and contrasts are exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.geometry import Mesh
from scan3d.geometry.imperfections import Imperfection
from scan3d.report import SurfaceView, Texture

RADIUS_M = 0.05
SKIN = np.array([0.45, 0.28, 0.2])  # linear
_ROWS, _COLUMNS = 1024, 2048  # texels of 0.15 mm


def place(longitude_deg: float, latitude_deg: float = 0.0, radius_m: float = RADIUS_M) -> np.ndarray:
    """(3,) on the ball; longitude 0 faces -Y, 90 is at +X."""
    around, up = np.radians([longitude_deg, latitude_deg])
    return radius_m * np.array([np.sin(around) * np.cos(up), -np.cos(around) * np.cos(up), np.sin(up)])


def mark(
    longitude_deg: float,
    latitude_deg: float = 0.0,
    *,
    kind: str = "mole",
    size_mm: float = 3.0,
    contrast: float = 0.4,
) -> Imperfection:
    x, y, z = place(longitude_deg, latitude_deg).tolist()
    return Imperfection(kind=kind, part="skin", position_m=(x, y, z), uv=(0.0, 0.0), size_mm=size_mm, contrast=contrast)


def ball(radius_m: float = RADIUS_M, steps: int = 64) -> tuple[Mesh, np.ndarray]:
    """The mesh and its (F, 3, 2) uv: longitude -180..180 along u, latitude -90..90 along v."""
    row, column = np.mgrid[0:steps, 0 : 2 * steps].reshape(2, -1)
    corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
    quads = np.stack([np.stack([c / (2 * steps), r / steps], axis=-1) for r, c in corners], axis=1)
    uv = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    flat = uv.reshape(-1, 2)
    keys = np.rint(np.stack([flat[:, 0] * 2 * steps % (2 * steps), flat[:, 1] * steps], axis=1)).astype(int)
    keys[(keys[:, 1] == 0) | (keys[:, 1] == steps), 0] = 0
    grid, faces = np.unique(keys, axis=0, return_inverse=True)
    longitude, latitude = grid[:, 0] / steps * np.pi - np.pi, grid[:, 1] / steps * np.pi - np.pi / 2
    normals = np.stack(
        [np.sin(longitude) * np.cos(latitude), -np.cos(longitude) * np.cos(latitude), np.sin(latitude)], axis=1
    )
    faces = faces.reshape(-1, 3)
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return Mesh(vertices=normals * radius_m, faces=faces[whole], normals=normals), uv[whole]


def picture(marks: Sequence[Imperfection], *, noise: float = 0.0, shade: float = 0.0) -> np.ndarray:
    """(H, W, 3) uint16 map of the skin with the marks as even discs.

    noise: standard deviation per texel, of the skin's light. shade: how much darker the bottom is than the top.
    """
    latitude, longitude = np.meshgrid(
        90 - (np.arange(_ROWS) + 0.5) * 180 / _ROWS, (np.arange(_COLUMNS) + 0.5) * 360 / _COLUMNS - 180, indexing="ij"
    )
    around, up = np.radians(longitude), np.radians(latitude)
    point = np.stack([np.sin(around) * np.cos(up), -np.cos(around) * np.cos(up), np.sin(up)], axis=-1)
    light = np.random.default_rng(0).normal(1, noise, (_ROWS, _COLUMNS)) if noise else np.ones((_ROWS, _COLUMNS))
    light *= 1 - shade * (0.5 - latitude / 180)
    for one in marks:
        inside = np.linalg.norm(point * RADIUS_M - np.array(one.position_m), axis=-1) <= one.size_mm * 0.5e-3
        light[inside] *= 1 - one.contrast
    return quantised(linear_to_srgb(light[..., None] * SKIN), np.uint16)


def painted(marks: Sequence[Imperfection], *, noise: float = 0.0, shade: float = 0.0) -> SurfaceView:
    mesh, uv = ball()
    return SurfaceView(mesh, Texture(uv=uv, tiles=[picture(marks, noise=noise, shade=shade)]))
