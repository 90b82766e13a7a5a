"""The compiled residuals and normal equations of board corners against the cameras of `scan3d.geometry`."""

import numpy as np
import pytest
from board_rigs import charuco_target, default_lens, simulate_board_views, sphere_rig

from scan3d.calibration import board_kernel as kernel
from scan3d.calibration.board_equations import (
    Freedom,
    LensPrior,
    NormalEquations,
    moved,
    outer_columns,
)
from scan3d.calibration.board_poses import compose, inverted, pose_of, rigid_of, small_poses, transform
from scan3d.calibration.board_problem import Corners, State, corners_of, kernel_arguments, pack_lens, residuals
from scan3d.geometry import Rig, Rigid3

MODELS = ("pinhole", "opencv", "full_opencv", "fisheye")


def problem(model: str) -> tuple[Corners, State, Rig]:
    """Three cameras and two boards at places that are a little wrong, with a board that is not its body's first."""
    rig = sphere_rig(3, lens=default_lens(model), seed=1)
    target = charuco_target(6, 5, 0.08)
    views, truth = simulate_board_views(rig, target, 4, noise_px=0.5, seed=1)
    bodies = list(truth.world_from_body)
    corners = corners_of(
        views.views,
        target,
        cameras={name: k for k, name in enumerate(rig.camera_ids)},
        bodies={key: k for k, key in enumerate(bodies)},
    )
    lenses = [pack_lens(camera.intrinsics) for camera in rig]
    face = Rigid3.exp([0.01, -0.02, 0.015, 0.02, -0.03, 0.01])
    state = State(
        lenses=np.array([lens for lens, _ in lenses]),
        formulas=np.array([formula for _, formula in lenses]),
        cam_from_world=np.array([pose_of(camera.cam_from_world) for camera in rig]),
        world_from_body=np.array([pose_of(truth.world_from_body[key]) for key in bodies]),
        body_from_board=np.array([pose_of(face)]),
    )
    return corners, state, rig


@pytest.mark.parametrize("model", MODELS)
def test_residuals_are_those_of_the_cameras(model: str) -> None:
    corners, state, rig = problem(model)
    found = residuals(corners, state)
    for v, (c, b, f) in enumerate(corners.indices):
        part = slice(corners.starts[v], corners.starts[v + 1])
        points = transform(state.world_from_body[b], transform(state.body_from_board[f], corners.points_m[part]))
        expected = corners.px[part] - rig.cameras[c].project(points)[0]
        np.testing.assert_allclose(found[part], expected, atol=1e-9)


def test_a_corner_without_a_pixel_counts_as_far_off() -> None:
    corners, state, _ = problem("opencv")
    behind = state.cam_from_world.copy()
    behind[:, 2] *= -1
    lost = State(
        lenses=state.lenses,
        formulas=state.formulas,
        cam_from_world=behind,
        world_from_body=state.world_from_body,
        body_from_board=state.body_from_board,
    )
    assert (residuals(corners, lost) == kernel.LOST_PX).all()


@pytest.mark.parametrize("model", MODELS)
def test_normal_equations_are_those_of_numeric_derivatives(model: str) -> None:
    corners, state, _ = problem(model)
    views, width = corners.views, kernel.LOCAL
    weights = np.random.default_rng(0).random(len(corners.px))
    matrices, vectors = np.zeros((views, width, width)), np.zeros((views, width))
    kernel.accumulate(*kernel_arguments(corners, state), weights, kernel.TIME, matrices, vectors)
    first = corners.take([0])
    camera, body, board = first.indices[0]
    jacobian = np.zeros((len(first.px), 2, width))
    for i in range(12 if model != "fisheye" else 8):
        step = 1e-4 if i < 4 else 1e-6
        jacobian[:, :, kernel.LENS + i] = numeric(first, state, "lenses", camera, i, step)
    for name, index, place in (
        ("world_from_body", body, kernel.BODY),
        ("cam_from_world", camera, kernel.POSE),
        ("body_from_board", board, kernel.BOARD),
    ):
        for i in range(6):
            jacobian[:, :, place + i] = numeric(first, state, name, index, i, 1e-6)
    w = weights[: len(first.px)]
    expected = np.einsum("n,nki,nkj->ij", w, jacobian, jacobian)
    scale = np.sqrt(np.maximum(np.diag(expected), 1e-12))
    got = matrices[0]
    np.testing.assert_allclose(
        np.triu(got / np.outer(scale, scale)), np.triu(expected / np.outer(scale, scale)), atol=1e-5
    )
    gradient = np.einsum("n,nki,nk->i", w, jacobian, residuals(first, state))
    np.testing.assert_allclose(vectors[0] / scale, gradient / scale, atol=1e-3 * np.abs(gradient / scale).max())


