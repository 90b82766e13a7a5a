"""Finer meshes of a body: what they carry, and where their vertices are."""

from dataclasses import replace

import numpy as np
import pytest

from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.geometry import Mesh
from tests.body.small_body import small_body


def test_vertices_are_means_and_the_models_own_come_first() -> None:
    model = small_body()
    for level in (1, 2):
        split = fine_mesh(model, level)
        count = len(model.template)
        assert np.allclose(split.matrix.sum(axis=1), 1)
        assert np.array_equal(split.matrix[:count].toarray(), np.eye(count))
        assert split.quads is not None and len(split.quads) == 4**level * len(model.quads)


def test_the_flat_pieces_keep_surface_orientation_and_texture() -> None:
    model = small_body()
    split = fine_mesh(model, 2)
    before = Mesh(vertices=model.template, faces=model.faces)
    after = Mesh(vertices=split.matrix @ model.template, faces=split.faces)
    assert after.is_manifold()
    assert (after.face_normals() * np.repeat(before.face_normals(), 16, axis=0)).sum(axis=1).min() > 0.7
    # Quads that are not flat change their area a little when their middle becomes a vertex.
    assert after.face_areas().sum() == pytest.approx(before.face_areas().sum(), rel=2e-3)
    corners = split.uv[split.face_uv]
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    double = ax * by - ay * bx
    assert (double > 0).all()
    assert double.sum() / 2 == pytest.approx(0.9 * 0.9)
    # Each corner's place on the texture is that of its vertex: u runs around the body, v along it.
    heights = after.vertices[split.faces][..., 1]
    assert (
        np.abs(np.polyval(np.polyfit(corners[..., 1].ravel(), heights.ravel(), 1), corners[..., 1]) - heights).max()
        < 1e-9
    )


def _sphere(triangles: bool) -> tuple:
    """A cube's grid blown up to a sphere of 1 m, as a body of quads or triangles."""
    n = 8
    line = np.linspace(-1, 1, n + 1)
    a, b = np.meshgrid(line, line, indexing="ij")
    one = np.ones_like(a)
    sides = [(one, a, b), (-one, b, a), (b, one, a), (a, -one, b), (a, b, one), (b, a, -one)]
    points = np.concatenate([np.stack(side, axis=-1).reshape(-1, 3) for side in sides])
    unique, inverse = np.unique(np.round(points, 9), axis=0, return_inverse=True)
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    corner = (i * (n + 1) + j).ravel()
    quad = np.stack([corner, corner + n + 1, corner + n + 2, corner + 1], axis=1)
    quads = inverse.reshape(-1)[np.concatenate([quad + k * (n + 1) ** 2 for k in range(6)])].astype(np.int32)
    sphere = unique / np.linalg.norm(unique, axis=1, keepdims=True)
    faces = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    model = replace(
        small_body(), template=sphere, faces=faces, quads=None if triangles else quads, uv=None, quad_uv=None
    )
    return model, sphere


@pytest.mark.parametrize("triangles", [False, True])
def test_the_smooth_surface_runs_through_the_models_vertices(triangles: bool) -> None:
    model, sphere = _sphere(triangles)
    split = fine_mesh(model, 2)
    assert Mesh(vertices=split.matrix @ sphere, faces=split.faces).is_watertight()
    smooth = split.smooth(sphere)
    assert np.allclose(smooth[: len(sphere)], sphere, atol=1e-12)
    flat_error = 1 - np.linalg.norm(split.matrix @ sphere, axis=1)
    smooth_error = np.abs(1 - np.linalg.norm(smooth, axis=1))
    assert smooth_error.max() < 0.25 * flat_error.max()
    assert smooth_error.mean() < 0.15 * flat_error.mean()


def test_a_rim_stays_a_smooth_line() -> None:
    model = small_body()
    split = fine_mesh(model, 1)
    smooth = split.smooth(model.template)
    rim = np.unique(Mesh(vertices=smooth, faces=split.faces).boundary_edges())
    lower = rim[smooth[rim, 1] < 0]
    assert np.ptp(smooth[lower, 1]) < 1e-9
    radius = np.hypot(smooth[lower, 0], smooth[lower, 2])
    assert np.ptp(radius) < 2e-4


def test_a_negative_level_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        fine_mesh(small_body(), -1)
