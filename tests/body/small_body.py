"""A small body for tests: a capsule of quads with two joints, shape numbers and texture coordinates."""

import numpy as np

from scan3d.body.model import BodyModel, BodyParameters


def small_body(*, around: int = 24, along: int = 24) -> BodyModel:
    """A capsule 1 m long and 0.24 m thick along Y; the upper half hangs on the second joint. Symmetric in X."""
    turn = np.arange(around) * 2 * np.pi / around
    height = np.linspace(-0.5, 0.5, along + 1)[1:-1]
    radius = 0.12 * np.sqrt(1 - (height / 0.5) ** 4)
    rings = np.stack(
        [
            radius[:, None] * np.cos(turn),
            np.broadcast_to(height[:, None], (len(height), around)),
            radius[:, None] * -np.sin(turn),
        ],
        axis=-1,
    )
    template = rings.reshape(-1, 3)
    rows, columns = np.meshgrid(np.arange(len(height) - 1), np.arange(around), indexing="ij")
    following = (columns + 1) % around
    quads = np.stack(
        [
            rows * around + columns,
            rows * around + following,
            (rows + 1) * around + following,
            (rows + 1) * around + columns,
        ],
        axis=-1,
    ).reshape(-1, 4)
    uv_rows = around + 1
    quad_uv = np.stack(
        [
            rows * uv_rows + columns,
            rows * uv_rows + columns + 1,
            (rows + 1) * uv_rows + columns + 1,
            (rows + 1) * uv_rows + columns,
        ],
        axis=-1,
    ).reshape(-1, 4)
    u, v = np.linspace(0.05, 0.95, uv_rows), np.linspace(0.05, 0.95, len(height))
    uv = np.stack(np.broadcast_arrays(u[None], v[:, None]), axis=-1).reshape(-1, 2)
    upper = np.clip((template[:, 1] + 0.1) / 0.2, 0, 1)
    regressor = np.zeros((2, len(template)))
    regressor[0, :around] = 1 / around
    middle = np.argsort(np.abs(template[:, 1]))[:around]
    regressor[1, middle] = 1 / around
    return BodyModel(
        name="small",
        licence="",
        template=template,
        faces=np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3).astype(np.int32),
        shape_basis=np.stack([template * [0.2, 0, 0.2], template * [0, 0.1, 0]], axis=2),
        expression_basis=np.zeros((len(template), 3, 1)),
        pose_basis=None,
        joint_regressor=regressor,
        parents=np.array([-1, 0], np.int32),
        weights=np.stack([1 - upper, upper], axis=1),
        hand_means=np.zeros((2, 45)),
        hand_bases=np.zeros((2, 1, 45)),
        quads=quads.astype(np.int32),
        uv=uv,
        quad_uv=quad_uv.astype(np.int32),
    )


def bent(model: BodyModel, angle: float = 0.4) -> BodyParameters:
    """Standing up in the world, facing -Y, bent at the second joint."""
    pose = np.zeros((model.joints, 3))
    pose[0] = [np.pi / 2, 0, 0]
    pose[1] = [angle, 0, 0]
    return BodyParameters(
        shape=np.array([0.5, -0.3]), expression=np.zeros(1), pose=pose, translation=np.array([0.1, 0.2, 0.5])
    )