def numeric(corners: Corners, state: State, name: str, index: int, i: int, step: float) -> np.ndarray:
    """(N, 2) derivative of the predicted pixels by one parameter."""

    def at(amount: float) -> np.ndarray:
        values = {key: getattr(state, key).copy() for key in State.__dataclass_fields__ if key != "motion"}
        if name == "lenses":
            values[name][index, i] += amount
        else:
            d = np.zeros((1, 6))
            d[0, i] = amount
            pose = values[name][index]
            values[name][index] = (
                compose(small_poses(d)[0], pose) if name == "cam_from_world" else compose(pose, small_poses(d)[0])
            )
        return residuals(corners, State(**values))

    return (at(-step) - at(step)) / (2 * step)


def test_the_step_without_bodies_is_that_of_the_whole_system() -> None:
    corners, state, _ = problem("opencv")
    freedom = Freedom(
        lenses=np.tile(np.arange(12) < 8, (3, 1)), cameras=np.array([False, True, True]), boards=np.array([False])
    )
    columns = outer_columns(corners, freedom)
    prior = LensPrior.of(state, np.tile([2000.0, 1500.0], (3, 1)))
    equations = NormalEquations.of(corners, state, columns, np.ones(len(corners.px)))
    step = equations.step(columns, prior, state.lenses, 1e-3)
    assert step is not None
    whole, right = dense(equations, corners, columns, prior, state.lenses, 1e-3)
    expected = np.linalg.solve(whole, right)
    scale = np.sqrt(np.diag(whole))
    found = np.concatenate([step[0], step[1].ravel()])
    np.testing.assert_allclose(found * scale, expected * scale, rtol=1e-6, atol=1e-6 * np.abs(expected * scale).max())
    after = moved(state, columns, *step)
    assert (residuals(corners, after) ** 2).sum() < (residuals(corners, state) ** 2).sum()


def dense(equations, corners, columns, prior, lenses, damping):
    """The whole damped system, outer parameters first, then six of every body."""
    n, bodies = columns.count, len(columns.body_starts) - 1
    whole, right = np.zeros((n + 6 * bodies, n + 6 * bodies)), np.zeros(n + 6 * bodies)
    outer, outer_right = np.zeros((n, n)), np.zeros(n)
    prior.add(lenses, columns, outer, outer_right)
    whole[:n, :n], right[:n] = outer, outer_right
    for v in range(corners.views):
        body = corners.indices[v, 1]
        place = np.concatenate([n + 6 * body + np.arange(6), columns.of_view[v]])
        full = np.triu(equations.matrices[v]) + np.triu(equations.matrices[v], 1).T
        kept = place >= 0
        whole[np.ix_(place[kept], place[kept])] += full[np.ix_(kept, kept)]
        right[place[kept]] += equations.vectors[v][kept]
    whole[np.diag_indices(len(whole))] *= 1 + damping
    return whole, right


def test_poses_agree_with_rigid3() -> None:
    rng = np.random.default_rng(5)
    a, b = (Rigid3.exp(rng.normal(size=6)) for _ in range(2))
    np.testing.assert_allclose(compose(pose_of(a), pose_of(b)), pose_of(a @ b), atol=1e-14)
    np.testing.assert_allclose(inverted(pose_of(a)), pose_of(a.inverse()), atol=1e-14)
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(transform(pose_of(a), points), a.apply(points), atol=1e-14)
    np.testing.assert_allclose(rigid_of(pose_of(a)).rotation, a.rotation, atol=1e-14)
    turn = rng.normal(size=(4, 6))
    turn[3] = 0.0
    expected = [Rigid3.exp([0, 0, 0, *d[3:]]).rotation for d in turn]
    np.testing.assert_allclose(small_poses(turn)[:, :, :3], expected, atol=1e-14)
    np.testing.assert_allclose(small_poses(turn)[:, :, 3], turn[:, :3], atol=0)
