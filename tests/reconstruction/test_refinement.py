"""Moving vertices to where photographs agree: curves along normals, their peaks, and a dented ellipsoid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from scan3d.errors import CancelledError
from scan3d.geometry import Mesh
from scan3d.pipeline.progress import CancelToken, Silent
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store
from scan3d.reconstruction import levels, refinement
from scan3d.reconstruction.keeping import UnitKeeper
from scan3d.reconstruction.refinement import Curves, Refined, move_to_peaks, neighbour_sum
from scan3d.reconstruction.stages import MaskOptions
from scan3d.reconstruction.views import Level, View
from tests.reconstruction.ellipsoid_scene import RADII_M, Shot, off_surface_m

PASS = levels.RefinePass(reach=3.0)
OFFSETS_M = np.arange(-2e-3, 2.1e-3, 2.5e-4)


def ball(subdivisions: int) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=subdivisions)
    return Mesh(vertices=np.array(made.vertices), faces=np.array(made.faces))


def dented(amplitude_m: float) -> Mesh:
    """The ellipsoid with bumps and dents of that size, centimetres across."""
    plain = ball(5)
    x, y, z = (plain.vertices * RADII_M).T
    wave = amplitude_m * np.sin(80 * x + 1) * np.cos(70 * y) * np.cos(60 * z - 0.5)
    normals = plain.vertices / RADII_M
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    return Mesh(vertices=plain.vertices * RADII_M + wave[:, None] * normals, faces=plain.faces)


def curves_with_peaks(peaks_m: np.ndarray, sharpness: float = 2e5, weight: np.ndarray | float = 3.0) -> Curves:
    curve = 0.8 - sharpness * (OFFSETS_M - np.asarray(peaks_m)[:, None]) ** 2
    weights = np.broadcast_to(np.reshape(weight, (-1, 1)), curve.shape).astype(np.float32)
    return Curves(
        offsets_m=OFFSETS_M, total=(curve * weights).astype(np.float32), weight=weights,
        views=(weights[:, 0] > 0).astype(np.int32) * 4,
    )  # fmt: skip


def radial_m(refined: Refined, mesh: Mesh) -> np.ndarray:
    """How far vertices of a unit ball moved along their normals."""
    return ((refined.mesh.vertices - mesh.vertices) * mesh.vertex_normals()).sum(1)


def test_a_dented_surface_returns_to_the_truth(scene: list[Shot]) -> None:
    views = [shot.view() for shot in scene]
    pixel = levels.footprint_m(views, np.zeros(3), 1.0)
    start = dented(1.8 * pixel)
    mesh = start
    for most, most_95 in ((0.11, 0.35), (0.05, 0.17)):  # measured: 0.090 and 0.28, 0.041 and 0.144 of a pixel
        found = levels.refine_level(views, mesh, 1.0, PASS)
        mesh = found.mesh
        sure = (found.views >= 3) & (found.score > 0.5)
        assert sure.mean() > 0.97
        error = off_surface_m(mesh.vertices)[sure]
        assert np.median(error) < most * pixel
        assert np.percentile(error, 95) < most_95 * pixel
    assert np.median(off_surface_m(start.vertices)) > 0.25 * pixel
    assert (mesh.faces == start.faces).all()


def test_on_the_truth_nothing_moves_far(scene: list[Shot]) -> None:
    views = [shot.view() for shot in scene]
    pixel = levels.footprint_m(views, np.zeros(3), 1.0)
    found = levels.refine_level(views, dented(0.0), 1.0, PASS)
    sure = (found.views >= 3) & (found.score > 0.5)
    signed = ((found.mesh.vertices / RADII_M) ** 2).sum(1) - 1
    bias = np.median(signed[sure]) * RADII_M.mean() / 2
    assert abs(bias) < 0.01 * pixel
    assert np.median(off_surface_m(found.mesh.vertices)[sure]) < 0.03 * pixel


@pytest.mark.parametrize("tilt_deg", [0.0, 35.0, 65.0])
def test_an_offset_along_rays_becomes_one_along_the_normal(tilt_deg: float) -> None:
    size, focal, off_m = 40, 600.0, 0.0007
    tilt = np.radians(tilt_deg)
    normal = np.array([np.sin(tilt), 0.0, -np.cos(tilt)])  # a plane at z = 1 on the axis, turned about y
    y, x = np.mgrid[0:size, 0:size] + 0.5
    rays = np.stack([(x - 20) / focal, (y - 20) / focal, np.ones_like(x)], -1)
    below_m = 3e-4  # facets lie below their vertices
    surface = (normal[2] / (rays @ normal) + below_m).astype(np.float32)
    along = np.arange(-4e-3, 4.1e-3, 2e-4)
    # the truth is the plane moved by off_m along its normal: along z that is off_m / (normal . ray)
    true = off_m / (rays @ normal) - below_m
    height = 0.5 + 0.01 * x - 0.02 * y
    volume = (height[..., None] - 4e4 * (along - true[..., None]) ** 2).astype(np.float32)
    at = (rays[12:28:5, 11:30:6] + np.array([0.3, 0.4, 0]) / focal).reshape(-1, 3)
    vertices = at * (normal[2] / (at @ normal))[:, None]
    normals = np.tile(normal, (len(vertices), 1))
    matrix = np.array([[focal, 0, 20, 0], [0, focal, 20, 0], [0, 0, 1, 0]])
    projected = np.empty_like(vertices)
    refinement._project(vertices, matrix, projected)
    total, weight = np.zeros((2, len(vertices), OFFSETS_M.size), np.float32)
    views = np.zeros(len(vertices), np.int32)
    y0, x0 = 5, 4  # a band of the picture
    refinement._gather(
        np.arange(len(vertices)), projected, vertices, normals, np.zeros(3), np.array([0.0, 0, 1]), surface,
        volume[y0:35, x0:36], y0, x0, along[0], along[1] - along[0], 0.05, 0.15, OFFSETS_M, total, weight, views,
    )  # fmt: skip
    assert (views == 1).all()
    cosine = -(vertices * normals).sum(1) / np.linalg.norm(vertices, axis=1)
    value, sharpness, score = np.zeros((3, len(vertices)))
    refinement._peaks(total, weight, OFFSETS_M, value, sharpness, score)
    np.testing.assert_allclose(weight.max(1), cosine**2, rtol=1e-5)
    np.testing.assert_allclose(value, off_m, atol=2e-5)
    wanted = 0.5 + 0.01 * (projected[:, 0] + 0.5) - 0.02 * (projected[:, 1] + 0.5)
    off_sample = np.abs(OFFSETS_M - off_m).min() / np.abs(normal @ rays[20, 20])
    np.testing.assert_allclose(score, wanted - 4e4 * off_sample**2, atol=1e-3)


def test_every_vertex_that_a_view_sees_is_asked_wherever_its_rows_are_cut(scene: list[Shot]) -> None:
    views, mesh = [shot.view() for shot in scene], dented(0.0)
    level = Level(views=views, scale=1.0, radius_px=3, vertices=mesh.vertices, faces=mesh.faces)
    options = levels._options(PASS, levels.footprint_m(views, np.zeros(3), 1.0), 2e-5, "cpu")
    found = refinement.correlation_curves(level, mesh, [[1, 15, 2, 14]], options, OFFSETS_M)
    px, _ = views[0].camera.project(mesh.vertices)
    to_camera = views[0].camera.centre - mesh.vertices
    to_camera /= np.linalg.norm(to_camera, axis=1)[:, None]
    facing = (to_camera * mesh.vertex_normals()).sum(1) > 0.6
    assert facing.sum() > 1000
    assert (found.views[facing] == 1).all()  # the rows of a view are done in bands
    assert {63, 127} <= set(np.floor(px[facing, 1] - 0.5).astype(int))
    assert not found.views[(to_camera * mesh.vertex_normals()).sum(1) < 0].any()


def test_offsets_that_few_looked_at_are_not_believed() -> None:
    total, weight = np.zeros((2, 1, OFFSETS_M.size), np.float32)
    weight[0] = 4.0
    curve = 0.7 - 1e5 * (OFFSETS_M - 5e-4) ** 2
    weight[0, :3] = 1.0  # one steep view sees that far
    curve[1] = 0.95
    total[0] = weight[0] * curve
    value, sharpness, score = np.zeros((3, 1))
    refinement._peaks(total, weight, OFFSETS_M, value, sharpness, score)
    assert value[0] == pytest.approx(5e-4, abs=1e-6)
    assert score[0] == pytest.approx(0.7, abs=1e-3)
    assert sharpness[0] > 0


def test_a_vertex_that_is_hidden_or_seen_too_flat_gets_nothing() -> None:
    surface, volume = np.full((20, 20), 1.0, np.float32), np.full((20, 20, 9), 0.5, np.float32)
    volume[:, 12:] = np.nan
    surface[:, :4] = 0.9  # something in front
    vertices = np.array([[0.0, 0, 1], [-0.08, 0, 1], [0.04, 0, 1], [0.0, 0, 1], [0.3, 0, 1]])
    normals = np.tile([0.0, 0, -1], (5, 1))
    normals[3] = [1, 0, -0.1]
    projected = np.empty_like(vertices)
    refinement._project(vertices, np.array([[100.0, 0, 10, 0], [0, 100, 10, 0], [0, 0, 1, 0]]), projected)
    total, weight = np.zeros((2, 5, 5), np.float32)
    views = np.zeros(5, np.int32)
    offsets = np.linspace(-1e-3, 1e-3, 5)
    refinement._gather(
        np.arange(5), projected, vertices, normals, np.zeros(3), np.array([0.0, 0, 1]), surface, volume, 0, 0,
        -4e-3, 1e-3, 0.02, 0.15, offsets, total, weight, views,
    )  # fmt: skip
    assert views.tolist() == [1, 0, 0, 0, 0]
    assert (weight[0] == 1).all()
    np.testing.assert_allclose(total[0], 0.5, rtol=1e-6)
    assert (weight[1:] == 0).all()


def test_vertices_move_to_the_peaks_of_their_curves() -> None:
    mesh = ball(3)
    peaks = 4e-4 + 1e-4 * mesh.vertices[:, 2]  # smooth enough to pass pooling and stiffness
    found = move_to_peaks(mesh, curves_with_peaks(peaks), pool_rings=0, stiffness=0.0)
    np.testing.assert_allclose(radial_m(found, mesh), peaks, atol=2e-6)
    np.testing.assert_allclose(found.score, 0.8, atol=4e-3)
    pooled = move_to_peaks(mesh, curves_with_peaks(peaks))
    np.testing.assert_allclose(radial_m(pooled, mesh), peaks, atol=2e-5)


def test_pooling_and_stiffness_overrule_one_wild_vertex() -> None:
    mesh = ball(3)
    peaks = np.full(len(mesh.vertices), 5e-4)
    peaks[100] = -1.5e-3
    alone = radial_m(move_to_peaks(mesh, curves_with_peaks(peaks), pool_rings=0, stiffness=0.0), mesh)
    assert alone[100] == pytest.approx(-1.5e-3, abs=1e-5)
    for found in (
        move_to_peaks(mesh, curves_with_peaks(peaks), pool_rings=2, stiffness=0.0),
        move_to_peaks(mesh, curves_with_peaks(peaks), pool_rings=0, stiffness=20.0),
    ):
        moved = radial_m(found, mesh)
        assert abs(moved[100] - 5e-4) < 7e-4
        assert np.median(np.abs(moved - 5e-4)) < 1e-5


def test_a_vertex_without_a_peak_follows_its_surroundings() -> None:
    mesh = ball(3)
    peaks = np.full(len(mesh.vertices), 5e-4)
    weight = np.full(len(peaks), 3.0)
    weight[50] = 0.0
    peaks[[200, 300]] = 2.6e-3, -2.6e-3  # beyond what was searched: the best offset is the last
    found = move_to_peaks(mesh, curves_with_peaks(peaks, weight=weight), pool_rings=0)
    np.testing.assert_allclose(radial_m(found, mesh), 5e-4, atol=1e-5)
    assert found.score[[50, 200, 300]].tolist() == [0, 0, 0]
    assert found.views[50] == 0


def test_where_nothing_is_known_nothing_moves() -> None:
    mesh = ball(2)
    found = move_to_peaks(mesh, curves_with_peaks(np.zeros(len(mesh.vertices)), weight=0.0))
    assert (found.mesh.vertices == mesh.vertices).all()
    assert not found.score.any()


def test_a_sum_over_neighbours_counts_each_once() -> None:
    mesh = ball(0)  # an icosahedron: five neighbours each
    around = neighbour_sum(mesh)
    assert (around @ np.ones(12) == 6).all()
    assert (around.toarray() == around.toarray().T).all()
    assert (around.diagonal() == 1).all()


def test_a_stopped_refinement_resumes_from_what_it_kept(
    scene: list[Shot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinement, "_KEEP_EVERY_S", -1.0)
    cancel = CancelToken()
    swept: list[int] = []
    score_band = refinement.score_band

    def watched(level: levels.Level, reference: int, *rest: object) -> object:
        swept.append(reference)
        if len(swept) == stop_after:
            cancel.cancel()
        return score_band(level, reference, *rest)

    monkeypatch.setattr(refinement, "score_band", watched)
    views = [View(camera=s.camera, load_grey=lambda s=s: s.grey, load_mask=lambda s=s: s.mask) for s in scene[:8]]
    store, stage, start = Store(tmp_path), Stage(name="refined", version=1), dented(1e-3)

    def run(name: str, progress: Silent) -> bytes:
        def work(out: Path) -> None:
            keeper = UnitKeeper(store.units(out), "refine0")
            found = levels.refine_level(views, start, 1.0, PASS, workers=1, progress=progress, keeper=keeper)
            (out / "vertices").write_bytes(found.mesh.vertices.tobytes() + found.views.tobytes())

        return (store.run(stage, {"run": name}, MaskOptions(missing=()), work) / "vertices").read_bytes()

    stop_after = -1
    whole = run("whole", Silent())
    in_all = len(swept)
    swept.clear()
    stop_after = 3 * in_all // 4
    with pytest.raises(CancelledError):
        run("stopped", Silent(cancel))
    assert len(list(tmp_path.glob("*/.units-*/refine0-state-*.npz"))) == 1  # the last state, not all of them
    stop_after = -1
    swept.clear()
    assert run("stopped", Silent()) == whole
    assert 0 < len(swept) < in_all / 2  # views that were done are not looked at again
