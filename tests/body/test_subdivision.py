"""A finer body mesh: its vertices, its corners, and what is carried to it."""

import numpy as np
import pytest

from scan3d.body.subdivision import halves, subdivided
from scan3d.errors import InputError
from scan3d.geometry import Mesh

# A cube of quads, counter-clockwise from outside.
CUBE = np.array([[x, y, z] for z in (0.0, 1.0) for y in (0.0, 1.0) for x in (0.0, 1.0)])
QUADS = np.array(
    [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]],
    np.int32,
)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_cube_stays_the_same_closed_cube(level: int) -> None:
    finer = subdivided(QUADS, 8, level=level)
    vertices = finer.of(CUBE)
    n = 2**level
    assert len(finer.quads) == 6 * n * n and len(vertices) == 6 * n * n + 2
    mesh = Mesh(vertices=vertices, faces=finer.faces())
    assert mesh.is_watertight()
    assert mesh.face_areas() == pytest.approx(0.5 / n**2)
    assert np.einsum("ij,ij->", mesh.vertices[mesh.faces[:, 0]], mesh.face_cross()) / 6 == pytest.approx(1.0)
    assert np.array_equal(vertices[:8], CUBE)
    assert np.array_equal(np.bincount(finer.parent), np.full(6, n * n))
    # Each small quad lies in the face of its parent.
    for quad, parent in zip(finer.quads, finer.parent, strict=True):
        flat = np.ptp(CUBE[QUADS[parent]], axis=0) == 0
        assert np.all(vertices[quad][:, flat] == CUBE[QUADS[parent]][0, flat])


def test_seams_of_the_texture_stay_seams_and_corners_agree() -> None:
    quad_uv = np.arange(24, dtype=np.int32).reshape(6, 4)
    uv = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], (6, 1)) + np.repeat(np.arange(6), 4)[:, None]
    finer = subdivided(QUADS, 8, quad_uv=quad_uv, uv=24, level=2)
    assert finer.uv_matrix is not None and finer.quad_uv is not None
    at = finer.uv_matrix @ uv
    assert len(at) == 6 * 25
    # On a bilinear face, texture and place say the same: both map the corner to the same fraction of the face.
    vertices = finer.of(CUBE)
    for quad, corner, parent in zip(finer.quads, finer.quad_uv, finer.parent, strict=True):
        a, b, _, d = CUBE[QUADS[parent]]
        along_v, along_u = (vertices[quad] - a) @ (b - a), (vertices[quad] - a) @ (d - a)
        assert at[corner] - parent == pytest.approx(np.column_stack([along_u, along_v]))


def test_two_levels_are_one_after_the_other() -> None:
    first = subdivided(QUADS, 8, level=1)
    second = subdivided(first.quads, first.matrix.shape[0], level=1)
    both = subdivided(QUADS, 8, level=2)
    assert np.array_equal(both.quads, second.quads)
    assert both.of(CUBE) == pytest.approx(second.of(first.of(CUBE)))
    values = np.arange(8 * 6.0).reshape(8, 2, 3)
    assert both.of(values).shape == (98, 2, 3) and both.of(values)[:8] == pytest.approx(values)


def test_halves_are_in_order() -> None:
    assert halves(QUADS)[:2].tolist() == [[0, 2, 3], [0, 3, 1]]


def test_what_cannot_be_subdivided_is_refused() -> None:
    with pytest.raises(InputError, match="0 to 4 times"):
        subdivided(QUADS, 8, level=5)
    with pytest.raises(InputError, match="twice"):
        subdivided(np.array([[0, 1, 2, 2]], np.int32), 3)
