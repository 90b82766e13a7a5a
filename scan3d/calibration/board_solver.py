"""From views of boards to a calibrated rig: each camera's lens by itself, the rig's start, then everything together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration import board_calibration as result
from scan3d.calibration import board_kernel as kernel
from scan3d.calibration.board_adjustment import Adjusted, adjust
from scan3d.calibration.board_calibration import BoardCalibration, SolverOptions
from scan3d.calibration.board_equations import Freedom
from scan3d.calibration.board_findings import assemble_calibration
from scan3d.calibration.board_motion import Motion
from scan3d.calibration.board_poses import inverted
from scan3d.calibration.board_problem import Corners, State, body_name, corners_of, free_columns, pack_lens
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.intrinsics_start import Alone, alone_corners, alone_state, fit_alone
from scan3d.calibration.lens_choice import LensChoice, choose_lens, usable_views
from scan3d.calibration.rig_start import RigStart, ViewPose, frame_points, start_rig
from scan3d.calibration.synchrony import neighbours, shots_in_step
from scan3d.calibration.targets import Target
from scan3d.errors import CalibrationError
from scan3d.geometry import Intrinsics
from scan3d.pipeline.progress import Progress, Silent

_MOST_OFF_PX = 20.0  # a view whose own corners lie further off by itself has no pose


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraAlone:
    """One camera before the rig. rows: its views among all; choice: its lens; reason: why there is none."""

    rows: np.ndarray
    choice: LensChoice | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """The joint solution. names: cameras of the state, in order. bodies: (body, shot) of the state, in order.
    rows: views (of all) that took part, in the order of corners."""

    names: tuple[str, ...]
    bodies: tuple[tuple[str, str], ...]
    rows: np.ndarray
    corners: Corners
    adjusted: Adjusted
    freedom: Freedom
    boards_placed: tuple[int, ...]


def calibrate_boards(
    views: BoardViews, target: Target, *, options: SolverOptions | None = None, progress: Progress | None = None
) -> BoardCalibration:
    """Calibrate a rig from what its cameras saw of a target.

    Args:
        views: what was found in the photographs; `sizes` names every camera, of those that saw nothing too.
        target: the boards, with the lengths that give the rig its scale.
    Returns:
        The calibration, with the reasons of cameras that are not in its rig. It judges nothing:
        `scan3d.calibration.board_verdicts` does.
    Raises:
        CalibrationError: no camera saw enough of the target to find a lens; or a floor board was asked for that was
            not found.
        CancelledError: `progress` was told to stop.
    """
    options = options or SolverOptions()
    progress = progress or Silent()
    known_boards = {board.name for board in target.boards}
    kept = [k for k, view in enumerate(views.views) if view.board in known_boards and len(view.px)]
    alone: dict[str, CameraAlone] = {}
    with progress.task("lenses", total=len(views.sizes)) as task:
        for camera_id in views.sizes:
            rows = [k for k in kept if views.views[k].camera_id == camera_id]
            alone[camera_id] = camera_alone(camera_id, rows, views, target, options)
            task.advance()
    if not any(camera.choice for camera in alone.values()):
        what = "No camera saw enough of the target to find its lens."
        step = (
            f"Each camera needs {options.min_views} or more pictures of a board; check that the target is the one used."
        )
        raise CalibrationError(what, f"target {target.name}, {len(views.sizes)} cameras", step)
    shots, offsets = _shots(views, alone, target, options)
    with progress.task("rig", total=2) as task:
        start = _start(views, shots, alone, target)
        task.advance()
        solved = _solve(views, shots, alone, target, start, options)
        task.advance()
    return assemble_calibration(views, shots, offsets, alone, target, start, solved, options)


def camera_alone(
    camera_id: str, rows: Sequence[int], views: BoardViews, target: Target, options: SolverOptions
) -> CameraAlone:
    """A camera's lens and the poses of the boards before it, from its own views. rows: its views among all."""
    if not rows:
        return CameraAlone(rows=np.zeros(0, int), choice=None, reason=result.NO_VIEWS)
    straight = [k for k in rows if not views.views[k].mirrored]
    if 2 * len(straight) < len(rows):
        return CameraAlone(rows=np.zeros(0, int), choice=None, reason=result.MIRRORED)
    corners = _corners_alone([views.views[k] for k in straight], target)
    good = usable_views(corners)
    chosen = np.array(straight, dtype=np.int64)[good]
    size = views.sizes[camera_id]
    corners = alone_corners(corners.take(good))
    if camera_id in options.known_lenses:
        choice = _held_lens(corners, options.known_lenses[camera_id]) if len(good) else None
        return CameraAlone(rows=chosen, choice=choice, reason="" if choice else result.TOO_FEW_VIEWS)
    if len(good) < options.min_views:
        return CameraAlone(rows=chosen, choice=None, reason=result.TOO_FEW_VIEWS)
    found = choose_lens(corners, size, options.lenses, folds=options.folds, most_views=options.max_lens_views)
    return CameraAlone(rows=chosen, choice=found, reason="" if found else result.NO_LENS)


