import numpy as np
import pytest

from scan3d.geometry import Mesh

TETRAHEDRON_FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def tetrahedron(offset: int = 0) -> Mesh:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
    return Mesh(vertices=vertices + offset, faces=TETRAHEDRON_FACES)


def joined(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    faces = [m.faces + start for m, start in zip(meshes, starts, strict=False)]
    return Mesh(vertices=np.concatenate([m.vertices for m in meshes]), faces=np.concatenate(faces))


def test_normals_and_areas() -> None:
    mesh = tetrahedron()
    np.testing.assert_allclose(mesh.face_normals()[0], [0, 0, -1])
    np.testing.assert_allclose(mesh.face_areas(), [0.5, 0.5, np.sqrt(3) / 2, 0.5])
    # Outwards everywhere: the normals point away from the middle.
    outward = mesh.corners().mean(axis=1) - mesh.vertices.mean(axis=0)
    assert (np.einsum("ij,ij->i", outward, mesh.face_normals()) > 0).all()
    # Corner 0 sees three equal right triangles.
    np.testing.assert_allclose(mesh.vertex_normals()[0], -np.ones(3) / np.sqrt(3))


def test_vertex_normals_keep_the_type_and_leave_unused_vertices_zero() -> None:
    mesh = Mesh(vertices=np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9]]), faces=[[0, 1, 2]])
    normals = mesh.vertex_normals()
    assert normals.dtype == np.float32
    np.testing.assert_array_equal(normals[3], 0)


def test_edges_and_boundary() -> None:
    mesh = tetrahedron()
    assert mesh.edges().tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert len(mesh.boundary_edges()) == 0
    open_mesh = mesh.submesh(np.array([True, True, True, False]))
    boundary = {tuple(edge) for edge in open_mesh.boundary_edges().tolist()}
    assert boundary == {(0, 2), (2, 3), (3, 0)} or boundary == {(2, 0), (0, 3), (3, 2)}
    directed = {tuple(e) for f in open_mesh.faces.tolist() for e in zip(f, np.roll(f, -1), strict=True)}
    assert boundary <= directed


def test_components_are_ordered_by_size() -> None:
    triangle = Mesh(vertices=np.eye(3), faces=[[0, 1, 2]])
    mesh = joined(triangle, tetrahedron(5), triangle)
    assert mesh.components().tolist() == [1, 0, 0, 0, 0, 2]
    assert Mesh(vertices=np.zeros((0, 3)), faces=np.zeros((0, 3))).components().tolist() == []


def test_manifold() -> None:
    mesh = tetrahedron()
    assert mesh.is_manifold() and mesh.is_watertight()
    opened = mesh.submesh(np.arange(4) > 0)
    assert opened.is_manifold() and not opened.is_watertight()
    assert joined(mesh, tetrahedron(5)).is_watertight()


def test_not_manifold_when_three_faces_share_an_edge() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1.0]])
    assert not Mesh(vertices=vertices, faces=[[0, 1, 2], [1, 0, 3], [0, 1, 4]]).is_manifold()


def test_not_manifold_when_neighbours_disagree_about_the_outside() -> None:
    faces = TETRAHEDRON_FACES.copy()
    faces[2] = faces[2, ::-1]
    assert not Mesh(vertices=tetrahedron().vertices, faces=faces).is_manifold()


def test_not_manifold_when_parts_touch_in_a_point_only() -> None:
    both = joined(tetrahedron(), tetrahedron(5))
    faces = both.faces.copy()
    faces[faces == 4] = 0
    assert not Mesh(vertices=both.vertices, faces=faces).is_manifold()


def test_not_manifold_when_a_face_repeats_a_vertex() -> None:
    assert not Mesh(vertices=np.eye(3), faces=[[0, 1, 1]]).is_manifold()


def test_submesh_keeps_what_belongs_to_its_vertices_and_faces() -> None:
    uv = np.arange(24, dtype=np.float64).reshape(4, 3, 2)
    mesh = Mesh(
        vertices=np.concatenate([np.zeros((1, 3)), tetrahedron().vertices]),
        faces=TETRAHEDRON_FACES + 1,
        normals=np.arange(15.0).reshape(5, 3),
        vertex_values={"confidence": np.arange(5.0)},
        uv=uv,
    )
    part = mesh.submesh(np.array([False, False, True, False]))
    np.testing.assert_array_equal(part.corners(), mesh.corners()[2:3])
    np.testing.assert_array_equal(part.vertex_values["confidence"], [2, 3, 4])
    np.testing.assert_array_equal(part.normals, mesh.normals[2:5])
    np.testing.assert_array_equal(part.uv, uv[2:3])


@pytest.mark.parametrize(
    "wrong",
    [
        {"faces": [[0, 1, 4]]},
        {"faces": [[0, 1, -1]]},
        {"normals": np.zeros((3, 3))},
        {"uv": np.zeros((3, 3, 2))},
        {"vertex_values": {"confidence": np.zeros(3)}},
    ],
)
def test_contradictions_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        Mesh(**{"vertices": tetrahedron().vertices, "faces": TETRAHEDRON_FACES, **wrong})
