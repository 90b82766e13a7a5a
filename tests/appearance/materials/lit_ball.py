"""A painted ball with fine bumps under lamps one by one, photographed in closed form: diffuse light and a lobe."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from scan3d.appearance.atlas import build_atlas
from scan3d.appearance.materials.light_points import LightPoints, light_points
from scan3d.appearance.materials.observations import Lamp, LitView, lamps_of
from scan3d.appearance.materials.surface import Surface, make_surface
from scan3d.geometry import Camera, Intrinsics, Mesh
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.rig_definition import look_at

RADIUS_M, _AWAY_M, _SIDE_PX = 0.05, 0.6, 96


@dataclass(frozen=True, kw_only=True)
class LitBall:
    """What `Solver` wants: the surface, the lamps, some polarised and some not, and the views."""

    surface: Surface
    lamps: tuple[Lamp, ...]
    views: list[LitView]


def lit_ball(*, views: int = 5, polarised: int = 3, plain: int = 3, texture_size: int = 128) -> LitBall:
    """The last view looks away from the ball, the first is a tenth too bright; 2 % of noise and a reflection."""
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=3, radius=RADIUS_M)
    mesh = Mesh(vertices=np.asarray(made.vertices), faces=np.asarray(made.faces, np.int32))
    atlas = build_atlas(mesh, texture_size=texture_size, padding_px=2)
    painted = Mesh(vertices=mesh.vertices, faces=mesh.faces, uv=atlas.uv)
    setups = {}
    for k in range(polarised + plain):
        x, y, z = _around(k, polarised + plain, 0.5 * (-1) ** k)
        panel = Panel(name=f"p{k}", centre_m=(x, y, z), target_m=(0, 0, 0), size_m=(0.1, 0.1), radiance=(40, 36, 30))
        for state in ("cross", "parallel") if k < polarised else ("none",):
            setups[f"{k}_{state}"] = LightSetup(name=f"{k}_{state}", panels=(panel,), polarisation=state)  # type: ignore[arg-type]
    lights = {name.split("_")[0]: light_points([setup], np.zeros(3)) for name, setup in setups.items()}
    cameras = [_camera(k, views - 1) for k in range(views - 1)]
    away = Camera(
        camera_id="away", intrinsics=cameras[0].intrinsics,
        cam_from_world=look_at(np.array([0.6, 0.0, 0.0]), np.array([1.2, 0.0, 0.0])),
    )  # fmt: skip
    seen = [_view(camera, lights, list(setups), 1.1 if k == 0 else 1.0) for k, camera in enumerate([*cameras, away])]
    surface = make_surface(painted, atlas.tile_of_face, texture_size, edge_m=1.0)
    return LitBall(surface=surface, lamps=lamps_of(setups), views=seen)


def _around(k: int, count: int, up: float) -> tuple[float, float, float]:
    turn = 2 * np.pi * k / count
    x, y, z = _AWAY_M * np.array([np.cos(turn) * np.cos(up), np.sin(turn) * np.cos(up), np.sin(up)])
    return float(x), float(y), float(z)


def _camera(k: int, count: int) -> Camera:
    middle, focal = _SIDE_PX / 2, 5.5 * _SIDE_PX
    intrinsics = Intrinsics(
        model="pinhole", width=_SIDE_PX, height=_SIDE_PX, fx=focal, fy=focal, cx=middle + 1, cy=middle - 2
    )
    pose = look_at(np.array(_around(k, count, 0.3 * (-1) ** k)), np.zeros(3))
    return Camera(camera_id=f"c{k}", intrinsics=intrinsics, cam_from_world=pose)


def _view(camera: Camera, lights: dict[str, LightPoints], names: list[str], gain: float) -> LitView:
    i = camera.intrinsics
    x, y = np.meshgrid(np.arange(i.width) + 0.5, np.arange(i.height) + 0.5)
    ray = np.stack([(x - i.cx) / i.fx, (y - i.cy) / i.fy, np.ones_like(x)], axis=-1)
    ray = ray @ camera.cam_from_world.rotation  # transposed: of the world
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    along = -ray @ camera.centre
    inside = RADIUS_M**2 - (camera.centre @ camera.centre - along**2)
    hit = (inside > 0) & (along > 0)
    p = camera.centre + (along - np.sqrt(np.maximum(inside, 0)))[..., None] * ray
    p, towards = p[hit], -ray[hit]
    normal = p / RADIUS_M + 0.06 * np.sin(p[:, [1, 2, 0]] / 1.5e-3)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    albedo = 0.45 + 0.2 * np.sin(p / 4e-3 + np.arange(3))

    shaded = functools.cache(lambda lamp: _shaded(p, normal, towards, albedo, lights[lamp]))

    def load(light_id: str) -> np.ndarray:
        diffuse, gloss = shaded(light_id.split("_")[0])
        parts = {"cross": 0.5 * diffuse, "parallel": 0.5 * diffuse + gloss, "none": diffuse + gloss}
        out = np.full((i.height, i.width, 3), 0.002, np.float32)
        rng = np.random.default_rng(crc32(f"{camera.camera_id} {light_id}".encode()))
        noise = 1 + 0.02 * rng.standard_normal((len(p), 1))
        out[hit] = gain * noise * parts[light_id.split("_")[1]]
        out[10:20, : i.width // 2] *= 1.3  # something shines into the lens
        return out

    pictures = {name: load(name) for name in names}
    return LitView(camera=camera, load=pictures.__getitem__)


def _shaded(
    p: np.ndarray, normal: np.ndarray, towards: np.ndarray, albedo: np.ndarray, light: LightPoints
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) diffuse light and gloss."""
    diffuse, gloss = np.zeros_like(p), np.zeros((len(p), 1))
    for at, ahead, power in zip(light.position[0], light.ahead[0], light.power[0], strict=True):
        way = at - p
        square = (way**2).sum(axis=1, keepdims=True)
        way /= np.sqrt(square)
        received = np.maximum(-(way @ ahead)[:, None], 0) * power / square
        received *= (way * p).sum(axis=1, keepdims=True) > 0
        cosine = np.maximum((way * normal).sum(axis=1, keepdims=True), 0)
        half = way + towards
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        diffuse += albedo / np.pi * received * cosine
        gloss += 0.02 * received * (cosine > 0) * np.maximum((half * normal).sum(axis=1, keepdims=True), 0) ** 20
    return diffuse * light.colour[0], gloss * light.colour[0]
