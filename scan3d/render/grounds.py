"""What stands behind and below somebody: colour, white, surroundings, and the shadow on the floor."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.directions import even_directions
from scan3d.geometry.lights import LightSetup, Surroundings
from scan3d.geometry.texture_lookup import value_at
from scan3d.render.frame import Frame
from scan3d.render.light_field import radiance_towards
from scan3d.render.looks import Look
from scan3d.render.surface_rays import SurfaceRays, pixel_rays
from scan3d.render.views import seen

_NEAR_CELLS, _FAR_CELLS = 160, 80
_NEAR_ROOM_M, _FAR_M = 0.5, 3.0
_SIDE, _WAYS = 8, 192


def finished(frame: Frame, look: Look, lights: LightSetup, camera: Camera) -> np.ndarray:
    """(H, W, 3 or 4) float32 0..1 encoded for screens: the figure over the look's ground; 4 channels where that
    is transparent, not premultiplied."""
    style, ground = look.picture, look.ground
    alpha = frame.alpha[..., None]
    if ground.kind in ("transparent", "white"):
        figure = seen(frame.beauty / np.maximum(alpha, 1e-4), style.view, stops=style.stops)
        if ground.kind == "transparent":
            return np.concatenate([figure, alpha], axis=-1).astype(np.float32)
        below = np.ones(alpha.shape, np.float32) if frame.shadow is None else frame.shadow[..., None]
        white = seen(np.repeat(below, 3, axis=-1), "standard")
        return np.asarray(figure * alpha + white * (1 - alpha), np.float32)
    if ground.kind == "surroundings" and lights.surroundings is not None:
        behind = _behind(lights.surroundings, camera)
    else:
        behind = np.asarray(ground.colour, np.float32) * _fading(frame.alpha.shape, ground.rim)[..., None]
    if frame.shadow is not None:
        behind = behind * frame.shadow[..., None]
    return seen(frame.beauty + (1 - alpha) * behind, style.view, stops=style.stops)


def _behind(surroundings: Surroundings, camera: Camera) -> np.ndarray:
    rays = pixel_rays(camera)
    u = np.arctan2(rays[:, 0], rays[:, 1]) % (2 * np.pi) / (2 * np.pi)
    v = 1 - np.arccos(np.clip(rays[:, 2], -1, 1)) / np.pi
    i = camera.intrinsics
    return value_at(surroundings.radiance, np.column_stack([u, v])).reshape(i.height, i.width, 3)


def _fading(shape: tuple[int, ...], rim: float) -> np.ndarray:
    """(H, W) 1 in the middle, `rim` in the corners, smoothly."""
    height, width = shape
    y, x = np.mgrid[:height, :width]
    away = np.hypot((x - width / 2) / (width / 2), (y - 0.45 * height) / (height / 2)) / 2**0.5
    # A grain far below what is seen keeps a smooth wall from showing the steps of eight bits.
    grain = 1 + 0.012 * (np.random.default_rng(0).random(shape) - 0.5)
    return np.asarray((1 - (1 - rim) * np.clip(away, 0, 1) ** 2) * grain, np.float32)


def floor_shadow(rays: SurfaceRays, lights: LightSetup, camera: Camera, floor_m: float) -> np.ndarray:
    """(H, W) share of the light that falls on a floor at a height with the figure there; 1 where no floor is seen."""
    i = camera.intrinsics
    ways = pixel_rays(camera)
    down = ways[:, 2] < -1e-3
    reach = np.where(down, (floor_m - camera.centre[2]) / np.where(down, ways[:, 2], 1), np.inf)
    place = camera.centre[:2] + np.where(down, reach, 0)[:, None] * ways[:, :2]
    shadow = np.ones(len(ways), np.float32)
    points = np.concatenate([part.mesh.vertices[:, :2] for part in rays.parts])
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    near = 0.5 * float(np.ptp(points, axis=0).max()) + _NEAR_ROOM_M
    for half, cells in ((_FAR_M, _FAR_CELLS), (near, _NEAR_CELLS)):
        inside = down & (np.abs(place - middle).max(axis=1) < half * (1 - 1 / cells))
        if inside.any():
            grid = _grid(rays, lights, middle, half, cells, floor_m)
            uv = 0.5 + 0.5 * (place[inside] - middle) / half
            # Towards the end of the floor the shadow fades, as on a cyclorama.
            kept = 1 - np.clip(np.linalg.norm(place[inside] - middle, axis=1) / _FAR_M, 0, 1) ** 2
            shadow[inside] = 1 - kept * (1 - value_at(grid, uv))
    return shadow.reshape(i.height, i.width)


def _grid(
    rays: SurfaceRays, lights: LightSetup, middle: np.ndarray, half: float, cells: int, floor_m: float
) -> np.ndarray:
    """(cells, cells) shares over a square of the floor, row 0 at its far +Y side."""
    steps = (np.arange(cells) + 0.5) / cells * 2 - 1
    x, y = np.meshgrid(middle[0] + half * steps, middle[1] - half * steps)
    starts = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, floor_m + 2e-4)])
    got, whole = np.zeros(len(starts)), np.zeros(len(starts))
    luminance = np.array([0.2126, 0.7152, 0.0722])
    for panel in lights.panels:
        ahead = np.asarray(panel.target_m, float) - np.asarray(panel.centre_m, float)
        ahead /= np.linalg.norm(ahead)
        strength = float(np.dot(panel.radiance, luminance)) * panel.area_m2() / _SIDE**2
        for point in panel.points_m(_SIDE):
            way = point - starts
            square = (way**2).sum(axis=1)
            share = np.maximum(way[:, 2], 0) * np.maximum(-(way @ ahead), 0) / square**2 * strength
            whole += share
            got += share * rays.free(starts, way, 1.0)
    if lights.surroundings is not None:
        for way in even_directions(_WAYS):
            if way[2] > 0:
                light = float(radiance_towards(lights.surroundings.radiance, way) @ luminance)
                share = way[2] * light * 4 * np.pi / _WAYS
                whole += share
                got += share * rays.free(starts, np.broadcast_to(way, starts.shape), np.inf)
    return np.asarray(got / np.maximum(whole, 1e-9)).reshape(cells, cells).astype(np.float32)
