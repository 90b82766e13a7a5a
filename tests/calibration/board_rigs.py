"""Views of boards by rigs of exact cameras, with noise and outliers on the corners, and the truth beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.targets import Board, Target
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.geometry.rig_definition import look_at

_LEAST_COSINE = 0.3  # between a board's normal and the line of sight: detectors give up beyond 70 degrees
_LEAST_CORNERS = 6
_OUTLIER_PX = (4.0, 50.0)
Bodies = Mapping[tuple[str, str], Rigid3]


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardTruth:
    """What the views were made from. outliers: by view, (N,) bool. body_from_board: by board."""

    rig: Rig
    world_from_body: Bodies
    body_from_board: Mapping[str, Rigid3]
    outliers: tuple[np.ndarray, ...]


def charuco_target(columns: int = 12, rows: int = 9, square_m: float = 0.04, *, name: str = "board") -> Target:
    """One ChArUco board, 0.48 m x 0.36 m as it comes."""
    return Target(name=name, boards=(charuco_board(columns, rows, square_m, name=name),))


def charuco_board(columns: int, rows: int, square_m: float, *, name: str, body: str = "", first_id: int = 0) -> Board:
    """A board of a target, with markers of its own from first_id."""
    return Board(
        name=name,
        kind="charuco",
        columns=columns,
        rows=rows,
        square_m=square_m,
        marker_m=0.75 * square_m,
        dictionary="DICT_5X5_1000",
        first_id=first_id,
        body=body or name,
    )


def sphere_rig(
    count: int,
    *,
    radius_m: float = 1.0,
    lens: Intrinsics | None = None,
    seed: int = 0,
    rows: int | None = None,
) -> Rig:
    """Cameras all round a volume at (0, 0, 1), looking at it: one row of up to 12, else rows one above the other."""
    rng = np.random.default_rng([seed, 77])
    rows = rows or max(1, round(np.sqrt(count / 4)) if count > 12 else 1)
    lens = lens or default_lens()
    cameras = []
    for number in range(count):
        row, place = number % rows, number // rows
        azimuth = 2 * np.pi * (place + row / rows) / np.ceil(count / rows)
        elevation = np.radians(-25 + 50 * (row + 0.5) / rows) if rows > 1 else np.radians(10)
        away = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0]) * np.cos(elevation) + [0, 0, np.sin(elevation)]
        centre = np.array([0.0, 0.0, 1.0]) + radius_m * away + rng.normal(0, 0.02, 3)
        params = lens.params()
        params[:2] *= 1 + 0.01 * rng.standard_normal()
        params[2:4] += rng.normal(0, 8, 2)
        params[4:] *= 1 + 0.05 * rng.standard_normal(len(params) - 4)
        pose = look_at(centre, np.array([0.0, 0.0, 1.0]) + rng.normal(0, 0.03, 3))
        cameras.append(Camera(camera_id=f"cam{number:02}", intrinsics=lens.with_params(params), cam_from_world=pose))
    return Rig(cameras=tuple(cameras), source="simulated")


def default_lens(
    model: str = "opencv", *, width: int = 2000, height: int = 1500, focal_px: float = 1900.0
) -> Intrinsics:
    """A lens with a distortion that its model alone describes."""
    distortion = {
        "pinhole": (),
        "opencv": (-0.12, 0.08, 0.0006, -0.0004),
        "full_opencv": (0.35, 0.12, 0.0005, -0.0003, 0.02, 0.62, 0.18, 0.05),
        "fisheye": (0.06, -0.02, 0.008, -0.002),
    }[model]
    return Intrinsics(
        model=model,
        width=width,
        height=height,
        fx=focal_px,
        fy=focal_px,
        cx=0.5 * width,
        cy=0.5 * height,
        distortion=distortion,
    )


def random_bodies(
    target: Target,
    shots: int,
    *,
    seed: int = 0,
    spread_m: float = 0.12,
    centre_m: tuple[float, float, float] = (0, 0, 1),
) -> dict[tuple[str, str], Rigid3]:
    """Bodies in the middle of a rig, their middle within spread_m (1 sigma), turned to all sides and tilted."""
    rng = np.random.default_rng([seed, 78])
    middle = {board.body: np.mean(board.points_m, axis=0) for board in reversed(target.boards)}
    bodies = {}
    for shot in range(shots):
        for body, middle_m in middle.items():
            # The golden angle: boards face every side alike however few there are.
            yaw = 2.399963 * shot + rng.normal(0, 0.2)
            tilt, roll = rng.normal(0, 0.35), rng.normal(0, 0.5)
            front = np.array([np.sin(yaw), -np.cos(yaw), 0.0]) * np.cos(tilt) + [0, 0, np.sin(tilt)]
            facing = look_at(front, np.zeros(3)).rotation.T  # board z runs away from who looks at its front
            rotation = facing @ Rigid3.exp([0, 0, 0, 0, 0, roll]).rotation
            place = np.array(centre_m) + rng.normal(0, spread_m, 3)
            bodies[body, f"{shot:03}"] = Rigid3(rotation=rotation, translation=place - rotation @ middle_m)
    return bodies


def simulate_board_views(
    cameras: Rig,
    target: Target,
    shots: int | Bodies,
    *,
    noise_px: float = 0.2,
    outliers: float = 0.0,
    seed: int = 0,
    body_from_board: Mapping[str, Rigid3] | None = None,
) -> tuple[BoardViews, BoardTruth]:
    """What the cameras see of the target's boards: corners inside the picture, on boards seen from their front.

    shots: how many random ones (see random_bodies), or world_from_body by (body, shot). noise_px: standard deviation
    of each coordinate. outliers: share of the corners that lie 4 to 50 px off. body_from_board: of faces; identity by
    default.
    """
    rng = np.random.default_rng([seed, 79])
    bodies = random_bodies(target, shots, seed=seed) if isinstance(shots, int) else dict(shots)
    faces = {board.name: (body_from_board or {}).get(board.name, Rigid3.identity()) for board in target.boards}
    views, wrong = [], []
    for (body, shot), world_from_body in bodies.items():
        for board in target.boards:
            if board.body != body:
                continue
            world_from_board = world_from_body @ faces[board.name]
            for camera in cameras:
                ids, px = seen_corners(camera, world_from_board, np.asarray(board.points_m))
                if len(ids) < (_LEAST_CORNERS if board.kind in ("charuco", "apriltag") else len(board.points_m)):
                    continue
                px = px + rng.normal(0, noise_px, px.shape)
                off = rng.random(len(px)) < outliers
                way = rng.uniform(0, 2 * np.pi, len(px))
                far = rng.uniform(*_OUTLIER_PX, len(px)) * off
                px += far[:, None] * np.stack([np.cos(way), np.sin(way)], axis=1)
                views.append(
                    BoardView(
                        camera_id=camera.camera_id,
                        shot=shot,
                        board=board.name,
                        point_ids=ids,
                        px=px,
                        source=f"{camera.camera_id}/{shot}.jpg",
                        sharpness=2.0,
                    )
                )
                wrong.append(off)
    sizes = {camera.camera_id: (camera.intrinsics.width, camera.intrinsics.height) for camera in cameras}
    images = {camera.camera_id: len({shot for _, shot in bodies}) for camera in cameras}
    truth = BoardTruth(rig=cameras, world_from_body=bodies, body_from_board=faces, outliers=tuple(wrong))
    return BoardViews(views=tuple(views), sizes=sizes, images=images), truth


def seen_corners(camera: Camera, world_from_board: Rigid3, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (N,) of the board's points that a camera sees, and their exact pixels (N, 2)."""
    towards = camera.centre - world_from_board.apply(points_m.mean(axis=0))
    cosine = -towards @ world_from_board.rotation[:, 2] / np.linalg.norm(towards)
    if cosine < _LEAST_COSINE:
        return np.zeros(0, int), np.zeros((0, 2))
    px, _ = camera.project(world_from_board.apply(points_m))
    inside = camera.intrinsics.contains(px)
    return np.flatnonzero(inside), px[inside]