def _corners_alone(views: Sequence[BoardView], target: Target) -> Corners:
    bodies = {(body_name(board), view.shot): 0 for view in views for board in target.boards}
    return alone_corners(corners_of(views, target, cameras={view.camera_id: 0 for view in views}, bodies=bodies))


def _held_lens(corners: Corners, lens: Intrinsics) -> LensChoice:
    """Poses of a camera's views under a lens that is known."""
    params, formula = pack_lens(lens)
    state = alone_state(corners, params, formula)
    held = np.zeros((1, kernel.LENS_PARAMS), dtype=bool)
    adjusted = fit_alone(corners, state, held, (lens.width, lens.height))
    return LensChoice(candidate=lens.model, alone=Alone(corners=corners, adjusted=adjusted, candidate=lens.model))


def _shots(
    views: BoardViews, alone: Mapping[str, CameraAlone], target: Target, options: SolverOptions
) -> tuple[list[str], dict[str, int]]:
    """The shot of every view in the numbering of the first camera, and the offsets that lead there."""
    if options.synchronised:
        return [view.shot for view in views.views], {}
    return shots_in_step(views, {name: view_poses_alone(camera) for name, camera in alone.items()}, target)


def view_poses_alone(camera: CameraAlone) -> dict[int, np.ndarray]:
    """cam_from_board (3, 4) by view (of all), of those that fit their own camera."""
    if camera.choice is None:
        return {}
    found = camera.choice.alone
    size = np.linalg.norm(found.adjusted.residuals, axis=1)
    starts = found.corners.starts
    typical = [float(np.median(size[starts[v] : starts[v + 1]])) for v in range(found.corners.views)]
    poses = found.adjusted.state.world_from_body
    return {int(row): poses[v] for v, row in enumerate(camera.rows) if typical[v] < _MOST_OFF_PX}


def _start(views: BoardViews, shots: Sequence[str], alone: Mapping[str, CameraAlone], target: Target) -> RigStart:
    """How the cameras stand, from the boards they share."""
    boards = {board.name: (number, board) for number, board in enumerate(target.boards)}
    first: dict[str, int] = {}
    for number, board in enumerate(target.boards):
        first.setdefault(body_name(board), number)
    bodies = body_numbers(views, shots, target)
    poses = []
    for number, camera in enumerate(alone.values()):
        for row, pose in view_poses_alone(camera).items():
            view = views.views[row]
            index, board = boards[view.board]
            poses.append(
                ViewPose(
                    camera=number,
                    body=bodies[body_name(board), shots[row]],
                    board=index,
                    cam_from_board=pose,
                    frame_m=frame_points(np.asarray(board.points_m, dtype=np.float64)),
                    corners=len(view.px),
                )
            )
    first_boards = {number: first[body_name(board)] for number, board in enumerate(target.boards)}
    return start_rig(poses, len(alone), first_boards)


