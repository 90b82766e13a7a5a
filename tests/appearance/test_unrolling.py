"""The atlas: every texel is one place of the surface, charts keep their distance, the same mesh gives the same."""

import numpy as np
import pytest
import trimesh

from scan3d.appearance.atlas import build_atlas
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.texels import rasterise_faces


def ball(subdivisions: int = 4) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=subdivisions)
    return Mesh(vertices=np.array(made.vertices) * 0.1, faces=np.array(made.faces))


@pytest.mark.parametrize("tiles", [1, 2])
def test_no_texel_has_two_places_and_charts_keep_apart(tiles: int) -> None:
    mesh = ball()
    atlas = build_atlas(mesh, texture_size=512, padding_px=4, tiles=tiles)
    assert set(np.unique(atlas.tile_of_face)) == set(range(tiles))
    for tile in range(tiles):
        chosen = np.flatnonzero(atlas.tile_of_face == tile)
        owner = np.full((512, 512), -1, np.int32)
        corners = atlas.texel_uv()[chosen]
        rasterise_faces(corners, owner)
        edges = corners[:, 1:] - corners[:, :1]
        areas = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) / 2
        # where faces lay on each other they would cover less than their areas
        assert (owner >= 0).sum() == pytest.approx(areas.sum(), rel=0.01)
        chart = np.where(owner >= 0, atlas.chart[chosen][owner], -1)
        for shift in range(1, 4):
            for axis in (0, 1):
                a, b = chart, np.roll(chart, shift, axis)
                inner = np.s_[shift:] if axis == 0 else np.s_[:, shift:]
                both = (a[inner] >= 0) & (b[inner] >= 0)
                assert (a[inner][both] == b[inner][both]).all()


def test_texels_are_about_the_same_size_everywhere() -> None:
    mesh = ball()
    atlas = build_atlas(mesh, texture_size=1024)
    uv = atlas.texel_uv()
    edges = uv[:, 1:] - uv[:, :1]
    texels = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) / 2
    density = texels * atlas.texel_m**2 / mesh.face_areas()
    assert np.percentile(density, 5) > 0.7
    assert np.percentile(density, 95) < 1.4
    assert atlas.occupied > 0.45
    assert atlas.stretch_l2 < 1.15


def test_slivers_do_not_shred_the_atlas() -> None:
    """Meshes of marching cubes are full of thin triangles: they are no reason to cut, nor may they turn over."""
    mesh = ball(5)
    rng = np.random.default_rng(3)
    normals = mesh.vertex_normals()
    shift = rng.normal(0, 0.0008, mesh.vertices.shape)
    shift -= normals * (shift * normals).sum(1, keepdims=True)
    bent = mesh.vertices + shift
    uneven = Mesh(vertices=bent * (0.1 / np.linalg.norm(bent, axis=1, keepdims=True)), faces=mesh.faces)
    outside = (uneven.face_normals() * uneven.corners().mean(axis=1)).sum(axis=1) > 0
    atlas = build_atlas(uneven, texture_size=512)
    assert atlas.chart_count <= 2 * build_atlas(mesh, texture_size=512).chart_count + 4
    edges = atlas.uv[:, 1:] - atlas.uv[:, :1]
    turned = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0] <= 0
    assert turned.mean() < 1e-3 + 2 * (~outside).mean()


def test_the_same_mesh_gives_the_same_atlas() -> None:
    one, two = (build_atlas(ball(3), texture_size=256) for _ in range(2))
    assert one.uv.tobytes() == two.uv.tobytes()


def test_what_cannot_be_unrolled_is_told() -> None:
    with pytest.raises(InputError):
        build_atlas(Mesh(vertices=np.zeros((0, 3)), faces=np.zeros((0, 3), np.int32)))
    broken = ball(2)
    broken.vertices[3] = np.nan
    with pytest.raises(InputError):
        build_atlas(broken)
