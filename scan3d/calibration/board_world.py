"""The world frame of a rig calibrated from boards: from a board on the floor, the rig's plan, or its cameras."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.upright import world_from_cameras
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig, Rigid3
from scan3d.geometry.rig_definition import RigDefinition

FLOOR, MEASURED, PLAN, UPRIGHT = "floor", "measured", "plan", "upright"
_AGREE = 0.25  # of the plan's radius: cameras that hang further off have no say in where the rig is
_LEVER = 0.1  # of the plan's radius, for the cameras' rotations: they decide only what their centres leave open


@dataclass(frozen=True, kw_only=True, eq=False)
class WorldFrame:
    """world_from_model: moves the solver's frame to the world. kind: FLOOR, MEASURED, PLAN or UPRIGHT.
    scale_to_plan: the plan's lengths over the rig's, NaN without a plan."""

    world_from_model: Rigid3
    kind: str
    scale_to_plan: float = float("nan")


def world_of_floor(rig: Rig, model_from_board: Rigid3, points_m: np.ndarray) -> Rigid3:
    """World from a board (points (N, 3), its frame) that lies on the floor: its middle the origin, its columns along X,
    and Z towards the side that the cameras stand on."""
    middle = 0.5 * (points_m.min(axis=0) + points_m.max(axis=0))
    heights = model_from_board.inverse().apply(rig.centres())[:, 2]
    # A board's own z runs away from who looks at it: it is turned about its columns.
    up = np.diag([1.0, -1.0, -1.0]) if np.median(heights) < 0 else np.eye(3)
    world_from_board = Rigid3(rotation=up, translation=-up @ middle)
    return world_from_board @ model_from_board.inverse()


def world_of_plan(rig: Rig, plan: RigDefinition) -> WorldFrame | None:
    """World where the cameras hang as planned; None where fewer than two of them are in the plan.

    Rigid, by least squares over the centres and a little over the rotations, without cameras that hang elsewhere.
    """
    straight = replace(plan, position_spread_m=0.0, aim_spread_rad=0.0, roll_spread_rad=0.0).rig()
    names = [name for name in rig.camera_ids if name in straight]
    if len(names) < 2:
        return None
    planned, found = straight.subset(names), rig.subset(names)
    p, f = planned.centres(), found.centres()
    size = float(np.median(np.linalg.norm(p - np.median(p, axis=0), axis=1)))
    scale = _length_ratio(f, p)
    turns = np.array(
        [a.cam_from_world.rotation.T @ b.cam_from_world.rotation for a, b in zip(planned, found, strict=True)]
    )
    # Every camera proposes the motion that puts it in its place; the one that fits the others best is the start.
    trials = [(turn, p[k] - scale * turn @ f[k]) for k, turn in enumerate(turns)]
    off = np.array([np.linalg.norm(scale * f @ turn.T + shift - p, axis=1) for turn, shift in trials])
    near = off[np.minimum(off, _AGREE * size).sum(axis=1).argmin()] < _AGREE * size
    for _ in range(3):
        rotation, shift = _fit(f[near], p[near], turns[near], (_LEVER * size) ** 2)
        again = np.linalg.norm(f @ rotation.T + shift - p, axis=1) < _AGREE * size + abs(1 - scale) * size
        if not again.any() or (again == near).all():
            break
        near = again
    return WorldFrame(
        world_from_model=Rigid3(rotation=rotation, translation=shift), kind=PLAN, scale_to_plan=_length_ratio(f, p)
    )


def world_of_cameras(rig: Rig) -> Rigid3:
    """World levelled by the cameras, its origin where they look, the first camera in front."""
    return world_from_cameras(rig, np.zeros((0, 3)), front=rig.camera_ids[0], scale=1.0).world_from_model


def world_frame(
    rig: Rig,
    *,
    floor: tuple[str, str] | None,
    model_from_board: Rigid3 | None,
    points_m: np.ndarray,
    measured: bool = False,
    plan: RigDefinition | None,
) -> WorldFrame:
    """The world by the best that is known: a floor board or measured points, the plan, the cameras.

    floor: (board, shot) asked for; model_from_board: where that board was, None when it was not found; points_m: its
    points; measured: the board is measured points, whose frame is the world.
    Raises CalibrationError when the floor board asked for was not found.
    """
    by_plan = world_of_plan(rig, plan) if plan is not None else None
    scale = by_plan.scale_to_plan if by_plan is not None else float("nan")
    if floor is not None:
        if model_from_board is None:
            what = f"The board '{floor[0]}' was not found in shot '{floor[1]}' by any camera of the rig."
            raise CalibrationError(what, "the floor board", "Name a shot that shows the board on the floor.")
        if measured:
            return WorldFrame(world_from_model=model_from_board.inverse(), kind=MEASURED, scale_to_plan=scale)
        world = world_of_floor(rig, model_from_board, points_m)
        return WorldFrame(world_from_model=world, kind=FLOOR, scale_to_plan=scale)
    return by_plan or WorldFrame(world_from_model=world_of_cameras(rig), kind=UPRIGHT)


def _fit(found: np.ndarray, planned: np.ndarray, turns: np.ndarray, lever2: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and translation that bring centres (N, 3) to the plan's; turns help where these leave it open."""
    from_mean, to_mean = found.mean(axis=0), planned.mean(axis=0)
    u, _, vt = np.linalg.svd((planned - to_mean).T @ (found - from_mean) + lever2 * turns.sum(axis=0))
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return rotation, to_mean - rotation @ from_mean


def _length_ratio(found: np.ndarray, planned: np.ndarray) -> float:
    """Median over pairs of cameras of the distance planned over the distance found."""
    i, j = np.triu_indices(len(found), 1)
    a, b = np.linalg.norm(found[i] - found[j], axis=1), np.linalg.norm(planned[i] - planned[j], axis=1)
    return float(np.median(b / np.maximum(a, 1e-12)))
