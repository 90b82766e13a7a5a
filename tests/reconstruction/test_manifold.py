"""Manifolds from soups: whatever goes in, every edge has two sides at most and every vertex one fan."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from scan3d.geometry import Mesh
from scan3d.reconstruction.manifold import boundary_loops, make_manifold
from scan3d.reconstruction.surface import decimate


def ball(subdivisions: int) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=subdivisions)
    return Mesh(vertices=np.array(made.vertices), faces=np.array(made.faces))


def outward(mesh: Mesh) -> np.ndarray:
    """(F,) whether a face looks away from the origin."""
    return np.einsum("ij,ij->i", mesh.face_cross(), mesh.vertices[mesh.faces].mean(1)) > 0


@given(
    seed=st.integers(0, 2**31),
    lost=st.sampled_from([0.0, 0.1, 0.4]),
    stray=st.integers(0, 150),
    turned=st.sampled_from([0.0, 0.05, 0.5]),
)
def test_any_soup_becomes_a_manifold(seed: int, lost: float, stray: int, turned: float) -> None:
    random = np.random.default_rng(seed)
    mesh = ball(2)
    faces = mesh.faces[random.random(len(mesh.faces)) >= lost]
    faces = np.concatenate([faces, random.integers(0, len(mesh.vertices), (stray, 3)), faces[:5]])
    turn = random.random(len(faces)) < turned
    faces[turn] = faces[turn][:, ::-1]
    found = make_manifold(Mesh(vertices=mesh.vertices, faces=faces))
    assert found.is_manifold()
    assert len(np.unique(found.faces)) == len(found.vertices)  # none unused
    assert np.isfinite(found.vertices).all()
    # every hole is found, in one piece, and small ones are closed
    loops = boundary_loops(found.faces)
    assert sum(len(loop) for loop in loops) == len(found.boundary_edges())


@given(seed=st.integers(0, 2**31), noise=st.floats(0.0, 0.15), share=st.floats(0.05, 0.6))
def test_a_decimated_crumpled_surface_becomes_a_manifold_and_stays_a_surface(
    seed: int, noise: float, share: float
) -> None:
    mesh = ball(3)
    crumpled = mesh.vertices + noise * np.random.default_rng(seed).normal(size=mesh.vertices.shape)
    coarse = decimate(Mesh(vertices=crumpled, faces=mesh.faces), int(share * len(mesh.faces)))
    found = make_manifold(coarse)
    assert found.is_manifold()
    assert len(found.faces) > 0.8 * len(coarse.faces)


@pytest.mark.parametrize("subdivisions", [0, 2, 4])
def test_what_is_a_manifold_already_keeps_every_face_and_point(subdivisions: int) -> None:
    mesh = ball(subdivisions)
    found = make_manifold(mesh)
    assert found.is_watertight()
    assert sorted(map(tuple, found.vertices.tolist())) == sorted(map(tuple, mesh.vertices.tolist()))

    def corners(m: Mesh) -> set[tuple[float, ...]]:
        rolled = [np.roll(m.vertices[m.faces], k, axis=1).reshape(-1, 9) for k in range(3)]
        return set(map(tuple, np.concatenate(rolled).tolist()))

    assert corners(found) == corners(mesh)  # the same triangles, the same way round
    doubled = make_manifold(Mesh(vertices=mesh.vertices, faces=np.concatenate([mesh.faces, mesh.faces])))
    assert len(doubled.faces) == len(mesh.faces)
    assert corners(doubled) == corners(mesh)


@pytest.mark.parametrize("ring", [1, 2])
def test_a_small_hole_is_closed_facing_outward(ring: int) -> None:
    mesh = ball(3)
    hole = (mesh.faces == 0).any(1)
    if ring == 2:
        hole = np.isin(mesh.faces, mesh.faces[hole]).any(1)
    edges_around = len(Mesh(vertices=mesh.vertices, faces=mesh.faces[~hole]).boundary_edges())
    found = make_manifold(Mesh(vertices=mesh.vertices, faces=mesh.faces[~hole]))
    assert found.is_watertight()
    assert len(found.faces) == len(mesh.faces) - hole.sum() + edges_around - 2
    assert outward(found).all()


def test_a_hole_as_large_as_said_is_closed_and_a_larger_one_is_not() -> None:
    mesh = ball(3)
    kept = mesh.faces[~(mesh.faces == 0).any(1)]
    size = len(Mesh(vertices=mesh.vertices, faces=kept).boundary_edges())
    open_mesh = Mesh(vertices=mesh.vertices, faces=kept)
    assert make_manifold(open_mesh, fill_edges=size).is_watertight()
    left = make_manifold(open_mesh, fill_edges=size - 1)
    assert len(left.faces) == len(kept)
    assert len(left.boundary_edges()) == size


def test_a_fan_of_three_sheets_and_faces_that_disagree_are_taken_apart() -> None:
    vertices = np.array([[0.0, 0, 0], [0, 0, 1], [1, 0, 0], [-1, 0.5, 0], [-1, -0.5, 0]])
    sheets = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]])
    assert not len(make_manifold(Mesh(vertices=vertices, faces=sheets)).faces)
    same_way = np.array([[0, 1, 2], [0, 1, 3]])  # both run 0 -> 1: one of them must be inside out
    assert not len(make_manifold(Mesh(vertices=vertices, faces=same_way)).faces)
    two = Mesh(vertices=vertices, faces=sheets[:2])
    assert len(make_manifold(two, fill_edges=0).faces) == 2
    # the shorter diagonal of what is open is an edge already: the longer one makes a tetrahedron
    assert make_manifold(two).is_watertight()
    assert len(make_manifold(two).faces) == 4


def test_bodies_that_touch_in_a_point_are_parted_in_space_too() -> None:
    one = ball(2)
    tip = int(one.vertices[:, 2].argmax())
    other = np.where(np.arange(len(one.vertices)) == tip, tip, np.arange(len(one.vertices)) + len(one.vertices))
    flipped = one.vertices * [1, 1, -1] + 2 * one.vertices[tip]
    mesh = Mesh(
        vertices=np.concatenate([one.vertices, flipped]),
        faces=np.concatenate([one.faces, other[one.faces][:, ::-1]]),
    )
    assert not mesh.is_manifold()
    found = make_manifold(mesh)
    assert found.is_watertight()
    assert len(found.faces) == len(mesh.faces)
    assert len(np.unique(found.vertices, axis=0)) == len(found.vertices)  # a reader may merge equal points
    moved = np.linalg.norm(found.vertices[:, None] - mesh.vertices[None], axis=-1).min(1)
    assert 0 < moved.max() < 0.02


def test_no_faces_are_a_manifold() -> None:
    found = make_manifold(Mesh(vertices=np.zeros((3, 3)), faces=np.zeros((0, 3), np.int32)))
    assert not len(found.faces)
    assert not len(found.vertices)
