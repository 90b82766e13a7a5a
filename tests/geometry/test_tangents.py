"""Tangents of corners on closed forms, and the rules by which corners share one."""

import numpy as np

from scan3d.geometry.tangents import corner_tangents


def test_on_a_plane_they_run_along_u() -> None:
    points = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    up = np.tile([0.0, 0, 1], (4, 1))
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    tangents, sign = corner_tangents(points, faces, up, points[:, :2] @ turn, faces)
    # u = 0.8 x - 0.6 y
    assert np.allclose(tangents, [0.8, -0.6, 0]) and np.array_equal(sign, [1, 1])
    mirrored, sign = corner_tangents(points, faces, up, points[:, :2] * [-1, 1], faces)
    assert np.allclose(mirrored, [-1, 0, 0]) and np.array_equal(sign, [-1, -1])


def test_on_a_cylinder_they_follow_the_circle_and_stop_at_seams() -> None:
    angle = np.linspace(0, np.pi, 13)
    points = np.concatenate([np.stack([np.cos(angle), np.sin(angle), np.full(13, z)], axis=1) for z in (0.0, 0.5)])
    low = np.arange(12)
    faces = np.concatenate([np.stack([low, low + 1, low + 14], 1), np.stack([low, low + 14, low + 13], 1)]).astype(
        np.int32
    )
    normals = points * [1, 1, 0]
    uv = np.stack([np.tile(angle, 2), points[:, 2]], axis=1)
    tangents, sign = corner_tangents(points, faces, normals, uv, faces)
    exact = np.stack([-normals[:, 1], normals[:, 0], np.zeros(26)], axis=1)[faces]
    inner = ~np.isin(faces % 13, (0, 12))
    assert np.abs(tangents - exact)[inner].max() < 1e-9
    assert np.abs(tangents - exact).max() < 0.2 and (sign == 1).all()
    # The same corners with texture rows of their own take the tangent of their own face alone.
    own_uv, own = uv[faces].reshape(-1, 2), np.arange(faces.size, dtype=np.int32).reshape(-1, 3)
    alone, _ = corner_tangents(points, faces, normals, own_uv, own)
    assert np.abs(alone - exact)[inner].max() < 1e-9 or not np.allclose(alone, tangents)


def test_a_face_without_area_on_the_texture_still_has_directions_across_the_normal() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
    faces = np.array([[0, 1, 2]], np.int32)
    normals = np.tile([0.0, 0, 1], (3, 1))
    tangents, _ = corner_tangents(points, faces, normals, np.zeros((3, 2)), faces)
    assert np.allclose(np.linalg.norm(tangents, axis=2), 1) and np.allclose(tangents[..., 2], 0)
