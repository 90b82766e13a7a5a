"""Kinds of surface by votes of several cameras; each kind keeps its own gloss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scan3d.appearance.materials.first_solve import fit_by_kind
from scan3d.appearance.materials.gloss_fit import NODES, GlossSums, fit_gloss
from scan3d.appearance.materials.labels import voted_labels
from scan3d.appearance.materials.observations import LitView
from scan3d.geometry import Camera, Intrinsics, Mesh
from scan3d.geometry.rig_definition import look_at
from scan3d.report import SurfaceView
from scan3d.report import look_at as cast

SKIN, CLOTH, HAIR = 1, 2, 4  # values of pixels
SIDE = 96


def ball(radius: float = 0.05, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Mesh:
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    return Mesh(vertices=np.asarray(made.vertices) + centre, faces=np.asarray(made.faces, np.int32))


def camera(name: str, centre: tuple[float, float, float]) -> Camera:
    lens = Intrinsics(model="pinhole", width=SIDE, height=SIDE, fx=400.0, fy=400.0, cx=SIDE / 2, cy=SIDE / 2)
    return Camera(camera_id=name, intrinsics=lens, cam_from_world=look_at(np.array(centre), np.zeros(3)))


def views(*cameras: Camera) -> dict[str, LitView]:
    def dark(light: str) -> np.ndarray:
        raise AssertionError(f"votes need no photograph {light}")

    return {c.camera_id: LitView(camera=c, load=dark) for c in cameras}


def drawn(mesh: Mesh, seen: Camera, kind_at: Callable[[np.ndarray], np.ndarray]) -> Callable[[], np.ndarray]:
    """The picture of regions that a person would draw on the camera's photograph."""
    look = cast(SurfaceView(mesh), seen, smooth=False)
    picture = np.zeros(SIDE * SIDE, np.uint8)
    picture[look.pixel] = kind_at(look.surface.points(look.hits))
    return lambda: picture.reshape(SIDE, SIDE)


AROUND = tuple(
    camera(f"c{k}", (0.5 * np.cos(k * np.pi / 3), 0.5 * np.sin(k * np.pi / 3), 0.15 * (-1) ** k)) for k in range(6)
)


def test_a_ball_of_two_kinds_is_told_apart_by_all_cameras_together() -> None:
    mesh = ball()

    def kind_at(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 2] > 0.01, HAIR, SKIN)

    label = voted_labels(
        mesh, mesh.vertex_normals(), views(*AROUND), {c.camera_id: drawn(mesh, c, kind_at) for c in AROUND}
    )
    up = mesh.vertices[:, 2]
    clear = (np.abs(up - 0.01) > 1.5e-3) & (np.abs(up) < 0.04)  # a pixel is a millimetre
    assert (label[clear & (up > 0.01)] == HAIR - 1).all() and (label[clear & (up < 0.01)] == 0).all()
    assert clear.mean() > 0.7


def test_cameras_without_a_picture_do_not_vote_and_the_rest_is_skin() -> None:
    mesh, eye = ball(), AROUND[0]
    label = voted_labels(
        mesh, mesh.vertex_normals(), views(*AROUND),
        {eye.camera_id: drawn(mesh, eye, lambda points: np.full(len(points), CLOTH))},
    )  # fmt: skip
    facing = mesh.vertex_normals() @ (np.asarray(eye.centre) / np.linalg.norm(eye.centre))
    assert (label[facing > 0.5] == CLOTH - 1).all()
    assert (label[facing < 0] == 0).all()


