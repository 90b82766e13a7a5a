"""The board solver beside OpenCV's calibrateMultiview and scipy's least_squares: the same corners, one run, CPU time.

OpenCV is given the views that show every corner (its own way to leave single ones out is to lose them); scipy is given
our start and the sparsity of the Jacobian, and takes differences for derivatives; plain squares, since with its Cauchy
loss it had not arrived after 60 evaluations.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scan3d.calibration import board_adjustment, board_solver
from scan3d.calibration.board_calibration import SolverOptions
from scan3d.calibration.board_equations import Freedom, moved, outer_columns
from scan3d.calibration.board_problem import Corners, State, residuals, unpack_lens
from scan3d.calibration.board_views import BoardViews
from scan3d.geometry import Camera, Rig, Rigid3
from scan3d.geometry.opencv_adapter import intrinsics_from_opencv, px_to_opencv
from tests.benchmarks.growth import exponent
from tests.benchmarks.machine import REPOSITORY, circumstances, finished

sys.path.insert(0, str(REPOSITORY / "tests" / "calibration"))
_OPTIONS = SolverOptions(lenses=("opencv",))
_SIGMA_PX = 0.2
_MOST_CPU_S, _MOST_EXPONENT = 60.0, 1.05


def calibration() -> dict[str, Any]:
    """Growth over 4, 16, 64 cameras with every lens model tried; the peers on 4 and 8 cameras."""
    import board_rigs

    made = circumstances()
    board_solver.calibrate_boards(*_problem(board_rigs, 3, 12)[:2])  # kernels are compiled once per machine
    rows = []
    for cameras in (4, 16, 64):
        views, target, rig = _problem(board_rigs, cameras, 40)
        cpu, found = _timed(lambda v=views, t=target: board_solver.calibrate_boards(v, t))
        off_mm, off_deg = board_rigs.aligned_errors(found.rig, rig)
        rows.append(
            {
                "cameras": cameras,
                "corners": sum(len(view.px) for view in views.views),
                "cpu_s": cpu,
                "off_mm": float(np.median(off_mm)),
                "off_deg": float(np.median(off_deg)),
            }
        )
    peers = [_peers(board_rigs, cameras) for cameras in (4, 8)]
    return {"made": finished(made), "rows": rows, "peers": peers}


def draw(result: Mapping[str, Any], made: str, table: Callable[..., str]) -> str:
    """The benchmark's part of the page. made: its line on when and where."""
    rows = result["rows"]
    grows = exponent([row["corners"] for row in rows], [row["cpu_s"] for row in rows])
    most = rows[-1]["cpu_s"]
    head = ("cameras, 40 boards", "corners", "CPU s", "centres, mm", "turns, degrees")
    lines = [
        (str(r["cameras"]), str(r["corners"]), f"{r['cpu_s']:.1f}", f"{r['off_mm']:.3f}", f"{r['off_deg']:.4f}")
        for r in rows
    ]
    peers = [("cameras", "corners", "ours, CPU s", "OpenCV / ours", "our adjustment, CPU s", "scipy / ours")]
    peers += [
        (
            str(p["cameras"]),
            str(p["corners"]),
            f"{p['ours_cpu_s']:.2f}",
            f"{p['opencv_cpu_s'] / p['ours_cpu_s']:.1f}",
            f"{p['adjust_cpu_s']:.2f}",
            f"{p['scipy_cpu_s'] / p['adjust_cpu_s']:.1f}",
        )
        for p in result["peers"]
    ]
    off = "; ".join(
        f"{p['cameras']} cameras: {p['ours_mm']:.3f} mm ours, {p['opencv_mm']:.3f} OpenCV, {p['scipy_mm']:.3f} scipy"
        for p in result["peers"]
    )
    return "\n".join(
        [
            "## Rigs calibrated from boards\n",
            made,
            "Simulated rigs 2 m across, cameras of 12 megapixels, 0.2 px of noise and 2 % outliers; five lens models "
            "are tried per camera. Medians over cameras against the truth.\n",
            table([head, *lines]),
            f"64 cameras: reach <= {_MOST_CPU_S:.0f} CPU s: {'met' if most <= _MOST_CPU_S else '**not met**'}. "
            f"Cost grows as corners to the power {grows:.2f}; reach: <= {_MOST_EXPONENT}: "
            f"{'met' if grows <= _MOST_EXPONENT else '**not met**'}.\n",
            "One lens model, corners without outliers, 24 boards seen whole; OpenCV's calibrateMultiview from the same "
            "corners, scipy's least_squares from our start:\n",
            table(peers),
            f"Median distance of centres from the truth: {off}.\n",
        ]
    )


def _problem(
    board_rigs: Any,
    cameras: int,
    shots: int,
    *,
    outliers: float = 0.02,
    board: tuple[int, int] = (14, 10),
    spread_m: float = 0.2,
) -> tuple[BoardViews, Any, Rig]:
    lens = board_rigs.default_lens(width=4000, height=3000, focal_px=3800.0)
    rig, target = board_rigs.sphere_rig(cameras, lens=lens), board_rigs.charuco_target(*board)
    bodies = board_rigs.random_bodies(target, shots, spread_m=spread_m)
    views, _ = board_rigs.simulate_board_views(rig, target, bodies, noise_px=_SIGMA_PX, outliers=outliers)
    return views, target, rig


