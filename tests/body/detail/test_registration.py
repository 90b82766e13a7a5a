"""A body drawn onto scans made of itself: with bulges it cannot know, noise, holes and other triangles."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from scan3d.body.detail import Detail, register_detail
from scan3d.body.detail.file import read_detail, write_detail
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.detail.folds import crossing_vertices, folded_faces, without_folds
from scan3d.body.detail.laplacian import edge_weights, laplacian
from scan3d.body.detail.posing import placed
from scan3d.body.detail.scan_surface import NearestOn, scan_surface
from scan3d.body.detail.solver import Stiffness, solve_moves
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.skinning import shaped, skin
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from tests.body.small_body import bent, small_body


def _bulge(rest: np.ndarray) -> np.ndarray:
    """(V,) metres outwards: waves of 12 and 30 cm, 4 mm high."""
    return 0.002 * (
        np.sin(rest[:, 1] * 52 + 1) * np.cos(3 * np.arctan2(rest[:, 2], rest[:, 0])) + np.sin(rest[:, 1] * 21)
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    """truth: the posed surface. scan: what is known of it. offsets_truth: (V', 3) of the finest mesh at rest."""

    model: BodyModel
    parameters: BodyParameters
    truth: Mesh
    scan: Mesh
    offsets: np.ndarray


def _case(*, noise_m: float = 0.0, hole: bool = False, angle: float = 0.4) -> Case:
    model = small_body()
    parameters = bent(model, angle)
    fine = fine_mesh(model, 3)
    body = placed(model, parameters, fine)
    normals = np.asarray(Mesh(vertices=body.rest, faces=fine.faces).vertex_normals())
    offsets = body.rest - body.linear + _bulge(body.rest)[:, None] * normals
    truth = Mesh(vertices=body.posed(offsets), faces=fine.faces)
    rng = np.random.default_rng(3)
    # Other triangles: middles of the truth's edges, tied by the other diagonal of what was a quad.
    scan = Mesh(vertices=truth.vertices, faces=fine.quads[:, [0, 1, 3, 1, 2, 3]].reshape(-1, 3))
    order = rng.permutation(len(scan.vertices))
    back = np.argsort(order).astype(np.int32)
    points = truth.vertices + truth.vertex_normals() * rng.normal(scale=noise_m, size=(len(order), 1))
    scan = Mesh(vertices=points[order], faces=back[scan.faces])
    if hole:
        centre = truth.vertices[np.argmax(truth.vertices[:, 0])]
        scan = scan.submesh(np.linalg.norm(scan.corners().mean(axis=1) - centre, axis=1) > 0.05)
    return Case(model=model, parameters=parameters, truth=truth, scan=scan, offsets=offsets)


def _surface(case: Case, detail: Detail, parameters: BodyParameters | None = None) -> Mesh:
    fine = fine_mesh(case.model, detail.level)
    body = placed(case.model, parameters or case.parameters, fine)
    return Mesh(vertices=body.posed(detail.offsets), faces=fine.faces)


def _distance(points: np.ndarray, mesh: Mesh) -> np.ndarray:
    return np.linalg.norm(NearestOn(mesh.vertices, mesh.faces).nearest(points).point - points, axis=1)


def test_the_scans_surface_is_met_within_a_tenth_of_a_millimetre() -> None:
    case = _case()
    assert _distance(case.truth.vertices, _surface(case, Detail(
        level=2, offsets=np.zeros((fine_mesh(case.model, 2).matrix.shape[0], 3), np.float32),
        seen=np.zeros(0, bool), confidence=np.zeros(0, np.float32),
    ))).mean() > 0.001  # fmt: skip
    detail = register_detail(case.scan, case.model, case.parameters, level=2)
    surface = _surface(case, detail)
    inside = np.abs(case.truth.vertices - case.truth.vertices.mean(axis=0)).max(axis=1) < 0.4
    off = _distance(case.truth.vertices[inside], surface)
    assert off.mean() < 1e-4 and np.quantile(off, 0.95) < 3e-4
    assert detail.seen.mean() > 0.9
    assert not folded_faces(case.truth.vertices[: len(surface.vertices)], surface.vertices, surface.faces).any()


def test_noise_of_a_millimetre_and_a_half_is_averaged() -> None:
    case = _case(noise_m=0.0015)
    assert scan_surface(case.scan).noise_m == pytest.approx(0.0015, rel=0.25)
    detail = register_detail(case.scan, case.model, case.parameters, level=2)
    off = _distance(_surface(case, detail).vertices[detail.seen], case.truth)
    assert off.mean() < 0.001 and np.quantile(off, 0.95) < 0.002


def test_where_the_scan_has_a_hole_the_model_stays_and_says_so() -> None:
    case = _case(hole=True)
    detail = register_detail(case.scan, case.model, case.parameters, level=2)
    plain = placed(case.model, case.parameters, fine_mesh(case.model, 2)).posed()
    centre = case.truth.vertices[np.argmax(case.truth.vertices[:, 0])]
    away = np.linalg.norm(plain - centre, axis=1)
    assert not detail.seen[away < 0.045].any()
    assert detail.seen[(away > 0.07) & (np.abs(plain[:, 2] - plain[:, 2].mean()) < 0.3)].mean() > 0.97
    # The moves run smoothly into the hole and no farther than those around it.
    moved = np.linalg.norm(_surface(case, detail).vertices - plain, axis=1)
    assert moved[away < 0.045].max() < 1.2 * moved[(away > 0.055) & (away < 0.09)].max()


def test_the_detail_follows_another_pose() -> None:
    case = _case()
    detail = register_detail(case.scan, case.model, case.parameters, level=2)
    other = replace(case.parameters, pose=bent(case.model, -0.3).pose)
    fine = fine_mesh(case.model, 3)
    truth = Mesh(vertices=placed(case.model, other, fine).posed(case.offsets), faces=fine.faces)
    off = _distance(_surface(case, detail, other).vertices[detail.seen], truth)
    assert off.mean() < 2e-4 and np.quantile(off, 0.95) < 6e-4


def test_offsets_are_those_that_skinning_adds() -> None:
    case = _case()
    detail = register_detail(case.scan, case.model, case.parameters, level=1)
    mesh = fine_mesh(case.model, 1)
    rest = shaped(case.model, case.parameters.shape, case.parameters.expression)
    posed = skin(
        case.model, mesh.matrix @ rest.vertices + detail.offsets, rest.joints, case.parameters.pose,
        case.parameters.translation, carrier=mesh.matrix,
    )  # fmt: skip
    assert np.allclose(posed.vertices, _surface(case, detail).vertices, atol=1e-6)


def test_parts_that_belong_to_the_model_do_not_move() -> None:
    case = _case()
    high = (case.model.template[:, 1] > 0.2).astype(np.float32)
    model = replace(case.model, parts={"mouth_inside": high})
    detail = register_detail(case.scan, model, case.parameters, level=1)
    mesh = fine_mesh(model, 1)
    inner = mesh.matrix @ high > 0.99
    assert not detail.seen[inner].any()
    assert detail.seen[mesh.matrix @ model.template[:, 1] < 0.1].mean() > 0.85


def test_a_scan_that_is_none_is_refused() -> None:
    model = small_body()
    empty = Mesh(vertices=np.zeros((3, 3)), faces=np.zeros((0, 3), np.int32))
    with pytest.raises(InputError, match="no faces"):
        register_detail(empty, model, bent(model))
    broken = Mesh(vertices=np.full((3, 3), np.nan), faces=np.array([[0, 1, 2]]))
    with pytest.raises(InputError, match="not numbers"):
        register_detail(broken, model, bent(model))
    with pytest.raises(InputError, match="cannot be split"):
        register_detail(_case().scan, model, bent(model), level=9)


def test_detail_comes_back_from_its_file(tmp_path) -> None:
    detail = Detail(
        level=1,
        offsets=np.arange(12, dtype=np.float32).reshape(4, 3),
        seen=np.array([True, False, True, True]),
        confidence=np.array([1, 0, 0.5, 1], np.float32),
    )
    write_detail(detail, tmp_path / "detail.npz")
    back = read_detail(tmp_path / "detail.npz")
    assert back.level == 1 and np.array_equal(back.offsets, detail.offsets) and np.array_equal(back.seen, detail.seen)
    (tmp_path / "other.npz").write_bytes(b"no file of arrays")
    with pytest.raises(InputError, match="holds no detail"):
        read_detail(tmp_path / "other.npz")


def test_the_moves_solve_the_equations() -> None:
    model = small_body(around=8, along=8)
    points, faces = model.template, model.faces
    rng = np.random.default_rng(0)
    count = len(points)
    edges = edge_weights(points, faces)
    stiffness = Stiffness(
        edges=edges,
        plate=rng.uniform(0.5, 2, count),
        length=rng.uniform(0.5, 2, count),
        fading=rng.uniform(0, 1, count),
    )
    bend = laplacian(edges).toarray()
    root = np.diag(stiffness.length)
    dense = bend @ np.diag(stiffness.plate) @ bend + np.diag(stiffness.fading)
    weights = root @ edges.toarray() @ root
    dense += np.diag(weights.sum(axis=1)) - weights
    assert np.allclose(np.diag(dense), stiffness.diagonal())
    factors = rng.normal(size=(count, 3, 3))
    pull = factors @ factors.transpose(0, 2, 1)
    wanted = rng.normal(size=(count, 3))
    found = solve_moves(stiffness, pull, wanted, np.zeros((count, 3)), steps=2000, tolerance=1e-12)
    left = dense @ found + np.einsum("vij,vj->vi", pull, found) - wanted
    assert np.abs(left).max() < 1e-8


def test_folds_and_new_crossings_are_undone() -> None:
    model = small_body()
    mesh = fine_mesh(model, 1)
    start = np.asarray(mesh.smooth(model.template))
    edges = Mesh(vertices=start, faces=mesh.faces).edges()
    assert not crossing_vertices(start, mesh.faces, edges).any()
    moves = np.zeros_like(start)
    one = int(np.argmin(np.abs(start - [0.12, 0, 0]).sum(axis=1)))
    moves[one] = [0, 0.06, 0]
    # One side pushed through the other.
    deep = start[:, 2] < -0.1
    moves[deep] += [0, 0, 0.25]
    folded = folded_faces(start, start + moves, mesh.faces)
    assert folded.any() and crossing_vertices(start + moves, mesh.faces, edges).any()
    mended = without_folds(start, moves, mesh.faces)
    assert not folded_faces(start, start + mended, mesh.faces).any()
    assert not crossing_vertices(start + mended, mesh.faces, edges).any()
