"""What a solved board calibration says, by camera and view: residuals, certainty, coverage, in the world frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scan3d.calibration import board_calibration as result
from scan3d.calibration.board_calibration import BoardCalibration, Coverage, Reprojection, SolverOptions, ViewResiduals
from scan3d.calibration.board_poses import compose, rigid_of
from scan3d.calibration.board_problem import body_name, unpack_lens
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.board_world import WorldFrame, world_frame
from scan3d.calibration.measured_points import MeasuredPoints
from scan3d.calibration.pose_uncertainty import uncertainty
from scan3d.calibration.rig_start import RigStart
from scan3d.calibration.targets import Target
from scan3d.geometry import Camera, Intrinsics, Rig

if TYPE_CHECKING:
    from scan3d.calibration.board_solver import CameraAlone, Solved

GRID = (6, 8)  # rows and columns of the cells that coverage is counted in


def assemble_calibration(
    views: BoardViews,
    shots: Sequence[str],
    offsets: Mapping[str, int],
    alone: Mapping[str, CameraAlone],
    target: Target,
    start: RigStart,
    solved: Solved,
    options: SolverOptions,
) -> BoardCalibration:
    """The BoardCalibration of a joint solution. shots: of every view, in step. Raises CalibrationError where the floor
    board was not found."""
    lenses = _lenses(views, alone, solved)
    adjusted = solved.adjusted
    model = Rig(
        cameras=tuple(
            Camera(
                camera_id=name,
                intrinsics=lenses[name],
                cam_from_world=rigid_of(adjusted.state.cam_from_world[number]),
            )
            for number, name in enumerate(solved.names)
        )
    )
    world = _world(model, target, solved, options)
    back = world.world_from_model.inverse()
    rig = Rig(
        cameras=tuple(
            Camera(camera_id=c.camera_id, intrinsics=c.intrinsics, cam_from_world=c.cam_from_world @ back)
            for c in model
        ),
        source=f"scan3d calibrate, target {target.name}",
    )
    covariance, lens_sd = _certainty(views, solved, world, rig)
    names = list(alone)
    return BoardCalibration(
        rig=rig,
        world_frame=world.kind,
        world_from_body={
            key: world.world_from_model @ rigid_of(adjusted.state.world_from_body[number])
            for number, key in enumerate(solved.bodies)
        },
        body_from_board={
            target.boards[f].name: rigid_of(adjusted.state.body_from_board[f]) for f in solved.boards_placed
        },
        residuals=_view_residuals(views, solved),
        reprojection_px=_reprojection(solved),
        alone_px={name: _alone_rms(camera) for name, camera in alone.items() if camera.choice},
        covariance=covariance,
        intrinsics=lenses,
        intrinsics_sd=lens_sd,
        lens={name: camera.choice.candidate for name, camera in alone.items() if camera.choice},
        lens_scores={name: dict(camera.choice.scores) for name, camera in alone.items() if camera.choice},
        coverage={name: coverage(views, name) for name in alone},
        groups=tuple(tuple(names[number] for number in group) for group in start.groups),
        left_out=_left_out(alone, solved),
        shots=tuple(shots),
        frame_offsets=dict(offsets),
        frame_delays=_delays(solved),
        scale_to_plan=world.scale_to_plan,
    )


def coverage(views: BoardViews, camera_id: str) -> Coverage:
    """Where in its picture a camera saw corners, in cells of GRID; mirrored views do not count."""
    width, height = views.sizes[camera_id]
    counts = np.zeros(GRID, dtype=np.int64)
    for view in views.of_camera(camera_id):
        if view.mirrored:
            continue
        column = np.floor(view.px[:, 0] / width * GRID[1]).astype(int)
        row = np.floor(view.px[:, 1] / height * GRID[0]).astype(int)
        inside = (column >= 0) & (column < GRID[1]) & (row >= 0) & (row < GRID[0])
        np.add.at(counts, (row[inside], column[inside]), 1)
    return Coverage(share=float((counts > 0).mean()), counts=counts)


def _lenses(views: BoardViews, alone: Mapping[str, CameraAlone], solved: Solved) -> dict[str, Intrinsics]:
    """Of cameras of the rig as adjusted together, of others as adjusted by themselves."""
    place = {name: number for number, name in enumerate(solved.names)}
    lenses = {}
    for name, camera in alone.items():
        if camera.choice is None:
            continue
        by_itself = camera.choice.alone.adjusted.state.lenses[0]
        params = solved.adjusted.state.lenses[place[name]] if name in place else by_itself
        lenses[name] = unpack_lens(params, camera.choice.candidate, views.sizes[name])
    return lenses


def _world(model: Rig, target: Target, solved: Solved, options: SolverOptions) -> WorldFrame:
    """The world frame by the options."""
    points, model_from_board, measured = np.zeros((0, 3)), None, False
    if options.floor is not None:
        board_name, shot = options.floor
        for f, board in enumerate(target.boards):
            key = (body_name(board), shot)
            if board.name == board_name and key in solved.bodies and f in solved.boards_placed:
                points, measured = np.asarray(board.points_m, dtype=np.float64), isinstance(board, MeasuredPoints)
                state, number = solved.adjusted.state, solved.bodies.index(key)
                model_from_board = rigid_of(compose(state.world_from_body[number], state.body_from_board[f]))
    plan = options.rig_definition
    return world_frame(
        model, floor=options.floor, model_from_board=model_from_board, points_m=points, measured=measured, plan=plan
    )


def _certainty(
    views: BoardViews, solved: Solved, world: WorldFrame, rig: Rig
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Covariances of poses and standard deviations of lenses, by camera of the rig."""
    adjusted = solved.adjusted
    weights = adjusted.corner_sigma_px**-2.0 * adjusted.inlier
    sizes = np.array([views.sizes[name] for name in solved.names], dtype=np.float64)
    sure = uncertainty(solved.corners, adjusted.state, solved.freedom, sizes, weights)
    turn = np.eye(6)
    turn[:3, :3] = world.world_from_model.rotation
    covariance = {name: turn @ sure.poses[number] @ turn.T for number, name in enumerate(solved.names)}
    lens_sd = {}
    for number, camera in enumerate(rig):
        lens_sd[camera.camera_id] = sure.lens_sd[number][: len(camera.intrinsics.params())]
    return covariance, lens_sd


