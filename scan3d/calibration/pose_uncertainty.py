"""How sure the poses and lenses of an adjusted rig are, from the curvature of its cost.

The normal matrix of the cameras' parameters, body poses eliminated, has six directions without curvature: moving the
whole rig. Inner constraints on all cameras (Triggs et al. 2000, 9.2) decide them, so that each camera's covariance says
how well it is known against the rig as a whole, rather than against one camera that happens to be held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.board_equations import Columns, Freedom, LensPrior, NormalEquations, outer_columns
from scan3d.calibration.board_problem import Corners, State

# A camera's rotation counts like a move of its centre by this lever: little, so that the centres decide wherever they
# can, and not nothing, so that two cameras have a rotation about the line between them.
_LEVER_M = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Uncertainty:
    """poses: (C, 6, 6) covariance of centre (world axes, metres) and rotation (camera axes, rad). lens_sd: (C, 12)
    standard deviations of the kernel's parameters, zero where held."""

    poses: np.ndarray
    lens_sd: np.ndarray


def uncertainty(
    corners: Corners, state: State, freedom: Freedom, sizes: np.ndarray, weights: np.ndarray
) -> Uncertainty:
    """Covariances of an adjusted rig.

    freedom: what moved in the adjustment (its held camera too is uncertain). weights: (N,) 1 / sigma^2 of inliers, 0 of
    outliers.
    """
    count = len(state.lenses)
    columns = outer_columns(corners, replace(freedom, cameras=np.ones(count, dtype=bool)))
    equations = NormalEquations.of(corners, state, columns, weights)
    normal, _, _ = equations.reduced(columns, LensPrior.of(state, sizes), state.lenses, 0.0)
    free, held = _rig_motions(state, columns)
    # S + H H^T is invertible; what its inverse has too much lies along the motions of the rig.
    scale = np.trace(normal) / len(normal)
    held = held * np.sqrt(scale) / np.linalg.norm(held, axis=0)
    covariance = np.linalg.pinv(normal + held @ held.T, hermitian=True)
    back = free @ np.linalg.inv(held.T @ free)
    covariance -= back @ back.T
    poses = np.zeros((count, 6, 6))
    for c in range(count):
        place = columns.of_camera[c]
        # A centre moves by -R^T t where the camera's own frame moves by t.
        turn = np.eye(6)
        turn[:3, :3] = -state.cam_from_world[c, :, :3].T
        poses[c] = turn @ covariance[np.ix_(place, place)] @ turn.T
    variance = np.append(np.maximum(np.diag(covariance), 0.0), 0.0)
    return Uncertainty(poses=poses, lens_sd=np.sqrt(variance[columns.of_lens]))


def _rig_motions(state: State, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """(n, 6) what the six motions of the world do to the outer parameters, and the same weighted as constraints.

    The world moves by exp(d): X -> X + t + w x X. The same pictures need cam_from_world @ exp(-d), and -d taken
    through the camera's pose is what its parameters change by. The motions turn about the cameras' mean.
    """
    rotations, translations = state.cam_from_world[:, :, :3], state.cam_from_world[:, :, 3]
    centres = -np.einsum("cji,cj->ci", rotations, translations)
    middle = centres.mean(axis=0)
    motions, held = np.zeros((columns.count, 6)), np.zeros((columns.count, 6))
    for c, place in enumerate(columns.of_camera):
        arm = centres[c] - middle
        cross = np.array([[0, -arm[2], arm[1]], [arm[2], 0, -arm[0]], [-arm[1], arm[0], 0]])
        part = np.zeros((6, 6))
        part[:3, :3] = rotations[c]
        # A turn w of the world moves the centre by w x arm = -cross^T... = -arm x w.
        part[:3, 3:] = -rotations[c] @ cross
        part[3:, 3:] = rotations[c]
        motions[place] = part
        held[place] = part * np.array([1, 1, 1, _LEVER_M, _LEVER_M, _LEVER_M])[:, None] ** 2
    return motions, held
