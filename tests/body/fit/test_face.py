"""The face as the fit sees it: which vertices, which part of the scan, and that it pulls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.body.fit.anatomy import pose_prior, stem
from scan3d.body.fit.face import Face, face_of, face_vertices
from scan3d.body.fit.posing import Body
from scan3d.body.fit.rounds import fine_rounds
from scan3d.body.fit.scan_points import ScanPoints, clean
from scan3d.body.fit.solver import Problem
from scan3d.body.model import BodyModel
from scan3d.geometry import Mesh
from tests.body.fit.test_fit_parts import column


def patch(middle: np.ndarray, size_m: float = 0.03, count: int = 31) -> Mesh:
    """A level square of small triangles."""
    along = np.linspace(-size_m / 2, size_m / 2, count)
    x, y = np.meshgrid(along, along)
    points = middle + np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
    grid = np.arange(count * count).reshape(count, count)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    faces = np.concatenate([np.stack([v.ravel() for v in t], axis=1) for t in ((a, b, c), (a, c, d))])
    return Mesh(vertices=points, faces=faces.astype(np.int32))


def scan_of(mesh: Mesh) -> ScanPoints:
    return replace(clean(column()), mesh=mesh)


def test_a_face_is_what_head_and_jaw_move_and_no_hair_covers(stick: BodyModel) -> None:
    body = Body.of(stick)
    everything, nothing = np.ones(len(body.template), bool), np.zeros(len(body.template), bool)
    half = np.arange(len(body.template)) % 2 == 0
    bare = face_vertices(body, everything, half)
    assert bare.any() and not (bare & half).any()
    assert {stem(body.names[j]) for j in body.strongest[bare]} <= {"head", "jaw", "eye"}
    # Where nobody says what hair is, the back of the head is left out.
    front = face_vertices(body, everything, nothing)
    assert front.any() and (body.normals[front, 2] > 0).all()
    assert not face_vertices(body, nothing, nothing).any()


def test_the_scan_s_face_is_what_lies_near_the_body_s(stick: BodyModel) -> None:
    body, state = Body.of(stick), Body.of(stick).neutral()
    on = np.zeros(len(body.template), bool)
    on[int(np.argmax(body.template[:, 1]))] = True
    place = body.moved(state).vertices[on][0]
    found = face_of(body, state, scan_of(patch(place)), on)
    assert found is not None and found.rows.tolist() == np.flatnonzero(on).tolist()
    assert len(found.scan.points) > 1000 and len(found.scan.mesh.faces) < 2 * 30**2
    assert np.linalg.norm(found.scan.points - place, axis=1).max() < 0.014
    assert np.allclose(found.scan.normals, [0, 0, 1])
    assert face_of(body, state, scan_of(patch(place + np.array([0, 0, 0.1]))), on) is None
    assert face_of(body, state, scan_of(patch(place)), np.zeros(len(on), bool)) is None


def test_a_face_that_counts_pulls_the_body_to_it(stick: BodyModel) -> None:
    body, state = Body.of(stick), Body.of(stick).neutral()
    top = body.template[:, 1] > body.template[:, 1].max() - 0.05
    moved = body.moved(state)
    # The scan is the body itself, but for a face that lies 4 mm higher.
    higher = Mesh(vertices=moved.vertices + np.array([0, 0, 0.004]), faces=stick.faces)
    whole = clean(column())
    scan = replace(whole, points=moved.vertices, normals=body.moved_normals(moved), mesh=higher, floor_m=-9.0)
    scan = replace(scan, near_edge=np.zeros(len(scan.points), bool), faces=np.zeros(len(scan.points), np.int64))
    raised = replace(scan, points=higher.vertices[top], normals=scan.normals[top], near_edge=scan.near_edge[top])
    problem = Problem(
        body=body, scan=scan, faces=stick.faces, back_rows=np.arange(len(top)),
        prior=pose_prior(body.names, np.asarray(stick.hand_means)),
        face=Face(scan=raised, rows=np.flatnonzero(top), on=top),
    )  # fmt: skip
    last = fine_rounds(body.names, body.shapes, 0, fingers=False)[-1]
    with_face = problem.run(state, replace(last, steps=4))
    without = problem.run(state, replace(last, steps=4, face=0.0))
    up = [body.moved(s).vertices[top, 2].mean() - moved.vertices[top, 2].mean() for s in (with_face, without)]
    assert up[0] > up[1] + 0.0005
    assert abs(up[1]) < 0.001
