"""Which frames of videos of a board are worth using: sharp ones that show it in new places, turned in new ways."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from scan3d.calibration.board_views import BoardView
from scan3d.calibration.targets import Board, Target

_CELLS = (8, 6)
_FORESHORTENED = 0.75  # below this share of its length a side of the board counts as turned away


def chosen_views(
    views: Sequence[BoardView], target: Target, sizes: Mapping[str, tuple[int, int]], most: int
) -> list[BoardView]:
    """At most about `most` shots of every camera, the same shots in all cameras, in the order they came.

    Greedy: the next shot is the one that shows most of what was seen least so far, by camera: cells of its picture,
    ways the board is turned, pairs of cameras. Soft views count less.
    """
    counts = Counter(camera for camera, _ in {(view.camera_id, view.shot) for view in views})
    if all(count <= most for count in counts.values()):
        return list(views)
    shots = list(dict.fromkeys(view.shot for view in views))
    weights = _shown(views, shots, target, sizes)
    cameras = {shot: {view.camera_id for view in views if view.shot == shot} for shot in shots}
    seen = np.zeros(weights.shape[1])
    used: Counter[str] = Counter()
    left, chosen = set(range(len(shots))), set()
    while left:
        rows = [k for k in sorted(left) if any(used[camera] < most for camera in cameras[shots[k]])]
        if not rows:
            break
        gain = weights[rows] @ (1.0 / (1.0 + seen) ** 2)
        best = rows[int(np.argmax(gain))]
        left.discard(best)
        chosen |= {(camera, shots[best]) for camera in cameras[shots[best]] if used[camera] < most}
        used.update(cameras[shots[best]])
        seen += weights[best]
    return [view for view in views if (view.camera_id, view.shot) in chosen]


def _shown(
    views: Sequence[BoardView], shots: list[str], target: Target, sizes: Mapping[str, tuple[int, int]]
) -> np.ndarray:
    """(S, T) how well each shot shows each thing there is to be shown, 0 to 1."""
    boards = {board.name: board for board in target.boards}
    row = {shot: k for k, shot in enumerate(shots)}
    known = defaultdict(list)
    for view in views:
        if np.isfinite(view.sharpness):
            known[view.camera_id].append(view.sharpness)
    usual = {camera: float(np.median(rises)) for camera, rises in known.items()}
    things: dict[tuple[object, ...], int] = {}
    entries: dict[tuple[int, int], float] = {}
    by_shot: dict[str, set[str]] = defaultdict(set)
    for view in views:
        by_shot[view.shot].add(view.camera_id)
        rise = view.sharpness if np.isfinite(view.sharpness) else usual.get(view.camera_id, 1.0)
        sharp = float(np.clip(usual.get(view.camera_id, rise) / max(rise, 1e-6), 0.05, 1.0)) ** 2
        for thing in _things(view, boards[view.board], sizes[view.camera_id]):
            column = things.setdefault((view.camera_id, *thing), len(things))
            entries[row[view.shot], column] = max(sharp, entries.get((row[view.shot], column), 0.0))
    for shot, cameras in by_shot.items():
        ordered = sorted(cameras)
        for k, one in enumerate(ordered):
            for other in ordered[k + 1 :]:
                entries[row[shot], things.setdefault(("pair", one, other), len(things))] = 1.0
    weights = np.zeros((len(shots), len(things)))
    for (shot_row, column), weight in entries.items():
        weights[shot_row, column] = weight
    return weights


def _things(view: BoardView, board: Board, size: tuple[int, int]) -> set[tuple[object, ...]]:
    """Cells of the picture with corners in them, and the way the board is turned."""
    share = view.px / np.asarray(size, dtype=np.float64)
    column, row = (np.clip((share[:, k] * _CELLS[k]).astype(int), 0, _CELLS[k] - 1) for k in (0, 1))
    things: set[tuple[object, ...]] = {("cell", int(c), int(r)) for c, r in zip(column, row, strict=True)}
    xy = board.points_m[view.point_ids, :2]
    affine, *_ = np.linalg.lstsq(xy - xy.mean(axis=0), view.px - view.px.mean(axis=0), rcond=None)
    stretch = np.linalg.svd(affine)
    tilt = stretch[1][1] / max(stretch[1][0], 1e-12)
    # Which way it leans: of the picture's axis along which the board is shortest, in steps of 45 degrees.
    axis = round(float(np.arctan2(stretch[2][1, 1], stretch[2][1, 0])) / (np.pi / 4)) % 4
    things.add(("turned", "flat" if tilt > _FORESHORTENED else axis))
    return things
