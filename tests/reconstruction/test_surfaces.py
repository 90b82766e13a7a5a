"""Hull, trimming, manifolds: what must hold of surfaces."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.errors import CaptureError
from scan3d.geometry import Mesh
from scan3d.reconstruction.hull import visual_hull
from scan3d.reconstruction.manifold import boundary_loops, make_manifold
from scan3d.reconstruction.surface import compact, decimate, keep_seen
from scan3d.reconstruction.views import View
from tests.reconstruction.ellipsoid_scene import RADII_M, Shot


def ball(subdivisions: int = 3) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=subdivisions)
    return Mesh(vertices=np.array(made.vertices), faces=np.array(made.faces))


def blinded(shot: Shot, mask: np.ndarray) -> View:
    return View(camera=shot.camera, load_grey=lambda: shot.grey, load_mask=lambda: mask)


def volume(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def test_the_hull_holds_the_subject_and_little_more(scene: list[Shot]) -> None:
    hull = visual_hull([shot.view() for shot in scene], resolution=96).surface()
    exact = 4 / 3 * np.pi * RADII_M.prod()
    assert exact < volume(hull) < 1.3 * exact
    implicit = ((hull.vertices / RADII_M) ** 2).sum(1)
    assert (implicit > 0.94).all()  # nothing of the subject is cut away


def test_one_mask_that_lost_half_the_subject_does_not_carve_it_away(scene: list[Shot]) -> None:
    views = [shot.view() for shot in scene]
    broken = scene[3].mask.copy()
    broken[:, :120] = False
    views[3] = blinded(scene[3], broken)
    hull = visual_hull(views, resolution=64).surface()
    assert volume(hull) > 0.97 * 4 / 3 * np.pi * RADII_M.prod()


def test_masks_that_agree_on_nothing_are_told(scene: list[Shot]) -> None:
    views = [blinded(shot, np.zeros_like(shot.mask)) for shot in scene]
    with pytest.raises(CaptureError, match="no space"):
        visual_hull(views, resolution=48)


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(0, 60))
def test_any_soup_becomes_an_edge_manifold(seed: int, extra: int) -> None:
    rng = np.random.default_rng(seed)
    mesh = ball(2)
    faces = mesh.faces[rng.random(len(mesh.faces)) > 0.1]
    stray = rng.integers(0, len(mesh.vertices), (extra, 3)).astype(np.int32)
    found = make_manifold(Mesh(vertices=mesh.vertices, faces=np.concatenate([faces, stray])))
    directed = np.concatenate([found.faces[:, [0, 1]], found.faces[:, [1, 2]], found.faces[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed)  # no edge is run twice the same way
    _, count = np.unique(np.sort(directed, axis=1), axis=0, return_counts=True)
    assert count.max(initial=0) <= 2


def test_a_manifold_stays_what_it_is() -> None:
    mesh = ball()
    found = make_manifold(mesh)
    assert len(found.faces) == len(mesh.faces)
    assert volume(found) == pytest.approx(volume(mesh))


def test_small_holes_are_closed_and_large_ones_stay() -> None:
    mesh = ball()
    up = mesh.vertices[mesh.faces].mean(1)[:, 2]
    small = np.ones(len(up), bool)
    small[np.argmax(up)] = False
    small[[5, 700]] = False
    cut = small & (up > -0.7)
    found = make_manifold(Mesh(vertices=mesh.vertices, faces=mesh.faces[cut]))
    loops = boundary_loops(found.faces)
    assert len(loops) == 1
    assert len(loops[0]) > 16


def test_what_nobody_saw_is_closed_where_small_and_cut_where_large() -> None:
    mesh = ball(4)
    z, x = mesh.vertices[:, 2], mesh.vertices[:, 0]
    speck = x > 0.995
    keep = keep_seen(mesh, (z > -0.8) & ~speck, certain_m=0.6)
    middle = mesh.vertices[mesh.faces].mean(1)
    assert keep[middle[:, 0] > 0.99].all()
    assert not keep[middle[:, 2] < -0.85].any()


def test_flying_bits_go() -> None:
    large, bit = ball(3), ball(1)
    vertices = np.concatenate([large.vertices, bit.vertices * 0.05 + 3])
    faces = np.concatenate([large.faces, bit.faces + len(large.vertices)])
    mesh = Mesh(vertices=vertices, faces=faces)
    kept, index = compact(mesh, keep_seen(mesh, np.ones(len(vertices), bool), certain_m=0.1))
    assert len(kept.faces) == len(large.faces)
    assert (index == np.arange(len(large.vertices))).all()


def test_decimation_keeps_the_shape_within_its_budget() -> None:
    mesh = ball(5)
    small = decimate(mesh, 2000)
    assert len(small.faces) <= 2000
    assert np.abs(np.linalg.norm(small.vertices, axis=1) - 1).max() < 0.02