def _peers(board_rigs: Any, cameras: int) -> dict[str, Any]:
    """Three solvers on corners without outliers (OpenCV has no defence), of views that show the whole board."""
    views, target, rig = _problem(board_rigs, cameras, 24, outliers=0.0, board=(10, 8), spread_m=0.08)
    whole = len(target.boards[0].points_m)
    views = replace(views, views=tuple(view for view in views.views if len(view.px) == whole))
    ours_cpu, ours = _timed(lambda: board_solver.calibrate_boards(views, target, options=_OPTIONS))
    cv_cpu, by_opencv = _timed(lambda: _multiview(views, target, rig.camera_ids))
    corners, state, freedom, sizes = _joint_problem(views, target)
    adjust_cpu, _ = _timed(lambda: board_adjustment.adjust(corners, state, freedom, sizes))
    scipy_cpu, by_scipy = _timed(lambda: _least_squares(corners, state, freedom, ours.groups[0], views))

    def off(found: Rig) -> float:
        return float(np.median(board_rigs.aligned_errors(found, rig)[0]))

    return {
        "cameras": cameras,
        "corners": sum(len(view.px) for view in views.views),
        "ours_cpu_s": ours_cpu,
        "opencv_cpu_s": cv_cpu,
        "adjust_cpu_s": adjust_cpu,
        "scipy_cpu_s": scipy_cpu,
        "ours_mm": off(ours.rig),
        "opencv_mm": off(by_opencv),
        "scipy_mm": off(by_scipy),
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


def _multiview(views: BoardViews, target: Any, names: tuple[str, ...]) -> Rig:
    """OpenCV's rig from the same corners: four distortion parameters, as ours."""
    import cv2

    shots = sorted({view.shot for view in views.views})
    points = np.asarray(target.boards[0].points_m, dtype=np.float32)
    seen = {(view.camera_id, view.shot): px_to_opencv(view.px).astype(np.float32) for view in views.views}
    none = np.full((len(points), 2), -1.0, dtype=np.float32)
    mask = np.array([[(name, shot) in seen for shot in shots] for name in names], dtype=np.uint8)
    flags = np.full((len(names), 1), cv2.CALIB_FIX_K3, dtype=np.int32)
    _, matrices, distortions, rotations, translations = cv2.calibrateMultiview(
        [points] * len(shots),
        [[seen.get((name, shot), none) for shot in shots] for name in names],
        [views.sizes[name] for name in names],
        mask,
        np.zeros((len(names), 1), dtype=np.uint8),
        None,
        None,
        None,
        None,
        flagsForIntrinsics=flags,
    )[:5]
    cameras = []
    for k, name in enumerate(names):
        rotation = np.asarray(rotations[k], dtype=np.float64)
        rotation = cv2.Rodrigues(rotation)[0] if rotation.size == 3 else rotation
        lens = intrinsics_from_opencv("opencv", matrices[k], np.ravel(distortions[k])[:4], views.sizes[name])
        pose = Rigid3(rotation=rotation, translation=np.ravel(translations[k]))
        cameras.append(Camera(camera_id=name, intrinsics=lens, cam_from_world=pose))
    return Rig(cameras=tuple(cameras))


def _joint_problem(views: BoardViews, target: Any) -> tuple[Corners, State, Freedom, np.ndarray]:
    """What calibrate_boards() hands to its adjustment."""
    kept: list[Any] = []
    whole = board_solver.adjust

    def record(*arguments: Any, **options: Any) -> Any:
        kept.append(arguments)
        return whole(*arguments, **options)

    board_solver.adjust = record  # type: ignore[assignment]
    try:
        board_solver.calibrate_boards(views, target, options=_OPTIONS)
    finally:
        board_solver.adjust = whole
    return kept[-1]


def _least_squares(corners: Corners, state: State, freedom: Freedom, names: tuple[str, ...], views: BoardViews) -> Rig:
    """scipy's trust region over the same parameters."""
    from scipy.optimize import least_squares
    from scipy.sparse import lil_matrix

    columns = outer_columns(corners, freedom)
    bodies = len(state.world_from_body)

    def at(x: np.ndarray) -> State:
        return moved(state, columns, x[: columns.count], x[columns.count :].reshape(bodies, 6), np.zeros(0))

    pattern = lil_matrix((2 * len(corners.px), columns.count + 6 * bodies), dtype=np.int8)
    for v in range(corners.views):
        rows = slice(2 * corners.starts[v], 2 * corners.starts[v + 1])
        own = columns.of_view[v][columns.of_view[v] >= 0]
        for column in (*own, *(columns.count + 6 * corners.indices[v, 1] + np.arange(6))):
            pattern[rows, int(column)] = 1
    solved = least_squares(
        lambda x: residuals(corners, at(x)).ravel() / _SIGMA_PX,
        np.zeros(columns.count + 6 * bodies),
        jac_sparsity=pattern.tocsr(),
        x_scale="jac",
        ftol=1e-9,
        xtol=1e-10,
        max_nfev=200,
    )
    end = at(solved.x)
    rigid = [Rigid3.from_matrix(pose) for pose in end.cam_from_world]
    return Rig(
        cameras=tuple(
            Camera(
                camera_id=name,
                intrinsics=unpack_lens(end.lenses[k], "opencv", views.sizes[name]),
                cam_from_world=rigid[k],
            )
            for k, name in enumerate(names)
        )
    )
