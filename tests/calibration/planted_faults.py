"""Captures of boards by random rigs, with one fault of a known kind planted into each, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from board_rigs import Bodies, charuco_target, random_bodies, simulate_board_views

from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.targets import Target
from scan3d.geometry import Rig
from scan3d.geometry.rig_definition import LensDefinition, RigDefinition, RingDefinition

_BOARD_SEEN = 6  # corners a view needs


@dataclass(frozen=True, kw_only=True, eq=False)
class Capture:
    """What a technician hands in, and what the judge must say: one of `checks` for every camera of `cameras`.

    cameras: "" stands for the rig as a whole. tolerated: others that may be named too, as the fault is theirs as well.
    """

    views: BoardViews
    target: Target
    definition: RigDefinition
    truth: Rig
    bodies: Bodies
    checks: frozenset[str] = frozenset()
    cameras: frozenset[str] = frozenset()
    tolerated: frozenset[str] = frozenset()


def random_definition(seed: int) -> RigDefinition:
    """A rig of two or three rings of 3 or 4 cameras around a volume at 1 m height, hung as well as brackets allow."""
    rng = np.random.default_rng([seed, 1])
    lens = LensDefinition(
        model=str(rng.choice(["opencv", "opencv", "pinhole", "fisheye"])),
        width=1600,
        height=1200,
        focal_px=float(rng.uniform(1250, 1700)),
        distance_m=1.2,
        focal_spread=0.01,
        centre_spread_px=6.0,
    )
    distortion = {"pinhole": (), "opencv": (-0.1, 0.06, 0.0005, -0.0003), "fisheye": (0.05, -0.02, 0.008, -0.002)}
    lens = replace(lens, distortion=distortion[lens.model], distortion_spread=0.05)
    rings = [
        RingDefinition(
            cameras=int(rng.integers(3, 5)),
            distance_m=float(rng.uniform(1.0, 1.4)),
            aim_height_m=1.0,
            elevation_rad=float(np.radians(elevation_deg)),
            start_rad=float(rng.uniform(0, 2 * np.pi)),
        )
        for elevation_deg in rng.permutation([-15.0, 12.0, 35.0])[: 3 if rng.random() < 0.3 else 2]
    ]
    return RigDefinition(
        name=f"random_{seed}",
        subject="head",
        subject_centre_m=(0.0, 0.0, 1.0),
        subject_radius_m=0.3,
        lens=lens,
        rings=tuple(rings),
        position_spread_m=0.008,
        aim_spread_rad=float(np.radians(0.6)),
        roll_spread_rad=float(np.radians(0.6)),
    )


def good_capture(seed: int, *, shots: int = 44) -> Capture:
    """A capture with nothing wrong: corners good to 0.2 px, one in a hundred of them an outlier."""
    definition = random_definition(seed)
    truth = definition.rig(seed=seed)
    target = charuco_target(10, 8, 0.035)
    bodies = random_bodies(target, shots, seed=seed, spread_m=0.21)
    views, _ = simulate_board_views(truth, target, bodies, noise_px=0.2, outliers=0.01, seed=seed)
    return Capture(views=views, target=target, definition=definition, truth=truth, bodies=bodies)


def planted(kind: str, seed: int) -> Capture:
    """A capture with a fault of a kind, one of PLANTERS."""
    return PLANTERS[kind](good_capture(seed), np.random.default_rng([seed, 2]))


def _one(capture: Capture, rng: np.random.Generator) -> str:
    return str(rng.choice(capture.truth.camera_ids))


def _expecting(capture: Capture, views: Iterable[BoardView], checks: str, *cameras: str) -> Capture:
    changed = replace(capture.views, views=tuple(views))
    return replace(capture, views=changed, checks=frozenset(checks.split()), cameras=frozenset(cameras))


def _nothing_seen(capture: Capture, rng: np.random.Generator) -> Capture:
    camera = _one(capture, rng)
    kept = [view for view in capture.views.views if view.camera_id != camera]
    return _expecting(capture, kept, "no_board_seen", camera)


def _too_few_views(capture: Capture, rng: np.random.Generator) -> Capture:
    camera = _one(capture, rng)
    mine = [view.shot for view in capture.views.of_camera(camera)]
    few = set(rng.choice(mine, size=int(rng.integers(1, 4)), replace=False))
    kept = [view for view in capture.views.views if view.camera_id != camera or view.shot in few]
    return _expecting(capture, kept, "too_few_views", camera)


def _changed(
    capture: Capture, camera: str, change: Callable[[BoardView], BoardView], shots: Iterable[str] | None = None
) -> list[BoardView]:
    """All views, those of a camera (in some shots) changed."""
    wanted = None if shots is None else set(shots)
    return [
        change(view) if view.camera_id == camera and (wanted is None or view.shot in wanted) else view
        for view in capture.views.views
    ]


def _some_shots(capture: Capture, camera: str, rng: np.random.Generator, share: float) -> list[str]:
    mine = [view.shot for view in capture.views.of_camera(camera)]
    return list(rng.choice(mine, size=max(1, round(share * len(mine))), replace=False))


def _board_turned(capture: Capture, rng: np.random.Generator) -> Capture:
    """Numbered from its other end, in some shots or in all; or seen through from its back in a few."""
    camera = _one(capture, rng)
    corners = len(capture.target.boards[0].points_m)
    columns = capture.target.boards[0].columns - 1

    def turned(view: BoardView) -> BoardView:
        return replace(view, point_ids=corners - 1 - view.point_ids)

    def from_behind(view: BoardView) -> BoardView:
        row, column = np.divmod(view.point_ids, columns)
        return replace(view, point_ids=row * columns + columns - 1 - column, mirrored=bool(rng.random() < 0.5))

    way = rng.integers(3)
    if way == 0:
        views = _changed(capture, camera, turned, _some_shots(capture, camera, rng, 0.3))
    elif way == 1:
        views = _changed(capture, camera, turned)
    else:
        views = _changed(capture, camera, from_behind, _some_shots(capture, camera, rng, 0.25))
    return _expecting(capture, views, "board_turned", camera)


def _image_mirrored(capture: Capture, rng: np.random.Generator) -> Capture:
    camera, told = _one(capture, rng), bool(rng.random() < 0.5)
    width, _ = capture.views.sizes[camera]

    def mirrored(view: BoardView) -> BoardView:
        return replace(view, px=view.px * [-1, 1] + [width, 0], mirrored=told)

    return _expecting(capture, _changed(capture, camera, mirrored), "image_mirrored", camera)


def _square_size(capture: Capture, rng: np.random.Generator) -> Capture:
    """The target says another square than the one that was photographed."""
    factor = float(rng.choice([-1, 1])) * rng.uniform(0.05, 0.25) + 1.0
    board = capture.target.boards[0]
    said = replace(board, square_m=factor * board.square_m, marker_m=factor * board.marker_m)
    target = replace(capture.target, boards=(said,))
    return replace(_expecting(capture, capture.views.views, "square_size", ""), target=target)


def _cameras_swapped(capture: Capture, rng: np.random.Generator) -> Capture:
    """Two folders exchanged, for the whole capture or for a third of its shots."""
    one, other = (str(name) for name in rng.choice(capture.truth.camera_ids, size=2, replace=False))
    shots = {shot for _, shot in capture.bodies}
    if rng.random() < 0.5:
        shots = set(rng.choice(sorted(shots), size=round(0.33 * len(shots)), replace=False))
    instead = {one: other, other: one}
    views = [
        replace(view, camera_id=instead[view.camera_id]) if view.camera_id in instead and view.shot in shots else view
        for view in capture.views.views
    ]
    return _expecting(capture, views, "cameras_swapped", one, other)


def _blurred(capture: Capture, rng: np.random.Generator) -> Capture:
    camera, rise = _one(capture, rng), float(rng.uniform(6, 15))
    noise = rng.uniform(0.1, 0.15) * rise

    def soft(view: BoardView) -> BoardView:
        px = view.px + rng.normal(0, noise, view.px.shape)
        return replace(view, px=px, sharpness=rise * float(rng.uniform(0.9, 1.1)))

    return _expecting(capture, _changed(capture, camera, soft), "sharpness", camera)


def _lens_misfit(capture: Capture, rng: np.random.Generator) -> Capture:
    """Wavy glass before the lens: a shift of 2 to 5 px that changes over a fraction of the picture."""
    camera = _one(capture, rng)
    width, _ = capture.views.sizes[camera]
    amplitude, phase = rng.uniform(2, 5), rng.uniform(0, 2 * np.pi, 4)
    waves = 2 * np.pi * rng.uniform(1.0, 1.8, 4) / width

    def bent(view: BoardView) -> BoardView:
        x, y = view.px.T
        shift = np.stack(
            [np.sin(waves[0] * x + phase[0]) * np.cos(waves[1] * y + phase[1]),
             np.sin(waves[2] * y + phase[2]) * np.cos(waves[3] * x + phase[3])], axis=1,
        )  # fmt: skip
        return replace(view, px=view.px + amplitude * shift)

    return _expecting(capture, _changed(capture, camera, bent), "lens_model", camera)


def _disconnected(capture: Capture, rng: np.random.Generator) -> Capture:
    """One to three cameras that see the board in shots of their own only."""
    names = list(capture.truth.camera_ids)
    first, count = int(rng.integers(len(names))), int(rng.integers(1, min(4, len(names) // 2 + 1)))
    apart = {names[(first + k) % len(names)] for k in range(count)}
    if count > 1 and not _together(capture, apart):
        apart = {names[first]}
    views = [
        replace(view, shot=f"later {view.shot}") if view.camera_id in apart else view for view in capture.views.views
    ]
    return _expecting(capture, views, "disconnected", *apart)


def _together(capture: Capture, apart: set[str]) -> bool:
    """Whether a group shares shots among itself, so that it would be one without the others."""
    shots = [{view.shot for view in capture.views.of_camera(name)} for name in sorted(apart)]
    return all(any(len(a & b) > 4 for b in shots if b is not a) for a in shots)


def _low_coverage(capture: Capture, rng: np.random.Generator) -> Capture:
    """Boards in one part of a picture only."""
    camera = _one(capture, rng)
    size = np.array(capture.views.sizes[camera], float)
    corner = rng.uniform(0.25, 0.45, 2) * size

    def cropped(view: BoardView) -> BoardView:
        inside = ((view.px > corner) & (view.px < corner + 0.3 * size)).all(axis=1)
        return replace(view, px=view.px[inside], point_ids=view.point_ids[inside])

    views = [view for view in _changed(capture, camera, cropped) if len(view.px) >= _BOARD_SEEN]
    return _expecting(capture, views, "board_coverage", camera)


def _late_trigger(capture: Capture, rng: np.random.Generator) -> Capture:
    """A camera that fires late: every board has moved by some millimetres when it does."""
    camera = _one(capture, rng)
    late = {
        key: replace(pose, translation=pose.translation + rng.normal(0, 0.006, 3))
        for key, pose in capture.bodies.items()
    }
    alone = capture.truth.subset([camera])
    moved, _ = simulate_board_views(alone, capture.target, late, noise_px=0.2, seed=int(rng.integers(1 << 30)))
    views = [*moved.views, *(view for view in capture.views.views if view.camera_id != camera)]
    return _expecting(capture, views, "reprojection inconsistent", camera)


PLANTERS: dict[str, Callable[[Capture, np.random.Generator], Capture]] = {
    "nothing_seen": _nothing_seen,
    "too_few_views": _too_few_views,
    "board_turned": _board_turned,
    "image_mirrored": _image_mirrored,
    "square_size": _square_size,
    "cameras_swapped": _cameras_swapped,
    "blurred": _blurred,
    "lens_misfit": _lens_misfit,
    "disconnected": _disconnected,
    "low_coverage": _low_coverage,
    "late_trigger": _late_trigger,
}