def _view_residuals(views: BoardViews, solved: Solved) -> tuple[ViewResiduals, ...]:
    """Of every view, in order; NaN for those that did not take part."""
    found = [
        ViewResiduals(px=np.full((len(view.px), 2), np.nan), inlier=np.zeros(len(view.px), dtype=bool))
        for view in views.views
    ]
    starts = solved.corners.starts
    for number, row in enumerate(solved.rows):
        part = slice(starts[number], starts[number + 1])
        found[row] = ViewResiduals(px=solved.adjusted.residuals[part], inlier=solved.adjusted.inlier[part])
    return tuple(found)


def _reprojection(solved: Solved) -> dict[str, Reprojection]:
    """By camera of the rig."""
    camera = solved.corners.camera_of_corner()
    length, inlier = np.linalg.norm(solved.adjusted.residuals, axis=1), solved.adjusted.inlier
    found = {}
    for number, name in enumerate(solved.names):
        own = camera == number
        kept = length[own & inlier]
        found[name] = Reprojection(
            median_px=float(np.median(length[own])) if own.any() else float("nan"),
            rms_px=float(np.sqrt(np.mean(kept**2))) if len(kept) else float("nan"),
            sigma_px=float(solved.adjusted.sigma_px[number]),
            corners=int(own.sum()),
            outliers=int((own & ~inlier).sum()),
        )
    return found


def _delays(solved: Solved) -> dict[str, float]:
    """By camera of the rig, against its first, where times were found."""
    motion = solved.adjusted.state.motion
    if motion is None:
        return {}
    return dict(zip(solved.names, (motion.times - motion.times[0]).tolist(), strict=True))


def _alone_rms(camera: CameraAlone) -> float:
    """Root mean square residual of a camera's inliers when it is calibrated by itself."""
    assert camera.choice is not None
    adjusted = camera.choice.alone.adjusted
    squared = (adjusted.residuals[adjusted.inlier] ** 2).sum(axis=1)
    return float(np.sqrt(squared.mean())) if len(squared) else float("nan")


def _left_out(alone: Mapping[str, CameraAlone], solved: Solved) -> dict[str, str]:
    """Why cameras are not in the rig."""
    reasons = {name: camera.reason for name, camera in alone.items() if camera.choice is None}
    rest = [name for name in alone if name not in reasons and name not in solved.names]
    return reasons | dict.fromkeys(rest, result.DISCONNECTED)
