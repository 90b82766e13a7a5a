"""Coarser avatars keep their shape, texture, weights and shapes; OBJ holds the mesh as it stands."""

from pathlib import Path

import numpy as np
import pytest

from scan3d.avatar.avatar import Avatar, Material
from scan3d.avatar.blender import Blender
from scan3d.avatar.bones import bone_names
from scan3d.avatar.lods import reduced
from scan3d.avatar.make import avatar_of
from scan3d.avatar.obj import write_obj
from scan3d.avatar.rig import rig_of
from scan3d.avatar.surface import corners_as_vertices, smooth_normals, tangents
from scan3d.body.model import BodyModel
from scan3d.geometry import Mesh
from tests.avatar.doll import doll, random_pose, somebody
from tests.avatar.trip import there_and_back, written_maps


@pytest.fixture(scope="module")
def fine() -> Avatar:
    model = doll(correctives=True)
    return avatar_of(model, somebody(model), level=2)


def uv_at_vertices(avatar: Avatar) -> np.ndarray:
    """(N, 5) place and texture of each corner."""
    faces, corners, _ = avatar.triangles()
    return np.hstack([avatar.vertices[faces.ravel()], avatar.uv[corners.ravel()]])


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_every_vertex_is_one_of_the_finer_mesh_with_all_it_carries(fine: Avatar, share: float) -> None:
    coarse = reduced(fine, share)
    # A quarter is less than the doll's many seams leave room for.
    assert len(coarse.triangles()[0]) == pytest.approx(
        share * len(fine.triangles()[0]), rel=0.02 if share == 0.5 else 0.5
    )
    row = {tuple(place): number for number, place in enumerate(fine.vertices)}
    rows = np.array([row[tuple(place)] for place in coarse.vertices])
    assert np.array_equal(coarse.weights, fine.weights[rows])
    assert all(np.array_equal(coarse.shapes[name], fine.shapes[name][rows]) for name in fine.shapes)
    assert fine.correctives is not None and coarse.correctives is not None
    values = np.random.default_rng(0).normal(size=len(fine.correctives.joint))
    before = fine.correctives.total(values, len(fine.vertices))
    assert np.array_equal(coarse.correctives.total(values, len(rows)), before[rows])
    # Each corner has a texture coordinate that its vertex has in the finer mesh too.
    known = {tuple(corner) for corner in uv_at_vertices(fine)}
    assert all(tuple(corner) in known for corner in uv_at_vertices(coarse))
    # Which material a place has does not change.
    eyes = [sum(a.materials[m].kind == "eyes" for m in a.face_material) for a in (fine, coarse)]
    assert eyes[1] > 0


def test_the_surface_stays_where_it_was(fine: Avatar) -> None:
    from scipy.spatial import cKDTree

    coarse = reduced(fine, 0.4)
    mesh = Mesh(vertices=coarse.vertices, faces=coarse.triangles()[0])
    assert mesh.is_manifold()
    # The doll is a set of tubes with flat sides: 6 x 2 quads each stay flat while they are made coarser.
    area = [Mesh(vertices=a.vertices, faces=a.triangles()[0]).face_areas().sum() for a in (fine, coarse)]
    assert area[1] == pytest.approx(area[0], rel=2e-3)
    centres = mesh.corners().mean(axis=1)
    assert cKDTree(fine.vertices).query(centres)[0].max() < 0.05
    turns = fine.turns_of(random_pose(np.random.default_rng(1)))
    row = {tuple(place): number for number, place in enumerate(fine.vertices)}
    rows = [row[tuple(place)] for place in coarse.vertices]
    assert coarse.posed(turns) == pytest.approx(fine.posed(turns)[rows], abs=1e-9)
    assert coarse.lod == 1


def test_no_fewer_triangles_than_seams_allow(fine: Avatar) -> None:
    least = reduced(fine, 0.0)
    assert 0 < len(least.triangles()[0]) < 0.4 * len(fine.triangles()[0])
    assert Mesh(vertices=least.vertices, faces=least.triangles()[0]).is_manifold()


def test_tangents_run_along_the_texture(model: BodyModel) -> None:
    avatar = avatar_of(model, somebody(model))
    corners = corners_as_vertices(avatar)
    normals = smooth_normals(avatar.vertices, corners.quads)
    found = tangents(corners, avatar.vertices, normals)
    assert np.linalg.norm(found[:, :3], axis=1) == pytest.approx(1)
    assert np.sum(found[:, :3] * normals[corners.vertex], axis=1) == pytest.approx(0, abs=1e-9)
    # Where a triangle's texture grows along u, its corners' tangents point, seen along their normals.
    at, uv = avatar.vertices[corners.quads], corners.uv[corners.triangles]
    edges, steps = at[:, 1:] - at[:, :1], uv[:, 1:] - uv[:, :1]
    growth = np.linalg.solve(steps, edges)
    for corner in range(3):
        tangent, side = found[corners.triangles[:, corner], :3], found[corners.triangles[:, corner], 3]
        bitangent = side[:, None] * np.cross(normals[corners.quads[:, corner]], tangent)
        agree = [np.mean(np.sum(a * growth[:, k], axis=1) > 0) for k, a in enumerate((tangent, bitangent))]
        assert min(agree) > 0.98


@pytest.mark.slow
def test_blender_opens_the_obj_upright(model: BodyModel, blender: Blender, tmp_path: Path) -> None:
    skin = Material(name="skin", maps=written_maps(tmp_path / "maps"))
    avatar = avatar_of(model, somebody(model), materials=[skin])
    vertices = avatar.posed(avatar.pose, avatar.translation)
    write_obj(avatar, tmp_path / "avatar.obj", vertices, texture_size=32)
    trip = there_and_back(blender, avatar, rig_of(avatar, bone_names("smplx")), tmp_path / "avatar.obj", poses=1)
    from scipy.spatial import cKDTree

    assert cKDTree(vertices).query(trip.opening)[0].max() < 1e-6
    assert trip.about["quads"] == len(avatar.faces) and trip.about["materials"] == ["skin", "eyes"]
    pictures = {(tuple(links), space) for m, links, size, space, _ in trip.about["pictures"] if size == [32, 32]}
    assert (("BSDF_PRINCIPLED", "Base Color"), "sRGB") in pictures
    assert len(pictures) >= 3