def body_numbers(views: BoardViews, shots: Sequence[str], target: Target) -> dict[tuple[str, str], int]:
    """A number for every body in every shot, in the order they came."""
    body_of = {board.name: body_name(board) for board in target.boards}
    keys = ((body_of[view.board], shot) for view, shot in zip(views.views, shots, strict=True) if view.board in body_of)
    return {key: number for number, key in enumerate(dict.fromkeys(keys))}


def _solve(
    views: BoardViews,
    shots: Sequence[str],
    alone: Mapping[str, CameraAlone],
    target: Target,
    start: RigStart,
    options: SolverOptions,
) -> Solved:
    """The joint adjustment of the largest group."""
    every = list(alone)
    names = tuple(every[number] for number in start.groups[0])
    bodies = [key for key, number in body_numbers(views, shots, target).items() if number in start.world_from_body]
    numbers = body_numbers(views, shots, target)
    boards = {board.name: number for number, board in enumerate(target.boards)}
    body_of = {board.name: body_name(board) for board in target.boards}
    in_use = set(bodies)
    rows = [
        row
        for name in names
        for row in alone[name].rows
        if boards[views.views[row].board] in start.body_from_board
        and (body_of[views.views[row].board], shots[row]) in in_use
    ]
    renamed = [replace(views.views[row], shot=shots[row]) for row in rows]
    corners = corners_of(
        renamed,
        target,
        cameras={name: k for k, name in enumerate(names)},
        bodies={key: k for k, key in enumerate(bodies)},
    )
    choices = [alone[name].choice for name in names]
    lenses = np.array([choice.alone.adjusted.state.lenses[0] for choice in choices if choice])
    state = State(
        lenses=lenses,
        formulas=np.array([choice.alone.adjusted.state.formulas[0] for choice in choices if choice]),
        cam_from_world=np.array([inverted(start.world_from_cam[number]) for number in start.groups[0]]),
        world_from_body=np.array([start.world_from_body[numbers[key]] for key in bodies]),
        body_from_board=np.array([start.body_from_board.get(f, np.eye(3, 4)) for f in range(len(target.boards))]),
    )
    held = np.zeros(kernel.LENS_PARAMS, dtype=bool)
    lens_free = np.array(
        [
            held if n in options.known_lenses else free_columns(c.candidate)
            for n, c in zip(names, choices, strict=True)
            if c
        ]
    )
    first = {body_name(board): number for number, board in reversed(list(enumerate(target.boards)))}
    seen = set(corners.indices[:, 2].tolist())
    board_free = np.array([f in seen and f != first[body_name(b)] for f, b in enumerate(target.boards)])
    # One camera is held while the rest moves; which one does not matter to the solution.
    cameras = np.arange(len(names)) != np.bincount(corners.indices[:, 0], minlength=len(names)).argmax()
    sizes = np.array([views.sizes[name] for name in names], dtype=np.float64)
    freedom = Freedom(lenses=lens_free, cameras=cameras, boards=board_free)
    if not options.synchronised and (between := neighbours(bodies)) is not None:
        state = replace(state, motion=Motion.between(*between, cameras=len(names), views=corners.views))
        freedom = replace(freedom, times=cameras)
        # Lenses would bend to what is a matter of time: they wait until the times are found.
        first_times = replace(freedom, lenses=np.zeros_like(lens_free))
        state = adjust(corners, state, first_times, sizes, outlier_sigmas=options.outlier_sigmas).state
    adjusted = adjust(corners, state, freedom, sizes, outlier_sigmas=options.outlier_sigmas)
    return Solved(
        names=names,
        bodies=tuple(bodies),
        rows=np.array(rows, dtype=np.int64),
        corners=corners,
        adjusted=adjusted,
        freedom=freedom,
        boards_placed=tuple(sorted(start.body_from_board)),
    )
