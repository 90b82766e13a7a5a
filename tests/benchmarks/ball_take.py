"""A take at real size for `scan3d appearance`: a bumpy ball under lamps one by one, in closed form.

No shadows and no light between bumps: they are mild, so that there is little of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numba
import numpy as np

from scan3d.calibration.toml_file import write_calibration
from scan3d.capture.lights_file import write_lights
from scan3d.geometry import Camera, Intrinsics, Mesh, Rig
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.rig_definition import look_at
from scan3d.report import SurfaceView, Texture, write_obj

_RADIUS_M, _AWAY_M, _LAMP_AWAY_M, _PANEL_M = 0.12, 1.2, 1.1, 0.2
_CUTS = 170  # of each of the ball's six sides: 347,000 faces
_RADIANCE, _EXPOSURE = 60.0, 0.55


@dataclass(frozen=True, kw_only=True)
class _Lit:
    """What a camera sees: pixels (n,), position, normal, towards the camera (n, 3) and paint (n, 3)."""

    pixel: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    view: np.ndarray
    paint: np.ndarray


def write_ball_take(root: Path, views: int, lamps: int, side: int) -> None:
    """Photographs, calibration, lights and the scan."""
    mesh, uv = painted_ball()
    setups = _setups(lamps)
    rig = _rig(views, side)
    surface = SurfaceView(mesh)
    for camera in rig.cameras:
        folder = root / "images" / camera.camera_id
        folder.mkdir(parents=True, exist_ok=True)
        seen = _seen(surface, camera)
        for setup in setups:
            pixels = np.zeros((side * side, 3), np.uint8)
            gloss = setup.polarisation == "parallel"
            centre = np.asarray(setup.panels[0].centre_m)
            _shade(seen.position, seen.normal, seen.view, seen.paint, centre, gloss, seen.pixel, pixels)
            picture = pixels.reshape(side, side, 3)[..., ::-1]
            cv2.imwrite(str(folder / f"{setup.name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    write_calibration(rig, root / "calibration.toml")
    write_lights(setups, root / "lights.toml", exposure=_EXPOSURE)
    (root / "results").mkdir()
    write_obj(
        mesh, root / "results" / "model.obj", texture=Texture(uv=uv, tiles=[np.full((256, 256, 3), 128, np.uint8)])
    )


def painted_ball() -> tuple[Mesh, np.ndarray]:
    """A cube blown up to a ball with bumps, and uv (F, 3, 2): six charts that fill two thirds of the tile."""
    n = _CUTS
    step = np.linspace(-1, 1, n + 1)
    a, b = np.meshgrid(step, step, indexing="ij")
    corner = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    quad = np.stack([corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
    vertices, every, charts = [], [], []
    for side in range(6):
        axis, sign = side // 2, 1 - 2 * (side % 2)
        cube = np.empty((*a.shape, 3))
        cube[..., axis] = sign
        # Even angles rather than even steps: texels are of one size, to a third.
        cube[..., (axis + 1) % 3], cube[..., (axis + 2) % 3] = np.tan(0.25 * np.pi * a), sign * np.tan(0.25 * np.pi * b)
        vertices.append(cube.reshape(-1, 3))
        every.append(faces + side * len(vertices[-1]))
        flat = np.stack([(a.ravel() + 1) / 2, (b.ravel() + 1) / 2], axis=1)
        charts.append((np.array([side % 3, side // 3]) + 0.01 + 0.98 * flat)[faces] / 3)
    away = np.concatenate(vertices)
    away = np.round(away / np.linalg.norm(away, axis=1, keepdims=True), 12)
    single, number = np.unique(away, axis=0, return_inverse=True)
    bumps = 1 + 0.02 * (np.sin(7 * single[:, 0]) + np.sin(6 * single[:, 1] + 1) + np.sin(8 * single[:, 2] + 2))
    mesh = Mesh(
        vertices=_RADIUS_M * bumps[:, None] * single,
        faces=number.reshape(-1)[np.concatenate(every)].astype(np.int32),
    )
    return mesh, np.concatenate(charts)


def _setups(lamps: int) -> list[LightSetup]:
    out = []
    for k, centre in enumerate(_around(lamps, _LAMP_AWAY_M)):
        x, y, z = (float(v) for v in centre)
        panel = Panel(
            name=f"p{k}", centre_m=(x, y, z), target_m=(0, 0, 0), size_m=(_PANEL_M, _PANEL_M),
            radiance=(_RADIANCE, _RADIANCE, _RADIANCE),
        )  # fmt: skip
        out += [LightSetup(name=f"p{k}_{s}", panels=(panel,), polarisation=s) for s in ("cross", "parallel")]
    return out


def _rig(views: int, side: int) -> Rig:
    focal = 0.82 * side / 2 / (1.06 * _RADIUS_M / _AWAY_M)
    lens = Intrinsics(model="pinhole", width=side, height=side, fx=focal, fy=focal, cx=side / 2, cy=side / 2)
    cameras = (
        Camera(camera_id=f"cam{k:02d}", intrinsics=lens, cam_from_world=look_at(centre, np.zeros(3)))
        for k, centre in enumerate(_around(views, _AWAY_M))
    )
    return Rig(cameras=tuple(cameras))


def _around(count: int, away_m: float) -> np.ndarray:
    """(count, 3) places spread evenly on a sphere, none right above or below."""
    k = np.arange(count) + 0.5
    up = 0.9 * (1 - 2 * k / count)
    turn = np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - up**2)
    return np.asarray(away_m * np.stack([flat * np.cos(turn), flat * np.sin(turn), up], axis=1))


def paint_at(position: np.ndarray) -> np.ndarray:
    """(N, 3) albedo at (N, 3) places: waves of centimetres and of millimetres."""
    x, y, z = 100 * position.T.astype(np.float32)
    coarse, fine = np.sin(0.5 * x) * np.cos(0.4 * y + 0.3 * z), np.sin(9 * x) * np.sin(8 * y) * np.sin(10 * z)
    grey = 1 + 0.2 * coarse + 0.15 * fine
    return np.asarray(np.array([0.5, 0.36, 0.28], np.float32) * grey[:, None])


def _seen(surface: SurfaceView, camera: Camera) -> _Lit:
    from scan3d.report import look_at as cast

    look = cast(surface, camera, smooth=False)
    position = surface.points(look.hits)
    towards = np.asarray(camera.centre, np.float32) - position
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    return _Lit(
        pixel=look.pixel, position=position, normal=surface.normals(look.hits), view=towards, paint=paint_at(position)
    )


@numba.njit(cache=True, error_model="numpy")
def _shade(position, normal, view, paint, lamp, gloss, pixel, out):
    """Writes sRGB codes of a panel as a point: half of Lambert's light, and a lobe (GGX, roughness 0.45) on top."""
    length = np.sqrt((lamp**2).sum())
    square = 0.45**4
    for t in range(len(pixel)):
        x, y, z = lamp[0] - position[t, 0], lamp[1] - position[t, 1], lamp[2] - position[t, 2]
        d2 = x * x + y * y + z * z
        d = np.sqrt(d2)
        x, y, z = x / d, y / d, z / d
        lit = normal[t, 0] * x + normal[t, 1] * y + normal[t, 2] * z
        if lit <= 0:
            continue
        ahead = (x * lamp[0] + y * lamp[1] + z * lamp[2]) / length
        light = _RADIANCE * _PANEL_M**2 * ahead / d2
        shine = 0.0
        if gloss:
            hx, hy, hz = x + view[t, 0], y + view[t, 1], z + view[t, 2]
            h = np.sqrt(hx * hx + hy * hy + hz * hz)
            c = (normal[t, 0] * hx + normal[t, 1] * hy + normal[t, 2] * hz) / h
            to_eye = max(normal[t, 0] * view[t, 0] + normal[t, 1] * view[t, 1] + normal[t, 2] * view[t, 2], 0.05)
            flat = c * c * (square - 1) + 1
            shine = 0.028 * square / (np.pi * flat * flat) / (4 * to_eye) * light
        for k in range(3):
            value = _EXPOSURE * (0.5 * paint[t, k] * lit * light / np.pi + shine)
            value = min(max(value, 0.0), 1.0)
            code = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
            out[pixel[t], k] = np.uint8(255 * code + 0.5)