def aligned_errors(found: Rig, truth: Rig) -> tuple[np.ndarray, np.ndarray]:
    """Distances of centres (N,) in millimetres and angles (N,) in degrees of the cameras of `found` from the truth,
    after the rigid motion that brings the centres together best (the rotations too, where centres do not suffice)."""
    a, b = found.centres(), truth.subset(found.camera_ids).centres()
    turns = [truth[c.camera_id].cam_from_world.rotation.T @ c.cam_from_world.rotation for c in found]
    # A little of the rotations' mean decides what two cameras, or cameras in a line, leave open.
    pull = (b - b.mean(axis=0)).T @ (a - a.mean(axis=0)) + 1e-6 * np.sum(turns, axis=0)
    u, _, vt = np.linalg.svd(pull)
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    off_mm = 1e3 * np.linalg.norm((a - a.mean(axis=0)) @ rotation.T + b.mean(axis=0) - b, axis=1)
    angles = [np.degrees(np.linalg.norm(Rigid3(rotation=t @ rotation.T, translation=np.zeros(3)).log())) for t in turns]
    return off_mm, np.array(angles)


def without_views(views: BoardViews, drop: set[tuple[str, str]]) -> BoardViews:
    """The views less those of (camera, shot)."""
    return replace(views, views=tuple(v for v in views.views if (v.camera_id, v.shot) not in drop))
