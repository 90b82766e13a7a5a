"""A ball painted with a known colour, photographed from all sides: the texture must give that colour back."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from scan3d.appearance.atlas import Atlas, build_atlas
from scan3d.appearance.exposure import agree_on_gains
from scan3d.appearance.fill import fill_texture
from scan3d.appearance.texture import TextureMaps, bake_texture
from scan3d.appearance.tone import linear_from_srgb, srgb_from_linear
from scan3d.appearance.view_image import ViewImage
from scan3d.geometry import Camera, Intrinsics, Mesh, Rigid3
from scan3d.geometry.texels import rasterise_faces

RADIUS_M = 0.1


def paint(points: np.ndarray) -> np.ndarray:
    """Encoded colour (..., 3) of points on the ball: waves of three centimetres."""
    x, y, z = np.moveaxis(points * (2 * np.pi / 0.03), -1, 0)
    return np.stack([0.5 + 0.2 * np.sin(x), 0.5 + 0.2 * np.sin(y + 1), 0.5 + 0.2 * np.sin(z + 2)], -1)


def cameras(count: int = 14, size: int = 260) -> list[Camera]:
    made = []
    for k in range(count):
        height = 1 - 2 * (k + 0.5) / count
        turn = 2.4 * k
        away = np.array([np.sqrt(1 - height**2) * np.cos(turn), np.sqrt(1 - height**2) * np.sin(turn), height])
        forward = -away
        right = np.cross(forward, [0.1, 0.2, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        intrinsics = Intrinsics(
            model="pinhole", width=size, height=size, fx=4.2 * size, fy=4.2 * size, cx=size / 2, cy=size / 2
        )
        pose = Rigid3(rotation=rotation, translation=-rotation @ away)
        made.append(Camera(camera_id=f"cam{k:02d}", intrinsics=intrinsics, cam_from_world=pose))
    return made


def photograph(camera: Camera, gain: float = 1.0) -> np.ndarray:
    i = camera.intrinsics
    y, x = np.mgrid[0 : i.height, 0 : i.width] + 0.5
    rays = np.stack([(x - i.cx) / i.fx, (y - i.cy) / i.fy, np.ones_like(x)], -1) @ camera.cam_from_world.rotation
    origin = camera.centre
    a, b, c = (rays**2).sum(-1), rays @ origin, origin @ origin - RADIUS_M**2
    inside = b * b - a * c
    points = origin + rays * ((-b - np.sqrt(np.maximum(inside, 0))) / a)[..., None]
    colour = srgb_from_linear(linear_from_srgb(paint(points)) * gain)
    return np.rint(np.where(inside[..., None] > 0, colour, 0.0).clip(0, 1) * 255).astype(np.uint8)


def view(camera: Camera, gain: float = 1.0) -> ViewImage:
    return ViewImage(camera=camera, load=lambda: photograph(camera, gain))


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    ball = trimesh.creation.icosphere(subdivisions=5)
    return Mesh(vertices=np.array(ball.vertices) * RADIUS_M, faces=np.array(ball.faces))


@pytest.fixture(scope="module")
def atlas(mesh: Mesh) -> Atlas:
    return build_atlas(mesh, texture_size=512, padding_px=4)


def wrong(mesh: Mesh, atlas: Atlas, maps: TextureMaps) -> tuple[np.ndarray, np.ndarray]:
    """Difference (N, 3) to the paint of every texel on the surface, and where each lies (N, 3)."""
    owner = np.full((atlas.texture_size,) * 2, -1, np.int32)
    corners = atlas.texel_uv()
    rasterise_faces(corners, owner)
    rows, columns = np.nonzero(owner >= 0)
    face = owner[rows, columns]
    c = corners[face]
    e1, e2 = c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]
    p = np.stack([columns + 0.5, rows + 0.5], 1) - c[:, 0]
    det = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    u, v = (p[:, 0] * e2[:, 1] - p[:, 1] * e2[:, 0]) / det, (e1[:, 0] * p[:, 1] - e1[:, 1] * p[:, 0]) / det
    a, b, d = np.moveaxis(mesh.vertices[mesh.faces[face]], 1, 0)
    points = a * (1 - u - v)[:, None] + b * u[:, None] + d * v[:, None]
    top = np.iinfo(maps.colour[0].dtype).max
    return maps.colour[0][rows, columns] / top - paint(points), points


def test_the_paint_comes_back(mesh: Mesh, atlas: Atlas) -> None:
    maps = bake_texture(mesh, atlas, [view(c) for c in cameras()])
    error, _ = wrong(mesh, atlas, maps)
    assert np.sqrt((error**2).mean()) < 0.02
    assert maps.seen_share > 0.99
    np.testing.assert_allclose(maps.gains, 1.0, atol=0.02)


def test_sixteen_bits_are_finer_and_workers_change_nothing(mesh: Mesh, atlas: Atlas) -> None:
    views = [view(c) for c in cameras(8)]
    one = bake_texture(mesh, atlas, views, bits=16, workers=1)
    two = bake_texture(mesh, atlas, views, bits=16, workers=2)
    assert one.colour[0].dtype == np.uint16
    assert one.colour[0].tobytes() == two.colour[0].tobytes()
    assert len(np.unique(one.colour[0])) > 1000


def test_a_camera_that_is_brighter_is_brought_into_line(mesh: Mesh, atlas: Atlas) -> None:
    gains = np.ones(14)
    gains[4] = 1.5
    maps = bake_texture(mesh, atlas, [view(c, g) for c, g in zip(cameras(), gains, strict=True)])
    relative = maps.gains[:, 1] / np.median(maps.gains[:, 1])
    assert relative[4] == pytest.approx(1 / 1.5, rel=0.05)
    error, _ = wrong(mesh, atlas, maps)
    assert np.sqrt(((error - error.mean(0)) ** 2).mean()) < 0.025


def test_exposure_is_found_among_gloss() -> None:
    rng = np.random.default_rng(0)
    colour = rng.uniform(0.1, 0.5, (4000, 3))
    true = np.exp(rng.normal(0, 0.3, (6, 3)))
    true /= np.exp(np.log(true).mean(0))
    samples = colour[None] * true[:, None]
    samples[rng.random((6, 4000)) < 0.1] *= 1.8  # highlights
    weights = (rng.random((6, 4000)) < 0.6).astype(float)
    np.testing.assert_allclose(agree_on_gains(samples, weights), 1 / true, rtol=0.02)


def test_what_stands_in_front_does_not_colour_what_is_behind(mesh: Mesh, atlas: Atlas) -> None:
    """A plate before the ball hides part of it from one camera, which shows the plate's colour there."""
    rig = cameras()
    blocked = rig[5]
    away = blocked.centre / np.linalg.norm(blocked.centre)
    side = np.cross(away, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, away)
    corners = np.array([away * 0.2 + a * side * 0.03 + b * up * 0.03 for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    n = len(mesh.vertices)
    plate = np.array([[n, n + 1, n + 2], [n, n + 2, n + 3]])
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0]) @ away
    both = Mesh(
        vertices=np.concatenate([mesh.vertices, corners]),
        faces=np.concatenate([mesh.faces, plate if normal > 0 else plate[:, ::-1]]),
    )

    def load(camera: Camera = blocked) -> np.ndarray:
        picture = photograph(camera)
        px, _ = camera.project(corners)
        low, high = np.floor(px.min(0)).astype(int), np.ceil(px.max(0)).astype(int)
        picture[low[1] : high[1], low[0] : high[0]] = (255, 0, 255)
        return picture

    views = [ViewImage(camera=c, load=load) if c is blocked else view(c) for c in rig]
    # the plate has no place in the atlas of the ball: bake the ball's faces of the joint mesh
    joint = build_atlas(both, texture_size=512, padding_px=4)
    error, points = wrong(both, joint, bake_texture(both, joint, views))
    ball = np.abs(np.linalg.norm(points, axis=1) - RADIUS_M) < 1e-3
    behind = ball & (points @ away > 0.9 * RADIUS_M)
    assert behind.sum() > 200
    assert np.sqrt((error[behind] ** 2).mean()) < 0.05


def test_holes_are_filled_and_marked_and_borders_padded() -> None:
    size = 64
    index = np.flatnonzero(np.pad(np.ones((32, 32), bool), 16).ravel())
    colour = np.full((len(index), 3), 0.25, np.float32)
    known = np.ones(len(index), bool)
    known[500:540] = False
    colour[~known] = 99.0
    picture, holes = fill_texture(index, colour, known, size=size, padding_px=4)
    assert (holes.ravel()[index] > 0).sum() == 40
    np.testing.assert_allclose(picture.reshape(-1, 3)[index], 0.25, atol=1e-5)
    np.testing.assert_allclose(picture[13:51, 13:51], 0.25, atol=1e-5)