def test_most_votes_win_and_a_view_from_aside_weighs_less() -> None:
    mesh, ahead, aside = ball(), camera("ahead", (0.5, 0.0, 0.0)), camera("aside", (0.05, 0.5, 0.0))
    pictures = {
        "ahead": drawn(mesh, ahead, lambda points: np.full(len(points), CLOTH)),
        "aside": drawn(mesh, aside, lambda points: np.full(len(points), HAIR)),
    }
    label = voted_labels(mesh, mesh.vertex_normals(), views(ahead, aside), pictures)
    normal = mesh.vertex_normals()
    both = (normal[:, 0] > 0.3) & (normal[:, 1] > 0.3)
    nearer = normal[:, 0] - normal[:, 1]
    assert both.sum() > 100
    assert (label[both & (nearer > 0.25)] == CLOTH - 1).all() and (label[both & (nearer < -0.25)] == HAIR - 1).all()


def test_what_hides_another_surface_does_not_vote_for_it() -> None:
    """A ball of cloth before a ball of skin, on one picture: the skin behind is asked of nobody."""
    front, back = ball(0.02, (0.1, 0.0, 0.0)), ball(0.05)
    mesh = Mesh(
        vertices=np.concatenate([front.vertices, back.vertices]),
        faces=np.concatenate([front.faces, back.faces + len(front.vertices)]),
    )
    eye = camera("ahead", (0.6, 0.0, 0.0))
    everything = {"ahead": lambda: np.full((SIDE, SIDE), CLOTH, np.uint8)}
    label = voted_labels(mesh, mesh.vertex_normals(), views(eye), everything)[len(front.vertices) :]
    # Shadow of the front ball's outline, as seen from the camera, on the back ball.
    towards = back.vertices - np.asarray(eye.centre)
    off = np.hypot(towards[:, 1], towards[:, 2]) / -towards[:, 0]
    facing = back.vertices[:, 0] > 0.02
    hidden = 0.02 / np.sqrt(0.5**2 - 0.02**2)
    assert (facing & (off < 0.9 * hidden)).sum() > 20
    assert (label[facing & (off < 0.9 * hidden)] == 0).all()
    assert (label[facing & (off > 1.5 * hidden) & (off < 0.07)] == CLOTH - 1).all()


def lobe_sums(roughness: list[float], gain: list[float], share: float, second: float) -> GlossSums:
    """Of patches whose gloss is a first lobe and a share of a second one."""
    rng = np.random.default_rng(5)

    def lobe(r: float, away: np.ndarray) -> np.ndarray:
        s = r**4
        return np.asarray(s / (np.pi * (np.cos(away) ** 2 * (s - 1) + 1) ** 2))

    sums = GlossSums.zeros(len(roughness))
    for c, (r, g) in enumerate(zip(roughness, gain, strict=True)):
        away = rng.uniform(0, 0.9, 4000)
        value = g * ((1 - share) * lobe(r, away) + share * lobe(second, away))
        nodes = np.stack([*(lobe(node, away) for node in NODES), np.cos(3 * away)], axis=1)
        sums.normal[c], sums.right[c] = nodes.T @ nodes, nodes.T @ value
        sums.square[c] = (value @ value, len(value))
    return sums


def test_skin_keeps_its_own_lobes_when_cloth_is_told_apart() -> None:
    skin = lobe_sums([0.45, 0.52, 0.56], [0.025, 0.028, 0.03], 0.15, 0.3)
    cloth = lobe_sums([0.3, 0.32], [0.06, 0.05], 0.0, 0.3)
    both = GlossSums(
        normal=np.concatenate([skin.normal, cloth.normal]),
        right=np.concatenate([skin.right, cloth.right]),
        square=np.concatenate([skin.square, cloth.square]),
    )
    alone, found = fit_gloss(skin), fit_by_kind(both, np.array([0, 0, 0, 1, 1]))
    assert found.roughness[:3] == pytest.approx(alone.roughness, abs=1e-9)
    assert found.specular[:3] == pytest.approx(alone.specular, abs=1e-9)
    assert (found.second_roughness, found.second_share) == (alone.second_roughness, alone.second_share)
    assert found.roughness[3:] == pytest.approx([0.3, 0.32], rel=0.03)
    assert found.specular[3:] == pytest.approx([0.06, 0.05], rel=0.05)
