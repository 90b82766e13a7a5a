"""Depth images in closed form: planes, spheres, what is behind, what is cut off, and edges that two faces share."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from scan3d.geometry.rasterise import rasterise_depth

HEIGHT, WIDTH = 60, 80
FOCAL = 70.0
CAMERA = np.array([[FOCAL, 0, WIDTH / 2, 0], [0, FOCAL, HEIGHT / 2, 0], [0, 0, 1, 0]])  # at the origin, looks along z


def rays() -> np.ndarray:
    """(H, W, 3) through the pixels' centres, z = 1."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    return np.stack([(x - WIDTH / 2) / FOCAL, (y - HEIGHT / 2) / FOCAL, np.ones_like(x)], -1)


def facing(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces turned towards a camera at the origin."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    away = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) > 0
    return np.where(away[:, None], faces[:, ::-1], faces)


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.5, -0.3, 1.0), (-0.9, 0.8, 1.0)])
def test_a_slanted_plane_has_its_depth_at_every_pixel(normal: tuple[float, float, float]) -> None:
    n = np.array(normal)
    corners = rays()[[2, 2, -3, -3], [2, -3, -3, 2]] * [1.005, 1.005, 1]  # just around these pixels' centres
    vertices = corners * (2 / (corners @ n))[:, None]
    depth, face = rasterise_depth(vertices, facing(vertices, np.array([[0, 1, 2], [0, 2, 3]])), CAMERA, (HEIGHT, WIDTH))
    wanted = 2 / (rays() @ n)
    seen = np.isfinite(depth)
    assert seen[2:-2, 2:-2].all()
    assert seen.sum() == (HEIGHT - 4) * (WIDTH - 4)
    np.testing.assert_allclose(depth[seen], wanted[seen], rtol=1e-6)
    assert set(np.unique(face[seen])) == {0, 1}
    assert (face[~seen] == -1).all()


def test_a_sphere_is_seen_from_outside_only() -> None:
    ball = trimesh.creation.icosphere(subdivisions=5)
    centre = np.array([0.1, -0.2, 4.0])
    vertices, faces = np.array(ball.vertices) + centre, np.array(ball.faces)
    depth, face = rasterise_depth(vertices, faces, CAMERA, (HEIGHT, WIDTH))
    directions = rays()
    a, b, c = (directions**2).sum(-1), directions @ centre, centre @ centre - 1
    hit = b * b - a * c
    near, far = ((b + sign * np.sqrt(np.maximum(hit, 0))) / a for sign in (-1, 1))
    well_inside = hit > 0.3
    assert well_inside.sum() > 500
    assert np.abs(depth - near)[well_inside].max() < 1e-3  # facets lie up to 0.0007 below the sphere
    assert not np.isfinite(depth[hit < 0]).any()
    inside_out, _ = rasterise_depth(vertices, faces[:, ::-1], CAMERA, (HEIGHT, WIDTH))
    assert np.abs(inside_out - far)[well_inside].max() < 1e-3
    towards = ((vertices[faces[face[well_inside], 0]] - centre) * centre).sum(-1)
    assert (towards < 0).all()  # the faces named are those of the near side


def test_the_nearer_of_two_surfaces_is_seen_whatever_their_order() -> None:
    square = np.array([[-9.0, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0]])
    vertices = np.concatenate([square, square * 0.02]) + np.repeat([[0, 0, 3], [0, 0, 2]], 4, axis=0)
    far, near = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[4, 5, 6], [4, 6, 7]])
    for order in ([far, near], [near, far]):
        faces = facing(vertices, np.concatenate(order))
        depth, face = rasterise_depth(vertices, faces, CAMERA, (HEIGHT, WIDTH))
        in_front = (np.abs(rays()[..., :2]) < 0.18 / 2).all(-1)
        assert in_front.sum() > 50
        np.testing.assert_allclose(depth, np.where(in_front, 2.0, 3.0), rtol=1e-6)
        assert ((faces[face][..., 0] >= 4) == in_front).all()


@given(st.integers(0, 10_000))
def test_any_triangulation_covers_its_plane_without_a_crack(seed: int) -> None:
    random = np.random.default_rng(seed)
    inner = random.uniform(-0.7, 0.7, (60, 2))
    # vertices at pixel centres too, where the tests of both sides of an edge are zero
    centres = rays()[random.integers(0, HEIGHT, 20), random.integers(0, WIDTH, 20), :2]
    flat = np.concatenate([inner, centres, [[-1, -1], [1, -1], [1, 1], [-1, 1]]])
    faces = Delaunay(flat).simplices
    z = 1 / (1 + 0.3 * flat[:, 0] - 0.2 * flat[:, 1])  # a plane, so that every triangulation is the same surface
    vertices = np.column_stack([flat * z[:, None], z])
    depth, _ = rasterise_depth(vertices, facing(vertices, faces), CAMERA, (HEIGHT, WIDTH))
    directions = rays()
    wanted = 1 / (1 + 0.3 * directions[..., 0] - 0.2 * directions[..., 1])
    np.testing.assert_allclose(depth, wanted, rtol=1e-6)


def test_what_reaches_out_of_the_picture_is_cut_and_what_is_behind_the_camera_is_not_there() -> None:
    large = np.array([[-1e4, -1e4, 2.0], [1e4, -1e4, 2.0], [0, 2e4, 2.0]])
    behind = large * [1, 1, -1]
    across = np.array([[-1.0, 0, 1], [1, 0, 1], [0, 1, -1]])  # reaches behind the camera: left out as a whole
    for vertices in (behind, across):
        for faces in (np.array([[0, 1, 2]]), np.array([[0, 2, 1]])):
            depth, face = rasterise_depth(vertices, faces, CAMERA, (HEIGHT, WIDTH))
            assert not np.isfinite(depth).any()
            assert (face == -1).all()
    depth, _ = rasterise_depth(large, facing(large, np.array([[0, 1, 2]])), CAMERA, (HEIGHT, WIDTH))
    np.testing.assert_allclose(depth, 2.0, rtol=1e-6)
    moved = large * [1e-4, 1e-4, 1] + [2.0, 0, 0]  # beyond the right border but for its corner
    depth, _ = rasterise_depth(moved, facing(moved, np.array([[0, 1, 2]])), CAMERA, (HEIGHT, WIDTH))
    assert 0 < np.isfinite(depth).sum() < 0.2 * depth.size
    assert not np.isfinite(depth[:, : WIDTH // 2]).any()


def test_an_empty_mesh_shows_nothing() -> None:
    depth, face = rasterise_depth(np.zeros((0, 3)), np.zeros((0, 3), np.int32), CAMERA, (HEIGHT, WIDTH))
    assert not np.isfinite(depth).any()
    assert (face == -1).all()
